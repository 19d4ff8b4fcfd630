# SPDX-License-Identifier: MPL-2.0
"""What the fleets of a file say together: names, folders, records and addresses that two of them would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from instant_clone.errors import Finding
from instant_clone.fleet.lenient_parsing import Draft
from instant_clone.fleet.network_checks import network_findings_across

__all__ = ["findings_across"]


def findings_across(drafts: Sequence[Draft]) -> Iterator[Finding]:
    """Two clones of one name in one folder, one folder of two stacks, one record for two VMs, one address twice."""
    yield from _names(drafts)
    yield from _folders(drafts)
    yield from _records(drafts)
    yield from network_findings_across(drafts)


def _names(drafts: Sequence[Draft]) -> Iterator[Finding]:
    names: dict[tuple[str, str, str], str] = {}
    for draft in drafts:
        fleet = draft.fleet
        if not all(draft.sound(key) for key in ("name", "names", "datacenter", "folder")):
            continue
        own = {
            (fleet.datacenter.strip("/"), fleet.folder, fleet.clone_name(index))
            for source in fleet.sources
            for index in source.indexes
        }
        if clash := min(own & names.keys(), default=None):
            what = f"{clash[2]!r} is also a clone of the fleet {names[clash]}, in the same folder."
            yield Finding(f"[fleets.{fleet.name}] names", what, "Choose another pattern or another folder.")
        names.update(dict.fromkeys(own, fleet.name))


def _folders(drafts: Sequence[Draft]) -> Iterator[Finding]:
    owners: dict[tuple[str, str], str] = {}
    for draft in drafts:
        fleet = draft.fleet
        if not fleet.create_folder or not all(draft.sound(key) for key in ("datacenter", "folder")):
            continue
        owner = owners.setdefault((fleet.datacenter.strip("/"), fleet.folder), fleet.name)
        if owner != fleet.name:
            what = f"the fleet {owner} makes {fleet.folder!r} already, and would remove it under these clones."
            cure = "Let one of them make it: create_folder = false here, or another folder."
            yield Finding(f"[fleets.{fleet.name}] create_folder", what, cure)


def _records(drafts: Sequence[Draft]) -> Iterator[Finding]:
    records: dict[PurePosixPath, tuple[str, str]] = {}
    for draft in drafts:
        fleet = draft.fleet
        if not all(draft.sound(key) for key in ("name", "datacenter", "sources")):
            continue
        keys = Counter(source.key for source in fleet.sources)
        for source in fleet.sources:
            if source.record is None and keys[source.key] > 1:
                continue  # the key is at fault, and is told elsewhere
            path, vm = fleet.record_path(source), (fleet.datacenter, source.vm)
            # Capitals do not tell files apart everywhere.
            if records.setdefault(PurePosixPath(str(path).casefold()), vm) != vm:
                what = f"{path} would hold the record of another VM as well."
                yield Finding(f"[[fleets.{fleet.name}.sources]] record", what, "Name a file of its own.")
