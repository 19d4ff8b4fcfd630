# SPDX-License-Identifier: MPL-2.0
"""Tests of the apply of a change or destroy of an existing clone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from instant_clone.errors import ConnectError, VcenterError
from instant_clone.ownership import OWNER_KEY
from testkit.standins.bench import NO_BLOCK, Bench, clone_config, marker
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import uuid_of
from testkit.wire import BLOCK

Arrange = Callable[[Bench], object]
DISKS = clone_config()["disk"]


def detail(bench: Bench, **arguments: Any) -> str:
    (only,) = bench.plugin.plan(bench.made(), clone_config(**arguments)).details
    return only


def own_disk(bench: Bench) -> dict[str, Any]:
    """Return the state of a clone whose second disk has no parent, as if it was added by hand and labelled later."""
    state = bench.made()
    bench.world.change(bench.world.named("web-0"), deltas=frozenset({"disk-2-2000"}))
    return state


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        pytest.param({"disk": DISKS[:1]}, ["stock: ReconfigVM_Task web-0 disk"], id="removed"),
        pytest.param({"disk": [DISKS[0], DISKS[1] | {"size": 20}]}, ["stock: ReconfigVM_Task web-0 disk"], id="grown"),
    ],
)
def test_removes_or_extends_a_disk_without_a_parent(bench: Bench, arguments: dict[str, Any], calls: list[str]) -> None:
    changed = bench.plugin.change(own_disk(bench), clone_config(**arguments))

    assert (changed.said, bench.calls) == ([], calls)
    assert [(disk["label"], disk["size"]) for disk in changed.state["disk"]] == [
        (disk["label"], disk["size"]) for disk in arguments["disk"]
    ]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        pytest.param({"cpu_limit": 2000}, ["stock: ReconfigVM_Task web-0 cpu_limit"], id="a-limit"),
        pytest.param(
            {"memory": 512, "on_reboot": "reboot"}, ["stock: ReconfigVM_Task web-0 memory"], id="with-a-reboot"
        ),
        pytest.param({"timeout": 5}, [], id="only-the-block"),
        pytest.param({}, [], id="nothing"),
        pytest.param({BLOCK: [], "memory": 512}, ["stock: ReconfigVM_Task web-0 memory"], id="block-removed"),
    ],
)
def test_applies_a_change_with_the_stock_provider(bench: Bench, arguments: dict[str, Any], calls: list[str]) -> None:
    config = clone_config(**arguments)
    plan = bench.plugin.plan(bench.made(), config)

    changed = bench.plugin.apply(plan)

    assert (changed.said, changed.private, bench.calls) == ([], PRIVATE, calls)
    assert changed.state == plan.state
    assert changed.state[BLOCK] == config[BLOCK]


def test_change_keeps_values_in_the_state_that_cannot_change(bench: Bench) -> None:
    """VCenter may report other values for a delta disk than for its parent."""
    state = bench.made()
    plan = bench.plugin.plan(state, clone_config(cpu_limit=2000))
    vm = bench.world.named("web-0")
    disks = [{**disk, "thin_provisioned": False, "eagerly_scrub": True} for disk in vm.values["disk"]]
    bench.world.change(vm, {"disk": disks, "memory_share_level": None})

    changed = bench.plugin.apply(plan)

    assert (changed.said, changed.state) == ([], state | {"cpu_limit": 2000})


def test_replacement_destroys_the_clone_and_creates_another(bench: Bench) -> None:
    """Terraform plans the new clone with no prior state."""
    state = bench.made()
    assert bench.plugin.plan(state, clone_config(replace_trigger="2")).replaced == ("replace_trigger",)

    destroyed = bench.plugin.destroy(state)
    made = bench.plugin.make(clone_config(replace_trigger="2"))

    assert (destroyed.said, made.said, made.state["replace_trigger"]) == ([], [], "2")
    assert bench.calls == [
        "stock: ShutdownGuest web-0",
        "stock: Destroy_Task web-0",
        "plugin: InstantClone_Task web-0",
    ]


IDENTITIES = [
    pytest.param(
        lambda bench: bench.world.clone("copy", {}, uuid=uuid_of(2)),
        "error: BIOS UUID is not unique",
        f"web-0: 2 virtual machines have the BIOS UUID {uuid_of(2)}:\n  /DC0/vm/copy (vm-3, poweredOn, no marker)\n",
        id="a-copy",
    ),
    pytest.param(
        lambda bench: bench.world.change(
            bench.world.named("web-0"), extra_config={OWNER_KEY: marker("web-0", owner="other")}
        ),
        "error: Virtual machine has another owner",
        "/DC0/vm/web-0 (vm-2): its owner marker names the clone web-0 of the fleet web in the state other. ",
        id="another-owner",
    ),
    pytest.param(
        lambda bench: (
            bench.world.remove(bench.world.named("web-0")),
            bench.world.clone("restored", {}, uuid=uuid_of(2)),
        ),
        "error: Another virtual machine has this UUID",
        "web-0: the state contains the virtual machine vm-2, but the only virtual machine with its BIOS UUID ",
        id="another-vm",
    ),
]


@pytest.mark.parametrize(("arrange", "expected", "detail"), IDENTITIES)
@pytest.mark.parametrize("config", [clone_config(cpu_limit=2000), None], ids=["change", "destroy"])
def test_rejects_changing_or_destroying_another_vm(
    bench: Bench, arrange: Arrange, expected: str, detail: str, config: dict[str, Any] | None
) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, config)
    arrange(bench)

    refused = bench.plugin.apply(plan)

    assert (refused.said, refused.state, bench.calls) == ([expected], state, [])
    assert refused.details[0].startswith(detail)


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        pytest.param(clone_config(cpu_limit=2000), ["stock: ReconfigVM_Task web-0 cpu_limit"], id="change"),
        pytest.param(None, ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0"], id="destroy"),
    ],
)
def test_warns_of_a_clone_that_was_registered_again_and_changes_it(
    bench: Bench, config: dict[str, Any] | None, calls: list[str]
) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, config)
    old = bench.world.named("web-0")
    bench.world.remove(old)
    bench.world.add(replace(old, moid="vm-9"))

    changed = bench.plugin.apply(plan)

    assert (changed.said, bench.calls) == (["warning: Clone was registered again"], calls)


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        pytest.param(
            lambda bench: bench.stock.faults.add("ApplyResourceChange", "Cannot set"), "error: Cannot set", id="refused"
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ApplyResourceChange", Died()),
            "error: Stock vSphere provider failed",
            id="ended",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("vms_with_uuid", VcenterError("x")),
            "error: vCenter rejected the request",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_failed_change_keeps_the_clone_in_the_state(bench: Bench, arrange: Arrange, expected: str) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, clone_config(cpu_limit=2000))
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert (failed.said, bench.calls) == ([expected], [])
    # The stock provider returns the planned state for a failed change.
    assert {**failed.state, "cpu_limit": -1} == state


@pytest.mark.parametrize(
    ("arrange", "expected", "kept"),
    [
        # Terraform keeps the prior state of an object whose destroy ends with errors and null.
        pytest.param(
            lambda bench: bench.stock.faults.add("ApplyResourceChange", "Cannot go"),
            "error: Cannot go",
            False,
            id="refused",
        ),
        pytest.param(
            lambda bench: bench.world.remove(bench.world.named("web-0")),
            f'error: cannot locate virtual machine with UUID "{uuid_of(2)}"',
            False,
            id="gone",
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ApplyResourceChange", Died()),
            "error: Stock vSphere provider failed",
            True,
            id="ended",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("vms_with_uuid", ConnectError("x")),
            "error: No connection to vCenter",
            True,
            id="no-connection",
        ),
    ],
)
def test_reports_a_failed_destroy(bench: Bench, arrange: Arrange, expected: str, kept: bool) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, None)
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert (failed.said, failed.state, bench.calls) == ([expected], state if kept else None, [])


def test_removes_a_clone_from_the_state_that_disappears_during_a_change(bench: Bench) -> None:
    state = bench.made()
    bench.stock.vanishing.add("web-0")

    changed = bench.plugin.change(state, clone_config(cpu_limit=2000))

    assert (changed.said, changed.state) == ([], None)


def test_keeps_a_folder_name_that_looks_like_a_pattern(bench: Bench) -> None:
    bench.vcenter.folders.add("rack[1-3]")
    config = clone_config(folder="rack[1-3]")

    made = bench.plugin.make(config)
    changed = bench.plugin.change(made.state, config | {"cpu_limit": 2000})

    assert (made.said, made.state["folder"]) == ([], "rack[1-3]")
    assert (changed.said, changed.state["folder"]) == ([], "rack[1-3]")


def test_changes_a_vm_without_the_block_without_checks(bench: Bench) -> None:
    state = bench.plugin.make(clone_config(**NO_BLOCK)).state

    changed = bench.plugin.change(state, clone_config(memory=512, **NO_BLOCK))

    assert (changed.said, changed.state["memory"], changed.state[BLOCK]) == ([], 512, [])
    assert bench.calls[1:] == ["stock: ReconfigVM_Task web-0 memory"]
    assert bench.vcenter.log_ins == 0
