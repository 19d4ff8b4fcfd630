# SPDX-License-Identifier: MPL-2.0
"""The host on which a source runs, and on which its clones start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyVmomi import vim

from instant_clone.vcenter.session.connection import Session, read_properties

__all__ = ["SourceHost", "read_host"]


@dataclass(frozen=True)
class SourceHost:
    """What placing clones needs to know of a host. Ids are managed object ids."""

    name: str
    compute_resource_id: str
    """the cluster, or the compute resource of a host that is in none"""
    networks: Mapping[str, vim.Network]
    """by id"""
    datastore_ids: frozenset[str] | None
    """None: the user may not read them"""


def read_host(session: Session, host: vim.HostSystem) -> SourceHost:
    """Return what `host` has, read with one request. Raises the faults of the API and what the connection raises."""
    values = read_properties(session, host, "name", "parent", "network", "datastore")
    datastores = values.get("datastore")
    return SourceHost(
        name=values["name"],
        compute_resource_id=values["parent"]._moId,
        networks={network._moId: network for network in values["network"]},
        datastore_ids=None if datastores is None else frozenset(datastore._moId for datastore in datastores),
    )
