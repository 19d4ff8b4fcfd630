# SPDX-License-Identifier: MPL-2.0
"""What vCenter is asked for, from a configuration as Terraform hands it over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from instant_clone.plugin.resource.vcenter_client import ImportedVm
from instant_clone.plugin.wire.codec import InstantCloneBlock, is_unknown
from instant_clone.plugin.wire.values import Config

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest, HotChanges

__all__ = ["clone_request", "hot_changes", "is_settled"]


def is_settled(config: Config) -> bool:
    """Whether all is known that says which clone is to be made where; values of extra_config may be missing."""
    return not any(is_unknown(value) for value in _decisive(config))


def hot_changes(config: Config, source: ImportedVm) -> HotChanges:
    """Where the configuration asks for another value than the source's; the plan has seen to it that these are hot."""
    from instant_clone.vcenter.cloning.clone_task import HotChanges

    asked = {name: config.get(name) for name in ("annotation", "num_cpus", "memory")}
    state = source.imported.state
    return HotChanges(**{name: value for name, value in asked.items() if value != state.get(name)})


def clone_request(cloner: Cloner, config: Config, block: InstantCloneBlock, source: ImportedVm) -> CloneRequest:
    """The clone that `config` describes; values of extra_config that are not known are left out.

    Raises CloneError if no member of a configured datastore cluster holds the source's disks.
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
                key=theirs["key"],
                network_id=ours["network_id"],
                mac_address=ours.get("mac_address") if ours.get("use_static_mac") else None,
            )
            for theirs, ours in interfaces
        ),
        extra_config={
            key: value
            for key, value in (extra_config.items() if isinstance(extra_config, Mapping) else ())
            if not is_unknown(value)
        },
        timeout=block.timeout,
    )


def _decisive(config: Config) -> Iterator[object]:
    for argument in ("name", "resource_pool_id", "folder", "datastore_id", "datastore_cluster_id", "network_interface"):
        yield config.get(argument)
    interfaces = config.get("network_interface")
    for interface in interfaces if isinstance(interfaces, list) else ():
        if isinstance(interface, Mapping):
            yield from (interface.get(argument) for argument in ("network_id", "use_static_mac", "mac_address"))
        else:
            yield interface
