# SPDX-License-Identifier: MPL-2.0
"""The host of a source, on which the clones of the source start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyVmomi import vim

from instant_clone.vcenter.session.connection import Session, read_properties

__all__ = ["SourceHost", "read_host"]


@dataclass(frozen=True)
class SourceHost:
    """The properties of a host that the placement of clones needs. Ids are managed object ids."""

    name: str
    compute_resource_id: str
    """the cluster, or the compute resource of a standalone host"""
    networks: Mapping[str, vim.Network]
    """the host's networks by id"""
    datastore_ids: frozenset[str] | None
    """None if the user may not read the host's datastores"""


def read_host(session: Session, host: vim.HostSystem) -> SourceHost:
    """Return the properties of `host`. The function sends one request.

    Raises:
        vmodl.MethodFault: vCenter rejects the request.
        OSError, HTTPException, ExpatError: the connection is refused or broken.
    """
    values = read_properties(session, host, "name", "parent", "network", "datastore")
    datastores = values.get("datastore")
    return SourceHost(
        name=values["name"],
        compute_resource_id=values["parent"]._moId,
        networks={network._moId: network for network in values["network"]},
        datastore_ids=None if datastores is None else frozenset(datastore._moId for datastore in datastores),
    )
