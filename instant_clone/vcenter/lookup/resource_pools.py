# SPDX-License-Identifier: MPL-2.0
"""Check of the resource pools in fleets.toml.

The stock provider's data source vsphere_resource_pool finds only resource pools (govmomi, find/finder.go,
ResourcePoolList). For a vApp, which is a subclass of ResourcePool in the vSphere API, its error is "not found". A clone
in a pool that is in a vApp could not be read (see instant_clone/vcenter/cloning/clone_spec.py).
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
    """Return a finding for each path that is the path of a vApp or of a resource pool in a vApp.

    A path without an object causes no finding, because the plan reports it. The function sends one request for each
    different path, and for each pool between a root resource pool and a pool in `wanted`.

    Raises:
        VcenterError: vCenter rejects a request.
    """
    ways = {each.inventory_path: _way(each) for each in wanted}
    with vcenter_errors(session.server, doing="looking for the resource pools"):
        found = {
            path: session.search_index.FindByInventoryPath(path.lstrip("/"))
            for path in dict.fromkeys(path for way in ways.values() for path in way)
        }
    findings = []
    for each in wanted:
        way = ways[each.inventory_path]
        app = next((path for path in way if isinstance(found[path], vim.VirtualApp)), None)
        if app == each.inventory_path:
            what = f"{app} of vCenter {session.server} is a vApp, and the stock provider finds only resource pools."
        elif app is not None and found[each.inventory_path] is not None:
            what = (
                f"{each.inventory_path} of vCenter {session.server} is in the vApp {app}, where the stock provider "
                "does not find a clone."
            )
        else:
            continue
        findings.append(Finding(each.where, what, "Use the resource pool that contains the vApp."))
    return findings


def _way(pool: PoolPath) -> list[str]:
    """Return the inventory paths of the pools from below the root resource pool down to `pool`."""
    root, resources, below = pool.inventory_path.partition("/Resources/")
    names = below.split("/")
    inner = [f"{root}{resources}{'/'.join(names[:end])}" for end in range(1, len(names))] if below else []
    return [*inner, pool.inventory_path]
