# SPDX-License-Identifier: MPL-2.0
"""A construct that looks up the datacenter, datastore, resource pool, folder and cluster of clones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cdktf import TerraformDataSource, TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_compute_cluster import DataVsphereComputeCluster
from cdktf_cdktf_provider_vsphere.data_vsphere_datacenter import DataVsphereDatacenter
from cdktf_cdktf_provider_vsphere.data_vsphere_datastore import DataVsphereDatastore
from cdktf_cdktf_provider_vsphere.data_vsphere_datastore_cluster import DataVsphereDatastoreCluster
from cdktf_cdktf_provider_vsphere.data_vsphere_resource_pool import DataVsphereResourcePool
from cdktf_cdktf_provider_vsphere.folder import Folder

from constructs import Construct

from .finder_patterns import finder_template

__all__ = ["Placement"]

_DataSource = TypeVar("_DataSource", bound=TerraformDataSource)


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

        def looked_up(kind: Callable[..., _DataSource], name: str, template: str, **arguments: str) -> _DataSource:
            exactly = finder_template(self, template, local=f"{prefix}{name}_name")
            element = kind(self, name, name=exactly, provider=provider, **arguments)
            element.override_logical_id(prefix + name)
            return element

        self.datacenter_id = looked_up(DataVsphereDatacenter, "datacenter", datacenter).id
        inside = {"datacenter_id": self.datacenter_id}
        self.datastore_id = self.datastore_cluster_id = self.cluster_id = None
        if datastore is not None:
            self.datastore_id = looked_up(DataVsphereDatastore, "datastore", datastore, **inside).id
        if datastore_cluster is not None:
            found = looked_up(DataVsphereDatastoreCluster, "datastore_cluster", datastore_cluster, **inside)
            self.datastore_cluster_id = found.id
        self.resource_pool_id = looked_up(DataVsphereResourcePool, "resource_pool", resource_pool, **inside).id
        if cluster is not None:
            self.cluster_id = looked_up(DataVsphereComputeCluster, "cluster", cluster, **inside).id
        self.folder = folder or None
        if create_folder:
            # The reference makes Terraform create the folder before the clones, and delete it after them.
            created = Folder(
                self, "folder", path=folder, type="vm", datacenter_id=self.datacenter_id, provider=provider
            )
            created.override_logical_id(f"{prefix}folder")
            self.folder = created.path
