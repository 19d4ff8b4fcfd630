# SPDX-License-Identifier: MPL-2.0
"""A construct that declares the instant clones of one or more sources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
    """A source, its hardware and the clones to make from it.

    Strings are Terraform templates. Pass data through `literal`, and leave references unchanged. In `hardware` and
    `guestinfo`, ${each.key} is the clone's name, and ${each.value.ip} is the clone's value "ip" from `members`. Every
    clone in `members` must have the same value names. `hardware` is the result of replicate or SourceData.hardware. Its
    strings are literal, except for those of the type Template.
    """

    key: str
    """The name of the Terraform resource."""
    source_uuid: str
    """The source's BIOS UUID."""
    hardware: Replica
    """The arguments that reproduce the source."""
    members: Rows
    """The clones' names, each with the clone's values: {"web-0": {"ip": "10.0.0.10"}, …}, or {"web-0": {}, …}."""
    guestinfo: Mapping[str, str] = field(default_factory=dict)
    """The clones' extra_config entries by key, such as "guestinfo.hostname"."""
    generation: int = 1
    """The generation of the clones. Increase the number to replace the clones."""
    about: str = ""
    """A comment for readers of the synthesized JSON."""


@dataclass(frozen=True)
class CloneReferences:
    """References to attributes of one clone, for use in other resources and outputs of the stack."""

    id: str
    """The clone's BIOS UUID."""
    default_ip_address: str
    """The guest's first address. It is known after the apply if the fleet has `wait_for_network`."""


class InstantCloneFleet(Construct):
    """One vsphere_virtual_machine resource per source, with one instance per clone, keyed by the clone's name.

    `name` is the fleet's name. `release` is the release of the stock provider that will apply the plan. Arguments that
    this release does not support are omitted.

    Optional arguments:
    - `timeout`: the maximum time for one clone, in minutes; default 30.
    - `on_reboot`: the reaction to a change that would power off or move an existing clone: "error" (the default),
      "replace" or "reboot".
    - `wait_for_network`: the maximum time to wait for a guest's first address, in minutes; default 0,
      which means no wait.
    - `tags`, `custom_attributes`: the ids from Labels; default empty.
    - `ignore_changes`: arguments for lifecycle.ignore_changes, in addition to those of the hardware; default empty.
    - `provider`: the instant-clone provider of the stack. Set it if the local name "vsphere" belongs to another
      provider, or if the instant-clone provider has an alias. Default: the stack's provider "vsphere".
    - `prefix`: a prefix for all Terraform addresses of this construct, outputs included. Give each fleet of a stack a
      different prefix. Default "".

    If the placement names a cluster, each clone is pinned to its host with a DRS override. Without the override DRS can
    move a clone, and a clone on another host shares no memory with its source.

    The resource terraform_data.owner represents the fleet in this state. Its id and `name` are part of the value
    OWNER_KEY in each clone's extra_config. This value distinguishes the clone from a clone that another state owns.

    The output `clones` maps names to BIOS UUIDs. The output `addresses` maps names to the guests' default addresses. It
    exists only with `wait_for_network`. Without the wait, vCenter reports the addresses after the apply, and the next
    plan would show them as a change.

    Raises:
        ValueError: The clones of one source have different value names in `members`.
    """

    virtual_machines: dict[str, VirtualMachine]
    """The resources, by the sources' keys."""
    owner_id: str
    """A reference to the id of terraform_data.owner."""
    clones: Mapping[str, CloneReferences]
    """The references to each clone, by the clones' names, such as clones["web-0"].id."""
    addresses: str
    """A reference to the map of the guests' default addresses, by the clones' names."""

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
        self.owner_id = self._owner()
        shared_arguments: dict[str, Any] = {"wait_for_guest_net_timeout": wait_for_network}
        if is_known(release, "extra_config_reboot_required"):
            shared_arguments["extra_config_reboot_required"] = False
        if tags:
            shared_arguments["tags"] = list(tags)
        if custom_attributes:
            shared_arguments["custom_attributes"] = dict(custom_attributes)
        self.virtual_machines = {}
        for source in sources:
            members = TerraformIterator.from_map(self._member_table(source))
            machine = self._virtual_machine(source, members, placement, shared_arguments, ignore_changes)
            block: dict[str, Any] = {"source_uuid": source.source_uuid, "timeout": timeout}
            if on_reboot != "error":
                block["on_reboot"] = on_reboot
            machine.add_override(INSTANTCLONE, block)
            if placement.cluster_id is not None:
                self._pin(source, members, machine, placement.cluster_id)
            self.virtual_machines[source.key] = machine
        self.clones = _References(sources, self.virtual_machines)
        self.addresses = self._table("default_ip_address")
        self._output("clones", self._table("id"), "UUIDs of the clones, by name")
        if wait_for_network > 0:
            self._output("addresses", self.addresses, "Addresses of the clones, by name")

    def _owner(self) -> str:
        # cdktf's class DataResource runs `terraform version` during each synth.
        owner = TerraformResource(
            self,
            "owner",
            terraform_resource_type="terraform_data",
            terraform_generator_metadata={"provider_name": "terraform"},
        )
        owner.override_logical_id(f"{self._prefix}owner")
        return f"${{terraform_data.{self._prefix}owner.id}}"

    def _member_table(self, source: CloneSource) -> Mapping[str, Any]:
        _require_same_value_names(source)
        # Keys contain no dot, so the construct ids of different keys cannot collide.
        name = f"{self._prefix}{source.key}_members"
        return add_member_table(self, f"{source.key}.members", name=name, rows=source.members).as_any_map

    def _virtual_machine(
        self,
        source: CloneSource,
        members: MapTerraformIterator,
        placement: Placement,
        shared_arguments: Mapping[str, Any],
        ignore_changes: Sequence[str],
    ) -> VirtualMachine:
        hardware = source.hardware
        arguments = bound(hardware.arguments) | dict(shared_arguments)
        unbound = {name: arguments.pop(name) for name in UNBOUND_ARGUMENTS if name in arguments}
        if ignored := list(dict.fromkeys((*hardware.ignore_changes, *ignore_changes))):
            arguments["lifecycle"] = {"ignore_changes": ignored}
        if source.generation > 1:
            arguments["replace_trigger"] = str(source.generation)
        marker = owner_marker(
            state=self.owner_id,
            fleet=self._name,
            member="${each.key}",
            source_uuid=source.source_uuid,
            generation=source.generation,
        )
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
            extra_config={**source.guestinfo, OWNER_KEY: marker},
            provider=self._provider,
            **arguments,
        )
        machine.override_logical_id(self._prefix + source.key)
        for name, value in unbound.items():
            machine.add_override(name, value)
        if source.about:
            machine.add_override("//.about", source.about)
        return machine

    def _pin(
        self, source: CloneSource, members: MapTerraformIterator, machine: VirtualMachine, cluster_id: str
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


class _References(Mapping[str, CloneReferences]):
    """The references of all clones by name. A reference is built on access, because a fleet can have thousands."""

    def __init__(self, sources: Sequence[CloneSource], virtual_machines: Mapping[str, VirtualMachine]) -> None:
        self._sources, self._virtual_machines = sources, virtual_machines

    def __getitem__(self, name: str) -> CloneReferences:
        for source in self._sources:
            if name in source.members:
                # `name` is already a template. HCL quotes strings like JSON.
                address = resource_address(self._virtual_machines[source.key])
                clone = f"{address}[{json.dumps(name, ensure_ascii=False)}]"
                return CloneReferences(f"${{{clone}.id}}", f"${{{clone}.default_ip_address}}")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for source in self._sources for name in source.members)

    def __len__(self) -> int:
        return sum(len(source.members) for source in self._sources)


def _require_same_value_names(source: CloneSource) -> None:
    """Raise ValueError unless all clones have the same value names, because they share the resource's templates."""
    names = next(iter(source.members.values()), {}).keys()
    for clone, values in source.members.items():
        if values.keys() != names:
            first, other = (", ".join(sorted(keys)) or "none" for keys in (names, values.keys()))
            raise ValueError(
                f"source {source.key}: clones must have the same value names; "
                f"{next(iter(source.members))} has {first}, and {clone} has {other}"
            )
