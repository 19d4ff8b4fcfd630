# SPDX-License-Identifier: MPL-2.0
"""Tests of a VM that has the name of a new clone: the plugin adopts it, or does not change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from instant_clone.errors import VcenterError
from instant_clone.ownership import OWNER_KEY
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.stock import Died
from testkit.standins.world import uuid_of
from tests.instant_clone.plugin.protocol.failures import LEFT, NAMED

TAKEN_OVER = "warning: Existing clone adopted"
OTHERWISE = "warning: Adopted clone differs from configuration"
TAKEN = "error: Name already in use (name)"
NOT_FREE = "error: Name is still in use (name)"


def test_adopts_a_clone_of_this_state_without_changes(bench: Bench) -> None:
    left = bench.left_behind(extra_config={"guestinfo.role": "web"})

    made = bench.plugin.make(clone_config())

    assert made.said == [TAKEN_OVER]
    assert made.details[0].startswith(f"{NAMED}: an interrupted apply created this clone for this address, ")
    assert (made.state["moid"], made.state["extra_config"]) == (left.moid, {OWNER_KEY: marker("web-0")})
    assert [disk["label"] for disk in made.state["disk"]] == ["disk0", "disk1"]
    assert bench.calls == []
    assert bench.plugin.plan(made.state, clone_config()).said == []


@pytest.mark.parametrize(
    ("values", "arguments", "expected", "state", "calls"),
    [
        pytest.param(
            {"extra_config": {"guestinfo.ip": "10.0.0.1"}},
            {"extra_config": {OWNER_KEY: marker("web-0"), "guestinfo.ip": "10.0.0.2"}},
            [TAKEN_OVER, OTHERWISE],
            {"extra_config": {OWNER_KEY: marker("web-0"), "guestinfo.ip": "10.0.0.1"}},
            [],
            id="extra-config",
        ),
        pytest.param(
            {"memory_reservation": 512}, {}, [TAKEN_OVER, OTHERWISE], {"memory_reservation": 512}, [], id="reservation"
        ),
        pytest.param(
            {},
            {"annotation": "since then"},
            [TAKEN_OVER],
            {"annotation": "since then"},
            ["plugin: ReconfigVM_Task web-0 annotation"],
            id="what-is-changed-while-it-runs",
        ),
        pytest.param(
            {},
            {"cpu_limit": 2000},
            [TAKEN_OVER],
            {"cpu_limit": 2000},
            ["stock: ReconfigVM_Task web-0 cpu_limit"],
            id="what-the-stock-provider-changes",
        ),
    ],
)
def test_adopts_a_clone_with_other_values(
    bench: Bench,
    values: dict[str, Any],
    arguments: dict[str, Any],
    expected: list[str],
    state: dict[str, Any],
    calls: list[str],
) -> None:
    bench.left_behind(**values)

    made = bench.plugin.make(clone_config(**arguments))

    assert (made.said, bench.calls) == (expected, calls)
    assert {name: made.state[name] for name in state} == state


def test_lists_the_differing_values_of_an_adopted_clone(bench: Bench) -> None:
    bench.left_behind(memory_reservation=512)

    assert bench.plugin.make(clone_config()).details[1] == (
        "/DC0/vm/web-0: an earlier apply created this clone with other values than the configuration has now:\n"
        "  memory_reservation: the configuration has 0, the clone has 512.\n"
        "This apply did not change them. The next plan shows them as changes, or reports why a running clone does not "
        "accept them."
    )


Arrange = Callable[[Bench], object]


@pytest.mark.parametrize(
    ("arrange", "config", "expected"),
    [
        pytest.param(lambda bench: bench.left_behind(mark=None), clone_config(), TAKEN, id="a-stranger"),
        pytest.param(
            lambda bench: bench.left_behind(mark=marker("web-0", owner="other")),
            clone_config(),
            TAKEN,
            id="another-state",
        ),
        pytest.param(
            lambda bench: bench.left_behind(mark=marker("web-0", fleet="lab")),
            clone_config(),
            TAKEN,
            id="another-fleet",
        ),
        pytest.param(lambda bench: bench.left_behind(mark=marker("web-1")), clone_config(), TAKEN, id="another-member"),
        pytest.param(lambda bench: bench.left_behind(), clone_config(mark=None), TAKEN, id="no-marker-of-ours"),
        pytest.param(
            lambda bench: bench.left_behind(mark=marker("web-0", generation=2)),
            clone_config(),
            NOT_FREE,
            id="another-generation",
        ),
        pytest.param(
            lambda bench: bench.left_behind(mark=marker("web-0", source=uuid_of(9))),
            clone_config(),
            NOT_FREE,
            id="another-source",
        ),
        pytest.param(
            lambda bench: bench.known(bench.left_behind()),
            clone_config(),
            NOT_FREE,
            id="in-the-state-and-not-destroyed",
        ),
        pytest.param(
            lambda bench: bench.world.change(bench.left_behind(), running=False),
            clone_config(),
            "error: Clone is not running (name)",
            id="off",
        ),
        pytest.param(
            lambda bench: (bench.left_behind(), bench.world.clone("copy", {}, uuid=uuid_of(2))),
            clone_config(),
            "error: BIOS UUID is not unique (instantclone[0].source_uuid)",
            id="uuid-not-unique",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("occupant", VcenterError("x"), vm="web-0"),
            clone_config(),
            "error: vCenter rejected the request (instantclone[0].source_uuid)",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_does_not_change_a_vm_that_is_not_the_clone(
    bench: Bench, arrange: Arrange, config: dict[str, Any], expected: str
) -> None:
    plan = bench.plugin.plan(None, config)
    arrange(bench)
    vms = list(bench.world)

    refused = bench.plugin.apply(plan)

    assert (refused.said, refused.state, refused.private) == ([expected], None, b"")
    assert (bench.calls, list(bench.world)) == ([], vms)


@pytest.mark.parametrize(
    ("arrange", "arguments", "expected", "because"),
    [
        pytest.param(
            lambda bench: bench.vcenter.faults.add("change", VcenterError("x")),
            {"annotation": "new"},
            ["error: vCenter rejected the request"],
            "it could not be read",
            id="not-changed",
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", "Odd", vm="web-0"),
            {},
            ["error: Odd"],
            "it could not be read",
            id="not-read",
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", Died(), vm="web-0"),
            {},
            ["error: Stock vSphere provider failed"],
            "the stock vSphere provider exited",
            id="stock-provider-ends",
        ),
    ],
)
def test_never_removes_an_existing_clone(
    bench: Bench, arrange: Arrange, arguments: dict[str, Any], expected: list[str], because: str
) -> None:
    bench.left_behind()
    plan = bench.plugin.plan(None, clone_config(**arguments))
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert failed.said == [TAKEN_OVER, *expected, LEFT]
    assert failed.details[-1] == (
        f"{NAMED}: the clone already existed, but {because}. The clone is running and has the owner marker of this "
        "state. Apply again to adopt the clone."
    )
    assert (failed.state, bench.calls, bench.world.names()) == (None, [], ["golden", "web-0"])


def test_keeps_an_existing_clone_if_the_stock_provider_exits_later(bench: Bench) -> None:
    bench.left_behind()
    plan = bench.plugin.plan(None, clone_config(cpu_limit=2000))
    bench.stock.faults.add("ApplyResourceChange", Died(), vm="web-0")

    failed = bench.plugin.apply(plan)

    assert failed.said == [TAKEN_OVER, "error: Stock vSphere provider failed", LEFT]
    assert (failed.state, bench.calls) == (None, [])


def test_taints_an_adopted_clone_if_a_later_step_fails(bench: Bench) -> None:
    bench.left_behind()
    plan = bench.plugin.plan(None, clone_config(cpu_limit=2000))
    bench.stock.faults.add("ApplyResourceChange", "Cannot set", vm="web-0")

    failed = bench.plugin.apply(plan)

    assert failed.said == [TAKEN_OVER, "error: Cannot set", "error: Clone is tainted"]
    assert failed.state["moid"] == "vm-2"


def test_does_not_destroy_a_clone_that_another_address_has_adopted(bench: Bench) -> None:
    state = bench.plugin.read(bench.plugin.import_vm(bench.left_behind().path).state).state
    assert bench.plugin.make(clone_config()).said == [TAKEN_OVER]

    left = bench.plugin.destroy(state)

    assert (left.said, left.state, bench.calls) == (["warning: Clone not destroyed"], None, [])
    assert left.details[0] == (
        f"web-0 (UUID {uuid_of(2)}): another address of this state has adopted the clone. The clone was not destroyed, "
        "and this address was removed from the state."
    )
    assert bench.world.names() == ["golden", "web-0"]
