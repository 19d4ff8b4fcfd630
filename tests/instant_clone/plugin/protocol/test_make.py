# SPDX-License-Identifier: MPL-2.0
"""Tests of the creation of a clone: the calls to vCenter and the stock provider, and the state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from testkit.standins.bench import NO_BLOCK, Bench, clone_config, marker, running_bench
from testkit.standins.vcenter import GuestNetworkWait
from testkit.standins.world import SOURCE_MOID, SOURCE_UUID, uuid_of
from testkit.wire import BLOCK
from tests.instant_clone.plugin.protocol.failures import MADE

INTERFACE = clone_config()["network_interface"][0]
DISKS = clone_config()["disk"]


def state_of_disks(state: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("label", "keep_on_remove", "unit_number", "size", "uuid")
    return [tuple(disk[name] for name in names) for disk in state["disk"]]


def test_creates_an_exact_replica_with_one_call(bench: Bench) -> None:
    made = bench.plugin.make(clone_config(timeout=5))

    assert (made.said, made.private, bench.calls) == ([], b'{"schema_version":"3"}', [MADE])
    assert {name: made.state[name] for name in ("id", "uuid", "moid", "name", "imported", "extra_config", BLOCK)} == {
        "id": uuid_of(2),
        "uuid": uuid_of(2),
        "moid": "vm-2",
        "name": "web-0",
        "imported": False,
        "extra_config": {OWNER_KEY: marker("web-0")},
        BLOCK: [{"source_uuid": SOURCE_UUID, "timeout": 5, "on_reboot": None}],
    }
    assert state_of_disks(made.state) == [
        ("disk0", False, 0, 16, "disk-2-2000"),
        ("disk1", False, 1, 8, "disk-2-2001"),
    ]
    plan = bench.plugin.plan(made.state, clone_config(timeout=5))
    assert (plan.said, plan.state, plan.replaced) == ([], made.state, ())


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        pytest.param(
            {"annotation": "mine", "num_cpus": 2, "memory": 2048},
            ["plugin: ReconfigVM_Task web-0 annotation, memory, num_cpus"],
            id="hot-changes-at-once",
        ),
        pytest.param({"memory": 2048}, ["plugin: ReconfigVM_Task web-0 memory"], id="more-memory"),
        pytest.param(
            {"cpu_limit": 2000}, ["stock: ReconfigVM_Task web-0 cpu_limit"], id="what-the-stock-provider-sets"
        ),
        pytest.param({"tags": ["urn:1"]}, ["stock: AttachTag web-0"], id="what-no-clone-has-from-its-source"),
        pytest.param(
            {"memory": 2048, "cpu_limit": 2000},
            ["plugin: ReconfigVM_Task web-0 memory", "stock: ReconfigVM_Task web-0 cpu_limit"],
            id="both",
        ),
        pytest.param(
            {"on_reboot": "reboot", "guest_id": "other"},
            ["stock: ReconfigVM_Task web-0 guest_id"],
            id="what-it-is-rebooted-for",
        ),
        pytest.param(
            {"network_interface": [INTERFACE | {"network_id": "network-2"}], "datastore_id": "datastore-2"},
            [],
            id="where-it-is-made",
        ),
        pytest.param(
            {
                "network_interface": [INTERFACE | {"use_static_mac": True, "mac_address": "00:50:56:00:aa:01"}],
                "extra_config": {OWNER_KEY: marker("web-0"), "guestinfo.role": "web"},
            },
            [],
            id="what-it-is-made-with",
        ),
        pytest.param({"disk": [DISKS[1], DISKS[0]]}, [], id="disks-in-another-order"),
    ],
)
def test_changes_arguments_that_differ_from_the_source(
    bench: Bench, arguments: dict[str, Any], calls: list[str]
) -> None:
    config = clone_config(**arguments)

    made = bench.plugin.make(config)

    assert (made.said, bench.calls) == ([], [MADE, *calls])
    plain = [name for name in arguments if name not in ("network_interface", "disk", "on_reboot")]
    assert {name: made.state[name] for name in plain} == {name: arguments[name] for name in plain}
    network = made.state["network_interface"][0]
    configured = config["network_interface"][0]
    assert network["network_id"] == configured["network_id"]
    assert network["mac_address"] == (configured["mac_address"] or "00:50:56:00:00:02")
    following = bench.plugin.plan(made.state, config)
    assert (following.said, following.replaced) == ([], ())


@pytest.mark.parametrize("release", ["2.0.2", "2.6.1", "2.7.0", "2.16.1"])
def test_disks_have_the_configured_labels_with_each_release(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    disks = [DISKS[0], DISKS[1] | {"label": "data", "keep_on_remove": True}]
    with running_bench(monkeypatch, release=ProviderVersion(release)) as bench:
        made = bench.plugin.make(clone_config(disk=disks))

    assert (made.said, bench.calls) == ([], [MADE])
    assert state_of_disks(made.state) == [
        ("disk0", False, 0, 16, "disk-2-2000"),
        ("data", True, 1, 8, "disk-2-2001"),
    ]


def test_a_delta_disk_has_the_size_of_its_source_disk(bench: Bench) -> None:
    disks = bench.world.vms[SOURCE_MOID].values["disk"]
    bench.world.clones_differ = {"disk": [{**disk, "uuid": f"own-{disk['key']}", "size": 1} for disk in disks]}

    made = bench.plugin.make(clone_config())

    assert (made.said, [disk["size"] for disk in made.state["disk"]], bench.calls) == ([], [16, 8], [MADE])


def test_warns_of_a_difference_from_the_source_and_keeps_it(bench: Bench) -> None:
    bench.world.clones_differ = {"memory_reservation": 512}

    made = bench.plugin.make(clone_config())

    assert made.said == ["warning: Clone differs from its source"]
    assert made.details[0].startswith(
        "/DC0/vm/web-0: vCenter created this clone with other values than its source, although the configuration "
        "repeats the source's values:\n  memory_reservation: the source has 0, the clone has 512.\n"
        "This apply did not change them"
    )
    assert 'Add "memory_reservation" to ignore_changes' in made.details[0]
    assert (made.state["memory_reservation"], bench.calls) == (512, [MADE])


def test_applies_requested_changes_only(bench: Bench) -> None:
    bench.world.clones_differ = {"memory_reservation": 512}

    made = bench.plugin.make(clone_config(cpu_limit=2000))

    assert made.said == ["warning: Clone differs from its source"]
    assert (made.state["memory_reservation"], made.state["cpu_limit"]) == (512, 2000)
    assert bench.calls == [MADE, "stock: ReconfigVM_Task web-0 cpu_limit"]


WAIT = GuestNetworkWait(network_minutes=5, ignored=("10.20.0.6",))


@pytest.mark.parametrize(
    ("arguments", "waited"),
    [
        pytest.param({}, [], id="nothing-to-wait-for"),
        pytest.param({"wait_for_guest_net_timeout": 5}, [WAIT], id="network"),
        pytest.param(
            {"wait_for_guest_ip_timeout": 3, "wait_for_guest_net_timeout": 0, "wait_for_guest_net_routable": False},
            [replace(WAIT, ip_minutes=3, network_minutes=0, routable=False)],
            id="address",
        ),
        pytest.param(
            {"wait_for_guest_net_timeout": 5, "ignored_guest_ips": ["10.0.0.0/8"]},
            [replace(WAIT, ignored=("10.0.0.0/8", "10.20.0.6"))],
            id="ignored-addresses",
        ),
        pytest.param(
            {"wait_for_guest_net_timeout": 5, "network_interface": [INTERFACE | {"network_id": "network-2"}]},
            [replace(WAIT, ignored=())],
            id="another-network-where-the-source-s-address-counts",
        ),
    ],
)
def test_waits_for_the_guest_network(bench: Bench, arguments: dict[str, Any], waited: list[GuestNetworkWait]) -> None:
    made = bench.plugin.make(clone_config(**arguments))

    assert (made.said, bench.vcenter.waited, bench.calls) == ([], waited, [MADE])


def test_state_contains_the_addresses_that_the_guest_reported(bench: Bench) -> None:
    def report() -> None:
        bench.world.change(bench.world.named("web-0"), {"default_ip_address": "10.20.0.7"})

    bench.vcenter.on_wait = report

    made = bench.plugin.make(clone_config(wait_for_guest_net_timeout=5))

    assert (made.said, made.state["default_ip_address"]) == ([], "10.20.0.7")


def test_interrupt_ends_the_wait_and_keeps_the_clone(bench: Bench) -> None:
    bench.vcenter.on_wait = bench.plugin.stop

    made = bench.plugin.make(clone_config(wait_for_guest_net_timeout=5))

    assert made.said == ["warning: Guest network wait interrupted"]
    assert made.details[0].startswith("/DC0/vm/web-0: the apply was interrupted before the guest reported ")
    assert (made.state["uuid"], bench.calls) == (uuid_of(2), [MADE])


def test_creates_a_clone_in_a_datastore_cluster_on_the_source_datastore(bench: Bench) -> None:
    bench.vcenter.cluster_members["group-p1"] = "datastore-7"
    config = clone_config(datastore_id=None, datastore_cluster_id="group-p1")

    made = bench.plugin.make(config)

    assert (made.said, bench.calls) == ([], [MADE])
    assert (made.state["datastore_id"], made.state["datastore_cluster_id"]) == ("datastore-7", "group-p1")


def test_imports_a_source_once(bench: Bench) -> None:
    for name in ("web-0", "web-1"):
        assert bench.plugin.make(clone_config(name)).said == []

    # One import for each clone, and one for the source.
    assert bench.stock.asked.count("ImportResourceState") == 3
    assert bench.vcenter.log_ins == 1


def test_leaves_a_vm_without_the_block_to_the_stock_provider(bench: Bench) -> None:
    made = bench.plugin.make(clone_config(**NO_BLOCK))

    assert (made.said, made.state[BLOCK], bench.calls) == ([], [], ["stock: CreateVM_Task web-0"])
    assert bench.vcenter.log_ins == 0


def test_clone_has_the_tpm_of_its_source(bench: Bench) -> None:
    bench.world.change(bench.world.vms[SOURCE_MOID], tpm_count=1)

    made = bench.plugin.make(clone_config(vtpm=[{"version": "2.0"}]))

    assert (made.said, made.state["vtpm"], bench.calls) == ([], [{"version": "2.0"}], [MADE])


def test_state_has_drives_in_the_order_of_the_source(bench: Bench) -> None:
    drives = [
        {"key": key, "device_address": f"ide:{unit}:0", "client_device": True, "datastore_id": "", "path": ""}
        for unit, key in enumerate((3000, 3002))
    ]
    bench.world.change(bench.world.vms[SOURCE_MOID], {"cdrom": drives})
    bench.world.clones_differ = {"cdrom": drives[::-1]}
    configured = [{**drive, "key": None, "device_address": None} for drive in drives]

    made = bench.plugin.make(clone_config(cdrom=configured))

    assert (made.said, bench.calls) == ([], [MADE])
    assert [drive["device_address"] for drive in made.state["cdrom"]] == ["ide:0:0", "ide:1:0"]
