# SPDX-License-Identifier: MPL-2.0
"""The refresh of a clone, and what of its disks, of its power and of its identity a refresh tells."""

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
    """Change its disks one by one; None removes one."""
    own = bench.world.named("web-0").values["disk"]
    return web(
        bench, {"disk": [{**disk, **change} for disk, change in zip(own, changes, strict=True) if change is not None]}
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
        ["warning: Clone does not run"],
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


@pytest.mark.parametrize(("change", "said", "changed"), REFRESHES)
def test_a_clone_is_refreshed(bench: Bench, change: Change, said: list[str], changed: dict[str, Any]) -> None:
    state = bench.made(timeout=5)
    change(bench)

    read = bench.plugin.read(state)

    assert (read.said, read.private, bench.calls) == (said, PRIVATE, [])
    assert read.state == state | changed


def test_a_disk_of_the_clone_s_own_may_have_grown(bench: Bench) -> None:
    state = bench.made()
    web(bench, deltas=frozenset({"disk-2-2000"}))
    disks(bench, {}, {"size": 12})

    assert [disk["size"] for disk in bench.plugin.read(state).state["disk"]] == [16, 12]


def test_interfaces_are_read_in_the_order_of_the_state(bench: Bench) -> None:
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
    ("change", "said", "detail"),
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
            "/DC0/vm/web-0 (vm-2): its marker names the clone web-1 of the fleet web ",
            id="another-owner",
        ),
        pytest.param(
            lambda bench: registered_again(bench, mark=None),
            "error: Another virtual machine has this UUID",
            "web-0: the state means the virtual machine vm-2, and the only one with its BIOS UUID ",
            id="another-vm",
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", "Cannot read"), "error: Cannot read", "", id="refused"
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ReadResource", Died()),
            "error: Stock vSphere provider failed",
            "ReadResource: the stand-in has ended (UNAVAILABLE). TF_LOG_PROVIDER=DEBUG shows",
            id="stock-provider-ends",
        ),
        pytest.param(
            lambda bench: bench.vcenter.faults.add("vms_with_uuid", VcenterError("x")),
            "error: vCenter refuses",
            "x",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_a_refresh_of_what_may_be_another_vm_fails(bench: Bench, change: Change, said: str, detail: str) -> None:
    state = bench.made()
    change(bench)

    read = bench.plugin.read(state)

    assert (read.said, bench.calls) == ([said], [])
    assert read.details[0].startswith(detail)


def test_a_vm_that_changes_its_uuid_while_it_is_read_is_an_error(bench: Bench) -> None:
    state = bench.made()
    bench.world.change(bench.world.named("web-0"), values={"moid": "vm-8"})

    # vCenter has web-0 as vm-2, and the stock provider has read vm-8.
    assert bench.plugin.read(state).said == ["error: Another virtual machine was read"]


def test_a_copy_that_is_gone_when_it_is_looked_for_again_is_no_error(bench: Bench) -> None:
    state = bench.made()
    copy = bench.world.clone("copy", {}, uuid=uuid_of(2))
    bench.vcenter.on_search = [lambda: bench.world.remove(copy)]

    read = bench.plugin.read(state)

    assert (read.said, read.state) == ([], state)


def test_a_clone_that_is_gone_leaves_the_state(bench: Bench) -> None:
    state = bench.made()
    bench.world.remove(bench.world.named("web-0"))

    read = bench.plugin.read(state)

    assert (read.said, read.state) == ([], None)


def test_all_uuids_are_read_once_for_many_clones(bench: Bench) -> None:
    states = [bench.made(f"web-{number}") for number in range(4)]

    assert [bench.plugin.read(state).said for state in states] == [[]] * 4
    bench.world.clone("copy", {}, uuid=states[3]["uuid"])
    # The first look counts for a refresh; a change looks again.
    assert bench.plugin.read(states[3]).said == []
    assert bench.plugin.destroy(states[3]).said == ["error: BIOS UUID is not unique"]


def test_a_vm_without_the_block_is_read_as_it_is(bench: Bench) -> None:
    state = bench.plugin.make(clone_config(**NO_BLOCK)).state
    web(bench, running=False)

    read = bench.plugin.read(state)

    assert (read.said, read.state["power_state"], read.state[BLOCK]) == ([], "off", [])
    assert bench.vcenter.log_ins == 0


@pytest.mark.parametrize(
    ("change", "said", "labels"),
    [
        pytest.param(restored, ["warning: Disk is another one"], ["disk0", "disk1"], id="restored-over-itself"),
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
def test_disks_are_known_by_their_places(bench: Bench, change: Change, said: list[str], labels: list[str]) -> None:
    state = bench.made()
    change(bench)

    read = bench.plugin.read(state)

    assert read.said == said
    assert [disk["label"] for disk in read.state["disk"]] == labels


def test_a_disk_that_is_another_one_keeps_its_words_and_is_not_removed(bench: Bench) -> None:
    state = bench.made()
    restored(bench)

    read = bench.plugin.read(state)

    assert read.details[0].startswith(
        "web-0: disk1 (scsi unit 1, 8 GiB) has the UUID restored and the file web-0/restored.vmdk; the state has "
        "disk-2-2001 and web-0/web-0-2001.vmdk. "
    )
    assert [(disk["label"], disk["keep_on_remove"], disk["uuid"]) for disk in read.state["disk"]] == [
        ("disk0", False, "disk-2-2000"),
        ("disk1", False, "restored"),
    ]
    plan = bench.plugin.plan(read.state, clone_config())
    assert (plan.said, bench.plugin.apply(plan).said, bench.calls) == ([], [], [])


def orphaned(bench: Bench, **words: Any) -> dict[str, Any]:
    """Return the state of a clone with a third disk, added by hand, as the stock provider labels it."""
    state = bench.made()
    own = bench.world.named("web-0").values["disk"]
    third = own[1] | {"uuid": "own", "key": 2002, "unit_number": 2, "device_address": "scsi:0:2", "size": 4}
    web(bench, {"disk": [*own, third]})
    read = bench.plugin.read(state)
    assert (read.said, [disk["label"] for disk in read.state["disk"]]) == ([], ["disk0", "disk1", "orphaned_disk_0"])
    return dict(read.state)


def test_a_disk_that_nobody_configured_is_not_removed(bench: Bench) -> None:
    plan = bench.plugin.plan(orphaned(bench), clone_config())

    assert plan.said == ["error: Disks without a partner (disk)"]
    assert plan.details[0].startswith("web-0 has disks that the configuration lacks: scsi unit 2, 4 GiB. The stock ")


def test_a_disk_that_is_configured_since_gets_its_label(bench: Bench) -> None:
    config = clone_config(disk=[*DISKS, DISKS[1] | {"label": "data", "unit_number": 2, "size": 4}])
    plan = bench.plugin.plan(orphaned(bench), config)

    changed = bench.plugin.apply(plan)

    assert (plan.said, changed.said, bench.calls) == (["warning: Disk is adopted"], [], [])
    assert [(disk["label"], disk["uuid"]) for disk in changed.state["disk"]] == [
        ("disk0", "disk-2-2000"),
        ("disk1", "disk-2-2001"),
        ("data", "own"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda bench: None, [], id="running"),
        pytest.param(lambda bench: web(bench, running=False), ["warning: Clone does not run"], id="off"),
        pytest.param(lambda bench: bench.vcenter.faults.add("source", CloneError("x")), [], id="vcenter-does-not-tell"),
    ],
)
def test_a_release_without_power_states_asks_vcenter(
    monkeypatch: pytest.MonkeyPatch, change: Change, said: list[str]
) -> None:
    with running_bench(monkeypatch, release=ProviderVersion("2.0.2")) as bench:
        state = bench.made()
        bench.stock.without.add("power_state")
        web(bench, {"vmware_tools_status": "guestToolsNotRunning"})
        change(bench)

        assert bench.plugin.read(state).said == said
