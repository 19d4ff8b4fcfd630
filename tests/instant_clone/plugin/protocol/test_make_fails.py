# SPDX-License-Identifier: MPL-2.0
"""Tests of failures before a new clone is read: the clone is removed, tainted, or kept for the next apply."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from instant_clone.errors import ConnectError, VcenterError
from instant_clone.ownership import OWNER_KEY
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import SOURCE_MOID, uuid_of
from tests.instant_clone.plugin.protocol.failures import (
    LEFT,
    MADE,
    NAMED,
    STOCK_FAILED,
    TAINTED,
    Arrange,
    before,
    copied,
    differs,
    fails,
    gone,
    make,
    stock_fails,
)

REMOVED = ["plugin: PowerOffVM_Task web-0", "plugin: Destroy_Task web-0"]
REMOVED_AGAIN = "error: Clone creation rolled back"
DISK = clone_config()["disk"][0]


def misled(bench: Bench) -> None:
    """Make the stock provider find the source at the path of the clone."""
    bench.stock.misled["/DC0/vm/web-0"] = SOURCE_MOID


def copied_first(bench: Bench) -> None:
    """Make the stock provider find the copy instead of the clone."""
    copied(bench)
    bench.world.vms = dict(reversed(bench.world.vms.items()))


ORPHAN = "error: Instant clone failed"
READ_BACK = [
    pytest.param(stock_fails("ImportResourceState", "Odd"), {}, ["error: Odd"], id="not-imported"),
    pytest.param(stock_fails("ReadResource", "Odd"), {}, ["error: Odd"], id="not-read"),
    pytest.param(
        stock_fails("ReadResource", grpc.StatusCode.INTERNAL), {}, [STOCK_FAILED], id="stock-provider-stumbles"
    ),
    pytest.param(misled, {}, ["error: Another virtual machine was imported"], id="another-vm-at-the-path"),
    pytest.param(
        before("ReadResource", copied_first),
        {},
        ["error: Another virtual machine was imported"], id="another-vm-of-the-uuid"
    ),
    pytest.param(
        differs(disk=[DISK | {"key": 2000 + unit, "unit_number": unit, "device_address": f"scsi:0:{unit}", "uuid": unit}
                      for unit in range(3)]),
        {},
        [ORPHAN],
        id="disks-that-the-configuration-lacks",
    ),
    pytest.param(
        fails("change", VcenterError("refused")),
        {"memory": 2048},
        ["error: vCenter rejected the request"],
        id="not-changed",
    ),
    pytest.param(fails("change", KeyError("x")), {}, ["error: Internal plugin error"], id="mistake"),
    # Without an owner marker no later apply can adopt the clone.
    pytest.param(stock_fails("ImportResourceState", Died()), {"mark": None}, [STOCK_FAILED], id="ended-and-no-marker"),
]  # fmt: skip


@pytest.mark.parametrize(("arrange", "arguments", "expected"), READ_BACK)
def test_removes_a_clone_that_cannot_be_read(
    bench: Bench, arrange: Arrange, arguments: dict[str, Any], expected: list[str]
) -> None:
    failed = make(bench, arrange, **arguments)

    assert failed.said == [*expected, REMOVED_AGAIN]
    assert failed.details[-1] == (
        "/DC0/vm/web-0: the clone was created, but it could not be read and was removed. Fix the errors above and "
        "apply again."
    )
    assert (failed.state, failed.private) == (None, b"")
    assert bench.calls == [MADE, *REMOVED]
    assert "web-0" not in bench.world.names()


def test_names_disks_without_a_disk_block(bench: Bench) -> None:
    disks = [
        {**disk, "unit_number": unit, "device_address": f"scsi:0:{unit}", "uuid": f"own-{unit}"}
        for unit in range(3)
        for disk in bench.world.vms[SOURCE_MOID].values["disk"][:1]
    ]

    failed = make(bench, differs(disk=disks))

    assert failed.details[0] == (
        "/DC0/vm/web-0: the configuration has no disk block for these disks of the clone: scsi unit 2, 16 GiB (Hard "
        "disk 3)."
    )


def test_never_removes_another_vm(bench: Bench) -> None:
    failed = make(bench, misled)

    assert failed.details[0].startswith(
        f"/DC0/vm/web-0: the stock provider read the virtual machine vm-1 (UUID {uuid_of(1)}), not vm-2 (UUID "
        f"{uuid_of(2)}). The virtual machine was not added to the state."
    )
    assert bench.world.names() == ["golden"]


def test_a_clone_that_disappears_before_it_is_read_is_not_in_the_state(bench: Bench) -> None:
    failed = make(bench, before("ImportResourceState", gone))

    assert failed.said[-1] == REMOVED_AGAIN
    assert failed.details[-1] == (
        "/DC0/vm/web-0: the clone was created, but it disappeared before it could be read. Apply again."
    )
    assert (failed.state, bench.calls) == (None, [MADE])


@pytest.mark.parametrize(
    ("left", "because"),
    [
        pytest.param(VcenterError("vCenter answers with TaskInProgress."), "vCenter answers with Task", id="refused"),
        pytest.param(ConnectError("no answer"), "no answer", id="no-connection"),
        pytest.param(OSError("broken"), "broken", id="mistake"),
    ],
)
def test_taints_a_clone_that_can_be_neither_read_nor_removed(bench: Bench, left: Exception, because: str) -> None:
    def arrange(bench: Bench) -> None:
        bench.stock.faults.add("ReadResource", "Odd", vm="web-0")
        bench.vcenter.faults.add("destroy", left, vm="web-0")

    failed = make(bench, arrange)

    assert failed.said == ["error: Odd", TAINTED]
    assert failed.details[1].startswith(
        f"{NAMED}: the clone was created, but it could be neither read nor removed: {because}"
    )
    assert "terraform untaint ADDRESS" in failed.details[1]
    names = ("name", "id", "uuid", "moid", "default_ip_address", "extra_config")
    assert {name: failed.state[name] for name in names} == {
        "name": "web-0",
        "id": uuid_of(2),
        "uuid": uuid_of(2),
        "moid": None,
        "default_ip_address": None,
        "extra_config": {OWNER_KEY: marker("web-0")},
    }
    assert [(disk["label"], disk["uuid"], disk["datastore_id"]) for disk in failed.state["disk"]] == [
        ("disk0", None, "<computed>"),
        ("disk1", None, "<computed>"),
    ]
    assert failed.private == PRIVATE
    assert bench.calls == [MADE, "plugin: PowerOffVM_Task web-0"]


@pytest.mark.parametrize("method", ["ImportResourceState", "ReadResource"])
def test_keeps_a_marked_clone_for_adoption_if_the_stock_provider_exits(bench: Bench, method: str) -> None:
    failed = make(bench, stock_fails(method, Died()))

    assert failed.said == [STOCK_FAILED, LEFT]
    assert failed.details[1] == (
        f"{NAMED}: the clone was created, but the stock vSphere provider exited. The clone is running and has the "
        "owner marker of this state. Apply again to adopt the clone."
    )
    assert (failed.state, failed.private, bench.calls) == (None, b"", [MADE])
    bench.stock.alive = True
    assert bench.plugin.make(clone_config()).said == ["warning: Existing clone adopted"]
