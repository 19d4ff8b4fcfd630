# SPDX-License-Identifier: MPL-2.0
"""A fleet as a stack: what the stacks of all kinds have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from cdktf import Annotations, TerraformStack

from constructs import Construct
from constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from constructs.instant_clone_provider import InstantCloneProvider
from constructs.labels import Labels
from constructs.literals import literal
from constructs.networks import Networks
from constructs.placement import Placement
from instant_clone.fleet import Fleet, ProviderSettings, StateSettings
from instant_clone.replica import Replica, add_interfaces, assign_mac_addresses, connect, set_arguments
from instant_clone.stock_provider.devices import interface_order
from instant_clone.vm.source_vm import SourceVm
from stacks.state import keep_state
from stacks.templates import templates

__all__ = ["FleetStack", "Original"]


@dataclass(frozen=True)
class Original:
    """A source of the fleet, as it was looked up: `key` names it.

    `replica` repeats `machine`, and has the disks that the fleet adds.
    """

    key: str
    machine: SourceVm
    replica: Replica


class FleetStack(TerraformStack):
    """`fleet` as a stack of its own, with its state where `state` says.

    `originals` are the VMs that the fleet's sources name, by the sources' keys.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        fleet: Fleet,
        originals: Mapping[str, Original],
        provider: ProviderSettings,
        state: StateSettings,
    ) -> None:
        super().__init__(scope, id_)
        self.fleet, self.provider = fleet, provider
        # With the one that is too old, terraform_data would be a resource that nobody knows.
        self.add_override("terraform.required_version", ">= 1.5")
        keep_state(self, state.backend, state.arguments_for(fleet.name))
        InstantCloneProvider(self, "vsphere", source=provider.source, release=provider.version)
        placement = _placement(self, fleet)
        labels = Labels(
            self,
            "labels",
            tags=[literal(tag) for tag in fleet.tags],
            custom_attributes={literal(name): literal(value) for name, value in fleet.custom_attributes.items()},
        )
        changes = fleet.changes
        planned = [literal(network.network) if network.network else None for network in fleet.networks]
        added = [literal(network.network) for network in changes.networks]
        networks = Networks(
            self,
            "networks",
            names=[name for name in (*planned, *added) if name is not None],
            datacenter_id=placement.datacenter_id,
        )
        clone_sources = []
        for source in fleet.sources:
            original = originals[source.key]
            order = interface_order([nic.unit for nic in original.machine.nics], provider.version)
            hardware, source_uuid = self._repeat(original)
            clones = templates(fleet, source, original.machine)
            ids = [networks.ids[name] if name else None for name in planned]
            hardware = connect(hardware, [ids[at] if at < len(ids) else None for at in order])
            hardware = assign_mac_addresses(hardware, [clones.mac_addresses[at] for at in order])
            hardware = add_interfaces(hardware, [networks.ids[name] for name in added])
            clone_sources.append(
                CloneSource(
                    key=source.key,
                    source_uuid=source_uuid,
                    hardware=_changed(hardware, fleet, original.machine),
                    members=clones.rows,
                    guestinfo=clones.guestinfo,
                    generation=source.generation,
                    about=literal(
                        f"instant clones of {original.machine.inventory_path}, see {fleet.record_path(source)}"
                    ),
                )
            )
        InstantCloneFleet(
            self,
            "fleet",
            name=fleet.name,
            placement=placement,
            sources=clone_sources,
            release=provider.version,
            timeout=fleet.timeout,
            on_reboot=fleet.on_reboot,
            wait_for_network=fleet.wait_for_network,
            tags=labels.tag_ids,
            custom_attributes=labels.custom_attributes,
            ignore_changes=fleet.ignore_changes,
        )
        for original in originals.values():
            for warning in original.replica.warnings:
                Annotations.of(self).add_warning(warning)

    @abstractmethod
    def _repeat(self, original: Original) -> tuple[Replica, str]:
        """The hardware that repeats a source, and the source's BIOS UUID."""


def _placement(stack: TerraformStack, fleet: Fleet) -> Placement:
    return Placement(
        stack,
        "placement",
        datacenter=literal(fleet.datacenter),
        datastore=literal(fleet.datastore) if fleet.datastore else None,
        datastore_cluster=literal(fleet.datastore_cluster) if fleet.datastore_cluster else None,
        resource_pool=literal(fleet.resource_pool),
        folder=literal(fleet.folder),
        create_folder=fleet.create_folder,
        cluster=literal(fleet.cluster) if fleet.pin and fleet.cluster else None,
    )


def _changed(replica: Replica, fleet: Fleet, source: SourceVm) -> Replica:
    """`replica` with what the fleet has otherwise than `source`, as long as it is a single value."""
    # vSphere reserves added memory by itself where all of it has to be (memoryReservationLockedToMax).
    locked = source.memory.reservation_locked_to_max
    return set_arguments(
        replica,
        annotation=fleet.annotation,
        num_cpus=fleet.changes.num_cpus,
        memory=fleet.changes.memory,
        memory_reservation=fleet.changes.memory if locked else None,
    )
