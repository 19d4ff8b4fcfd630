# SPDX-License-Identifier: MPL-2.0
"""Tests of a vCenter that does not heed the location of a clone request: folder, pool, datastore and interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.errors import CloneError, VcenterError
from testkit.standins.bench import Bench, clone_config, marker
from testkit.standins.world import SOURCE_MOID, uuid_of
from tests.instant_clone.plugin.protocol.failures import MADE, make

ELSEWHERE = "warning: Clone is at another location"
PLACE = {"folder": "asked", "resource_pool_id": "resgroup-2", "datastore_id": "datastore-2"}
INTERFACE = clone_config()["network_interface"][0]


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """Return a bench with the folders "asked" and "sources", and a vCenter that does not heed the location."""
    bench.vcenter.folders |= {"asked", "sources"}
    bench.vcenter.heeds_location = False
    return bench


def made(bench: Bench, **arguments: Any) -> Any:
    return make(bench, lambda bench: None, **arguments)


def test_imports_the_clone_from_its_folder_and_warns_of_each_difference(bench: Bench) -> None:
    answer = made(bench, **PLACE)

    assert answer.said == [ELSEWHERE]
    assert answer.details == [
        "/DC0/vm/web-0: vCenter did not create this clone at the requested location:\n"
        '  datastore_id: the configuration has "datastore-2", the clone has "datastore-1".\n'
        '  folder: the configuration has "asked", the clone has "".\n'
        '  resource_pool_id: the configuration has "resgroup-2", the clone has "resgroup-1".\n'
        "This apply did not move the clone. To keep it there, set these arguments to the clone's values. Otherwise the "
        "next plan moves the clone to another folder while it runs, but rejects another resource pool or datastore "
        'unless on_reboot is "reboot". A replacement does not help, because vCenter creates the new clone at the same '
        "location."
    ]
    assert {name: answer.state[name] for name in PLACE} == {
        "folder": "",
        "resource_pool_id": "resgroup-1",
        "datastore_id": "datastore-1",
    }
    assert bench.calls == [MADE]


def test_next_plan_moves_the_clone_to_the_folder_only_if_nothing_else_differs(bench: Bench) -> None:
    only_folder = made(bench, folder="asked")
    everything = made(bench, name="web-1", **PLACE)

    plan = bench.plugin.plan(only_folder.state, clone_config(folder="asked"))
    refused = bench.plugin.plan(everything.state, clone_config("web-1", **PLACE))

    assert (plan.said, plan.state["folder"]) == ([], "asked")
    assert [said.partition(" (")[0] for said in refused.said] == ["error: Change requires reboot or move"]


def test_warns_of_settings_and_of_the_location_separately(bench: Bench) -> None:
    bench.world.clones_differ = {"cpu_share_level": "high"}

    answer = made(bench, folder="asked")

    assert answer.said == ["warning: Clone differs from its source", ELSEWHERE]
    assert "folder" not in answer.details[0]
    assert "cpu_share_level" not in answer.details[1]


def test_no_warning_at_the_location_that_vcenter_selects(bench: Bench) -> None:
    assert made(bench).said == []


@pytest.mark.parametrize("failure", [VcenterError("refused"), None], ids=["no-path", "same-path"])
def test_removes_a_clone_that_cannot_be_imported_from_its_path(bench: Bench, failure: Exception | None) -> None:
    bench.vcenter.heeds_location = failure is None

    def arrange(bench: Bench) -> None:
        bench.vcenter.faults.add("located", failure)
        bench.stock.faults.add("ImportResourceState", "Odd", vm="web-0")

    failed = make(bench, arrange, folder="asked")

    assert failed.said == ["error: Odd", "error: Clone creation rolled back"]
    assert (failed.state, "web-0" in bench.world.names()) == (None, False)


def test_never_imports_another_vm_at_the_requested_path(bench: Bench) -> None:
    """The stock provider finds the source at the requested path."""
    bench.stock.misled["/DC0/vm/asked/web-0"] = SOURCE_MOID

    answer = made(bench, folder="asked")

    assert (answer.said, answer.state["moid"]) == ([ELSEWHERE], "vm-2")


@pytest.mark.parametrize("folder", ["", "sources"])
def test_adopts_a_clone_of_an_interrupted_apply_in_the_folder_that_vcenter_selected(bench: Bench, folder: str) -> None:
    source = bench.world.vms[SOURCE_MOID]
    bench.world.change(source, {"folder": "sources"})
    orphan = bench.left_behind()
    if folder:
        orphan = bench.world.change(orphan, {"folder": folder}, path=f"/DC0/vm/{folder}/web-0")
        bench.vcenter.faults.add("clone", duplicate(), vm="web-0")

    answer = made(bench, folder="asked")

    assert answer.said == ["warning: Existing clone adopted", "warning: Adopted clone differs from configuration"]
    assert answer.details[0].startswith(f"{orphan.path} (UUID {orphan.uuid}): an interrupted apply")
    assert '  folder: the configuration has "asked", the clone has ' in answer.details[1]
    assert (answer.state["uuid"], bench.calls) == (orphan.uuid, [])


def duplicate() -> Exception:
    return CloneError("vCenter answers with DuplicateName.", argument="name")


@pytest.mark.parametrize("mark", [None, marker("web-0", owner="another-state")], ids=["no-marker", "other-state"])
def test_rejects_another_vm_with_the_name_in_the_folder_that_vcenter_selects(bench: Bench, mark: str | None) -> None:
    other = bench.left_behind(mark=mark)

    failed = made(bench, folder="asked")

    assert [said.partition(" (")[0] for said in failed.said] == ["error: Name already in use"]
    assert failed.details[0].startswith("/DC0/vm/web-0: a virtual machine with this name already exists, with the UUID")
    assert (failed.state, bench.calls, bench.world.named("web-0")) == (None, [], other)


def test_reports_a_duplicate_name_that_no_folder_explains(bench: Bench) -> None:
    bench.vcenter.faults.add("clone", duplicate(), vm="web-0")

    failed = made(bench, folder="asked")

    assert failed.details == ["vCenter answers with DuplicateName."]
    assert (failed.state, bench.calls) == (None, [])


def test_changes_the_interfaces_that_vcenter_did_not_edit_and_warns(bench: Bench) -> None:
    bench.vcenter.heeds_edits = False
    static = {"network_id": "network-2", "use_static_mac": True, "mac_address": "00:50:56:2a:00:01"}

    answer = made(bench, network_interface=[INTERFACE | static])

    assert answer.said == ["warning: Interface changed after cloning"]
    assert answer.details == [
        "/DC0/vm/web-0: vCenter created this clone without the requested values of these arguments:\n"
        '  network_interface[0].mac_address: the configuration has "00:50:56:2a:00:01", the clone has '
        '"00:50:56:00:00:02".\n'
        '  network_interface[0].network_id: the configuration has "network-2", the clone has "network-1".\n'
        "  network_interface[0].use_static_mac: the configuration has true, the clone has false.\n"
        "This apply changes them on the running clone. vCenter rejects a new MAC address for a running clone "
        "(InvalidPowerState). If it does, remove use_static_mac and mac_address from the configuration."
    ]
    assert bench.calls == [MADE, "stock: ReconfigVM_Task web-0 network_interface"]


def test_taints_a_clone_whose_interface_cannot_be_changed(bench: Bench) -> None:
    bench.vcenter.heeds_edits = False
    bench.stock.faults.add("ApplyResourceChange", "InvalidPowerState", vm="web-0")
    static = {"use_static_mac": True, "mac_address": "00:50:56:2a:00:01"}

    failed = made(bench, network_interface=[INTERFACE | static])

    assert failed.said == [
        "warning: Interface changed after cloning",
        "error: InvalidPowerState",
        "error: Clone is tainted",
    ]
    assert (failed.state["uuid"], bench.calls) == (uuid_of(2), [MADE])
