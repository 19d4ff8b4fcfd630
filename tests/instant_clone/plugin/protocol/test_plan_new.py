# SPDX-License-Identifier: MPL-2.0
"""The plan of a clone that is not there yet: what speaks against it comes before anything is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from instant_clone.errors import CloneError, ConnectError, LoginError, NotFoundError, VcenterError
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.stock import Died
from testkit.standins.vcenter import DryRun
from testkit.standins.world import SOURCE_MOID, SOURCE_UUID, uuid_of
from testkit.wire import BLOCK, FOLDER, UNKNOWN

Arrange = Callable[[Bench], object]
SOURCE = "(instantclone[0].source_uuid)"
DISKS = clone_config()["disk"]
INTERFACE = clone_config()["network_interface"][0]


def source(**fields: Any) -> Arrange:
    """Change the source: `values` is what the stock provider reads."""
    return lambda bench: bench.world.change(bench.world.vms[SOURCE_MOID], fields.pop("values", None), **fields)


def taken(mark: str | None) -> Arrange:
    return lambda bench: bench.left_behind("web-0", mark)


def fails(operation: str, fault: Any) -> Arrange:
    return lambda bench: bench.vcenter.faults.add(operation, fault)


def stock_fails(method: str, fault: Any, vm: str) -> Arrange:
    return lambda bench: bench.stock.faults.add(method, fault, vm=vm)


def in_state(bench: Bench) -> None:
    vm = bench.left_behind("web-0", None)
    bench.plugin.upgrade(json.dumps({"name": "old", "uuid": vm.uuid, BLOCK: []}).encode())


def dry_run(**result: Any) -> Arrange:
    return lambda bench: setattr(bench.vcenter, "dry_run", DryRun(**result))


def nothing(bench: Bench) -> None:
    """Arrange nothing."""


CASES = [
    pytest.param(nothing, {}, [], id="an-exact-replica"),
    pytest.param(nothing, {"source_uuid": UNKNOWN}, [], id="source-not-known-yet"),
    pytest.param(nothing, {BLOCK: UNKNOWN}, [], id="block-not-known-yet"),
    pytest.param(nothing, {"source_uuid": uuid_of(99)}, [f"error: Not found in vCenter {SOURCE}"], id="no-source"),
    pytest.param(source(template=True), {}, [f"error: Source cannot be cloned {SOURCE}"], id="source-is-a-template"),
    pytest.param(source(running=False), {}, [f"error: Source cannot be cloned {SOURCE}"], id="source-is-off"),
    pytest.param(nothing, {"host_system_id": "host-1"}, [], id="source-s-host"),
    pytest.param(
        nothing, {"host_system_id": "host-9"}, ["error: Clone would be moved (host_system_id)"], id="another-host"
    ),
    pytest.param(
        nothing,
        {"datastore_id": None, "datastore_cluster_id": "group-p1"},
        [f"error: Instant clone failed {SOURCE}"],
        id="datastore-cluster-without-the-source-s-disks",
    ),
    pytest.param(
        nothing,
        {"datastore_id": None, "datastore_cluster_id": "group-p1", "resource_pool_id": UNKNOWN},
        [f"error: Instant clone failed {SOURCE}"],
        id="datastore-cluster-and-a-pool-not-known-yet",
    ),
    pytest.param(
        lambda bench: bench.vcenter.cluster_members.update({"group-p1": "datastore-1"}),
        {"datastore_id": None, "datastore_cluster_id": "group-p1"},
        [],
        id="datastore-cluster",
    ),
    pytest.param(
        dry_run(errors=("InvalidState: busy",)), {}, ["error: vCenter would refuse the clone"], id="dry-run-with-errors"
    ),
    pytest.param(dry_run(warnings=("Slow",)), {}, ["warning: vCenter warns"], id="dry-run-with-warnings"),
    pytest.param(dry_run(missing="it is old"), {}, ["warning: No dry run"], id="no-dry-run"),
    pytest.param(
        fails("check", CloneError("No such datastore.", argument="datastore_id")),
        {},
        ["error: Instant clone failed (datastore_id)"],
        id="dry-run-not-needed-to-refuse",
    ),
    pytest.param(nothing, {"folder": "Prod"}, ["warning: No such folder yet"], id="no-folder"),
    pytest.param(lambda bench: bench.vcenter.folders.add("Prod"), {"folder": "Prod"}, [], id="folder"),
    pytest.param(
        lambda bench: bench.plugin.plan(None, {"path": "/Prod"}, kind=FOLDER),
        {"folder": "Prod"},
        [],
        id="planned-folder",
    ),
    pytest.param(taken(None), {}, ["error: Name is taken (name)"], id="name-of-a-stranger"),
    pytest.param(
        taken(marker("web-0", owner="other")), {}, ["error: Name is taken (name)"], id="name-in-another-state"
    ),
    pytest.param(taken(marker("web-1")), {}, ["error: Name is taken (name)"], id="name-of-another-member"),
    pytest.param(taken(""), {}, [], id="left-by-an-interrupted-apply"),
    pytest.param(taken(marker("web-0", generation=2)), {}, [], id="name-of-another-generation"),
    pytest.param(in_state, {}, [], id="name-of-a-vm-in-the-state"),
    pytest.param(nothing, {"memory": 512}, ["error: Configuration would power-cycle the clone"], id="less-memory"),
    pytest.param(nothing, {"memory": 2048, "num_cpus": 2, "annotation": "mine"}, [], id="hot-changes"),
    pytest.param(nothing, {"memory": 512, "on_reboot": "reboot"}, [], id="reboot-allowed"),
    pytest.param(
        source(values={"num_cores_per_socket": 0}),
        {"num_cores_per_socket": 0, "cpu_limit": 2000, "on_reboot": "reboot"},
        ["error: Configuration would power-cycle the clone"],
        id="reboot-allowed-but-not-done",
    ),
    pytest.param(
        source(values={"vmware_tools_status": "guestToolsNotRunning"}),
        {"network_interface": [INTERFACE | {"adapter_type": "e1000"}]},
        ["error: Configuration would power-cycle the clone"],
        id="an-interface-of-another-type-without-tools",
    ),
    # A name of its own is no change that such a VM would be powered off for.
    pytest.param(
        source(values={"num_cores_per_socket": 0}), {"num_cores_per_socket": 0}, [], id="a-replica-in-need-of-no-change"
    ),
    pytest.param(
        source(values={"num_cores_per_socket": 0}),
        {
            "num_cores_per_socket": 0,
            "network_interface": [
                INTERFACE | {"network_id": "network-2", "use_static_mac": True, "mac_address": "00:50:56:00:aa:01"}
            ],
        },
        [],
        id="a-replica-with-a-network-and-an-address-of-its-own",
    ),
    pytest.param(
        nothing, {"disk": [DISKS[0] | {"size": 20}, DISKS[1]]}, ["error: Disks cannot grow (disk)"], id="larger-disk"
    ),
    pytest.param(nothing, {"disk": DISKS[:1]}, ["error: Disks without a partner (disk)"], id="missing-disk"),
    pytest.param(
        source(tpm_count=1), {}, ["error: Configuration would power-cycle the clone"], id="a-tpm-that-is-not-configured"
    ),
    pytest.param(nothing, {"disk": UNKNOWN}, [], id="disks-not-known-yet"),
    pytest.param(
        nothing,
        {"network_interface": UNKNOWN},
        ["error: Configuration would power-cycle the clone"],
        id="interfaces-not-known-yet",
    ),
    pytest.param(
        lambda bench: bench.stock.replaces.add("annotation"),
        {"annotation": "mine"},
        ["error: Configuration does not fit an instant clone"],
        id="argument-that-replaces",
    ),
    pytest.param(
        fails("connect", ConnectError("down")), {}, [f"error: No connection to vCenter {SOURCE}"], id="no-connection"
    ),
    pytest.param(
        fails("connect", LoginError("no")), {}, [f"error: vCenter refuses the log-in {SOURCE}"], id="no-log-in"
    ),
    pytest.param(fails("check", NotFoundError("x")), {}, [f"error: Not found in vCenter {SOURCE}"], id="no-pool"),
    pytest.param(fails("check", VcenterError("x")), {}, [f"error: vCenter refuses {SOURCE}"], id="no-privilege"),
    pytest.param(
        fails("check", ZeroDivisionError("x")), {}, [f"error: Error in the instant clone plugin {SOURCE}"], id="mistake"
    ),
    pytest.param(
        stock_fails("ImportResourceState", "Odd VM", "golden"),
        {},
        [f"error: Odd VM {SOURCE}"],
        id="source-not-imported",
    ),
    pytest.param(
        stock_fails("PlanResourceChange", "Odd plan", "golden"), {}, [f"error: Odd plan {SOURCE}"], id="not-comparable"
    ),
    pytest.param(
        stock_fails("ImportResourceState", Died(), "golden"),
        {},
        [f"error: Stock vSphere provider failed {SOURCE}"],
        id="stock-provider-ends",
    ),
    pytest.param(stock_fails("PlanResourceChange", "Odd", "web-0"), {}, ["error: Odd"], id="stock-provider-refuses"),
    pytest.param(
        stock_fails("PlanResourceChange", Died(), "web-0"),
        {},
        ["error: Stock vSphere provider failed"],
        id="stock-provider-is-gone",
    ),
]


@pytest.mark.parametrize(("arrange", "arguments", "said"), CASES)
def test_a_new_clone_is_checked(bench: Bench, arrange: Arrange, arguments: dict[str, Any], said: list[str]) -> None:
    arrange(bench)

    plan = bench.plugin.plan(None, clone_config(**arguments))

    assert plan.said == said
    assert bench.calls == []


def details(bench: Bench, arrange: Arrange = nothing, **arguments: Any) -> list[str]:
    arrange(bench)
    return bench.plugin.plan(None, clone_config(**arguments)).details


def test_the_plan_is_the_stock_provider_s_with_the_block(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config(timeout=5))

    assert plan.state[BLOCK] == [{"source_uuid": SOURCE_UUID, "timeout": 5, "on_reboot": None}]
    assert {name: plan.state[name] for name in ("name", "uuid", "moid", "num_cpus")} == {
        "name": "web-0",
        "uuid": UNKNOWN,
        "moid": UNKNOWN,
        "num_cpus": 1,
    }
    assert [disk["label"] for disk in plan.state["disk"]] == ["disk0", "disk1"]
    assert (plan.private, plan.replaced) == (b'{"schema_version":"3"}', ("id",))


def test_a_source_that_is_not_known_yet_costs_no_log_in(bench: Bench) -> None:
    bench.plugin.plan(None, clone_config(source_uuid=UNKNOWN))

    assert bench.vcenter.log_ins == 0


def test_what_cannot_be_made_is_listed_with_both_values(bench: Bench) -> None:
    assert details(bench, memory=512, num_cpus=UNKNOWN, guest_id="other") == [
        "An instant clone that is powered off loses the memory that it shares with its source. These arguments differ "
        "from the source /DC0/vm/golden:\n"
        '  guest_id: the source has "ubuntu64Guest", configured is "other". The provider changes guest_id only while '
        "the VM is off.\n"
        "  num_cpus: the source has 1, configured is (known after apply). The number of processors is not known before "
        "the apply.\n"
        "  memory: the source has 1024, configured is 512. Memory cannot be taken from a running VM.\n"
        "Repeat the source's values, or change the source."
    ]


def test_a_disk_that_cannot_grow_is_listed_with_both_sizes(bench: Bench) -> None:
    assert details(bench, disk=[DISKS[0], DISKS[1] | {"size": 20}]) == [
        "The disks of an instant clone are deltas on those of /DC0/vm/golden, and vSphere extends no disk that has a "
        "parent:\n  disk[1].size: the source has 8, configured is 20.\n"
        "Repeat the source's sizes; more room is to be had by additional disks."
    ]


def test_a_missing_disk_is_named_by_its_place(bench: Bench) -> None:
    (detail,) = details(bench, disk=DISKS[:1])

    assert detail.startswith(
        "/DC0/vm/golden has disks that the configuration lacks: scsi unit 1, 8 GiB (Hard disk 2). The stock provider "
    )


def test_the_arguments_that_would_replace_the_clone_are_named(bench: Bench) -> None:
    bench.stock.replaces |= {"annotation", "guest_id"}

    assert details(bench, annotation="mine") == [
        "With these arguments the stock provider would replace the clone: annotation."
    ]


@pytest.mark.parametrize(
    ("mark", "cure"),
    [
        pytest.param(
            None,
            "If it is meant to be this one, take it into the state: terraform import ADDRESS '/DC0/vm/web-0', with the "
            "address above in single quotes and without what stands in parentheses. ",
            id="no-marker",
        ),
        pytest.param(
            marker("web-1"),
            f"It is the clone web-1 of the fleet web in this state ({marker('').partition('/')[0]}), made from the "
            f"source {SOURCE_UUID}. ",
            id="this-state",
        ),
        pytest.param(
            marker("web-0", owner="other"),
            f"It is the clone web-0 of the fleet web in another state (other), made from the source {SOURCE_UUID}. "
            "Only if that state is lost, because Terraform was killed before or while it wrote it, make this state its "
            "heir, and apply again: terraform import terraform_data.owner other. ",
            id="another-state",
        ),
    ],
)
def test_a_name_that_is_taken_is_reported_with_its_owner(bench: Bench, mark: str | None, cure: str) -> None:
    assert details(bench, taken(mark)) == [
        f"There is a virtual machine /DC0/vm/web-0 already, with the UUID {uuid_of(2)}. {cure}Otherwise choose another "
        "name, or remove it."
    ]
