# SPDX-License-Identifier: MPL-2.0
"""Tests of the plan of a change of an existing clone."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.stock import PRIVATE
from testkit.standins.world import SOURCE_UUID, uuid_of
from testkit.wire import BLOCK, UNKNOWN

DISKS = clone_config()["disk"]
ON_REBOOT = "(instantclone[0].on_reboot)"
REFUSED = f"error: Change requires reboot or move {ON_REBOOT}"
PASSED = f"warning: Change reboots or moves clone {ON_REBOOT}"
DOUBTFUL = "warning: Change may be rejected"
LOST = "error: Change would remove source disks (disk)"
GROWN = "error: Delta disk cannot be extended (disk)"
NEW_SOURCE = "instantclone[0].source_uuid"
PLANS = [
    pytest.param({}, [], (), id="nothing"),
    pytest.param({"cpu_limit": 2000}, [], (), id="what-a-running-vm-takes"),
    pytest.param({"memory": 2048, "num_cpus": 2}, [], (), id="hot-add"),
    pytest.param({"source_uuid": uuid_of(9)}, [], (NEW_SOURCE,), id="another-source"),
    pytest.param({"source_uuid": f" {SOURCE_UUID.upper()}"}, [], (), id="the-same-source-in-capitals"),
    pytest.param({"source_uuid": uuid_of(9), "memory": 512}, [], (NEW_SOURCE,), id="another-source-and-less-memory"),
    pytest.param({"timeout": 5, "on_reboot": "replace"}, [], (), id="only-the-block"),
    pytest.param({BLOCK: []}, [], (), id="block-removed"),
    pytest.param({BLOCK: [], "memory": 512}, [], (), id="block-removed-and-less-memory"),
    pytest.param({"replace_trigger": "2"}, [], ("replace_trigger",), id="another-generation"),
    pytest.param({"replace_trigger": "2", "memory": 512}, [], ("replace_trigger",), id="generation-and-less-memory"),
    pytest.param({"memory": 512}, [REFUSED], (), id="less-memory"),
    pytest.param({"memory": 512, "on_reboot": "error"}, [REFUSED], (), id="less-memory-as-an-error"),
    pytest.param({"memory": 512, "on_reboot": "reboot"}, [PASSED], (), id="less-memory-with-a-reboot"),
    pytest.param(
        {"memory": 512, "guest_id": "other", "on_reboot": "replace"}, [], ("guest_id", "memory"), id="replaced-instead"
    ),
    pytest.param({"resource_pool_id": "resgroup-2"}, [REFUSED], (), id="another-pool"),
    pytest.param({"resource_pool_id": "resgroup-2", "on_reboot": "reboot"}, [PASSED], (), id="another-pool-allowed"),
    pytest.param(
        {"disk": [DISKS[0] | {"disk_mode": "independent_persistent"}, DISKS[1]], "on_reboot": "replace"},
        [],
        ("disk",),
        id="a-disk-s-mode-replaces",
    ),
    pytest.param(
        {
            "memory": 512,
            "extra_config": {OWNER_KEY: marker("web-0"), "guestinfo.new": "1"},
            "extra_config_reboot_required": False,
            "on_reboot": "reboot",
        },
        [REFUSED],
        (),
        id="what-vcenter-refuses-is-not-allowed",
    ),
    pytest.param({"latency_sensitivity": "low"}, [DOUBTFUL], (), id="latency"),
    pytest.param({"latency_sensitivity": "low", "memory": 512}, [REFUSED], (), id="latency-with-a-reboot-refused"),
    pytest.param(
        {"latency_sensitivity": "low", "memory": 512, "on_reboot": "reboot"}, [PASSED], (), id="latency-with-a-reboot"
    ),
    pytest.param({"disk": DISKS[:1]}, [LOST], (), id="a-disk-removed"),
    pytest.param({"disk": [DISKS[0], DISKS[1] | {"label": "data"}]}, [LOST], (), id="a-disk-renamed"),
    pytest.param({"disk": [DISKS[0], DISKS[1] | {"size": 20}]}, [GROWN], (), id="a-delta-grown"),
    pytest.param({"disk": [DISKS[0], DISKS[1] | {"thin_provisioned": False}]}, [DOUBTFUL], (), id="a-disk-made-thick"),
    pytest.param({"disk": [*DISKS, DISKS[0] | {"label": "new", "unit_number": 2}]}, [], (), id="a-disk-added"),
    pytest.param({"memory": UNKNOWN}, [REFUSED], (), id="memory-not-known-yet"),
]


@pytest.mark.parametrize(("arguments", "expected", "replaced"), PLANS)
def test_plans_a_change(
    bench: Bench, arguments: dict[str, Any], expected: list[str], replaced: tuple[str, ...]
) -> None:
    state = bench.made()

    plan = bench.plugin.plan(state, clone_config(**arguments), private=PRIVATE)

    assert (plan.said, plan.replaced) == (expected, replaced)
    assert plan.state[BLOCK] == clone_config(**arguments)[BLOCK]
    assert (plan.private, bench.calls) == (PRIVATE, [])


def detail(bench: Bench, **arguments: Any) -> str:
    (only,) = bench.plugin.plan(bench.made(), clone_config(**arguments)).details
    return only


def test_rejected_change_lists_values_and_options(bench: Bench) -> None:
    assert detail(bench, memory=512, resource_pool_id="resgroup-2") == (
        "web-0: these changes power the clone off or move it. The clone then loses the memory and disks that it shares "
        "with its source.\n"
        "  memory: 1024 → 512. Memory cannot be taken from a running VM.\n"
        '  resource_pool_id: "resgroup-1" → "resgroup-2". The VM moves into another resource pool.\n'
        'Revert the changes, or set on_reboot in the fleet file: "replace" replaces the clone, and "reboot" lets the '
        "stock provider reboot or move it. In HCL, on_reboot is an argument of the block instantclone."
    )


def test_allowed_change_lists_values(bench: Bench) -> None:
    assert detail(bench, memory=512, on_reboot="reboot").endswith(
        "makes these changes. The clone then no longer shares memory with its source:\n"
        "  memory: 1024 → 512. Memory cannot be taken from a running VM."
    )


def test_lists_source_disks_that_the_change_would_remove(bench: Bench) -> None:
    assert detail(bench, disk=[DISKS[1]]).startswith(
        "web-0: the change would remove these disks, which the clone shares with its source:\n"
        "  scsi unit 0, 16 GiB (disk0): No disk block has the label disk0 any more, so the provider destroys the disk."
    )


def test_lists_delta_disks_that_cannot_be_extended(bench: Bench) -> None:
    assert detail(bench, disk=[DISKS[0], DISKS[1] | {"size": 20}]).startswith(
        "web-0: these disks are delta disks on the disks of its source, and vSphere does not extend a disk that has a "
        "parent:\n"
        "  disk[1].size: 8 → 20. vCenter cannot grow a disk that has a parent, "
    )


def test_returns_the_error_of_the_stock_provider_plan(bench: Bench) -> None:
    state = bench.made()
    bench.stock.faults.add("PlanResourceChange", "Cannot plan")

    plan = bench.plugin.plan(state, clone_config(memory=512))

    assert (plan.said, plan.replaced) == (["error: Cannot plan"], ())
