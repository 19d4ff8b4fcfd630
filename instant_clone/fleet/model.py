# SPDX-License-Identifier: MPL-2.0
"""A fleet, and the whole of fleets.toml, as frozen models.

A model by itself checks each value; what values say together is checked by `instant_clone.fleet.load`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, StrictBool

from instant_clone.fleet.addresses import GENERATED, SOURCE, Address, Cidr, MacRule, mac_number, network_of
from instant_clone.fleet.field_types import (
    Argument,
    AttributeName,
    Count,
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
    RecordPath,
    Release,
    ResourceName,
    Tag,
    VmReference,
    member_indexes,
)
from instant_clone.fleet.patterns import GuestinfoPattern, NamePattern, fill
from instant_clone.fleet.state import StateSettings
from instant_clone.stock_provider.names import OnReboot
from instant_clone.stock_provider.releases import NEWEST_CHECKED

__all__ = ["AddedDisk", "AddedNetwork", "Changes", "Fleet", "FleetFile", "Network", "ProviderSettings", "Source"]


class ProviderSettings(Frozen):
    """The stock provider's release that will apply the plan, and the address Terraform finds the plugin under."""

    version: Release = NEWEST_CHECKED
    source: ProviderAddress = "instantclone.internal/fleet/vsphere"


class Source(Frozen):
    """One running VM that is cloned, and which members of the fleet are its clones."""

    key: ResourceName = "vm"
    """names the Terraform resource, so that clones keep their addresses when their VM is renamed or replaced"""
    vm: VmReference
    """name, inventory path, "uuid:…" (BIOS UUID) or "moid:…" """
    count: Count | None = None
    """short for the members 0 to count - 1"""
    members: MemberIndexes | None = None
    generation: Positive = 1
    """a higher one replaces all clones of this source"""
    record: RecordPath | None = None

    @property
    def indexes(self) -> tuple[int, ...]:
        """The indexes of this source's members, ascending."""
        return tuple(range(self.count or 0)) if self.members is None else member_indexes(self.members)


class Network(Frozen):
    """A network interface of the clones, in the place of the source's one of the same position.

    The address plan is there when `cidr` and `first` are: the member with index i gets `first` + i.
    """

    network: InventoryName | None = None
    """None: the source's"""
    mac: MacRule = GENERATED
    """"generated", "source", or the address that the member with index 0 gets"""
    cidr: Cidr | None = None
    first: Address | None = None
    gateway: Address | None = None
    dns: tuple[Address, ...] = ()

    @property
    def planned(self) -> bool:
        """Whether members have addresses by plan."""
        return self.cidr is not None and self.first is not None

    @property
    def first_mac(self) -> int | None:
        """The MAC address of the member with index 0 as a number; None unless MAC addresses are counted up."""
        return None if self.mac in (GENERATED, SOURCE) else mac_number(self.mac)

    def common_value(self, attribute: str) -> str:
        """What the address plan has for all members: "netmask", "prefix", "gateway" or, separated by commas, "dns"."""
        if self.cidr is None:
            return ""
        subnet = network_of(self.cidr)
        values = {
            "netmask": str(subnet.netmask),
            "prefix": str(subnet.prefixlen),
            "gateway": self.gateway or "",
            "dns": ",".join(self.dns),
        }
        return values[attribute]


class AddedDisk(Frozen):
    """A disk that the source does not have; it comes empty."""

    size: Gibibytes
    """GiB"""


class AddedNetwork(Frozen):
    """A network interface that the source does not have."""

    network: InventoryName


class Changes(Frozen):
    """Differences from the source that vSphere makes while the clone runs."""

    num_cpus: Positive | None = None
    memory: Megabytes | None = None
    """MB"""
    disks: tuple[AddedDisk, ...] = ()
    networks: tuple[AddedNetwork, ...] = ()


class Fleet(Frozen):
    """Clones that are declared together: one stack, one state. `name` is the key of the fleet's table."""

    name: FleetName
    stack: Literal["dynamic", "static"] = "dynamic"
    """hardware as values of the look-up, or as references to the source's data source"""
    datacenter: InventoryName
    datastore: InventoryName | None = None
    """or datastore_cluster: a fleet has exactly one of them"""
    datastore_cluster: InventoryName | None = None
    """the clones go to its member that holds the source's disks"""
    resource_pool: InventoryName
    """path below the datacenter's host folder, such as "CLUSTER/Resources" """
    folder: FolderPath = ""
    """relative to the datacenter's VM folder; empty for that folder itself"""
    create_folder: StrictBool = False
    """the stack owns the folder: it makes it, and removes it with the fleet"""
    names: NamePattern = "{fleet}-{index}"
    annotation: str | None = None
    """None: the source's"""
    pin: StrictBool = True
    """keep DRS from moving the clones: a clone on another host shares no memory"""
    timeout: PositiveMinutes = 30
    """for one clone"""
    on_reboot: OnReboot = "error"
    """what becomes of a change that would power off or move an existing clone"""
    wait_for_network: Minutes = 0
    """until a clone's guest reports an address; 0 does not wait"""
    tags: tuple[Tag, ...] = ()
    """each "category/name"; the category is what stands before the first slash"""
    custom_attributes: dict[AttributeName, str] = Field(default_factory=dict)
    ignore_changes: tuple[Argument, ...] = ()
    """arguments of vsphere_virtual_machine that the plan leaves alone"""
    allow_duplicate_macs: StrictBool = False
    """the MAC addresses of this fleet may be those of others"""
    sources: tuple[Source, ...]
    networks: tuple[Network, ...] = ()
    """the clones' interfaces in the order of the source's; those beyond are left as they are"""
    guestinfo: dict[GuestinfoKey, GuestinfoPattern] = Field(default_factory=dict)
    changes: Changes = Changes()

    @property
    def cluster(self) -> str | None:
        """The cluster of the resource pool: what stands before /Resources in the pool's path, if anything."""
        cluster, found, _ = f"{self.resource_pool}/".partition("/Resources/")
        return cluster if found and cluster else None

    def clone_name(self, index: int) -> str:
        """The name of the clone with this index."""
        return fill(self.names, {"fleet": self.name, "index": index})

    def interface_of(self, number: int | None, attribute: str) -> int | None:
        """The interface that a placeholder means: that of its `number`, else the first one with an address plan.

        {mac} means the first one whose MAC addresses are given if no interface has an address plan. None if no
        interface is meant.
        """
        if number is not None:
            return number
        planned = (position for position, network in enumerate(self.networks) if network.planned)
        given = (position for position, network in enumerate(self.networks) if network.mac != GENERATED)
        return next(planned, next(given, None) if attribute == "mac" else None)

    def record_path(self, source: Source) -> PurePosixPath:
        """Where the record of `source` is kept, relative to the project's folder."""
        if source.record is not None:
            return PurePosixPath(source.record)
        alone = len(self.sources) == 1 and "key" not in source.model_fields_set
        return PurePosixPath("sources", f"{self.name}.json" if alone else f"{self.name}-{source.key}.json")


class FleetFile(Frozen):
    """The whole of fleets.toml."""

    provider: ProviderSettings = ProviderSettings()
    state: StateSettings = StateSettings()
    fleets: dict[str, Fleet]
