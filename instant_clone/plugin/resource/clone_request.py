# SPDX-License-Identifier: MPL-2.0
"""Conversion of a Terraform configuration into the request that clones a VM in vCenter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from instant_clone.plugin.resource.vcenter_client import ImportedVm
from instant_clone.plugin.wire.codec import InstantCloneBlock, is_unknown
from instant_clone.plugin.wire.values import Config

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest, HotChanges

__all__ = ["clone_request", "hot_changes", "is_fully_known"]


def is_fully_known(config: Config) -> bool:
    """Return whether Terraform knows every argument that the clone request needs.

    Values of extra_config may still be unknown.
    """
    return not any(is_unknown(value) for value in _request_values(config))


def hot_changes(config: Config, source: ImportedVm) -> HotChanges:
    """Return the configured values of annotation, num_cpus and memory that differ from the source's values.

    The plan has already rejected values that a running clone does not accept.
    """
    from instant_clone.vcenter.cloning.clone_task import HotChanges

    configured = {name: config.get(name) for name in ("annotation", "num_cpus", "memory")}
    state = source.imported.state
    return HotChanges(**{name: value for name, value in configured.items() if value != state.get(name)})


def clone_request(cloner: Cloner, config: Config, block: InstantCloneBlock, source: ImportedVm) -> CloneRequest:
    """Return the request for the clone that `config` describes, without the unknown values of extra_config.

    Raises:
        CloneError: no member of the configured datastore cluster holds the source's disks.
    """
    from instant_clone.vcenter.cloning.clone_task import CloneRequest, InterfaceEdit

    interfaces = zip(
        source.imported.state.get("network_interface") or (), config.get("network_interface") or (), strict=False
    )
    datastore, cluster = config.get("datastore_id"), config.get("datastore_cluster_id")
    if datastore is None and cluster is not None:
        datastore = cloner.member_of_cluster(source.vm, cluster)
    extra_config = config.get("extra_config")
    return CloneRequest(
        name=config["name"],
        resource_pool_id=config["resource_pool_id"],
        folder=config.get("folder") or "",
        datastore_id=datastore,
        interfaces=tuple(
            InterfaceEdit(
                key=existing["key"],
                network_id=configured["network_id"],
                mac_address=configured.get("mac_address") if configured.get("use_static_mac") else None,
            )
            for existing, configured in interfaces
        ),
        extra_config={
            key: value
            for key, value in (extra_config.items() if isinstance(extra_config, Mapping) else ())
            if not is_unknown(value)
        },
        timeout=block.timeout,
    )


def _request_values(config: Config) -> Iterator[object]:
    for argument in ("name", "resource_pool_id", "folder", "datastore_id", "datastore_cluster_id", "network_interface"):
        yield config.get(argument)
    interfaces = config.get("network_interface")
    for interface in interfaces if isinstance(interfaces, list) else ():
        if isinstance(interface, Mapping):
            yield from (interface.get(argument) for argument in ("network_id", "use_static_mac", "mac_address"))
        else:
            yield interface
