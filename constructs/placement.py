# SPDX-License-Identifier: MPL-2.0
"""A construct that looks up the datacenter, datastore, resource pool, folder and cluster of clones."""

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
    """The inventory objects that contain the clones, which Terraform looks up at plan time.

    Strings are Terraform templates and can contain references. Each name matches exactly one object; wildcard
    characters have no special meaning. Write a percent sign or a slash in a name as vCenter stores it: %25 or %2f.

    - `datastore` or `datastore_cluster`: exactly one of them. In a datastore cluster, a clone uses the member datastore
      that contains its source's disks.
    - `resource_pool`: a path below the datacenter's host folder, such as "CLUSTER/Resources".
    - `folder`: a path below the datacenter's VM folder; default "", the VM folder itself.
    - `create_folder`: whether Terraform creates the last component of `folder`, and deletes it together with this
      construct.
    - `cluster`: the cluster in which InstantCloneFleet pins the clones; default None, which does not pin them.
    - `prefix`: a prefix for all Terraform addresses of this construct. Give each placement of a stack a different
      prefix.

    Raises:
        ValueError: Neither or both of `datastore` and `datastore_cluster` are set.
    """

    datacenter_id: str
    """A reference to the datacenter's id."""
    datastore_id: str | None
    """A reference to the datastore's id; None with a datastore cluster."""
    datastore_cluster_id: str | None
    """A reference to the datastore cluster's id; None with a datastore."""
    resource_pool_id: str
    """A reference to the resource pool's id."""
    folder: str | None
    """The folder's path relative to the datacenter's VM folder; None for the VM folder itself."""
    cluster_id: str | None
    """A reference to the cluster's id; None without `cluster`."""

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
            raise ValueError("placement: set exactly one of datastore and datastore_cluster")
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
            # The reference makes Terraform create the folder before the clones, and delete it after them.
            self.folder = named(
                Folder(self, "folder", path=folder, type="vm", datacenter_id=datacenter_id, provider=provider)
            ).path
