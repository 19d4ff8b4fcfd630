# SPDX-License-Identifier: MPL-2.0
"""The common contents of all stacks: state, provider, placement, labels, networks and clones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from cdktf import Annotations, TerraformStack

from constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from constructs.instant_clone_provider import InstantCloneProvider
from constructs.labels import Labels
from constructs.literals import literal
from constructs.networks import Networks
from constructs.placement import Placement
from instant_clone.fleet import Fleet, ProviderSettings, Source, StateSettings
from instant_clone.inventory_names import managed_object_id
from instant_clone.replica import Replica, add_interfaces, assign_mac_addresses, connect, set_arguments
from instant_clone.stock_provider.devices import interface_order
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from stacks.state import keep_state
from stacks.templates import templates

__all__ = ["Hardware", "LookedUpSource", "add_fleet"]


@dataclass(frozen=True)
class LookedUpSource:
    """A source of the fleet after the look-up."""

    key: str
    """The source's key in the fleet file."""
    source_vm: SourceVm
    """The source's hardware."""
    replica: Replica
    """The arguments that reproduce `source_vm`, and the disks that the fleet adds."""


Hardware = Callable[[LookedUpSource], tuple[Replica, str]]
"""a function that returns the hardware arguments for the clones of a source, and the source's BIOS UUID"""


def add_fleet(
    stack: TerraformStack,
    *,
    fleet: Fleet,
    looked_up_sources: Mapping[str, LookedUpSource],
    provider: ProviderSettings,
    state: StateSettings,
    hardware: Hardware,
) -> InstantCloneFleet:
    """Add `fleet` to `stack`, with the backend that `state` configures, and return the construct of the clones.

    `looked_up_sources` are the fleet's sources by their keys.
    """
    # Without the constraint, an older Terraform only reports terraform_data as an unknown resource type.
    stack.add_override("terraform.required_version", ">= 1.5")
    keep_state(stack, state.backend, state.arguments_for(fleet.name))
    InstantCloneProvider(stack, "vsphere", source=provider.source, release=provider.version)
    standalone = _is_on_standalone_hosts(looked_up_sources.values())
    placement = _placement(stack, fleet, pinned=fleet.pin and not standalone)
    if fleet.pin and standalone:
        Annotations.of(stack).add_info(
            f"[fleets.{fleet.name}] pin: the host of the source is in no cluster, so the clones have no DRS "
            "override. Set pin = false to remove this notice."
        )
    labels = Labels(
        stack,
        "labels",
        tags=[literal(tag) for tag in fleet.tags],
        custom_attributes={literal(name): literal(value) for name, value in fleet.custom_attributes.items()},
    )
    networks = _Networks.from_fleet(stack, fleet, placement.datacenter_id)
    clones = InstantCloneFleet(
        stack,
        "fleet",
        name=fleet.name,
        placement=placement,
        sources=[
            _clone_source(fleet, source, looked_up_sources[source.key], networks, hardware, provider.version)
            for source in fleet.sources
        ],
        release=provider.version,
        timeout=fleet.timeout,
        on_reboot=fleet.on_reboot,
        wait_for_network=fleet.wait_for_network,
        tags=labels.tag_ids,
        custom_attributes=labels.custom_attributes,
        ignore_changes=fleet.ignore_changes,
    )
    for looked_up in looked_up_sources.values():
        for warning in looked_up.replica.warnings:
            Annotations.of(stack).add_warning(warning)
    return clones


@dataclass(frozen=True)
class _Networks:
    """The references for network_id of the clones' interfaces."""

    planned: Sequence[str | None]
    """One item per network table of the fleet. None keeps the source's network."""
    added: Sequence[str]
    """One item per interface that the fleet adds to the source's interfaces."""

    @classmethod
    def from_fleet(cls, stack: TerraformStack, fleet: Fleet, datacenter_id: str) -> _Networks:
        planned = [literal(network.network) if network.network else None for network in fleet.networks]
        added = [literal(network.network) for network in fleet.changes.networks]
        written = [name for name in (*planned, *added) if name is not None]
        ids = {name: id_ for name in written if (id_ := managed_object_id(name)) is not None}
        names = [name for name in written if name not in ids]
        ids |= Networks(stack, "networks", names=names, datacenter_id=datacenter_id).ids
        return cls([ids[name] if name else None for name in planned], [ids[name] for name in added])


def _clone_source(
    fleet: Fleet,
    source: Source,
    looked_up: LookedUpSource,
    networks: _Networks,
    hardware: Hardware,
    release: ProviderVersion,
) -> CloneSource:
    source_vm, planned = looked_up.source_vm, networks.planned
    clones = templates(fleet, source, source_vm)
    replica, source_uuid = hardware(looked_up)
    order = interface_order([nic.unit for nic in source_vm.nics], release)
    replica = connect(replica, [planned[at] if at < len(planned) else None for at in order])
    replica = assign_mac_addresses(replica, [clones.mac_addresses[at] for at in order])
    replica = add_interfaces(replica, networks.added)
    return CloneSource(
        key=source.key,
        source_uuid=source_uuid,
        hardware=_with_fleet_changes(replica, fleet, source_vm),
        members=clones.rows,
        guestinfo=clones.guestinfo,
        generation=source.generation,
        about=literal(f"instant clones of {source_vm.inventory_path}, see {fleet.record_path(source)}"),
    )


def _is_on_standalone_hosts(looked_up_sources: Collection[LookedUpSource]) -> bool:
    """Return whether no source is on a host in a cluster. DRS then never moves a clone."""
    return bool(looked_up_sources) and all(each.source_vm.standalone_host for each in looked_up_sources)


def _placement(stack: TerraformStack, fleet: Fleet, *, pinned: bool) -> Placement:
    return Placement(
        stack,
        "placement",
        datacenter=literal(fleet.datacenter),
        datastore=literal(fleet.datastore) if fleet.datastore else None,
        datastore_cluster=literal(fleet.datastore_cluster) if fleet.datastore_cluster else None,
        resource_pool=literal(fleet.resource_pool),
        folder=literal(fleet.folder),
        create_folder=fleet.create_folder,
        cluster=literal(fleet.cluster) if pinned and fleet.cluster else None,
    )


def _with_fleet_changes(replica: Replica, fleet: Fleet, source_vm: SourceVm) -> Replica:
    """Return `replica` with the fleet's annotation, number of CPUs and memory."""
    # With memoryReservationLockedToMax, vSphere also reserves the added memory.
    locked = source_vm.memory.reservation_locked_to_max
    return set_arguments(
        replica,
        annotation=fleet.annotation,
        num_cpus=fleet.changes.num_cpus,
        memory=fleet.changes.memory,
        memory_reservation=fleet.changes.memory if locked else None,
    )
