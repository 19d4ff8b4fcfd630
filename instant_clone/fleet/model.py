# SPDX-License-Identifier: MPL-2.0
"""A fleet, and the whole of fleets.toml, as frozen models.

A model by itself checks each value; what values say together is checked by `instant_clone.fleet.load`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, StrictBool

from instant_clone.fleet.field_types import (
    Argument,
    AttributeName,
    FleetName,
    FolderPath,
    GuestinfoKey,
    InventoryName,
    Minutes,
    PositiveMinutes,
    Tag,
)
from instant_clone.fleet.patterns import GuestinfoPattern, NamePattern, fill
from instant_clone.fleet.state import StateSettings
from instant_clone.fleet.tables import Changes, Frozen, Network, ProviderSettings, Source
from instant_clone.stock_provider.names import OnReboot

__all__ = ["Fleet", "FleetFile"]


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
