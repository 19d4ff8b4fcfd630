# SPDX-License-Identifier: MPL-2.0
"""Check of the resource pools in fleets.toml.

The stock provider's data source vsphere_resource_pool finds only resource pools (govmomi, find/finder.go,
ResourcePoolList). For a vApp, which is a subclass of ResourcePool in the vSphere API, its error is "not found".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyVmomi import vim

from instant_clone.errors import Finding
from instant_clone.vcenter.lookup.selectors import datacenter_path
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.faults import vcenter_errors

__all__ = ["PoolPath", "pool_findings"]


@dataclass(frozen=True)
class PoolPath:
    """The path of a resource pool in fleets.toml."""

    where: str
    """place in the file"""
    datacenter: str
    path: str
    """path below the host folder of the datacenter, such as "CLUSTER/Resources/POOL" """

    @property
    def inventory_path(self) -> str:
        """Return the inventory path, such as "/DC/host/CLUSTER/Resources/POOL"."""
        return f"{datacenter_path(self.datacenter)}/host/{self.path}"


def pool_findings(session: Session, wanted: Sequence[PoolPath]) -> list[Finding]:
    """Return a finding for each path that is the path of a vApp.

    A path without an object causes no finding, because the plan reports it. The function sends one request for each
    different path.

    Raises:
        VcenterError: vCenter rejects a request.
    """
    paths = dict.fromkeys(each.inventory_path for each in wanted)
    with vcenter_errors(session.server, doing="looking for the resource pools"):
        found = {path: session.search_index.FindByInventoryPath(path.lstrip("/")) for path in paths}
    return [
        Finding(
            each.where,
            f"{each.inventory_path} of vCenter {session.server} is a vApp, and the stock provider finds only resource "
            "pools.",
            "Use the resource pool that contains the vApp.",
        )
        for each in wanted
        if isinstance(found[each.inventory_path], vim.VirtualApp)
    ]
