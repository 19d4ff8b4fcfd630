# SPDX-License-Identifier: MPL-2.0
"""A clone that exists: what a plan may do to it, and how a change is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from instant_clone.errors import ConnectError, VcenterError
from instant_clone.owner import OWNER_KEY
from testkit.standins.bench import NO_BLOCK, Bench, clone_config, marker
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import SOURCE_UUID, uuid_of
from testkit.wire import BLOCK, UNKNOWN

Arrange = Callable[[Bench], object]
DISKS = clone_config()["disk"]
INTERFACE = clone_config()["network_interface"][0]
ON_REBOOT = "(instantclone[0].on_reboot)"
REFUSED = f"error: Change would power-cycle or move the clone {ON_REBOOT}"
PASSED = f"warning: Change power-cycles or moves the clone {ON_REBOOT}"
DOUBTFUL = "warning: Change may be refused"
LOST = "error: Change would take disks from the clone (disk)"
GROWN = "error: Disks cannot grow (disk)"
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


@pytest.mark.parametrize(("arguments", "said", "replaced"), PLANS)
def test_a_change_is_planned(
    bench: Bench, arguments: dict[str, Any], said: list[str], replaced: tuple[str, ...]
) -> None:
    state = bench.made()

    plan = bench.plugin.plan(state, clone_config(**arguments), private=PRIVATE)

    assert (plan.said, plan.replaced) == (said, replaced)
    assert plan.state[BLOCK] == clone_config(**arguments)[BLOCK]
    assert (plan.private, bench.calls) == (PRIVATE, [])


def detail(bench: Bench, **arguments: Any) -> str:
    (only,) = bench.plugin.plan(bench.made(), clone_config(**arguments)).details
    return only


def test_a_change_that_is_refused_is_listed_with_the_ways_out(bench: Bench) -> None:
    assert detail(bench, memory=512, resource_pool_id="resgroup-2") == (
        "An instant clone that is powered off or moved loses what it shares with its source. For web-0:\n"
        "  memory: 1024 → 512. Memory cannot be taken from a running VM.\n"
        '  resource_pool_id: "resgroup-1" → "resgroup-2". The VM is relocated into another resource pool.\n'
        "Take the change back, or say in the fleet file what is to be done: on_reboot = "
        '"replace" has clones remade by such changes, on_reboot = "reboot" lets them be rebooted. In HCL these are '
        "arguments of the block instantclone."
    )


def test_a_change_that_is_allowed_is_listed(bench: Bench) -> None:
    assert detail(bench, memory=512, on_reboot="reboot").endswith(
        "to web-0, which then shares no more memory with its source:\n"
        "  memory: 1024 → 512. Memory cannot be taken from a running VM."
    )


def test_disks_that_would_be_taken_are_listed(bench: Bench) -> None:
    assert detail(bench, disk=[DISKS[1]]).startswith(
        "web-0 has these disks from its source, and the change would remove them from it:\n"
        "  scsi unit 0, 16 GiB (disk0): No disk block has the label disk0 any more; the provider destroys it."
    )


def test_deltas_that_cannot_grow_are_listed(bench: Bench) -> None:
    assert detail(bench, disk=[DISKS[0], DISKS[1] | {"size": 20}]).startswith(
        "These disks of web-0 are deltas on those of its source, and vSphere extends no disk that has a parent:\n"
        "  disk[1].size: 8 → 20. vCenter grows no disk that has a parent, "
    )


def own_disk(bench: Bench) -> dict[str, Any]:
    """Return the state of a clone whose second disk is no delta: it was added by hand and got its label since."""
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
def test_a_disk_of_the_clone_s_own_may_go_or_grow(bench: Bench, arguments: dict[str, Any], calls: list[str]) -> None:
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
def test_a_change_is_the_stock_provider_s(bench: Bench, arguments: dict[str, Any], calls: list[str]) -> None:
    config = clone_config(**arguments)
    plan = bench.plugin.plan(bench.made(), config)

    changed = bench.plugin.apply(plan)

    assert (changed.said, changed.private, bench.calls) == ([], PRIVATE, calls)
    assert changed.state == plan.state
    assert changed.state[BLOCK] == config[BLOCK]


def test_a_change_keeps_in_the_state_what_cannot_have_changed(bench: Bench) -> None:
    """VCenter may report a delta otherwise than the disk below it."""
    state = bench.made()
    plan = bench.plugin.plan(state, clone_config(cpu_limit=2000))
    vm = bench.world.named("web-0")
    disks = [{**disk, "thin_provisioned": False, "eagerly_scrub": True} for disk in vm.values["disk"]]
    bench.world.change(vm, {"disk": disks, "memory_share_level": None})

    changed = bench.plugin.apply(plan)

    assert (changed.said, changed.state) == ([], state | {"cpu_limit": 2000})


def test_a_replacement_destroys_the_clone_and_makes_another(bench: Bench) -> None:
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
        "/DC0/vm/web-0 (vm-2): its marker names the clone web-0 of the fleet web in the state other, ",
        id="another-owner",
    ),
    pytest.param(
        lambda bench: (
            bench.world.remove(bench.world.named("web-0")),
            bench.world.clone("restored", {}, uuid=uuid_of(2)),
        ),
        "error: Another virtual machine has this UUID",
        "web-0: the state means the virtual machine vm-2, and the only one with its BIOS UUID ",
        id="another-vm",
    ),
]


@pytest.mark.parametrize(("arrange", "said", "detail"), IDENTITIES)
@pytest.mark.parametrize("config", [clone_config(cpu_limit=2000), None], ids=["change", "destroy"])
def test_a_vm_that_is_not_the_clone_is_neither_changed_nor_destroyed(
    bench: Bench, arrange: Arrange, said: str, detail: str, config: dict[str, Any] | None
) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, config)
    arrange(bench)

    refused = bench.plugin.apply(plan)

    assert (refused.said, refused.state, bench.calls) == ([said], state, [])
    assert refused.details[0].startswith(detail)


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        pytest.param(clone_config(cpu_limit=2000), ["stock: ReconfigVM_Task web-0 cpu_limit"], id="change"),
        pytest.param(None, ["stock: ShutdownGuest web-0", "stock: Destroy_Task web-0"], id="destroy"),
    ],
)
def test_a_clone_that_was_registered_again_is_told_and_followed(
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
    ("arrange", "said"),
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
            "error: vCenter refuses",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_a_change_that_fails_leaves_the_clone_in_the_state(bench: Bench, arrange: Arrange, said: str) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, clone_config(cpu_limit=2000))
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert (failed.said, bench.calls) == ([said], [])
    # The stock provider answers a change that fails with what was planned.
    assert {**failed.state, "cpu_limit": -1} == state


@pytest.mark.parametrize(
    ("arrange", "said", "kept"),
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
def test_a_destroy_that_fails(bench: Bench, arrange: Arrange, said: str, kept: bool) -> None:
    state = bench.made()
    plan = bench.plugin.plan(state, None)
    arrange(bench)

    failed = bench.plugin.apply(plan)

    assert (failed.said, failed.state, bench.calls) == ([said], state if kept else None, [])


def test_a_clone_that_is_gone_after_its_change_leaves_the_state(bench: Bench) -> None:
    state = bench.made()
    bench.stock.vanishing.add("web-0")

    changed = bench.plugin.change(state, clone_config(cpu_limit=2000))

    assert (changed.said, changed.state) == ([], None)


def test_a_plan_that_the_stock_provider_refuses_is_its_answer(bench: Bench) -> None:
    state = bench.made()
    bench.stock.faults.add("PlanResourceChange", "Cannot plan")

    plan = bench.plugin.plan(state, clone_config(memory=512))

    assert (plan.said, plan.replaced) == (["error: Cannot plan"], ())


def test_a_folder_that_looks_like_a_pattern_stays_what_it_is(bench: Bench) -> None:
    bench.vcenter.folders.add("rack[1-3]")
    config = clone_config(folder="rack[1-3]")

    made = bench.plugin.make(config)
    changed = bench.plugin.change(made.state, config | {"cpu_limit": 2000})

    assert (made.said, made.state["folder"]) == ([], "rack[1-3]")
    assert (changed.said, changed.state["folder"]) == ([], "rack[1-3]")


def test_a_vm_without_the_block_is_changed_unasked(bench: Bench) -> None:
    state = bench.plugin.make(clone_config(**NO_BLOCK)).state

    changed = bench.plugin.change(state, clone_config(memory=512, **NO_BLOCK))

    assert (changed.said, changed.state["memory"], changed.state[BLOCK]) == ([], 512, [])
    assert bench.calls[1:] == ["stock: ReconfigVM_Task web-0 memory"]
    assert bench.vcenter.log_ins == 0
