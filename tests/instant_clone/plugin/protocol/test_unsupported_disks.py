# SPDX-License-Identifier: MPL-2.0
"""Tests of VMs with disks of a format that the stock provider does not read: clones, sources and clones of a state."""

from __future__ import annotations

from typing import Any

from instant_clone.errors import VcenterError
from testkit.standins.bench import Bench, clone_config
from testkit.standins.stock import PRIVATE, Died
from tests.instant_clone.plugin.protocol.failures import LEFT, MADE, STOCK_FAILED, before, make

STOCK_MESSAGE = (
    "error: disk.0: unsupported disk type at scsi:0:0 (expected flat VMDK version 2, got "
    "*types.VirtualDiskSeSparseBackingInfo)"
)
NOT_SUPPORTED = "error: Disk format not supported"
ROLLED_BACK = "error: Clone creation rolled back"
FORMAT = (
    "vCenter reports the format SEsparse (VirtualDiskSeSparseBackingInfo) for these disks:\n"
    "  Hard disk 1 ([store] web-0/web-0.vmdk, VMFS 6)\n"
    "No release of the stock vSphere provider reads disks of this format. VMFS 6 uses it for all delta disks, and "
    "VMFS 5 for the delta disks of disks of 2 TB or more. "
)
OTHER_SOURCE = "Use a source whose disks are on a datastore with another file system, such as vSAN."
REMOVED = ["plugin: PowerOffVM_Task web-0", "plugin: Destroy_Task web-0"]
DISKS = clone_config()["disk"]


def sparse(bench: Bench, name: str = "web-0") -> None:
    """Give a VM disks that the stock provider does not read."""
    disks = (f"Hard disk 1 ([store] {name}/{name}.vmdk, VMFS 6)",)
    bench.world.change(bench.world.named(name), unsupported_disks=disks)


def unread(bench: Bench, **arguments: Any) -> dict[str, Any]:
    """Return the state of a clone that could be neither read nor removed."""
    bench.vcenter.faults.add("destroy", VcenterError("busy"), vm="web-0")
    tainted = make(bench, before("ImportResourceState", sparse), **arguments)
    assert tainted.said == [STOCK_MESSAGE, NOT_SUPPORTED, "error: Clone is tainted"]
    bench.calls.clear()
    return dict(tainted.state)


def test_removes_the_clone_and_names_its_disks(bench: Bench) -> None:
    failed = make(bench, before("ImportResourceState", sparse))

    assert failed.said == [STOCK_MESSAGE, NOT_SUPPORTED, ROLLED_BACK]
    assert failed.details[1] == f"/DC0/vm/web-0: {FORMAT}{OTHER_SOURCE}"
    assert (failed.state, bench.calls) == (None, [MADE, *REMOVED])


def test_error_of_the_stock_provider_remains_if_the_disks_cannot_be_checked(bench: Bench) -> None:
    bench.vcenter.faults.add("unsupported_disks", VcenterError("refused"))

    failed = make(bench, before("ImportResourceState", sparse))

    assert failed.said == [STOCK_MESSAGE, ROLLED_BACK]
    assert (failed.state, bench.calls) == (None, [MADE, *REMOVED])


def test_keeps_the_clone_for_adoption_if_the_stock_provider_exits(bench: Bench) -> None:
    def arrange(bench: Bench) -> None:
        bench.stock.faults.add("ImportResourceState", Died(), vm="web-0")
        before("ImportResourceState", sparse)(bench)

    failed = make(bench, arrange)

    assert failed.said == [STOCK_FAILED, LEFT]
    assert (failed.state, bench.calls) == (None, [MADE])


def test_refresh_keeps_the_state_of_a_clone_that_was_never_read(bench: Bench) -> None:
    """An error would also fail the plan that replaces the tainted clone."""
    state = unread(bench)

    read = bench.plugin.read(state, private=PRIVATE)

    assert (read.said, read.state, read.private) == (["warning: Clone cannot be read"], state, PRIVATE)
    assert read.details == [f"/DC0/vm/web-0: {FORMAT}{OTHER_SOURCE} Terraform can only replace or destroy this clone."]
    destroyed = bench.plugin.destroy(state)
    assert (destroyed.said, destroyed.state) == ([], None)
    assert bench.calls == ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0"]


def test_does_not_destroy_a_clone_with_kept_disks_that_was_never_read(bench: Bench) -> None:
    """The stock provider needs the addresses of the disks, which only a read returns."""
    state = unread(bench, disk=[DISKS[0], DISKS[1] | {"keep_on_remove": True}])

    failed = bench.plugin.destroy(state)

    assert failed.said == [STOCK_MESSAGE, NOT_SUPPORTED]
    assert (failed.state, bench.calls) == (state, [])


def test_failed_refresh_of_a_clone_names_its_disks(bench: Bench) -> None:
    state = bench.made()
    sparse(bench)

    failed = bench.plugin.read(state)

    assert failed.said == [STOCK_MESSAGE, NOT_SUPPORTED]
    assert failed.details[1] == (
        f"web-0: {FORMAT}Remove the snapshots of the clone, or move its disks to a datastore with another file system. "
        "Until then, plan, apply or destroy with -refresh=false."
    )
    assert bench.calls == []


def test_failed_refresh_of_a_clone_with_other_disks_has_no_further_error(bench: Bench) -> None:
    state = bench.made()
    bench.stock.faults.add("ReadResource", "Odd", vm="web-0")

    assert bench.plugin.read(state).said == ["error: Odd"]


def test_plan_of_a_new_clone_names_the_disks_of_the_source(bench: Bench) -> None:
    sparse(bench, "golden")

    plan = bench.plugin.plan(None, clone_config())

    path = " (instantclone[0].source_uuid)"
    assert [said.replace(path, "") for said in plan.said] == [STOCK_MESSAGE, NOT_SUPPORTED]
    assert plan.details[1].startswith("/DC0/vm/golden: vCenter reports the format SEsparse")
    assert plan.details[1].endswith(OTHER_SOURCE)
