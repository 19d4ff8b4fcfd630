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
from stacks.fleet_stack import LookedUpSource
from stacks.static_clone import StaticClone

__all__ = ["add_stacks"]

_STACKS = {"dynamic": DynamicClone, "static": StaticClone}


def add_stacks(
    app: App, fleet_file: FleetFile, sources: Mapping[tuple[str, str], SourceVm]
) -> tuple[TerraformStack, ...]:
    """Add one stack per fleet to `app`, named after the fleet, and return the stacks.

    The keys of `sources` are pairs of a fleet's name and a source's key. All checks run before the first stack is
    added. An error contains the findings of all fleets.

    Raises:
        ReplicaError: The stock provider cannot reproduce a source.
        FleetFileError: A fleet is not compatible with its sources.
        InstantCloneError: A source cannot be reproduced, and a fleet is not compatible with its sources.
    """
    release = fleet_file.provider.version
    incompatible: list[Finding] = []
    not_reproducible: list[Finding] = []
    looked_up_sources: dict[str, dict[str, LookedUpSource]] = {}
    for name, fleet in fleet_file.fleets.items():
        source_vms = {source.key: sources[name, source.key] for source in fleet.sources}
        incompatible += fitting_findings(fleet, source_vms)
        looked_up_sources[name] = dict(_looked_up_sources(fleet, source_vms, release, not_reproducible, incompatible))
    incompatible += fitting_findings_across(fleet_file, sources)
    if not_reproducible or incompatible:
        kinds = {ReplicaError if not_reproducible else FleetFileError, FleetFileError if incompatible else ReplicaError}
        kind = kinds.pop() if len(kinds) == 1 else InstantCloneError
        raise kind(*incompatible, *not_reproducible)
    return tuple(
        _STACKS[fleet.stack](
            app,
            name,
            fleet=fleet,
            looked_up_sources=looked_up_sources[name],
            provider=fleet_file.provider,
            state=fleet_file.state,
        )
        for name, fleet in fleet_file.fleets.items()
    )


def _looked_up_sources(
    fleet: Fleet,
    source_vms: Mapping[str, SourceVm],
    release: ProviderVersion,
    not_reproducible: list[Finding],
    incompatible: list[Finding],
) -> Iterator[tuple[str, LookedUpSource]]:
    for key, source_vm in source_vms.items():
        try:
            replica = add_disks(replicate(source_vm, release), [disk.size for disk in fleet.changes.disks])
        except ReplicaError as error:
            not_reproducible.extend(error.findings)
        except ValueError as error:
            problem = f"cannot be added to clones of {source_vm.inventory_path}: {error}."
            incompatible.append(
                Finding(f"[[fleets.{fleet.name}.changes.disks]]", problem, "Add the disks to the source.")
            )
        else:
            yield key, LookedUpSource(key, source_vm, replica)
