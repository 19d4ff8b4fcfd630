# SPDX-License-Identifier: MPL-2.0
"""The tables inside a fleet's table, and [provider], each by itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from instant_clone.fleet.addresses import GENERATED, SOURCE, Address, Cidr, MacRule, mac_number
from instant_clone.fleet.field_types import (
    Count,
    Gibibytes,
    InventoryName,
    Megabytes,
    MemberIndexes,
    Positive,
    ProviderAddress,
    RecordPath,
    Release,
    ResourceName,
    VmReference,
    member_indexes,
)
from instant_clone.stock_provider.releases import NEWEST_CHECKED

__all__ = ["AddedDisk", "AddedNetwork", "Changes", "Frozen", "Network", "ProviderSettings", "Source"]


class Frozen(BaseModel):
    """A table whose keys are all known, and which nobody changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
