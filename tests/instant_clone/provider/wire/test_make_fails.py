# SPDX-License-Identifier: MPL-2.0
"""What goes wrong after a clone was made: it is removed, tainted, or left to the next apply, and never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from instant_clone.errors import ConnectError, VcenterError
from instant_clone.owner import OWNER_KEY
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import SOURCE_MOID, uuid_of
from testkit.wire import BLOCK

Arrange = Callable[[Bench], object]
MADE = "plugin: InstantClone_Task web-0"
REMOVED = ["plugin: PowerOffVM_Task web-0", "plugin: Destroy_Task web-0"]
UPDATED = "stock: ReconfigVM_Task web-0 cpu_limit"
REMOVED_AGAIN = "error: Clone removed again"
TAINTED = "error: Clone is in the state as tainted"
LEFT = "error: Clone left to the next apply"
STOCK_FAILED = "error: Stock vSphere provider failed"
NAMED = f"/DC0/vm/web-0 (UUID {uuid_of(2)})"
DISK = clone_config()["disk"][0]


def stock_fails(method: str, fault: Any) -> Arrange:
    return lambda bench: bench.stock.faults.add(method, fault, vm="web-0")


def fails(operation: str, fault: Exception) -> Arrange:
    return lambda bench: bench.vcenter.faults.add(operation, fault)


def differs(**values: Any) -> Arrange:
    return lambda bench: setattr(bench.world, "clones_differ", values)


def misled(bench: Bench) -> None:
    """Let the path of the clone lead to the source."""
    bench.stock.misled["/DC0/vm/web-0"] = SOURCE_MOID


def before(method: str, then: Callable[[Bench], object], *, at: int = 1) -> Arrange:
    """Let something happen right before the stock provider is asked that of the clone for the time `at`."""

    def arrange(bench: Bench) -> None:
        seen: list[str] = []

        def hold(asked: str, vm: str) -> None:
            if (asked, vm) == (method, "web-0"):
                seen.append(asked)
                if len(seen) == at:
                    then(bench)

        bench.stock.hold = hold

    return arrange


def gone(bench: Bench) -> None:
    bench.world.remove(bench.world.named("web-0"))


def copied(bench: Bench) -> None:
    bench.world.clone("copy", {}, uuid=uuid_of(2))


def copied_first(bench: Bench) -> None:
    """Let the stock provider find the copy and not the clone."""
    copied(bench)
    bench.world.vms = dict(reversed(bench.world.vms.items()))


def make(bench: Bench, arrange: Arrange, **arguments: Any) -> Any:
    plan = bench.plugin.plan(None, clone_config(**arguments))
    assert plan.said == []
    # What goes wrong does so once the clone is there, also where the plan has asked the same.
    arrange(bench)
    return bench.plugin.apply(plan)


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
        fails("change", VcenterError("refused")), {"memory": 2048}, ["error: vCenter refuses"], id="not-changed"
    ),
    pytest.param(fails("change", KeyError("x")), {}, ["error: Error in the instant clone plugin"], id="mistake"),
    # Without a marker no later apply would find it.
    pytest.param(stock_fails("ImportResourceState", Died()), {"mark": None}, [STOCK_FAILED], id="ended-and-no-marker"),
]  # fmt: skip


@pytest.mark.parametrize(("arrange", "arguments", "said"), READ_BACK)
def test_a_clone_that_cannot_be_read_back_is_removed(
    bench: Bench, arrange: Arrange, arguments: dict[str, Any], said: list[str]
) -> None:
    failed = make(bench, arrange, **arguments)

    assert failed.said == [*said, REMOVED_AGAIN]
    assert failed.details[-1] == (
        "/DC0/vm/web-0 was made but could not be read back, so it was removed. Apply again once the cause above is "
        "mended."
    )
    assert (failed.state, failed.private) == (None, b"")
    assert bench.calls == [MADE, *REMOVED]
    assert "web-0" not in bench.world.names()


def test_the_disks_that_the_configuration_lacks_are_named(bench: Bench) -> None:
    disks = [
        {**disk, "unit_number": unit, "device_address": f"scsi:0:{unit}", "uuid": f"own-{unit}"}
        for unit in range(3)
        for disk in bench.world.vms[SOURCE_MOID].values["disk"][:1]
    ]

    failed = make(bench, differs(disk=disks))

    assert failed.details[0] == ("The clone has disks that its configuration lacks: scsi unit 2, 16 GiB (Hard disk 3).")


def test_another_vm_than_the_clone_is_never_removed(bench: Bench) -> None:
    failed = make(bench, misled)

    assert failed.details[0].startswith(
        f"/DC0/vm/web-0: the stock provider read the virtual machine vm-1 (UUID {uuid_of(1)}), not vm-2 (UUID "
        f"{uuid_of(2)}). Nothing of it is in the state."
    )
    assert bench.world.names() == ["golden"]


def test_a_clone_that_is_gone_before_it_is_read_back_is_not_in_the_state(bench: Bench) -> None:
    failed = make(bench, before("ImportResourceState", gone))

    assert failed.said[-1] == REMOVED_AGAIN
    assert failed.details[-1] == "/DC0/vm/web-0 was made, and was gone before it could be read back. Apply again."
    assert (failed.state, bench.calls) == (None, [MADE])


@pytest.mark.parametrize(
    ("left", "because"),
    [
        pytest.param(VcenterError("vCenter answers with TaskInProgress."), "vCenter answers with Task", id="refused"),
        pytest.param(ConnectError("no answer"), "no answer", id="no-connection"),
        pytest.param(OSError("broken"), "broken", id="mistake"),
    ],
)
def test_a_clone_that_can_neither_be_read_back_nor_removed_is_tainted(
    bench: Bench, left: Exception, because: str
) -> None:
    def arrange(bench: Bench) -> None:
        bench.stock.faults.add("ReadResource", "Odd", vm="web-0")
        bench.vcenter.faults.add("destroy", left, vm="web-0")

    failed = make(bench, arrange)

    assert failed.said == ["error: Odd", TAINTED]
    assert failed.details[1].startswith(
        f"{NAMED} was made, could not be read back, and could not be removed: {because}"
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
def test_a_marked_clone_is_left_to_the_next_apply_when_the_stock_provider_ends(bench: Bench, method: str) -> None:
    failed = make(bench, stock_fails(method, Died()))

    assert failed.said == [STOCK_FAILED, LEFT]
    assert failed.details[1] == (
        f"{NAMED} was made, but the stock vSphere provider has ended. The clone runs and carries the mark of this "
        "state: apply again, and it is taken over."
    )
    assert (failed.state, failed.private, bench.calls) == (None, b"", [MADE])
    bench.stock.alive = True
    assert bench.plugin.make(clone_config()).said == ["warning: Clone taken over"]


LATER = [
    pytest.param(
        stock_fails("ApplyResourceChange", "Cannot set"),
        {"cpu_limit": 2000},
        ["error: Cannot set"],
        {"cpu_limit": 2000, "num_cpus": 1},
        [MADE],
        id="setting-refused",
    ),
    pytest.param(
        stock_fails("PlanResourceChange", "Cannot plan"), {}, ["error: Cannot plan"], {}, [MADE], id="not-planned"
    ),
    pytest.param(
        before("ApplyResourceChange", gone),
        {"cpu_limit": 2000},
        [f'error: cannot locate virtual machine with UUID "{uuid_of(2)}"'],
        {"cpu_limit": 2000},
        [MADE],
        id="gone",
    ),
    pytest.param(
        before("PlanResourceChange", copied),
        {"cpu_limit": 2000},
        ["error: BIOS UUID is not unique"],
        {"cpu_limit": -1},
        [MADE],
        id="uuid-not-unique",
    ),
    pytest.param(
        differs(vmware_tools_status="guestToolsNotRunning"),
        {"network_interface": [clone_config()["network_interface"][0] | {"adapter_type": "e1000"}]},
        ["error: Configuration would power-cycle the clone"],
        {},
        [MADE],
        id="would-be-powered-off",
    ),
    pytest.param(
        lambda bench: setattr(bench.vcenter, "guest_reports", False),
        {"wait_for_guest_net_timeout": 5},
        ["error: Instant clone failed"],
        {"cpu_limit": -1},
        [MADE],
        id="guest-s-network",
    ),
    pytest.param(
        fails("wait_for_network", VcenterError("SystemError")),
        {"wait_for_guest_ip_timeout": 5},
        ["error: vCenter refuses"],
        {},
        [MADE],
        id="fault-while-waiting",
    ),
    pytest.param(
        lambda bench: setattr(
            bench.vcenter, "on_wait", lambda: bench.stock.faults.add("ReadResource", "Odd", vm="web-0")
        ),
        {"wait_for_guest_net_timeout": 5},
        ["error: Odd"],
        {},
        [MADE],
        id="not-read-after-waiting",
    ),
    pytest.param(
        stock_fails("ApplyResourceChange", Died()),
        {"cpu_limit": 2000, "mark": None},
        [STOCK_FAILED],
        {"cpu_limit": -1},
        [MADE],
        id="ended-and-no-marker",
    ),
]


@pytest.mark.parametrize(("arrange", "arguments", "said", "state", "calls"), LATER)
def test_a_clone_that_misses_something_is_in_the_state_as_tainted(
    bench: Bench,
    arrange: Arrange,
    arguments: dict[str, Any],
    said: list[str],
    state: dict[str, Any],
    calls: list[str],
) -> None:
    failed = make(bench, arrange, **arguments)

    assert failed.said == [*said, TAINTED]
    assert failed.details[-1].startswith(
        f"{NAMED} was made and runs, but what comes after did not succeed: see above. The next apply makes it anew, "
    )
    assert {name: failed.state[name] for name in ("uuid", "moid", *state)} == {
        "uuid": uuid_of(2),
        "moid": "vm-2",
        **state,
    }
    assert failed.private == PRIVATE
    assert failed.state[BLOCK] == clone_config()[BLOCK]
    assert bench.calls == calls


def test_the_guest_that_reports_no_network_is_named(bench: Bench) -> None:
    bench.vcenter.guest_reports = False

    failed = make(bench, lambda bench: None, wait_for_guest_net_timeout=5)

    assert failed.details[0].startswith(
        "The guest of /DC0/vm/web-0 has not reported a network address within 5 minutes that is not its source's. "
    )


@pytest.mark.parametrize(
    ("method", "arguments", "calls"),
    [
        pytest.param("ApplyResourceChange", {"cpu_limit": 2000}, [MADE], id="while-it-is-changed"),
        pytest.param("PlanResourceChange", {}, [MADE], id="while-it-is-planned"),
    ],
)
def test_a_marked_clone_that_misses_something_is_left_when_the_stock_provider_ends(
    bench: Bench, method: str, arguments: dict[str, Any], calls: list[str]
) -> None:
    failed = make(bench, before(method, lambda bench: setattr(bench.stock, "alive", False)), **arguments)

    assert failed.said == [STOCK_FAILED, LEFT]
    assert (failed.state, failed.private, bench.calls) == (None, b"", calls)


def test_a_clone_that_is_gone_after_its_change_leaves_the_state_at_the_next_refresh(bench: Bench) -> None:
    bench.stock.vanishing.add("web-0")

    made = make(bench, lambda bench: None, cpu_limit=2000)

    assert (made.said, made.state["cpu_limit"], bench.calls) == ([], -1, [MADE, UPDATED])
    assert bench.plugin.read(made.state).state is None
