"""The sources of fleets: from vCenter where one is named, else from their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from instant_clone import record
from instant_clone.errors import ConnectError, Finding, LoginError, RecordError, VcenterError
from instant_clone.fleet import Fleet, FleetFile, Source
from instant_clone.source import SourceVm

__all__ = ["SourceKey", "look_up_live", "look_up_sources"]

SourceKey = tuple[str, str]
"""a fleet's name and the key of one of its sources"""


def look_up_sources(fleet_file: FleetFile, *, environ: Mapping[str, str], folder: Path) -> dict[SourceKey, SourceVm]:
    """All sources of all fleets: as vCenter has them if VSPHERE_SERVER is set in `environ`, else as recorded.

    Records lie in `folder`, at the paths that the fleets give. Raises RecordError, or what `look_up_live` raises.
    """
    fleets = fleet_file.fleets.values()
    return look_up_live(fleets, environ=environ) if environ.get("VSPHERE_SERVER") else _recorded(fleets, folder)


def look_up_live(fleets: Iterable[Fleet], *, environ: Mapping[str, str]) -> dict[SourceKey, SourceVm]:
    """All sources of `fleets` as vCenter has them, in one session; a VM that several fleets name is read once.

    Raises VcenterError, or the one of its kinds that all findings have in common, with the findings of all sources.
    """
    # pyvmomi takes longer to import than everything else, and whoever has records does without.
    from instant_clone.vcenter.lookup import absolute_path, look_up
    from instant_clone.vcenter.session import ConnectionSettings, connect

    by_path: dict[str, SourceVm] = {}
    found: dict[SourceKey, SourceVm] = {}
    errors: list[VcenterError] = []
    with connect(ConnectionSettings.from_environment(environ)) as session:
        for fleet, source in _pairs(fleets):
            path = absolute_path(source.vm, datacenter=fleet.datacenter)
            try:
                if path not in by_path:
                    by_path[path] = look_up(session, source.vm, datacenter=fleet.datacenter)
                found[fleet.name, source.key] = by_path[path]
            except (ConnectError, LoginError):
                # Every other look-up would fail as well, each after its time-out.
                raise
            except VcenterError as error:
                errors.append(_in_fleet(error, fleet, source))
    if errors:
        raise _together(errors)
    return found


def _recorded(fleets: Iterable[Fleet], folder: Path) -> dict[SourceKey, SourceVm]:
    found: dict[SourceKey, SourceVm] = {}
    findings: list[Finding] = []
    for fleet, source in _pairs(fleets):
        try:
            found[fleet.name, source.key] = record.load(folder / fleet.record_path(source))
        except RecordError as error:
            findings.extend(error.findings)
    if findings:
        raise RecordError(*findings)
    return found


def _pairs(fleets: Iterable[Fleet]) -> Iterator[tuple[Fleet, Source]]:
    return ((fleet, source) for fleet in fleets for source in fleet.sources)


def _in_fleet(error: VcenterError, fleet: Fleet, source: Source) -> VcenterError:
    where = f"fleet {fleet.name}, source {source.key}"
    return type(error)(
        *(
            Finding(f"{where}, {finding.where}" if finding.where else where, finding.what, finding.cure)
            for finding in error.findings
        )
    )


def _together(errors: list[VcenterError]) -> VcenterError:
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else VcenterError
    return kind(*(finding for error in errors for finding in error.findings))
