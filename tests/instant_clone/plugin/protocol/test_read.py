# SPDX-License-Identifier: MPL-2.0
"""Tests of the refresh of a clone, and of its diagnostics about disks, power state and identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from instant_clone.errors import CloneError, VcenterError
from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from testkit.standins.bench import NO_BLOCK, Bench, clone_config, marker, running_bench
from testkit.standins.stock import PRIVATE, Died
from testkit.standins.world import Vm, uuid_of
from testkit.wire import BLOCK

Change = Callable[[Bench], object]
DISKS = clone_config()["disk"]


def web(bench: Bench, values: dict[str, Any] | None = None, **fields: Any) -> Vm:
    """Change the clone in vCenter."""
    return bench.world.change(bench.world.named("web-0"), values, **fields)


def disks(bench: Bench, *changes: dict[str, Any] | None) -> Vm:
    """Change the disks of the clone. Each argument changes one disk, and None removes the disk."""
    current = bench.world.named("web-0").values["disk"]
    return web(
        bench,
        {"disk": [{**disk, **change} for disk, change in zip(current, changes, strict=True) if change is not None]},
    )


def restored(bench: Bench) -> Vm:
    return disks(bench, {}, {"uuid": "restored", "path": "web-0/restored.vmdk"})


def registered_again(bench: Bench, mark: str | None = "") -> None:
    old = bench.world.named("web-0")
    bench.world.remove(old)
    options = {OWNER_KEY: mark or marker("web-0")} if mark is not None else {}
    bench.world.add(replace(old, moid="vm-9", values={**old.values, "moid": "vm-9"}, extra_config=options))


REFRESHES = [
    pytest.param(lambda bench: None, [], {}, id="nothing"),
    pytest.param(lambda bench: web(bench, {"annotation": "by hand"}), [], {"annotation": "by hand"}, id="a-setting"),
    pytest.param(lambda bench: web(bench, {"cpu_share_level": None}), [], {}, id="an-unset-setting-means-its-default"),
    pytest.param(
        lambda bench: disks(bench, {"thin_provisioned": False, "eagerly_scrub": True}, {}), [], {}, id="origin"
    ),
    pytest.param(lambda bench: disks(bench, {"size": 10}, {"size": 12}), [], {}, id="a-delta-s-size"),
    pytest.param(
        lambda bench: web(bench, running=False),
        ["warning: Clone is not running"],
        {"power_state": "off", "vmware_tools_status": "guestToolsNotRunning"},
        id="powered-off",
    ),
    pytest.param(
        registered_again,
        ["warning: Clone was registered again"],
        {"moid": "vm-9"},
        id="registered",
    ),
]


@pytest.mark.parametrize(("change", "expected", "changed"), REFRESHES)
def test_refreshes_a_clone(bench: Bench, change: Change, expected: list[str], changed: dict[str, Any]) -> None:
    state = bench.made(timeout=5)
    change(bench)

    read = bench.plugin.read(state)

    assert (read.said, read.private, bench.calls) == (expected, PRIVATE, [])
    assert read.state == state | changed


def test_reads_the_new_size_of_a_disk_without_a_parent(bench: Bench) -> None:
    state = bench.made()
    web(bench, deltas=frozenset({"disk-2-2000"}))
    disks(bench, {}, {"size": 12})

    assert [disk["size"] for disk in bench.plugin.read(state).state["disk"]] == [16, 12]


def test_refresh_keeps_the_order_of_interfaces(bench: Bench) -> None:
    interface = bench.world.vms["vm-1"].values["network_interface"][0]
    two = [interface, interface | {"key": 4001, "network_id": "network-2", "device_address": "pci:0:8"}]
    bench.world.change(bench.world.vms["vm-1"], {"network_interface": two})
    wanted = [clone_config()["network_interface"][0] | {"network_id": each["network_id"]} for each in two]
    bench.world.clones_differ = {"network_interface": two[::-1]}
    made = bench.plugin.make(clone_config(network_interface=wanted))

    read = bench.plugin.read(made.state)

    assert made.said == read.said == []
    assert [each["network_id"] for each in read.state["network_interface"]] == ["network-1", "network-2"]


@pytest.mark.parametrize(
    ("change", "expected", "detail"),
    [
        pytest.param(
            lambda bench: bench.world.clone("copy", {}, uuid=uuid_of(2)),
            "error: BIOS UUID is not unique",
            f"web-0: 2 virtual machines have the BIOS UUID {uuid_of(2)}",
            id="a-copy",
        ),
        pytest.param(
            lambda bench: web(bench, extra_config={OWNER_KEY: marker("web-1")}),
            "error: Virtual machine has another owner",
            "/DC0/vm/web-0 (vm-2): its owner marker names the clone web-1 of the fleet web ",
            id="another-owner",
        ),
        pytest.param(
            lambda bench: registered_again(bench, mark=None),
            "error: Another virtual machine has this UUID",
            "web-0: the state contains the virtual machine vm-2, but the only virtual machine with its BIOS UUID ",
            id="another-vm",
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", "Cannot read"), "error: Cannot read", "", id="refused"
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", Died()),
            "error: Stock vSphere provider failed",
            "ReadResource: the stand-in has ended (UNAVAILABLE). Set TF_LOG_PROVIDER=DEBUG to see",
            id="stock-provider-ends",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("vms_with_uuid", VcenterError("x")),
            "error: vCenter rejected the request",
            "x",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_rejects_a_refresh_that_may_read_another_vm(bench: Bench, change: Change, expected: str, detail: str) -> None:
    state = bench.made()
    change(bench)

    read = bench.plugin.read(state)

    assert (read.said, bench.calls) == ([expected], [])
    assert read.details[0].startswith(detail)


def test_rejects_a_vm_that_changes_its_uuid_during_the_refresh(bench: Bench) -> None:
    state = bench.made()
    bench.world.change(bench.world.named("web-0"), values={"moid": "vm-8"})

    # In vCenter web-0 is vm-2, but the stock provider has read vm-8.
    assert bench.plugin.read(state).said == ["error: Another virtual machine was read"]


def test_accepts_a_copy_that_disappears_before_the_second_search(bench: Bench) -> None:
    state = bench.made()
    copy = bench.world.clone("copy", {}, uuid=uuid_of(2))
    bench.vcenter.on_search = [lambda: bench.world.remove(copy)]

    read = bench.plugin.read(state)

    assert (read.said, read.state) == ([], state)


def test_refresh_removes_a_missing_clone_from_the_state(bench: Bench) -> None:
    state = bench.made()
    bench.world.remove(bench.world.named("web-0"))

    read = bench.plugin.read(state)

    assert (read.said, read.state) == ([], None)


def test_reads_all_uuids_once_for_many_clones(bench: Bench) -> None:
    states = [bench.made(f"web-{number}") for number in range(4)]

    assert [bench.plugin.read(state).said for state in states] == [[]] * 4
    bench.world.clone("copy", {}, uuid=states[3]["uuid"])
    # A refresh uses the UUIDs of the first read. A change searches again.
    assert bench.plugin.read(states[3]).said == []
    assert bench.plugin.destroy(states[3]).said == ["error: BIOS UUID is not unique"]


def test_reads_a_vm_without_the_block_without_checks(bench: Bench) -> None:
    state = bench.plugin.make(clone_config(**NO_BLOCK)).state
    web(bench, running=False)

    read = bench.plugin.read(state)

    assert (read.said, read.state["power_state"], read.state[BLOCK]) == ([], "off", [])
    assert bench.vcenter.log_ins == 0


@pytest.mark.parametrize(
    ("change", "expected", "labels"),
    [
        pytest.param(restored, ["warning: Disk was replaced"], ["disk0", "disk1"], id="restored-over-itself"),
        pytest.param(
            lambda bench: disks(bench, {}, None), ["warning: Disk is missing"], ["disk0"], id="removed-by-hand"
        ),
        pytest.param(
            lambda bench: disks(bench, {}, {"uuid": "new", "unit_number": 5, "device_address": "scsi:0:5"}),
            ["warning: Disk is missing"],
            ["disk0", "orphaned_disk_0"],
            id="at-another-place",
        ),
    ],
)
def test_matches_disks_by_controller_and_unit(
    bench: Bench, change: Change, expected: list[str], labels: list[str]
) -> None:
    state = bench.made()
    change(bench)

    read = bench.plugin.read(state)

    assert read.said == expected
    assert [disk["label"] for disk in read.state["disk"]] == labels


def test_a_replaced_disk_keeps_its_label_and_is_not_removed(bench: Bench) -> None:
    state = bench.made()
    restored(bench)

    read = bench.plugin.read(state)

    assert read.details[0].startswith(
        "web-0: disk1 (scsi unit 1, 8 GiB) has the UUID restored and the file web-0/restored.vmdk, but the state has "
        "disk-2-2001 and web-0/web-0-2001.vmdk. "
    )
    assert [(disk["label"], disk["keep_on_remove"], disk["uuid"]) for disk in read.state["disk"]] == [
        ("disk0", False, "disk-2-2000"),
        ("disk1", False, "restored"),
    ]
    plan = bench.plugin.plan(read.state, clone_config())
    assert (plan.said, bench.plugin.apply(plan).said, bench.calls) == ([], [], [])


def orphaned(bench: Bench) -> dict[str, Any]:
    """Return the state of a clone with a third disk that was added by hand, with the stock provider's label."""
    state = bench.made()
    current = bench.world.named("web-0").values["disk"]
    third = current[1] | {"uuid": "own", "key": 2002, "unit_number": 2, "device_address": "scsi:0:2", "size": 4}
    web(bench, {"disk": [*current, third]})
    read = bench.plugin.read(state)
    assert (read.said, [disk["label"] for disk in read.state["disk"]]) == ([], ["disk0", "disk1", "orphaned_disk_0"])
    return dict(read.state)


def test_rejects_a_plan_that_would_remove_an_unconfigured_disk(bench: Bench) -> None:
    plan = bench.plugin.plan(orphaned(bench), clone_config())

    assert plan.said == ["error: Disk is not configured (disk)"]
    assert plan.details[0].startswith(
        "web-0: the configuration has no disk block for these disks: scsi unit 2, 4 GiB. The stock provider "
    )


def test_adopts_a_disk_when_its_block_is_configured(bench: Bench) -> None:
    config = clone_config(disk=[*DISKS, DISKS[1] | {"label": "data", "unit_number": 2, "size": 4}])
    plan = bench.plugin.plan(orphaned(bench), config)

    changed = bench.plugin.apply(plan)

    assert (plan.said, changed.said, bench.calls) == (["warning: Existing disk adopted"], [], [])
    assert [(disk["label"], disk["uuid"]) for disk in changed.state["disk"]] == [
        ("disk0", "disk-2-2000"),
        ("disk1", "disk-2-2001"),
        ("data", "own"),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda bench: None, [], id="running"),
        pytest.param(lambda bench: web(bench, running=False), ["warning: Clone is not running"], id="off"),
        pytest.param(lambda bench: bench.vcenter.faults.add("source", CloneError("x")), [], id="vcenter-does-not-tell"),
    ],
)
def test_asks_vcenter_for_the_power_state_with_old_releases(
    monkeypatch: pytest.MonkeyPatch, change: Change, expected: list[str]
) -> None:
    with running_bench(monkeypatch, release=ProviderVersion("2.0.2")) as bench:
        state = bench.made()
        bench.stock.without.add("power_state")
        web(bench, {"vmware_tools_status": "guestToolsNotRunning"})
        change(bench)

        assert bench.plugin.read(state).said == expected
