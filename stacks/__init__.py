# SPDX-License-Identifier: MPL-2.0
"""The stacks of a fleet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdktf import App, TerraformStack

from instant_clone.errors import Finding, FleetFileError, InstantCloneError, ReplicaError
from instant_clone.fleet import Fleet, FleetFile
from instant_clone.fleet.source_compatibility import fitting_findings, fitting_findings_across
from instant_clone.replica import add_disks, replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from stacks.dynamic_clone import DynamicClone
from stacks.fleet_stack import Original
from stacks.static_clone import StaticClone

__all__ = ["add_stacks"]

_STACKS = {"dynamic": DynamicClone, "static": StaticClone}


def add_stacks(
    app: App, fleet_file: FleetFile, sources: Mapping[tuple[str, str], SourceVm]
) -> tuple[TerraformStack, ...]:
    """One stack per fleet, named after it; `sources` are by the fleet's name and the source's key.

    Raises ReplicaError for sources that cannot be repeated, FleetFileError for fleets that do not fit their sources,
    InstantCloneError where there is both, with the findings of all fleets, before anything is added to `app`.
    """
    release = fleet_file.provider.version
    unfit: list[Finding] = []
    impossible: list[Finding] = []
    originals: dict[str, dict[str, Original]] = {}
    for name, fleet in fleet_file.fleets.items():
        source_vms = {source.key: sources[name, source.key] for source in fleet.sources}
        unfit += fitting_findings(fleet, source_vms)
        originals[name] = dict(_originals(fleet, source_vms, release, impossible, unfit))
    unfit += fitting_findings_across(fleet_file, sources)
    if impossible or unfit:
        kinds = {ReplicaError if impossible else FleetFileError, FleetFileError if unfit else ReplicaError}
        kind = kinds.pop() if len(kinds) == 1 else InstantCloneError
        raise kind(*unfit, *impossible)
    return tuple(
        _STACKS[fleet.stack](
            app,
            name,
            fleet=fleet,
            originals=originals[name],
            provider=fleet_file.provider,
            state=fleet_file.state,
        )
        for name, fleet in fleet_file.fleets.items()
    )


def _originals(
    fleet: Fleet,
    source_vms: Mapping[str, SourceVm],
    release: ProviderVersion,
    impossible: list[Finding],
    unfit: list[Finding],
) -> Iterator[tuple[str, Original]]:
    for key, source_vm in source_vms.items():
        try:
            replica = add_disks(replicate(source_vm, release), [disk.size for disk in fleet.changes.disks])
        except ReplicaError as error:
            impossible.extend(error.findings)
        except ValueError as error:
            what = f"do not fit the source {source_vm.inventory_path}: {error}."
            unfit.append(Finding(f"[[fleets.{fleet.name}.changes.disks]]", what, "Add them to the source."))
        else:
            yield key, Original(key, source_vm, replica)
