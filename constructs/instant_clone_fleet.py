# SPDX-License-Identifier: MPL-2.0
"""The clones of one or several sources, declared together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cdktf import (
    MapTerraformIterator,
    TerraformIterator,
    TerraformOutput,
    TerraformProvider,
    TerraformResource,
)
from cdktf_cdktf_provider_vsphere.drs_vm_override import DrsVmOverride
from cdktf_cdktf_provider_vsphere.virtual_machine import (
    VirtualMachine,
    VirtualMachineCdrom,
    VirtualMachineDisk,
    VirtualMachineNetworkInterface,
    VirtualMachineVtpm,
)

from constructs import Construct
from instant_clone.ownership import OWNER_KEY, owner_marker
from instant_clone.replica import Replica
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.names import INSTANTCLONE, OnReboot
from instant_clone.stock_provider.releases import ProviderVersion

from .bindings import UNBOUND_ARGUMENTS, bound, resource_address
from .member_table import Rows, add_member_table
from .placement import Placement

__all__ = ["CloneReferences", "CloneSource", "InstantCloneFleet", "OnReboot"]


@dataclass(frozen=True)
class CloneSource:
    """A running VM, and the clones that are wanted of it.

    Texts are Terraform templates: put data through `literal`, and leave references as they are. In those of
    `hardware` and `guestinfo`, ${each.key} stands for a clone's name, and ${each.value.ip} for what it has by the name
    "ip" in `members`, where every clone has the same names. `hardware` comes from replicate, or from SourceData; its
    texts are literal, unless they are of the type Template.
    """

    key: str
    """names the Terraform resource"""
    source_uuid: str
    """the VM's BIOS UUID"""
    hardware: Replica
    members: Rows
    """the clones' names, each with its own values: {"web-0": {"ip": "10.0.0.10"}, …}, or {"web-0": {}, …}"""
    guestinfo: Mapping[str, str] = field(default_factory=dict)
    """what the guests are told: extra_config by key, such as "guestinfo.hostname" """
    generation: int = 1
    """raise it to replace the clones"""
    about: str = ""
    """a comment for the readers of the JSON"""


@dataclass(frozen=True)
class CloneReferences:
    """References to properties of one clone, for other resources and outputs of the stack."""

    id: str
    """the BIOS UUID"""
    default_ip_address: str
    """the guest's first address; known after the apply if the fleet has `wait_for_network`"""


class InstantCloneFleet(Construct):
    """One vsphere_virtual_machine per source, with an instance for each member, keyed by the clone's name.

    `release` is that of the stock provider which will apply the plan: arguments that it does not know are left out.

    Optional arguments:
    - `timeout`: minutes that one clone may take; default 30.
    - `on_reboot`: what becomes of a change that would power off or move an existing clone: "error" (the default),
      "replace" or "reboot".
    - `wait_for_network`: minutes to wait for a guest's first address; default 0, which does not wait.
    - `tags`, `custom_attributes`: by ids, as Labels has them; default none.
    - `ignore_changes`: arguments that later plans leave alone, besides those of the hardware; default none.
    - `provider`: the stack's own instant-clone provider, if the stack has another one by the name "vsphere", or an
      alias; default the stack's provider "vsphere".
    - `prefix`: begins the addresses of everything here, outputs included, and tells several fleets of one stack apart;
      default "".

    The clones are pinned to their host if the placement names a cluster: DRS would move them, and a clone on another
    host shares no memory with its source.

    The resource terraform_data.owner stands for the fleet as this state has it: with `name`, its id is in each clone's
    extra_config (OWNER_KEY), so that a clone can be told from one of another state.

    The output `clones` maps names to BIOS UUIDs. The output `addresses`, names to the guests' default addresses, is
    there only with `wait_for_network`: otherwise vCenter learns of the addresses after the apply, and the next plan
    would show them as a change.
    """

    virtual_machines: dict[str, VirtualMachine]
    """the resources, by the sources' keys"""
    owner_id: str
    """a reference"""
    clones: Mapping[str, CloneReferences]
    """by the clones' names, such as clones["web-0"].id"""
    addresses: str
    """a reference to the map of the guests' default addresses, by the clones' names"""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        placement: Placement,
        sources: Sequence[CloneSource],
        release: ProviderVersion,
        timeout: int = 30,
        on_reboot: OnReboot = "error",
        wait_for_network: int = 0,
        tags: Sequence[str] = (),
        custom_attributes: Mapping[str, str] = MappingProxyType({}),
        ignore_changes: Sequence[str] = (),
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(scope, id_)
        self._name, self._prefix, self._provider = name, prefix, provider
        self._release = release
        self.owner_id = self._owner()
        steering: dict[str, Any] = {"wait_for_guest_net_timeout": wait_for_network}
        if is_known(release, "extra_config_reboot_required"):
            steering["extra_config_reboot_required"] = False
        if tags:
            steering["tags"] = list(tags)
        if custom_attributes:
            steering["custom_attributes"] = dict(custom_attributes)
        self.virtual_machines = {}
        for source in sources:
            members = TerraformIterator.from_map(self._member_table(source))
            machine = self._virtual_machine(source, members, placement, steering, ignore_changes)
            block: dict[str, Any] = {"source_uuid": source.source_uuid, "timeout": timeout}
            if on_reboot != "error":
                block["on_reboot"] = on_reboot
            machine.add_override(INSTANTCLONE, block)
            if placement.cluster_id is not None:
                self._pin(source, members, machine, placement.cluster_id)
            self.virtual_machines[source.key] = machine
        self.clones = {
            name: _references(self.virtual_machines[source.key], name) for source in sources for name in source.members
        }
        self.addresses = self._table("default_ip_address")
        self._output("clones", self._table("id"), "UUIDs of the clones, by name")
        if wait_for_network > 0:
            self._output("addresses", self.addresses, "Addresses of the clones, by name")

    def _owner(self) -> str:
        # cdktf's own class, DataResource, starts Terraform at each synth to ask for its version.
        owner = TerraformResource(
            self,
            "owner",
            terraform_resource_type="terraform_data",
            terraform_generator_metadata={"provider_name": "terraform"},
        )
        owner.override_logical_id(f"{self._prefix}owner")
        return f"${{terraform_data.{self._prefix}owner.id}}"

    def _member_table(self, source: CloneSource) -> Mapping[str, Any]:
        _same_values(source)
        # A dot, as no key has one: ids of different keys must not meet.
        name = f"{self._prefix}{source.key}_members"
        return add_member_table(self, f"{source.key}.members", name=name, rows=source.members).as_any_map

    def _virtual_machine(
        self,
        source: CloneSource,
        members: MapTerraformIterator,
        placement: Placement,
        steering: Mapping[str, Any],
        ignore_changes: Sequence[str],
    ) -> VirtualMachine:
        hardware = source.hardware
        arguments = bound(hardware.arguments) | dict(steering)
        unbound = {name: arguments.pop(name) for name in UNBOUND_ARGUMENTS if name in arguments}
        if ignored := list(dict.fromkeys((*hardware.ignore_changes, *ignore_changes))):
            arguments["lifecycle"] = {"ignore_changes": ignored}
        if source.generation > 1:
            arguments["replace_trigger"] = str(source.generation)
        machine = VirtualMachine(
            self,
            f"{source.key}.clones",
            for_each=members,
            name=members.key,
            resource_pool_id=placement.resource_pool_id,
            datastore_id=placement.datastore_id,
            datastore_cluster_id=placement.datastore_cluster_id,
            folder=placement.folder,
            disk=[VirtualMachineDisk(**bound(disk, block="disk")) for disk in hardware.disks],
            network_interface=[
                VirtualMachineNetworkInterface(**bound(interface, block="network_interface"))
                for interface in hardware.network_interfaces
            ],
            cdrom=[VirtualMachineCdrom(**bound(cdrom, block="cdrom")) for cdrom in hardware.cdroms] or None,
            vtpm=VirtualMachineVtpm() if hardware.vtpm else None,
            extra_config={**source.guestinfo, OWNER_KEY: self._owner_mark(source)},
            provider=self._provider,
            **arguments,
        )
        machine.override_logical_id(self._prefix + source.key)
        for name, value in unbound.items():
            machine.add_override(name, value)
        if source.about:
            machine.add_override("//.about", source.about)
        return machine

    def _owner_mark(self, source: CloneSource) -> str:
        return owner_marker(
            state=self.owner_id,
            fleet=self._name,
            member="${each.key}",
            source_uuid=source.source_uuid,
            generation=source.generation,
        )

    def _pin(
        self,
        source: CloneSource,
        members: MapTerraformIterator,
        machine: VirtualMachine,
        cluster_id: str,
    ) -> None:
        pin = DrsVmOverride(
            self,
            f"{source.key}.pins",
            for_each=members,
            compute_cluster_id=cluster_id,
            virtual_machine_id=f"${{{resource_address(machine)}[each.key].id}}",
            drs_enabled=False,
            provider=self._provider,
        )
        pin.override_logical_id(self._prefix + source.key)

    def _table(self, attribute: str) -> str:
        tables = [
            f"{{for name, clone in {resource_address(machine)} : name => clone.{attribute}}}"
            for machine in self.virtual_machines.values()
        ]
        table = tables[0] if len(tables) == 1 else f"merge({', '.join(tables)})"
        return f"${{{table}}}"

    def _output(self, name: str, value: str, description: str) -> None:
        output = TerraformOutput(self, name, value=value, description=description)
        output.override_logical_id(self._prefix + name)


def _references(machine: VirtualMachine, name: str) -> CloneReferences:
    # `name` is a template already; HCL quotes a string as JSON does.
    clone = f"{resource_address(machine)}[{json.dumps(name, ensure_ascii=False)}]"
    return CloneReferences(f"${{{clone}.id}}", f"${{{clone}.default_ip_address}}")


def _same_values(source: CloneSource) -> None:
    """Raises ValueError unless all clones have values by the same names: a template is for all of them."""
    names = next(iter(source.members.values()), {}).keys()
    for clone, values in source.members.items():
        if values.keys() != names:
            first, other = (", ".join(sorted(keys)) or "none" for keys in (names, values.keys()))
            raise ValueError(
                f"the clones of the source {source.key} have different values: "
                f"{next(iter(source.members))} has {first}, and {clone} has {other}"
            )
