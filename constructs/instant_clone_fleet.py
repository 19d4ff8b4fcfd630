"""The clones of one or several sources, declared together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdktf import MapTerraformIterator, TerraformIterator, TerraformLocal, TerraformOutput, TerraformProvider
from cdktf_cdktf_provider_vsphere.drs_vm_override import DrsVmOverride
from cdktf_cdktf_provider_vsphere.virtual_machine import (
    VirtualMachine,
    VirtualMachineCdrom,
    VirtualMachineDisk,
    VirtualMachineNetworkInterface,
    VirtualMachineVtpm,
)

from constructs import Construct
from constructs.placement import Placement
from instant_clone.members import Member
from instant_clone.replica import Replica
from instant_clone.versions import FIRST_RELEASE, ProviderVersion, knows

__all__ = ["CloneSource", "InstantCloneFleet"]

BINDINGS_RELEASE = ProviderVersion(2, 15, 0)
"""the stock release that cdktf-cdktf-provider-vsphere was generated from: its classes know no younger argument"""


@dataclass(frozen=True)
class CloneSource:
    """A running VM, and the clones that are wanted of it.

    Texts are Terraform templates: put data through constructs.literals, and leave references as they are. The values
    of `hardware` may be references to a data source instead of values that are known at synth.
    """

    key: str
    """names the Terraform resource"""
    source_uuid: str
    """the VM's BIOS UUID"""
    hardware: Replica
    members: Sequence[Member]


class InstantCloneFleet(Construct):
    """One vsphere_virtual_machine per source, with an instance for each member, keyed by the clone's name.

    `release` is that of the stock provider which will apply the plan: arguments that it does not know are left out.
    `timeout` (minutes) limits one clone, `wait_for_network` (minutes) the wait for a guest's first address; 0 does not
    wait. The clones are pinned to their host, if the placement names a cluster: DRS would move them, and a clone on
    another host shares no memory with its source. `provider` is the stack's own instant-clone provider, or an alias
    of it. `prefix` begins the addresses of everything here, outputs included, and tells several fleets of one stack
    apart.

    The output `clones` maps names to BIOS UUIDs. The output `addresses`, names to the guests' default addresses, is
    there only with `wait_for_network`: otherwise vCenter learns of the addresses after the apply, and the next plan
    would show them as a change.
    """

    virtual_machines: dict[str, VirtualMachine]
    """the resources, by the sources' keys"""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        placement: Placement,
        sources: Sequence[CloneSource],
        release: ProviderVersion,
        timeout: int = 30,
        wait_for_network: int = 0,
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(scope, id_)
        self._prefix = prefix
        self.virtual_machines = {}
        for source in sources:
            members = TerraformIterator.from_map(self._member_table(source).as_any_map)
            machine = self._virtual_machine(
                source, members, placement, release, wait_for_network=wait_for_network, provider=provider
            )
            machine.add_override("instantclone", {"source_uuid": source.source_uuid, "timeout": timeout})
            if placement.cluster_id is not None:
                self._pin(source, members, machine, placement.cluster_id, provider)
            self.virtual_machines[source.key] = machine
        self._output("clones", "id", "UUIDs of the clones, by name")
        if wait_for_network > 0:
            self._output("addresses", "default_ip_address", "Addresses of the clones, by name")

    def _member_table(self, source: CloneSource) -> TerraformLocal:
        table = TerraformLocal(
            self,
            f"{source.key}_members",
            {member.name: {"guestinfo": member.guestinfo} for member in source.members},
        )
        table.override_logical_id(f"{self._prefix}{source.key}_members")
        return table

    def _virtual_machine(
        self,
        source: CloneSource,
        members: MapTerraformIterator,
        placement: Placement,
        release: ProviderVersion,
        *,
        wait_for_network: int,
        provider: TerraformProvider | None,
    ) -> VirtualMachine:
        hardware = source.hardware
        arguments: dict[str, Any] = dict(hardware.scalars)
        unbound = {name: arguments.pop(name) for name in list(arguments) if not _bound(name)}
        if any(member.guestinfo for member in source.members):
            arguments["extra_config"] = members.get_string_map("guestinfo")
        if knows(release, "extra_config_reboot_required"):
            arguments["extra_config_reboot_required"] = False
        if hardware.ignore_changes:
            arguments["lifecycle"] = {"ignore_changes": list(hardware.ignore_changes)}
        machine = VirtualMachine(
            self,
            source.key,
            for_each=members,
            name=members.key,
            resource_pool_id=placement.resource_pool_id,
            datastore_id=placement.datastore_id,
            folder=placement.folder,
            disk=[VirtualMachineDisk(**dict[str, Any](disk)) for disk in hardware.disks],
            network_interface=[
                VirtualMachineNetworkInterface(**dict[str, Any](interface)) for interface in hardware.network_interfaces
            ],
            cdrom=[VirtualMachineCdrom(**dict[str, Any](cdrom)) for cdrom in hardware.cdroms] or None,
            vtpm=VirtualMachineVtpm() if hardware.vtpm else None,
            wait_for_guest_net_timeout=wait_for_network,
            provider=provider,
            **arguments,
        )
        machine.override_logical_id(self._prefix + source.key)
        for name, value in unbound.items():
            machine.add_override(name, value)
        return machine

    def _pin(
        self,
        source: CloneSource,
        members: MapTerraformIterator,
        machine: VirtualMachine,
        cluster_id: str,
        provider: TerraformProvider | None,
    ) -> None:
        pin = DrsVmOverride(
            self,
            f"{source.key}_pin",
            for_each=members,
            compute_cluster_id=cluster_id,
            virtual_machine_id=f"${{{_address(machine)}[each.key].id}}",
            drs_enabled=False,
            provider=provider,
        )
        pin.override_logical_id(self._prefix + source.key)

    def _output(self, name: str, attribute: str, description: str) -> None:
        tables = [
            f"{{for name, clone in {_address(machine)} : name => clone.{attribute}}}"
            for machine in self.virtual_machines.values()
        ]
        value = tables[0] if len(tables) == 1 else f"merge({', '.join(tables)})"
        output = TerraformOutput(self, name, value=f"${{{value}}}", description=description)
        output.override_logical_id(self._prefix + name)


def _address(machine: VirtualMachine) -> str:
    # Not `machine.fqn`: cdktf puts a second such token of one expression into braces of its own.
    return f"{machine.terraform_resource_type}.{machine.friendly_unique_id}"


def _bound(argument: str) -> bool:
    return argument not in FIRST_RELEASE or FIRST_RELEASE[argument] <= BINDINGS_RELEASE
