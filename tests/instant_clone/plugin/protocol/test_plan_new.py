# SPDX-License-Identifier: MPL-2.0
"""Tests of the plan of a new clone: the plan reports problems before anything is created."""

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
    """Change the source. `values` are the values that the stock provider reads."""
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
    """Change nothing."""


CASES = [
    pytest.param(nothing, {}, [], id="an-exact-replica"),
    pytest.param(nothing, {"source_uuid": UNKNOWN}, [], id="source-not-known-yet"),
    pytest.param(nothing, {BLOCK: UNKNOWN}, [], id="block-not-known-yet"),
    pytest.param(nothing, {"source_uuid": uuid_of(99)}, [f"error: Not found in vCenter {SOURCE}"], id="no-source"),
    pytest.param(source(template=True), {}, [f"error: Source is a template {SOURCE}"], id="source-is-a-template"),
    pytest.param(source(running=False), {}, [f"error: Source is not powered on {SOURCE}"], id="source-is-off"),
    pytest.param(nothing, {"host_system_id": "host-1"}, [], id="source-s-host"),
    pytest.param(
        nothing, {"host_system_id": "host-9"}, ["error: Invalid host_system_id (host_system_id)"], id="another-host"
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
        dry_run(errors=("InvalidState: busy",)), {}, ["error: vCenter would reject the clone"], id="dry-run-with-errors"
    ),
    pytest.param(
        dry_run(errors=("SystemError",), argument="instantclone.source_uuid"),
        {},
        [f"error: vCenter would reject the clone {SOURCE}"],
        id="dry-run-with-errors-of-the-source",
    ),
    pytest.param(
        dry_run(errors=("InvalidDatastore",), argument="datastore_id"),
        {},
        ["error: vCenter would reject the clone (datastore_id)"],
        id="dry-run-with-errors-of-an-argument",
    ),
    pytest.param(dry_run(warnings=("Slow",)), {}, ["warning: Dry run returned warnings"], id="dry-run-with-warnings"),
    pytest.param(dry_run(missing="it is old"), {}, ["warning: Dry run not available"], id="no-dry-run"),
    pytest.param(
        fails("check", CloneError("No such datastore.", argument="datastore_id")),
        {},
        ["error: Instant clone failed (datastore_id)"],
        id="dry-run-not-needed-to-refuse",
    ),
    pytest.param(nothing, {"folder": "Prod"}, ["warning: Folder does not exist yet"], id="no-folder"),
    pytest.param(lambda bench: bench.vcenter.folders.add("Prod"), {"folder": "Prod"}, [], id="folder"),
    pytest.param(
        lambda bench: bench.plugin.plan(None, {"path": "/Prod"}, kind=FOLDER),
        {"folder": "Prod"},
        [],
        id="planned-folder",
    ),
    pytest.param(taken(None), {}, ["error: Name already in use (name)"], id="name-of-a-stranger"),
    pytest.param(
        taken(marker("web-0", owner="other")), {}, ["error: Name already in use (name)"], id="name-in-another-state"
    ),
    pytest.param(taken(marker("web-1")), {}, ["error: Name already in use (name)"], id="name-of-another-member"),
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
    # The clone's name differs from the source's name, but a new name does not require a power cycle.
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
        nothing,
        {"disk": [DISKS[0] | {"size": 20}, DISKS[1]]},
        ["error: Delta disk cannot be extended (disk)"],
        id="larger-disk",
    ),
    pytest.param(nothing, {"disk": DISKS[:1]}, ["error: Disk is not configured (disk)"], id="missing-disk"),
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
        ["error: Configuration would replace the clone"],
        id="argument-that-replaces",
    ),
    pytest.param(
        fails("connect", ConnectError("down")), {}, [f"error: No connection to vCenter {SOURCE}"], id="no-connection"
    ),
    pytest.param(fails("connect", LoginError("no")), {}, [f"error: vCenter login failed {SOURCE}"], id="no-log-in"),
    pytest.param(fails("check", NotFoundError("x")), {}, [f"error: Not found in vCenter {SOURCE}"], id="no-pool"),
    pytest.param(
        fails("check", VcenterError("x")), {}, [f"error: vCenter rejected the request {SOURCE}"], id="no-privilege"
    ),
    pytest.param(fails("check", ZeroDivisionError("x")), {}, [f"error: Internal plugin error {SOURCE}"], id="mistake"),
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


@pytest.mark.parametrize(("arrange", "arguments", "expected"), CASES)
def test_checks_a_new_clone(bench: Bench, arrange: Arrange, arguments: dict[str, Any], expected: list[str]) -> None:
    arrange(bench)

    plan = bench.plugin.plan(None, clone_config(**arguments))

    assert plan.said == expected
    assert bench.calls == []


def details(bench: Bench, arrange: Arrange = nothing, **arguments: Any) -> list[str]:
    arrange(bench)
    return bench.plugin.plan(None, clone_config(**arguments)).details


def test_returns_the_stock_provider_plan_with_the_block(bench: Bench) -> None:
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


def test_does_not_log_in_if_the_source_is_unknown(bench: Bench) -> None:
    bench.plugin.plan(None, clone_config(source_uuid=UNKNOWN))

    assert bench.vcenter.log_ins == 0


def test_lists_both_values_of_a_rejected_argument(bench: Bench) -> None:
    assert details(bench, memory=512, num_cpus=UNKNOWN, guest_id="other") == [
        "/DC0/vm/golden: the configuration differs from the source in arguments that cannot change while the clone is "
        "running. An instant clone that is powered off loses the memory that it shares with its source.\n"
        '  guest_id: the source has "ubuntu64Guest", the configuration has "other". The provider changes guest_id only '
        "while the VM is off.\n"
        "  num_cpus: the source has 1, the configuration has (known after apply). The number of processors is not "
        "known before the apply.\n"
        "  memory: the source has 1024, the configuration has 512. Memory cannot be taken from a running VM.\n"
        "Set these arguments to the source's values, or change the source."
    ]


def test_lists_both_sizes_of_a_delta_disk_that_cannot_be_extended(bench: Bench) -> None:
    assert details(bench, disk=[DISKS[0], DISKS[1] | {"size": 20}]) == [
        "/DC0/vm/golden: the disks of an instant clone are delta disks on the disks of this virtual machine. "
        "vSphere does not extend a disk that has a parent.\n"
        "  disk[1].size: the source has 8 GiB, the configuration has 20 GiB.\n"
        "Set the size to the source's size. For more space, add a disk."
    ]


def test_names_a_missing_disk_by_controller_and_unit(bench: Bench) -> None:
    (detail,) = details(bench, disk=DISKS[:1])

    assert detail.startswith(
        "/DC0/vm/golden: the configuration has no disk block for these disks: scsi unit 1, 8 GiB (Hard disk 2). The "
    )


def test_names_the_arguments_that_would_replace_the_clone(bench: Bench) -> None:
    bench.stock.replaces |= {"annotation", "guest_id"}

    assert details(bench, annotation="mine") == [
        "/DC0/vm/golden: the stock provider would replace the clone because of these arguments: annotation. Remove "
        "them, or set them to the source's values."
    ]


@pytest.mark.parametrize(
    ("mark", "remedy"),
    [
        pytest.param(
            None,
            "If this virtual machine is the clone, import it: terraform import ADDRESS '/DC0/vm/web-0', with the "
            "address above as ADDRESS, in single quotes and without any text in parentheses. ",
            id="no-marker",
        ),
        pytest.param(
            marker("web-1"),
            f"It is the clone web-1 of the fleet web in this state ({marker('').partition('/')[0]}), created from the "
            f"source {SOURCE_UUID}. ",
            id="this-state",
        ),
        pytest.param(
            marker("web-0", owner="other"),
            f"It is the clone web-0 of the fleet web in another state (other), created from the source {SOURCE_UUID}. "
            "If that state is lost because Terraform was killed before or while it wrote the state, transfer the "
            "ownership to this state: terraform import terraform_data.owner other. Then apply again. Do this only if "
            "the other state is lost. ",
            id="another-state",
        ),
    ],
)
def test_reports_the_owner_of_a_name_in_use(bench: Bench, mark: str | None, remedy: str) -> None:
    assert details(bench, taken(mark)) == [
        f"/DC0/vm/web-0: a virtual machine with this name already exists, with the UUID {uuid_of(2)}. {remedy}"
        "Otherwise choose another name, or delete the virtual machine."
    ]
