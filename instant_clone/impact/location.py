# SPDX-License-Identifier: MPL-2.0
"""Where a VM runs and lies: the changes for which the provider moves it.

resource_vsphere_virtual_machine.go: resourceVSphereVirtualMachineUpdate and ...UpdateLocation;
virtual_machine_disk_subresource.go: DiskMigrateRelocateOperation. No move powers the VM off. A clone shares memory with
its source on the host where both run, and disks with it on the datastore where both lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown
from instant_clone.impact.disks import disk_pairs
from instant_clone.stock_provider.releases import CLUSTER_CHANGE_MOVES, NEWEST_CHECKED, ProviderVersion

__all__ = ["moves"]


def moves(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = NEWEST_CHECKED,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """The changes from `prior` to `planned` for which the stock provider calls RelocateVM_Task on the VM.

    Values are as for `power_cycles`. A value that is not known before the apply counts as a change: the provider plans
    datastore_id so when the VM's datastore is not in the configured cluster.
    """
    return tuple(_moves(Comparison(prior, planned, version, is_unknown)))


def _moves(compared: Comparison) -> Iterator[Change]:
    pool = compared.differs("resource_pool_id")
    # VirtualMachineRelocateSpec.host: with a pool and no host, DRS selects one. The provider names none then, since it
    # plans host_system_id as unknown (…CustomizeDiffResourcePoolOperation).
    selected = pool and compared.unknown("host_system_id")
    if pool:
        why = "The VM is relocated into another resource pool"
        yield compared.change("resource_pool_id", f"{why}, and DRS selects the host." if selected else f"{why}.")
    if compared.differs("host_system_id") and not selected:
        yield compared.change("host_system_id", "The VM is moved to another host, and shares no memory there.")
    if compared.differs("datastore_id"):
        yield compared.change("datastore_id", "The VM's files are moved to another datastore.")
    if compared.version >= CLUSTER_CHANGE_MOVES and compared.differs("datastore_cluster_id"):
        yield compared.change("datastore_cluster_id", "The VM is relocated by Storage DRS, or out of its reach.")
    for index, disks in disk_pairs(compared):
        if disks.differs("datastore_id"):
            yield disks.change("datastore_id", "The disk is moved to another datastore.", within=f"disk[{index}]")
