# SPDX-License-Identifier: MPL-2.0
"""Look-up of the sources of fleets in vCenter or in their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast, get_args

from instant_clone.errors import Finding, InstantCloneError, RecordError, VcenterError
from instant_clone.fleet import Fleet, FleetFile, Source
from instant_clone.fleet.network_checks import interface_place
from instant_clone.inventory_names import managed_object_id
from instant_clone.vcenter.lookup.selectors import Selector, selector
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm

__all__ = ["LOOKUP_VARIABLE", "SourceKey", "look_up_live", "look_up_sources"]

SourceKey = tuple[str, str]
"""The name of a fleet and the key of one of its sources."""

LOOKUP_VARIABLE = "INSTANT_CLONE_LOOKUP"
Mode = Literal["auto", "live", "record"]
_BY_RECORD = f"{LOOKUP_VARIABLE}=record"


def look_up_sources(fleet_file: FleetFile, *, environ: Mapping[str, str], folder: Path) -> dict[SourceKey, SourceVm]:
    """Return the sources of all fleets, by fleet and source key.

    INSTANT_CLONE_LOOKUP in `environ` selects the origin of the sources:

    - `record`: the records, without a connection to vCenter. With records, existing clones can be planned and destroyed
      even after the source VMs were changed or deleted.
    - `live`: vCenter. A record that differs from vCenter is an error. A source needs no record.
    - `auto` or no value: vCenter if VSPHERE_SERVER is set, otherwise the records.

    The result does not depend on whether a source is running or frozen. The paths of the records in the fleets are
    relative to `folder`.

    Raises:
        RecordError: a record is missing, is not valid, or differs from vCenter.
        VcenterError: `look_up_live` raises this error.
        InstantCloneError: INSTANT_CLONE_LOOKUP is not valid, or both errors above occur.
    """
    fleets = tuple(fleet_file.fleets.values())
    if _mode(environ) == "record":
        return _all(_recorded(fleet, source, folder) for fleet, source in _pairs(fleets))
    names: list[Finding] = []
    answers = _answers(fleets, environ, names=names)
    return _all(
        (_checked(fleet, source, answers[fleet.name, source.key], folder) for fleet, source in _pairs(fleets)),
        [VcenterError(*names)] if names else [],
    )


def look_up_live(
    fleets: Iterable[Fleet], *, environ: Mapping[str, str], not_running: Callable[[SourceVm], None] | None = None
) -> dict[SourceKey, SourceVm]:
    """Return the sources of `fleets` from vCenter, by fleet and source key.

    The look-up uses one session. It reads a VM once, even if several sources refer to it. `not_running` is called with
    each source that cannot be cloned at the moment.

    Raises:
        VcenterError: the look-up of a source fails. The error has the findings of all sources. If all errors have the
            same subclass, this subclass is raised.
    """
    return _all(_answers(tuple(fleets), environ, not_running).items())


_Answer = tuple[SourceKey, SourceVm | InstantCloneError]


def _mode(environ: Mapping[str, str]) -> Mode:
    value = environ.get(LOOKUP_VARIABLE) or "auto"
    modes = get_args(Mode)
    if value not in modes:
        near = get_close_matches(value.strip().lower(), modes, n=1)
        cure = f"Did you mean {near[0]!r}?" if near else f"Valid values are {', '.join(modes)}."
        raise InstantCloneError(Finding(LOOKUP_VARIABLE, f"{value!r} is not a valid value.", cure))
    if value == "auto":
        return "live" if environ.get("VSPHERE_SERVER") else "record"
    return cast(Mode, value)


def _answers(
    fleets: Iterable[Fleet],
    environ: Mapping[str, str],
    not_running: Callable[[SourceVm], None] | None = None,
    *,
    names: list[Finding] | None = None,
) -> dict[SourceKey, SourceVm | InstantCloneError]:
    """Return the source VM or an error for each source. The findings of an error contain the fleet and the source.

    Findings about the fleets' networks and resource pools are added to `names`, if it is set.
    """
    # The import of pyvmomi takes longer than all other imports, and a look-up in records does not need it.
    from instant_clone.vcenter.lookup.network_names import NetworkName, network_findings
    from instant_clone.vcenter.lookup.resource_pools import PoolPath, pool_findings
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
        if names is not None:
            wanted = [NetworkName(*each) for fleet in fleets for each in _network_names(fleet)]
            pools = [
                PoolPath(f"[fleets.{fleet.name}] resource_pool", fleet.datacenter, fleet.resource_pool)
                for fleet in fleets
            ]
            # The checks are optional: the plan reports networks and pools too, with less detail.
            with suppress(VcenterError):
                names += network_findings(session, wanted)
            with suppress(VcenterError):
                names += pool_findings(session, pools)
    for key, vm_selector in selectors.items():
        answer = found[vm_selector]
        answers[key] = _in_fleet(answer, *key) if isinstance(answer, VcenterError) else answer
    # The order of the answers, including errors, is the order of the file.
    return {(fleet.name, source.key): answers[fleet.name, source.key] for fleet, source in _pairs(fleets)}


def _recorded(fleet: Fleet, source: Source, folder: Path) -> _Answer:
    key = fleet.name, source.key
    path = folder / fleet.record_path(source)
    try:
        source_vm = record.load(path)
        vm_selector = selector(source.vm, datacenter=fleet.datacenter)
    except RecordError as error:
        return key, error
    except VcenterError as error:
        return key, _in_fleet(error, *key)
    if not vm_selector.may_be(source_vm):
        what = f"the record {path} is a record of {source_vm.inventory_path}, but the source is {source.vm!r}."
        cure = f"Run `instant-clone record {fleet.name}`, or set vm to the recorded VM."
        return key, RecordError(Finding(_place_of(*key), what, cure))
    return key, source_vm


def _checked(fleet: Fleet, source: Source, answer: SourceVm | InstantCloneError, folder: Path) -> _Answer:
    """Return the answer of vCenter, or an error if the record of the source differs from vCenter.

    A property whose difference is ignored gets the value of the record. Therefore a synth with the record and a synth
    with vCenter write the same files.
    """
    key = fleet.name, source.key
    path = folder / fleet.record_path(source)
    if not record.is_there(path):
        return key, answer
    if isinstance(answer, InstantCloneError):
        # The record is an alternative if the look-up in vCenter fails.
        if isinstance(_recorded(fleet, source, folder)[1], InstantCloneError):
            return key, answer
        cure = f"Alternatively, set {_BY_RECORD} to use the record {path}."
        findings = (Finding(each.where, each.what, f"{each.cure} {cure}".strip()) for each in answer.findings)
        return key, type(answer)(*findings)
    try:
        recorded = record.load(path)
    except RecordError as error:
        return key, error
    answer = record.with_values_of(recorded, answer, fleet.ignored_drift(source))
    found = record.blocking_differences(recorded, answer)
    if not found:
        return key, answer
    what = f"the record {path} differs from vCenter."
    cure = f"Run `instant-clone record {fleet.name}` to renew the record, or set {_BY_RECORD} to use the record."
    listed = record.listed(found)
    return key, RecordError(Finding(_place_of(*key), what, f"{cure} Record and vCenter:\n{listed}"))


def _network_names(fleet: Fleet) -> Iterator[tuple[str, str, str]]:
    """Yield place, datacenter and name of each network that `fleet` selects by its name or path."""
    planned = ((interface_place(fleet, position), each.network) for position, each in enumerate(fleet.networks))
    added = (
        (f"[[fleets.{fleet.name}.changes.networks]] number {number}", each.network)
        for number, each in enumerate(fleet.changes.networks, 1)
    )
    for where, name in (*planned, *added):
        if name is not None and managed_object_id(name) is None:
            yield f"{where}, network", fleet.datacenter, name


def _all(answers: Iterable[_Answer], others: Iterable[InstantCloneError] = ()) -> dict[SourceKey, SourceVm]:
    found: dict[SourceKey, SourceVm] = {}
    errors: list[InstantCloneError] = list(others)
    for key, answer in answers:
        if isinstance(answer, InstantCloneError):
            errors.append(answer)
        else:
            found[key] = answer
    if errors:
        raise _combined_error(errors)
    return found


def _pairs(fleets: Iterable[Fleet]) -> Iterator[tuple[Fleet, Source]]:
    return ((fleet, source) for fleet in fleets for source in fleet.sources)


def _place_of(fleet: str, source: str) -> str:
    return f"fleet {fleet}, source {source}"


def _in_fleet(error: VcenterError, fleet: str, source: str) -> VcenterError:
    where = _place_of(fleet, source)
    return type(error)(
        *(
            Finding(f"{where}, {finding.where}" if finding.where else where, finding.what, finding.cure)
            for finding in error.findings
        )
    )


def _combined_error(errors: list[InstantCloneError]) -> InstantCloneError:
    kinds = {type(error) for error in errors}
    if len(kinds) == 1:
        kind = kinds.pop()
    else:
        kind = VcenterError if all(issubclass(each, VcenterError) for each in kinds) else InstantCloneError
    # Two sources with the same record have the same finding.
    return kind(*dict.fromkeys(finding for error in errors for finding in error.findings))
