# SPDX-License-Identifier: MPL-2.0
"""The analysis of a plan: the effects of its changes on clones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from instant_clone.guard.plan import Plan, Resource, is_unknown
from instant_clone.guard.redaction import shown, shown_at, spelled
from instant_clone.guard.report import Clones, Finding, Kind, Report, Severity
from instant_clone.impact import Change, disks_lost, may_be_refused, moves, power_cycles, unknown_changes
from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.names import DRS_VM_OVERRIDE, INSTANTCLONE, VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import DEFAULT_RELEASE, ProviderVersion

__all__ = ["examine"]

DRS_MOVES = "fullyAutomated"
"""The DRS automation level at which DRS migrates VMs without approval."""

_REQUESTED = {
    "replace_trigger": "The configuration requests another generation.",
    f"{INSTANTCLONE}[0].source_uuid": "The configuration requests another source.",
}
_REPLACED = {
    "replace_because_tainted": "The clone is tainted: its creation failed, or a user tainted it.",
    "replace_by_request": "The option -replace requests the replacement.",
    "replace_by_triggers": "replace_triggered_by requests the replacement.",
}


def examine(
    plan: Plan,
    *,
    release: ProviderVersion | None = None,
    fallback: Callable[[], ProviderVersion] = lambda: DEFAULT_RELEASE,
    every_machine: bool = False,
    allowed: Collection[Kind] = (),
) -> Report:
    """Return a report of the effects that `plan` has on clones.

    A destroyed clone is counted but is not a finding, because the user requested its removal.

    Args:
        plan: the plan to check.
        release: the release of the stock provider. It decides which changes power a VM off. The default is the release
            that the plan's configuration requires.
        fallback: a function that returns the release. It is called only if `release` and the configuration set none.
        every_machine: check all VMs, not only clones.
        allowed: the kinds of findings that are not errors.
    """

    def decide(resource: Resource) -> ProviderVersion:
        return release or plan.release_of(resource.provider_name) or fallback()

    def concerns(resource: Resource) -> bool:
        return _is_managed(resource, VIRTUAL_MACHINE) and (every_machine or _is_clone(resource))

    clones = [resource for resource in plan.resource_changes if concerns(resource)]
    findings = [
        *(finding for clone in clones for finding in _of_clone(clone, decide)),
        *_of_pins(plan.resource_changes, _staying(clones)),
        *(finding for each in plan.resource_drift if concerns(each) for finding in _of_drift(each)),
    ]
    counts = Clones(**Counter(map(_outcome, clones)))
    return Report(counts, tuple(_allowing(finding, allowed) for finding in findings))


def _is_managed(resource: Resource, kind: str) -> bool:
    return resource.mode == "managed" and resource.type == kind


def _is_clone(resource: Resource) -> bool:
    """Return whether the VM has the instantclone block or an owner marker.

    In plans of the stock provider, a clone has only the marker.
    """
    return any(
        bool(values.get(INSTANTCLONE)) or OWNER_KEY in _mapping(values.get("extra_config"))
        for values in (resource.change.prior, resource.change.planned)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _outcome(resource: Resource) -> str:
    """Return the name of the field of Clones that counts the resource."""
    actions = set(resource.change.actions)
    if "create" in actions:
        return "replaced" if len(actions) > 1 else "created"
    for action, outcome in (("delete", "destroyed"), ("forget", "forgotten"), ("update", "updated")):
        if action in actions:
            return outcome
    return "unchanged"


def _staying(clones: Sequence[Resource]) -> frozenset[str]:
    """Return the UUIDs of the clones that keep running."""
    return frozenset(
        str(clone.change.prior.get("id")).lower()
        for clone in clones
        if _outcome(clone) in ("unchanged", "updated", "forgotten")
    )


def _allowing(finding: Finding, kinds: Collection[Kind]) -> Finding:
    if finding.severity is Severity.ERROR and finding.kind in kinds:
        return replace(finding, severity=Severity.ALLOWED)
    return finding


def _of_clone(clone: Resource, decide: Callable[[Resource], ProviderVersion]) -> Iterator[Finding]:
    outcome = _outcome(clone)
    if outcome == "replaced":
        yield from _of_replacement(clone)
    elif outcome == "updated":
        yield from _of_update(clone, decide(clone))


def _of_replacement(clone: Resource) -> Iterator[Finding]:
    paths = clone.change.replace_paths
    for path in paths:
        argument = spelled(path)
        reason = _REQUESTED.get(argument) or _cause(clone, argument)
        old, new = shown_at(clone.change, path)
        yield Finding(clone.address, Kind.REPLACE, Severity.ERROR, argument, old, new, reason)
    if not paths:
        reason = _REPLACED.get(clone.action_reason, "Terraform replaces the clone.")
        yield Finding(clone.address, Kind.REPLACE, Severity.ERROR, "", None, None, reason)


def _cause(clone: Resource, argument: str) -> str:
    blocks = clone.change.planned.get(INSTANTCLONE)
    if isinstance(blocks, list) and any(_mapping(block).get("on_reboot") == "replace" for block in blocks):
        return f'The provider cannot change {argument} of a running clone, and on_reboot is "replace".'
    return f"The provider cannot change {argument} of an existing VM."


def _of_update(clone: Resource, release: ProviderVersion) -> Iterator[Finding]:
    # The plugin does not pass the instantclone block to the stock provider.
    prior, planned = (
        {name: value for name, value in values.items() if name != INSTANTCLONE}
        for values in (clone.change.prior, clone.change.planned)
    )
    for change in power_cycles(prior, planned, version=release, is_unknown=is_unknown):
        yield _finding(clone, change, Kind.REFUSED if change.rejected else Kind.REBOOT, Severity.ERROR)
    for change in moves(prior, planned, version=release, is_unknown=is_unknown):
        yield _finding(clone, change, Kind.MOVE, Severity.ERROR)
    for change in unknown_changes(prior, planned, version=release, is_unknown=is_unknown):
        yield _finding(clone, change, Kind.UNKNOWN, Severity.ERROR)
    for disk in disks_lost(prior, planned):
        lost = Change(f"disk[{disk.index}]", f"{disk.label} ({disk.place})", None, disk.why)
        yield _finding(clone, lost, Kind.DISK, Severity.ERROR)
    for change in may_be_refused(prior, planned, version=release, is_unknown=is_unknown):
        yield _finding(clone, change, Kind.REFUSED, Severity.WARNING)


def _finding(resource: Resource, change: Change, kind: Kind, severity: Severity) -> Finding:
    old, new = (shown(resource.change, change.argument, value) for value in (change.prior, change.planned))
    return Finding(resource.address, kind, severity, change.argument, old, new, change.why)


def _of_pins(resources: Sequence[Resource], staying: Collection[str]) -> Iterator[Finding]:
    for pin in resources:
        prior, planned = pin.change.prior, pin.change.planned
        machine = str(prior.get("virtual_machine_id")).lower()
        if not _is_managed(pin, DRS_VM_OVERRIDE) or machine not in staying or not _pins(prior):
            continue
        actions = set(pin.change.actions)
        if "delete" in actions:
            replaced = "create" in actions and _pins(planned)
            cause = "while the plan replaces its pin" if replaced else "because the plan removes its pin"
            change = Change("", None, None, f"DRS can move the clone {machine} {cause}.")
        elif "update" in actions and not _pins(planned):
            why = f"DRS can move the clone {machine} away from its source's host."
            change = Change("drs_enabled", prior.get("drs_enabled"), planned.get("drs_enabled"), why)
        else:
            continue
        yield _finding(pin, change, Kind.SHARING, Severity.WARNING)


def _pins(override: Mapping[str, Any]) -> bool:
    """Return whether DRS does not move the VM. An unknown automation level does not pin the VM."""
    enabled = override.get("drs_enabled")
    if enabled is True or is_unknown(enabled):
        level = override.get("drs_automation_level")
        return not is_unknown(level) and level != DRS_MOVES
    return True


def _of_drift(clone: Resource) -> Iterator[Finding]:
    before, after = (values.get("host_system_id") for values in (clone.change.prior, clone.change.planned))
    if before and after and before != after:
        why = "The clone was moved after the last apply. It no longer shares memory with its source."
        yield _finding(clone, Change("host_system_id", before, after, why), Kind.SHARING, Severity.WARNING)
