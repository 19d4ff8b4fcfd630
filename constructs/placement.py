# SPDX-License-Identifier: MPL-2.0
"""Where clones go: datacenter, datastore, resource pool, folder, and the cluster that they are pinned in."""

from __future__ import annotations

from typing import TypeVar

from cdktf import TerraformElement, TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_compute_cluster import DataVsphereComputeCluster
from cdktf_cdktf_provider_vsphere.data_vsphere_datacenter import DataVsphereDatacenter
from cdktf_cdktf_provider_vsphere.data_vsphere_datastore import DataVsphereDatastore
from cdktf_cdktf_provider_vsphere.data_vsphere_datastore_cluster import DataVsphereDatastoreCluster
from cdktf_cdktf_provider_vsphere.data_vsphere_resource_pool import DataVsphereResourcePool
from cdktf_cdktf_provider_vsphere.folder import Folder

from constructs import Construct

from .finder_patterns import finder_template

__all__ = ["Placement"]

_Element = TypeVar("_Element", bound=TerraformElement)


class Placement(Construct):
    """The inventory objects that clones are put into, looked up by Terraform at plan time.

    Texts are Terraform templates, so they may hold references. Names are found exactly, whatever characters they have;
    a percent sign or a slash in one is written as vCenter stores it, %25 or %2f. Either `datastore` is needed, or
    `datastore_cluster`: then a clone goes to the member that holds its source's disks. `resource_pool` is a path below
    the datacenter's host folder, such as "CLUSTER/Resources", `folder` one below its VM folder; without it, clones go
    into the VM folder itself. With `create_folder`, the last part of `folder` belongs to this construct: it is made,
    and removed with it. With `cluster`, an InstantCloneFleet pins its clones there. `prefix` begins the addresses of
    everything here, and tells several placements of one stack apart.

    Raises ValueError unless there is one of `datastore` and `datastore_cluster`.
    """

    datacenter_id: str
    datastore_id: str | None
    datastore_cluster_id: str | None
    resource_pool_id: str
    folder: str | None
    """relative to the datacenter's VM folder; None for that folder itself"""
    cluster_id: str | None

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        datacenter: str,
        datastore: str | None = None,
        datastore_cluster: str | None = None,
        resource_pool: str,
        folder: str = "",
        create_folder: bool = False,
        cluster: str | None = None,
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        if (datastore is None) == (datastore_cluster is None):
            raise ValueError("a placement needs a datastore or a datastore_cluster, and only one of them")
        super().__init__(scope, id_)

        def named(element: _Element) -> _Element:
            element.override_logical_id(prefix + element.node.id)
            return element

        def exactly(name: str, template: str) -> str:
            return finder_template(self, template, local=f"{prefix}{name}_name")

        self.datacenter_id = datacenter_id = named(
            DataVsphereDatacenter(self, "datacenter", name=exactly("datacenter", datacenter), provider=provider)
        ).id
        self.datastore_id = self.datastore_cluster_id = None
        if datastore is not None:
            self.datastore_id = named(
                DataVsphereDatastore(
                    self,
                    "datastore",
                    name=exactly("datastore", datastore),
                    datacenter_id=datacenter_id,
                    provider=provider,
                )
            ).id
        if datastore_cluster is not None:
            self.datastore_cluster_id = named(
                DataVsphereDatastoreCluster(
                    self,
                    "datastore_cluster",
                    name=exactly("datastore_cluster", datastore_cluster),
                    datacenter_id=datacenter_id,
                    provider=provider,
                )
            ).id
        self.resource_pool_id = named(
            DataVsphereResourcePool(
                self,
                "resource_pool",
                name=exactly("resource_pool", resource_pool),
                datacenter_id=datacenter_id,
                provider=provider,
            )
        ).id
        self.cluster_id = None
        if cluster is not None:
            self.cluster_id = named(
                DataVsphereComputeCluster(
                    self, "cluster", name=exactly("cluster", cluster), datacenter_id=datacenter_id, provider=provider
                )
            ).id
        self.folder = folder or None
        if create_folder:
            # A reference, so that the folder is there before the clones and goes after them.
            self.folder = named(
                Folder(self, "folder", path=folder, type="vm", datacenter_id=datacenter_id, provider=provider)
            ).path
