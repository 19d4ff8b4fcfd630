# SPDX-License-Identifier: MPL-2.0
"""Frozen models of fleets.toml and of each of its tables.

A model validates each single value. `instant_clone.fleet.load` checks the combinations of values.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, StrictBool

from instant_clone.fleet.addresses import GENERATED, SOURCE, Address, Cidr, MacRule, mac_number
from instant_clone.fleet.field_types import (
    Argument,
    AttributeName,
    Count,
    DriftProperty,
    FleetName,
    FolderPath,
    Frozen,
    Gibibytes,
    GuestinfoKey,
    InventoryName,
    Megabytes,
    MemberIndexes,
    Minutes,
    Positive,
    PositiveMinutes,
    ProviderAddress,
    RelativePath,
    Release,
    ResourceName,
    SentText,
    Tag,
    VmReference,
    member_indexes,
)
from instant_clone.fleet.guestinfo_values import GuestinfoValue
from instant_clone.fleet.patterns import NamePattern, fill
from instant_clone.fleet.state import StateSettings
from instant_clone.stock_provider.names import OnReboot
from instant_clone.stock_provider.releases import DEFAULT_RELEASE

__all__ = ["AddedDisk", "AddedNetwork", "Changes", "Fleet", "FleetFile", "Network", "ProviderSettings", "Source"]


class ProviderSettings(Frozen):
    """The release of the stock provider and the source address of the plugin."""

    version: Release = DEFAULT_RELEASE
    """This release of the stock provider applies the plan. The default is the newest release that has been checked."""
    source: ProviderAddress = "instantclone.internal/fleet/vsphere"
    """Terraform finds the plugin under this provider source address."""


class Source(Frozen):
    """A running VM that is cloned, and the indexes of the members that are its clones."""

    key: ResourceName = "vm"
    """The key is the name of the Terraform resource. Keep the key when you rename or replace the VM, so that the
    resource addresses of the clones do not change."""
    vm: VmReference
    """The value is the name or the inventory path of the VM, "uuid:…" with the BIOS UUID, or "moid:…"."""
    count: Count | None = None
    """The members have the indexes 0 to count - 1. Only a fleet with one source can use count."""
    members: MemberIndexes | None = None
    """The members have these indexes, such as "0-9,12". A source has either count or members."""
    generation: Positive = 1
    """A higher number replaces all clones of this source."""
    record: RelativePath | None = None
    """The hardware of the source is recorded in this file, relative to the project folder. The default is
    sources/FLEET.json, or sources/FLEET-KEY.json if the source has a key."""

    ignore_drift: tuple[DriftProperty, ...] = ()
    """A look-up ignores differences between these properties of the VM and its record, such as "annotation". The clones
    keep the values of the record."""

    @property
    def indexes(self) -> tuple[int, ...]:
        """Return the indexes of the members of this source, in ascending order."""
        return tuple(range(self.count or 0)) if self.members is None else member_indexes(self.members)


class Network(Frozen):
    """A network interface of the clones. It configures the interface of the source at the same position.

    An interface has an address plan if `cidr` and `first` are set. The member with index i gets the IP address
    `first` + i.
    """

    network: InventoryName | None = None
    """The interface is connected to this network. The default is the network of the source."""
    mac: MacRule = GENERATED
    """The value is "generated", "source" or the MAC address of the member with index 0. With "generated", vCenter
    generates the MAC addresses. With "source", the clone has the MAC address of the source."""
    cidr: Cidr | None = None
    """The address plan uses this IPv4 or IPv6 network in CIDR notation, such as "192.168.0.0/24"."""
    first: Address | None = None
    """The member with index 0 gets this IP address."""
    gateway: Address | None = None
    """The placeholder {gateway} in guestinfo has this value. No member can have this IP address."""
    dns: tuple[Address, ...] = ()
    """The placeholder {dns} in guestinfo has these addresses, separated by commas."""

    @property
    def planned(self) -> bool:
        """Return whether the interface has an address plan."""
        return self.cidr is not None and self.first is not None

    @property
    def first_mac(self) -> int | None:
        """Return the MAC address of the member with index 0 as a number, or None for "generated" and "source"."""
        return None if self.mac in (GENERATED, SOURCE) else mac_number(self.mac)

    def common_value(self, attribute: str) -> str:
        """Return a value of the address plan that all members have in common, or "" without an address plan.

        `attribute` is "netmask", "prefix", "gateway" or "dns". DNS servers are separated by commas.
        """
        if self.cidr is None:
            return ""
        subnet = ip_network(self.cidr)
        values = {
            "netmask": str(subnet.netmask),
            "prefix": str(subnet.prefixlen),
            "gateway": self.gateway or "",
            "dns": ",".join(self.dns),
        }
        return values[attribute]


class AddedDisk(Frozen):
    """An empty disk that the clones have in addition to the disks of the source."""

    size: Gibibytes
    """The size of the disk is in GiB."""


class AddedNetwork(Frozen):
    """A network interface that the clones have in addition to the interfaces of the source."""

    network: InventoryName
    """The interface is connected to this network."""


class Changes(Frozen):
    """Differences from the source that vSphere can apply while the clone runs."""

    num_cpus: Positive | None = None
    """Each clone has this number of CPUs. A higher number than in the source requires CPU hot add on the source."""
    memory: Megabytes | None = None
    """The memory of each clone is in MB. A higher value than in the source requires memory hot add on the source."""
    disks: tuple[AddedDisk, ...] = ()
    """Each clone has these additional disks."""
    networks: tuple[AddedNetwork, ...] = ()
    """Each clone has these additional network interfaces."""


class Fleet(Frozen):
    """The clones that are declared together. A fleet is one stack and one state."""

    name: FleetName
    """The name of the fleet is NAME in the heading [fleets.NAME]."""
    stack: Literal["dynamic", "static"] = "dynamic"
    """With "dynamic", the stack contains the hardware values of the look-up. With "static", it contains references to
    the data source of the source VM."""
    datacenter: InventoryName
    """The clones are created in this datacenter. The value is a name or an inventory path."""
    datastore: InventoryName | None = None
    """The clones are stored on this datastore. A fleet has either datastore or datastore_cluster."""
    datastore_cluster: InventoryName | None = None
    """The clones are stored on the member of this datastore cluster that holds the disks of the source."""
    resource_pool: InventoryName
    """The value is a path below the host folder of the datacenter, such as "CLUSTER/Resources"."""
    folder: FolderPath = ""
    """The value is a path relative to the VM folder of the datacenter. The default is the VM folder."""
    create_folder: StrictBool = False
    """The stack creates the folder, and deletes it when the fleet is destroyed."""
    names: NamePattern = "{fleet}-{index}"
    """The clone names follow this pattern, such as "web-{index:02d}"."""
    annotation: SentText | None = None
    """Each clone has this annotation. The default is the annotation of the source."""
    pin: StrictBool = True
    """A DRS override keeps DRS from moving the clones. A clone on another host shares no memory with the source."""
    timeout: PositiveMinutes = 30
    """The creation of one clone can take at most this number of minutes."""
    on_reboot: OnReboot = "error"
    """This setting applies to a change that would power off or move an existing clone. With "error", the plan fails.
    With "replace", the clone is replaced. With "reboot", the stock provider applies the change."""
    wait_for_network: Minutes = 0
    """The apply waits up to this number of minutes for the guest of a clone to report an address. 0 means no wait."""
    tags: tuple[Tag, ...] = ()
    """Each clone has these existing tags, in the form "category/name". The first slash ends the category."""
    custom_attributes: dict[AttributeName, SentText] = Field(default_factory=dict)
    """Each clone has these values of existing custom attributes."""
    ignore_changes: tuple[Argument, ...] = ()
    """The plan ignores changes of these arguments of vsphere_virtual_machine."""
    allow_duplicate_macs: StrictBool = False
    """With true, other VMs can have the MAC addresses of this fleet."""
    sources: tuple[Source, ...]
    """The clones of the fleet are clones of these running VMs."""
    networks: tuple[Network, ...] = ()
    """The tables configure the network interfaces of the clones, in the order of the interfaces of the source. An
    interface without a table keeps the network of the source and gets a generated MAC address."""
    guestinfo: dict[GuestinfoKey, GuestinfoValue] = Field(default_factory=dict)
    """The guest of each clone can read these keys. A value is a pattern with placeholders, such as "{name}", or a table
    such as { text = "…" }, { file = "…" } or { pattern = "…", encoding = "base64" }."""
    changes: Changes = Changes()
    """The clones have these differences from the source."""

    @property
    def cluster(self) -> str | None:
        """Return the part of `resource_pool` before /Resources, which is the path of the cluster, or None."""
        cluster, found, _ = f"{self.resource_pool}/".partition("/Resources/")
        return cluster if found and cluster else None

    def clone_name(self, index: int) -> str:
        """Return the name of the clone with this index."""
        return fill(self.names, {"fleet": self.name, "index": index})

    def interface_of(self, number: int | None, attribute: str) -> int | None:
        """Return the position of the interface that a placeholder refers to, or None if there is no such interface.

        The interface is `number` if it is set, for example in {nic1_ip}. The default is the first interface with an
        address plan. If no interface has an address plan, {mac} refers to the first interface with a `mac` other
        than "generated".
        """
        if number is not None:
            return number
        planned = (position for position, network in enumerate(self.networks) if network.planned)
        fixed = (position for position, network in enumerate(self.networks) if network.mac != GENERATED)
        return next(planned, next(fixed, None) if attribute == "mac" else None)

    def ignored_drift(self, source: Source) -> frozenset[str]:
        """Return the properties of `source` that need not match the record.

        If the fleet has an annotation of its own, no clone has the annotation of the source.
        """
        own = () if self.annotation is None else ("annotation",)
        return frozenset((*source.ignore_drift, *own))

    def record_path(self, source: Source) -> PurePosixPath:
        """Return the path of the record of `source`, relative to the project folder."""
        if source.record is not None:
            return PurePosixPath(source.record)
        has_no_key = len(self.sources) == 1 and "key" not in source.model_fields_set
        return PurePosixPath("sources", f"{self.name}.json" if has_no_key else f"{self.name}-{source.key}.json")


class FleetFile(Frozen):
    """The content of fleets.toml."""

    provider: ProviderSettings = ProviderSettings()
    """The table sets the release of the stock provider and the source address of the plugin."""
    state: StateSettings = StateSettings()
    """The table sets the Terraform backend that stores the states."""
    fleets: dict[str, Fleet]
    """Each key is the name of a fleet."""
