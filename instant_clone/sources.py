# SPDX-License-Identifier: MPL-2.0
"""The sources of fleets: as vCenter has them, or as their records do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast, get_args

from instant_clone.errors import Finding, InstantCloneError, RecordError, VcenterError
from instant_clone.fleet import Fleet, FleetFile, Source
from instant_clone.vcenter.lookup.selectors import Selector, selector
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm

__all__ = ["LOOKUP_VARIABLE", "SourceKey", "look_up_live", "look_up_sources"]

SourceKey = tuple[str, str]
"""a fleet's name and the key of one of its sources"""

LOOKUP_VARIABLE = "INSTANT_CLONE_LOOKUP"
Mode = Literal["auto", "live", "record"]
_BY_RECORD = f"{LOOKUP_VARIABLE}=record"


def look_up_sources(fleet_file: FleetFile, *, environ: Mapping[str, str], folder: Path) -> dict[SourceKey, SourceVm]:
    """All sources of all fleets, from where INSTANT_CLONE_LOOKUP in `environ` says.

    - `record`: from their records, without any connection. Whatever has become of the VMs, existing clones can so be
      planned and destroyed.
    - `live`: from vCenter. A record that says something else is an error; there need not be one.
    - `auto`, or nothing: live if VSPHERE_SERVER is set, else from the records.

    Whether a source runs or is frozen is not asked. Records lie in `folder`, at the paths that the fleets give.
    Raises RecordError, or what `look_up_live` raises, with the findings of all sources.
    """
    fleets = tuple(fleet_file.fleets.values())
    if _mode(environ) == "record":
        return _all(_recorded(fleet, source, folder) for fleet, source in _pairs(fleets))
    answers = _answers(fleets, environ)
    return _all(_checked(fleet, source, answers[fleet.name, source.key], folder) for fleet, source in _pairs(fleets))


def look_up_live(
    fleets: Iterable[Fleet], *, environ: Mapping[str, str], not_running: Callable[[SourceVm], None] | None = None
) -> dict[SourceKey, SourceVm]:
    """All sources of `fleets` as vCenter has them, in one session; a VM that several sources name is read once.

    `not_running` is told of those of which no clone can be made at the moment. Raises VcenterError, or the one of its
    kinds that all findings have in common, with the findings of all sources.
    """
    return _all(_answers(tuple(fleets), environ, not_running).items())


_Answer = tuple[SourceKey, SourceVm | InstantCloneError]


def _mode(environ: Mapping[str, str]) -> Mode:
    written = environ.get(LOOKUP_VARIABLE) or "auto"
    modes = get_args(Mode)
    if written not in modes:
        near = get_close_matches(written.strip().lower(), modes, n=1)
        cure = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(modes)}."
        raise InstantCloneError(Finding("", f"{LOOKUP_VARIABLE} is {written!r}, which is not known.", cure))
    if written == "auto":
        return "live" if environ.get("VSPHERE_SERVER") else "record"
    return cast(Mode, written)


def _answers(
    fleets: Iterable[Fleet], environ: Mapping[str, str], not_running: Callable[[SourceVm], None] | None = None
) -> dict[SourceKey, SourceVm | InstantCloneError]:
    """The source of each pair, or what is wrong with it, told with the names of fleet and source."""
    # pyvmomi takes longer to import than everything else, and whoever has records does without.
    from instant_clone.vcenter.lookup.source_lookup import look_up_all
    from instant_clone.vcenter.session.connection import ConnectionSettings, connect

    settings = ConnectionSettings.from_environment(environ)
    answers: dict[SourceKey, SourceVm | InstantCloneError] = {}
    selectors: dict[SourceKey, Selector] = {}
    for fleet, source in _pairs(fleets):
        key = fleet.name, source.key
        try:
            selectors[key] = selector(source.vm, datacenter=fleet.datacenter)
        except VcenterError as error:
            answers[key] = _in_fleet(error, *key)
    with connect(settings) as session:
        found = look_up_all(session, selectors.values(), not_running=not_running)
    for key, wanted in selectors.items():
        answer = found[wanted]
        answers[key] = _in_fleet(answer, *key) if isinstance(answer, VcenterError) else answer
    # In the order of the file, also where something is wrong.
    return {(fleet.name, source.key): answers[fleet.name, source.key] for fleet, source in _pairs(fleets)}


def _recorded(fleet: Fleet, source: Source, folder: Path) -> _Answer:
    key = fleet.name, source.key
    path = folder / fleet.record_path(source)
    try:
        machine = record.load(path)
        wanted = selector(source.vm, datacenter=fleet.datacenter)
    except RecordError as error:
        return key, error
    except VcenterError as error:
        return key, _in_fleet(error, *key)
    if not wanted.may_be(machine):
        what = f"{path} is the record of {machine.inventory_path}, but the source is {source.vm!r}."
        cure = f"Record it with `instant-clone record {fleet.name}`, or name that VM."
        return key, RecordError(Finding(_where(*key), what, cure))
    return key, machine


def _checked(fleet: Fleet, source: Source, answer: SourceVm | InstantCloneError, folder: Path) -> _Answer:
    """vCenter's answer, or the error that its record says something else."""
    key = fleet.name, source.key
    path = folder / fleet.record_path(source)
    if not record.is_there(path):
        return key, answer
    if isinstance(answer, InstantCloneError):
        # With vCenter's answer missing, the record is another way on.
        if not _is_record_of(source, fleet, path):
            return key, answer
        cure = f"Or use its record, {path}, with {_BY_RECORD}."
        findings = (Finding(each.where, each.what, f"{each.cure} {cure}".strip()) for each in answer.findings)
        return key, type(answer)(*findings)
    try:
        found = record.differences(record.load(path), answer)
    except RecordError as error:
        return key, error
    if not found:
        return key, answer
    what = f"the record {path} differs from vCenter."
    ways = f"Record the source anew with `instant-clone record {fleet.name}`, or use the record with {_BY_RECORD}."
    listed = record.listed(found)
    return key, RecordError(Finding(_where(*key), what, f"{ways} Record and vCenter:\n{listed}"))


def _is_record_of(source: Source, fleet: Fleet, path: Path) -> bool:
    try:
        return selector(source.vm, datacenter=fleet.datacenter).may_be(record.load(path))
    except InstantCloneError:
        return False


def _all(answers: Iterable[_Answer]) -> dict[SourceKey, SourceVm]:
    found: dict[SourceKey, SourceVm] = {}
    errors: list[InstantCloneError] = []
    for key, answer in answers:
        if isinstance(answer, InstantCloneError):
            errors.append(answer)
        else:
            found[key] = answer
    if errors:
        raise _together(errors)
    return found


def _pairs(fleets: Iterable[Fleet]) -> Iterator[tuple[Fleet, Source]]:
    return ((fleet, source) for fleet in fleets for source in fleet.sources)


def _where(fleet: str, source: str) -> str:
    return f"fleet {fleet}, source {source}"


def _in_fleet(error: VcenterError, fleet: str, source: str) -> VcenterError:
    where = _where(fleet, source)
    return type(error)(
        *(
            Finding(f"{where}, {finding.where}" if finding.where else where, finding.what, finding.cure)
            for finding in error.findings
        )
    )


def _together(errors: list[InstantCloneError]) -> InstantCloneError:
    kinds = {type(error) for error in errors}
    if len(kinds) == 1:
        kind = kinds.pop()
    else:
        kind = VcenterError if all(issubclass(each, VcenterError) for each in kinds) else InstantCloneError
    # Two sources with one record have the same finding.
    return kind(*dict.fromkeys(finding for error in errors for finding in error.findings))
