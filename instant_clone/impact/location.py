# SPDX-License-Identifier: MPL-2.0
"""Changes for which the provider moves a VM to another host, resource pool or datastore.

The rules come from resourceVSphereVirtualMachineUpdate and ...UpdateLocation in resource_vsphere_virtual_machine.go and
from DiskMigrateRelocateOperation in virtual_machine_disk_subresource.go. A move does not power the VM off. A clone
shares memory with its source only on the same host, and disks only on the same datastore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown
from instant_clone.impact.disks import disk_pairs
from instant_clone.stock_provider.releases import CLUSTER_CHANGE_MOVES, DEFAULT_RELEASE, ProviderVersion

__all__ = ["moves"]


def moves(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = DEFAULT_RELEASE,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """Return the changes from `prior` to `planned` for which the stock provider calls RelocateVM_Task on the VM.

    The arguments have the shapes that `power_cycles` describes. A value that is unknown before the apply counts as a
    change: the provider plans an unknown datastore_id if the VM's datastore is not in the configured cluster.
    """
    return tuple(_moves(Comparison(prior, planned, version, is_unknown)))


def _moves(compared: Comparison) -> Iterator[Change]:
    pool = compared.differs("resource_pool_id")
    # VirtualMachineRelocateSpec.host: with a pool and without a host, DRS selects the host. The provider sends no host
    # with a new pool, because it plans an unknown host_system_id (…CustomizeDiffResourcePoolOperation).
    selected = pool and compared.unknown("host_system_id")
    if pool:
        why = "The VM moves into another resource pool"
        yield compared.change("resource_pool_id", f"{why}, and DRS selects the host." if selected else f"{why}.")
    if compared.differs("host_system_id") and not selected:
        yield compared.change(
            "host_system_id", "The VM moves to another host, where it shares no memory with its source."
        )
    if compared.differs("datastore_id"):
        yield compared.change("datastore_id", "The VM's files move to another datastore.")
    if compared.version >= CLUSTER_CHANGE_MOVES and compared.differs("datastore_cluster_id"):
        yield compared.change(
            "datastore_cluster_id", "Storage DRS relocates the VM, or the VM leaves its datastore cluster."
        )
    for index, disks in disk_pairs(compared):
        if disks.differs("datastore_id"):
            yield disks.change("datastore_id", "The disk moves to another datastore.", within=f"disk[{index}]")
