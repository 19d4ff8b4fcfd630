# SPDX-License-Identifier: MPL-2.0
"""Tests of the import: a clone gets its block and labels, and the plugin does not change the state of another VM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from instant_clone.errors import VcenterError
from instant_clone.ownership import OWNER_KEY
from testkit.standins.bench import NO_BLOCK, Bench, clone_config, marker
from testkit.standins.stock import Died
from testkit.standins.world import SOURCE_UUID, uuid_of
from testkit.wire import BLOCK, UNKNOWN

BLOCK_OF_GOLDEN = [{"source_uuid": SOURCE_UUID, "timeout": None, "on_reboot": None}]
DISKS = clone_config()["disk"]


@pytest.mark.parametrize(
    ("mark", "block", "labels", "trigger"),
    [
        pytest.param("", BLOCK_OF_GOLDEN, ["disk0", "disk1"], None, id="a-clone"),
        pytest.param(
            marker("web-0", generation=3), BLOCK_OF_GOLDEN, ["disk0", "disk1"], "3", id="a-clone-of-a-later-generation"
        ),
        pytest.param(None, [], ["Hard disk 1", "Hard disk 2"], None, id="another-vm"),
        pytest.param("web-0", [], ["Hard disk 1", "Hard disk 2"], None, id="a-marker-of-something-else"),
    ],
)
def test_imports_a_vm(bench: Bench, mark: str | None, block: list[Any], labels: list[str], trigger: str | None) -> None:
    bench.left_behind(mark=mark)

    imported = bench.plugin.import_vm("/DC0/vm/web-0")

    assert (imported.said, imported.state["id"], imported.state[BLOCK]) == ([], uuid_of(2), block)
    assert [disk["label"] for disk in imported.state["disk"]] == labels
    assert [disk["keep_on_remove"] for disk in imported.state["disk"]] == [False, False]
    assert (imported.state["replace_trigger"], imported.state["imported"]) == (trigger, True)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("rack[1]", "/DC0/vm/rack[1]", id="the-path-as-it-is"),
        pytest.param("rack[1]", "/DC0/vm/rack\\[1]", id="the-path-as-a-pattern"),
        pytest.param("rack2", "/DC0/vm/rack[2-9]", id="a-pattern"),
    ],
)
def test_import_prefers_an_exact_path_over_a_pattern(bench: Bench, name: str, path: str) -> None:
    bench.left_behind("rack1")
    expected = bench.left_behind(name)

    assert bench.plugin.import_vm(path).state["id"] == expected.uuid


@pytest.mark.parametrize(
    ("arrange", "messages"),
    [
        pytest.param(
            lambda bench: None, "error: error fetching virtual machine: vm '/DC0/vm/web-0' not found", id="no-such-vm"
        ),
        pytest.param(
            lambda bench: bench.stock.faults.add("ImportResourceState", Died()),
            "error: Stock vSphere provider failed",
            id="ended",
        ),
        pytest.param(
            lambda bench: (bench.left_behind(), bench.vcenter.faults.add("vms_with_uuid", VcenterError("x"))),
            "error: vCenter rejected the request",
            id="vcenter-does-not-tell",
        ),
    ],
)
def test_failed_import_returns_no_state(bench: Bench, arrange: Callable[[Bench], object], messages: str) -> None:
    arrange(bench)

    imported = bench.plugin.import_vm("/DC0/vm/web-0")

    assert (imported.said, imported.state) == ([messages], None)


def test_imports_a_plain_vm_with_a_uuid_that_another_vm_has(bench: Bench) -> None:
    """Without the block instantclone and an owner marker, the import works as with the stock provider."""
    bench.left_behind("plain", mark=None)
    bench.world.clone("copy", {}, uuid=uuid_of(2))

    assert bench.plugin.import_vm("/DC0/vm/plain").state[BLOCK] == []


def test_import_selects_a_clone_by_path_if_several_vms_have_its_uuid(bench: Bench) -> None:
    bench.left_behind("web-0")
    bench.world.clone("copy", {}, uuid=uuid_of(2))

    state = bench.plugin.import_vm("/DC0/vm/web-0").state

    assert state[BLOCK] == BLOCK_OF_GOLDEN
    assert bench.plugin.read(state).said == ["error: BIOS UUID is not unique"]


def imported(bench: Bench, name: str = "web-0", mark: str | None = "", **values: Any) -> dict[str, Any]:
    """Import and refresh a VM, as Terraform does before it plans."""
    if name not in bench.world.names():
        bench.left_behind(name, mark, **values)
    state = bench.plugin.import_vm(f"/DC0/vm/{name}").state
    return dict(bench.plugin.read(state).state)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({}, id="as-made"),
        pytest.param({"wait_for_guest_net_timeout": 7, "replace_trigger": "4", "timeout": 9}, id="with-its-words"),
        pytest.param({"disk": [DISKS[0] | {"label": "root"}, DISKS[1] | {"keep_on_remove": True}]}, id="with-labels"),
        pytest.param({"disk": [DISKS[1], DISKS[0]]}, id="with-disks-in-another-order"),
    ],
)
def test_aligns_an_imported_clone_with_its_configuration(bench: Bench, arguments: dict[str, Any]) -> None:
    config = clone_config(**arguments)
    plan = bench.plugin.plan(imported(bench), config)

    aligned = bench.plugin.apply(plan)

    assert (plan.said, plan.replaced, aligned.said, bench.calls) == ([], (), [], [])
    assert (aligned.state["imported"], aligned.state["extra_config"]) == (False, {OWNER_KEY: marker("web-0")})
    assert {disk["unit_number"]: (disk["label"], disk["keep_on_remove"]) for disk in aligned.state["disk"]} == {
        disk["unit_number"]: (disk["label"], bool(disk["keep_on_remove"])) for disk in config["disk"]
    }
    following = bench.plugin.plan(aligned.state, config)
    assert (following.said, following.state) == ([], aligned.state)


def test_changes_only_the_requested_argument_of_an_imported_clone(bench: Bench) -> None:
    state = imported(bench)

    changed = bench.plugin.change(state, clone_config(cpu_limit=2000))

    assert (changed.said, changed.state["cpu_limit"]) == ([], 2000)
    assert bench.calls == ["stock: ReconfigVM_Task web-0 cpu_limit"]


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        pytest.param({"disk": DISKS[:1]}, "error: Disk is not configured (disk)", id="a-disk-that-nobody-configured"),
        pytest.param(
            {"memory": 512},
            "error: Change requires reboot or move (instantclone[0].on_reboot)",
            id="what-powers-it-off",
        ),
    ],
)
def test_rejects_harmful_changes_of_an_imported_clone(bench: Bench, arguments: dict[str, Any], messages: str) -> None:
    assert bench.plugin.plan(imported(bench), clone_config(**arguments)).said == [messages]


def test_leaves_an_imported_vm_without_the_block_to_the_stock_provider(bench: Bench) -> None:
    config = clone_config(**NO_BLOCK)

    plan = bench.plugin.plan(imported(bench, mark=None), config)

    # The imported labels differ from the configured labels, so the stock provider would replace the disks.
    assert (plan.said, [disk["label"] for disk in plan.state["disk"]]) == (
        [],
        ["disk0", "disk1", "<deleted>", "<deleted>"],
    )


@pytest.mark.parametrize(
    ("name", "mark", "config", "detail"),
    [
        pytest.param(
            "golden",
            None,
            clone_config(),
            f"/DC0/vm/golden (UUID {SOURCE_UUID}): the virtual machine is the source of this clone, and not web-0. To ",
            id="the-source",
        ),
        pytest.param(
            "web-1",
            "",
            clone_config(),
            f"/DC0/vm/web-1 (UUID {uuid_of(2)}): the virtual machine is the clone web-1 of the fleet web (state ",
            id="another-member",
        ),
        pytest.param(
            "web-0",
            marker("web-0", owner="other"),
            clone_config(),
            f"/DC0/vm/web-0 (UUID {uuid_of(2)}): the virtual machine is the clone web-0 of the fleet web (state "
            "other), and not web-0. ",
            id="another-state",
        ),
        pytest.param(
            "web-0",
            "",
            clone_config(mark=None),
            f"/DC0/vm/web-0 (UUID {uuid_of(2)}): the virtual machine is the clone web-0 of the fleet web (state ",
            id="a-configuration-without-a-marker",
        ),
    ],
)
def test_rejects_a_vm_that_was_imported_at_the_wrong_address(
    bench: Bench, name: str, mark: str | None, config: dict[str, Any], detail: str
) -> None:
    plan = bench.plugin.plan(imported(bench, name, mark), config)

    assert plan.said == ["error: Another virtual machine was imported"]
    assert plan.details[0].startswith(detail)


def test_warns_of_an_imported_vm_without_a_marker(bench: Bench) -> None:
    plan = bench.plugin.plan(imported(bench, mark=None), clone_config())

    assert plan.said == ["warning: Imported VM has no marker"]
    assert plan.details[0].startswith(
        f"/DC0/vm/web-0 (UUID {uuid_of(2)}): the virtual machine has no owner marker, so the plugin cannot verify"
    )


@pytest.mark.parametrize(
    ("mark", "config"),
    [
        pytest.param("", clone_config(extra_config={OWNER_KEY: UNKNOWN}), id="a-marker-not-known-yet"),
        pytest.param("", clone_config(extra_config=UNKNOWN), id="extra-config-not-known-yet"),
        pytest.param("", clone_config(source_uuid=UNKNOWN), id="a-source-not-known-yet"),
    ],
)
def test_plans_an_imported_vm_while_values_are_unknown(bench: Bench, mark: str | None, config: dict[str, Any]) -> None:
    assert bench.plugin.plan(imported(bench, mark=mark), config).said == []
