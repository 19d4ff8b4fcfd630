# SPDX-License-Identifier: MPL-2.0
"""Tests of failures after a new clone was read: the clone is tainted, or kept for the next apply."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.errors import VcenterError
from testkit.standins.bench import Bench, clone_config
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import uuid_of
from testkit.wire import BLOCK
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

UPDATED = "stock: ReconfigVM_Task web-0 cpu_limit"
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
        ["error: vCenter rejected the request"],
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


@pytest.mark.parametrize(("arrange", "arguments", "expected", "state", "calls"), LATER)
def test_taints_a_clone_if_a_later_step_fails(
    bench: Bench,
    arrange: Arrange,
    arguments: dict[str, Any],
    expected: list[str],
    state: dict[str, Any],
    calls: list[str],
) -> None:
    failed = make(bench, arrange, **arguments)

    assert failed.said == [*expected, TAINTED]
    assert failed.details[-1].startswith(
        f"{NAMED}: the clone was created and is running, but a later step failed with the errors above. The next apply "
        "replaces the clone. "
    )
    assert {name: failed.state[name] for name in ("uuid", "moid", *state)} == {
        "uuid": uuid_of(2),
        "moid": "vm-2",
        **state,
    }
    assert failed.private == PRIVATE
    assert failed.state[BLOCK] == clone_config()[BLOCK]
    assert bench.calls == calls


def test_names_the_guest_that_reports_no_network(bench: Bench) -> None:
    bench.vcenter.guest_reports = False

    failed = make(bench, lambda bench: None, wait_for_guest_net_timeout=5)

    assert failed.details[0].startswith(
        "/DC0/vm/web-0: the guest did not report a network address other than its source's within 5 minutes. "
    )


@pytest.mark.parametrize(
    ("method", "arguments", "calls"),
    [
        pytest.param("ApplyResourceChange", {"cpu_limit": 2000}, [MADE], id="while-it-is-changed"),
        pytest.param("PlanResourceChange", {}, [MADE], id="while-it-is-planned"),
    ],
)
def test_keeps_a_marked_clone_for_adoption_if_the_stock_provider_exits_later(
    bench: Bench, method: str, arguments: dict[str, Any], calls: list[str]
) -> None:
    failed = make(bench, before(method, lambda bench: setattr(bench.stock, "alive", False)), **arguments)

    assert failed.said == [STOCK_FAILED, LEFT]
    assert (failed.state, failed.private, bench.calls) == (None, b"", calls)


def test_refresh_removes_a_clone_that_disappeared_after_its_change(bench: Bench) -> None:
    bench.stock.vanishing.add("web-0")

    made = make(bench, lambda bench: None, cpu_limit=2000)

    assert (made.said, made.state["cpu_limit"], bench.calls) == ([], -1, [MADE, UPDATED])
    assert bench.plugin.read(made.state).state is None
