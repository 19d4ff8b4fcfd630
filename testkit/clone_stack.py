# SPDX-License-Identifier: MPL-2.0
"""Terraform configurations with instant clones of a VM in the simulator, as dictionaries in Terraform's JSON syntax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from instant_clone.replica import replicate
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from instant_clone.vm.source_vm import SourceVm
from testkit.simulator import Simulator

__all__ = ["PROVIDER_SOURCE", "clones", "document", "machine", "source_of"]

PROVIDER_SOURCE = "instantclone.internal/fleet/vsphere"


def source_of(simulator: Simulator, name: str) -> SourceVm:
    """Return a VM of the simulator, as the product's look_up() reads it."""
    settings = ConnectionSettings(simulator.address, simulator.user, simulator.password, allow_unverified_ssl=True)
    with connect(settings) as session:
        return look_up(session, name, datacenter="DC0")


def machine(source: SourceVm, release: ProviderVersion, **arguments: Any) -> dict[str, Any]:
    """Return the arguments of a vsphere_virtual_machine that clones `source`; `arguments` override them."""
    replica = replicate(source, release)
    body: dict[str, Any] = {
        **replica.arguments,
        "resource_pool_id": "${data.vsphere_resource_pool.pool.id}",
        "datastore_id": "${data.vsphere_datastore.datastore.id}",
        "wait_for_guest_net_timeout": 0,
        "instantclone": [{"source_uuid": source.uuid}],
        "disk": [dict(disk) for disk in replica.disks],
        "network_interface": [dict(interface) for interface in replica.network_interfaces],
        "cdrom": [dict(cdrom) for cdrom in replica.cdroms],
    }
    if is_known(release, "extra_config_reboot_required"):
        body["extra_config_reboot_required"] = False
    if replica.ignore_changes:
        body["lifecycle"] = {"ignore_changes": list(replica.ignore_changes)}
    return body | deepcopy(arguments)


def clones(source: SourceVm, release: ProviderVersion, names: Iterable[str], **arguments: Any) -> dict[str, Any]:
    """Return a configuration with one resource "vm" that has an instance for each of `names`."""
    body = machine(source, release, name="${each.key}", **arguments)
    return document(release, {"vm": {"for_each": "${toset(" + _list(names) + ")}", **body}})


def document(release: ProviderVersion, machines: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """Return a configuration with the resources `machines` and the data sources for their placement.

    `others` are top-level blocks that are added or that replace blocks of the same name.
    """
    in_datacenter = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    whole: dict[str, Any] = {
        "terraform": {
            "required_providers": {"vsphere": {"source": PROVIDER_SOURCE, "version": str(release)}},
        },
        "provider": {"vsphere": {}},
        "data": {
            "vsphere_datacenter": {"datacenter": {"name": "DC0"}},
            "vsphere_datastore": {"datastore": {"name": "LocalDS_0", **in_datacenter}},
            "vsphere_resource_pool": {"pool": {"name": "DC0_C0/Resources", **in_datacenter}},
        },
    }
    if machines:
        whole["resource"] = {"vsphere_virtual_machine": dict(machines)}
    return whole | others


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
