# SPDX-License-Identifier: MPL-2.0
"""Check that clones are correct if vCenter behaves differently from the default simulator.

Each source VM of a simulator has a different quirk, so that one Terraform command covers all quirks.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, clones, document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client, clone, disks

pytestmark = pytest.mark.attached

GIB = 1 << 30
STATE = "terraform.tfstate"

NewFolder = Callable[[Simulator], Terraform]


@pytest.fixture(scope="module")
def new_folder(plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory) -> NewFolder:
    """Return a function that creates an initialised folder for a simulator. Several tests check its results."""

    def make(simulator: Simulator) -> Terraform:
        folder = tmp_path_factory.mktemp("quirks") / "terraform"
        return Terraform(
            folder,
            simulator.environment(plugin.environment),
            initialised=plugin.initialised,
            attached=attach(simulator),
        )

    return make


def _address(name: str) -> str:
    return f"vsphere_virtual_machine.{name}"


def _methods(simulator: Simulator, name: str) -> list[str]:
    return [call.method for call in simulator.calls(name)]


# --- delta disks ---------------------------------------------------------------------------------------


DELTAS = {"clone-unset": "unset", "clone-other": "other", "source-unset": "unset", "source-other": "other"}
"""The quirk by source name. All clones and the last two sources report the value."""


@dataclass(frozen=True)
class Deltas:
    """A clone "of-…" of each source, and the plan after the apply."""

    simulator: Simulator
    terraform: Terraform
    applied: Outcome
    next_plan: Outcome
    release: ProviderVersion
    sources: Mapping[str, SourceVm]
    plugin: Plugin

    def written(self, names: list[str], *, by_plugin: bool) -> dict[str, Any]:
        """Return the configuration of the clones of the named sources."""
        machines = {f"of-{name}": machine(self.sources[name], self.release, name=f"of-{name}") for name in names}
        whole = document(self.release, machines)
        if not by_plugin:
            whole["terraform"]["required_providers"]["vsphere"]["source"] = self.plugin.stock_source
            for body in machines.values():
                del body["instantclone"]
        return whole


@pytest.fixture(scope="module")
def deltas(start_simulator: StartSimulator, plugin: Plugin, new_folder: NewFolder) -> Deltas:
    layouts = [flag for name in DELTAS for flag in ("-layout", f"{name}=two-controllers")]
    simulator = start_simulator("-source", ",".join(DELTAS), *layouts, "-vm", 0, "-tools", "0s")
    sources = {name: source_of(simulator, name) for name in DELTAS}
    for name, value in DELTAS.items():
        simulator.quirk("delta-fields", value, vm=name)
    with Client(simulator) as client:
        # Another user clones the sources between the look-up and the apply.
        for name in ("source-unset", "source-other"):
            simulator.quirk("source-delta-fields", DELTAS[name], vm=name)
            clone(client.vm(name), f"{name}-first")
    terraform = new_folder(simulator)
    story = partial(Deltas, simulator, terraform, release=plugin.release, sources=sources, plugin=plugin)
    terraform.write(story(Outcome(0, "", "", ""), Outcome(0, "", "", "")).written(list(DELTAS), by_plugin=True))
    applied = terraform.run("apply")
    return story(applied, terraform.run("plan"))


def test_state_has_the_configured_values_if_delta_disks_report_other_values(deltas: Deltas) -> None:
    assert deltas.applied.require().diagnostics == []
    assert deltas.next_plan.require().changes == {}
    assert [_methods(deltas.simulator, f"of-{name}") for name in DELTAS] == [[]] * 4
    for name in DELTAS:
        state = deltas.terraform.attributes(f"of-{name}")
        assert [
            (disk["size"], disk["thin_provisioned"], disk["eagerly_scrub"], disk["write_through"])
            for disk in state["disk"]
        ] == [(16, True, False, False), (4, False, True, False), (8, False, False, False), (2, True, False, False)]


def test_stock_provider_plans_no_change_if_delta_disks_report_no_value(deltas: Deltas, new_folder: NewFolder) -> None:
    """The stock provider ignores an unset value of a disk, so the state keeps the value that the plugin wrote.

    If a delta disk reports another value, the stock provider writes that value to the state. It then rejects every
    plan, because a disk can neither shrink nor change its provisioning. This applies to any VM with such disks.
    """
    names = ["clone-unset", "source-unset"]
    # Use a separate folder, because other tests check the state that the plugin wrote.
    terraform = new_folder(deltas.simulator)
    shutil.copyfile(deltas.terraform.folder / STATE, terraform.folder / STATE)
    terraform.write(deltas.written(names, by_plugin=True))
    for name in ("clone-other", "source-other"):
        terraform.run("state", "rm", _address(f"of-{name}")).require()
    replaced = ("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, deltas.plugin.stock_source)
    terraform.run(*replaced).require()
    terraform.write(deltas.written(names, by_plugin=False))
    terraform.init("-upgrade")

    assert terraform.plan() == {}


# --- settings that vCenter changed ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangedSetting:
    """A property that vCenter changes in the clone, by its path below the VM, and the effects on Terraform."""

    path: str
    value: str
    warning: str
    """The line of the warning."""
    ignored: str
    """The argument for ignore_changes."""


CHANGED_SETTINGS = {
    "cpu-shares": ChangedSetting(
        "config.cpuAllocation.shares.level",
        "high",
        'cpu_share_level: the source has "normal", the clone has "high".',
        "cpu_share_level",
    ),
    "memory-shares": ChangedSetting(
        "config.memoryAllocation.shares.level",
        "low",
        'memory_share_level: the source has "normal", the clone has "low".',
        "memory_share_level",
    ),
    "reservation": ChangedSetting(
        "config.memoryAllocation.reservation",
        "512",
        "memory_reservation: the source has 0, the clone has 512.",
        "memory_reservation",
    ),
    "limit": ChangedSetting(
        "config.cpuAllocation.limit", "3000", "cpu_limit: the source has -1, the clone has 3000.", "cpu_limit"
    ),
    "latency": ChangedSetting(
        "config.latencySensitivity.level",
        "high",
        'latency_sensitivity: the source has "normal", the clone has "high".',
        "latency_sensitivity",
    ),
    "time": ChangedSetting(
        "config.tools.syncTimeWithHostAllowed",
        "false",
        "sync_time_with_host: the source has true, the clone has false.",
        "sync_time_with_host",
    ),
    "scripts": ChangedSetting(
        "config.tools.afterPowerOn",
        "false",
        "run_tools_scripts_after_power_on: the source has true, the clone has false.",
        "run_tools_scripts_after_power_on",
    ),
    "disk-shares": ChangedSetting(
        "disk.0.storageIOAllocation.shares.level",
        "high",
        'disk[0].io_share_level: the source has "normal", the clone has "high".',
        "disk",
    ),
    "bandwidth": ChangedSetting(
        "nic.0.resourceAllocation.limit",
        "100",
        "network_interface[0].bandwidth_limit: the source has -1, the clone has 100.",
        "network_interface",
    ),
}
NO_ARGUMENT = {"cdrom": ("cdrom.0.connectable.connected", "false")}
"""A property for which the provider has no argument."""
REQUESTED = "requested"
"""The source whose clone gets an additional disk, while vCenter changes the memory shares of the clone."""


@dataclass(frozen=True)
class ChangedClones:
    """A clone "of-…" of each source, the next plan, and the plan with the changed settings in ignore_changes."""

    simulator: Simulator
    terraform: Terraform
    applied: Outcome
    next_plan: Outcome
    ignoring: Outcome


@pytest.fixture(scope="module")
def changed_clones(start_simulator: StartSimulator, plugin: Plugin, new_folder: NewFolder) -> ChangedClones:
    names = [*CHANGED_SETTINGS, *NO_ARGUMENT, REQUESTED]
    simulator = start_simulator("-source", ",".join(names), "-cdrom", "-vm", 0, "-tools", "0s")
    bodies = {name: machine(source_of(simulator, name), plugin.release, name=f"of-{name}") for name in names}
    bodies[REQUESTED]["disk"].append({"label": "added", "unit_number": 4, "size": 1})
    for name, each in CHANGED_SETTINGS.items():
        simulator.clone_differs(each.path, each.value, vm=name)
    for name, (path, value) in NO_ARGUMENT.items():
        simulator.clone_differs(path, value, vm=name)
    simulator.clone_differs("config.memoryAllocation.shares.level", "high", vm=REQUESTED)
    terraform = new_folder(simulator)
    terraform.write(document(plugin.release, bodies))
    applied = terraform.run("apply", "-parallelism=20")
    next_plan = terraform.run("plan")
    for name, each in CHANGED_SETTINGS.items():
        _ignore(bodies[name], each.ignored)
    _ignore(bodies[REQUESTED], "memory_share_level")
    terraform.write(document(plugin.release, bodies))
    return ChangedClones(simulator, terraform, applied, next_plan, terraform.run("plan"))


def _ignore(body: dict[str, Any], argument: str) -> None:
    # The replica already ignores settings that are unset on the source.
    body.setdefault("lifecycle", {}).setdefault("ignore_changes", []).append(argument)


def test_keeps_changed_settings_and_warns_of_them(changed_clones: ChangedClones) -> None:
    changed_clones.applied.require()
    warnings = {each.address: each for each in changed_clones.applied.diagnostics}
    assert sorted(warnings) == sorted(_address(name) for name in (*CHANGED_SETTINGS, REQUESTED))
    assert {each.summary for each in warnings.values()} == {"Clone differs from its source"}
    for name, each in CHANGED_SETTINGS.items():
        lines = warnings[_address(name)].detail.splitlines()
        assert lines[0].startswith(f"/DC0/vm/of-{name}: vCenter created this clone with other values than its source")
        assert lines[1:-1] == [f"  {each.warning}"]
        assert f'Add "{each.ignored}" to ignore_changes, or apply the changes if they do not ' in lines[-1]
    assert [_methods(changed_clones.simulator, f"of-{name}") for name in (*CHANGED_SETTINGS, *NO_ARGUMENT)] == [[]] * 10


def test_next_plan_contains_the_changed_settings(changed_clones: ChangedClones) -> None:
    hot = {_address(name): "update" for name in (*CHANGED_SETTINGS, REQUESTED) if name != "scripts"}
    assert changed_clones.next_plan.changes == hot
    (refused,) = changed_clones.next_plan.errors
    assert (refused.summary, refused.address) == ("Change requires reboot or move", _address("scripts"))
    assert "  run_tools_scripts_after_power_on: false → true. " in refused.detail


def test_ignore_changes_makes_the_plan_empty(changed_clones: ChangedClones) -> None:
    assert changed_clones.ignoring.require().changes == {}


def test_requested_change_leaves_changed_settings_as_they_are(changed_clones: ChangedClones) -> None:
    assert _methods(changed_clones.simulator, "of-requested") == ["ReconfigVM_Task"]
    with Client(changed_clones.simulator) as client:
        vm = client.vm("of-requested")
        assert [each.capacityInBytes // GIB for each in disks(vm)] == [16, 8, 1]
        assert vm.config.memoryAllocation.shares.level == "high"


# --- guests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["never", "source"])
def test_guest_without_a_new_address_does_not_delay_an_apply_without_a_wait(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, value: str
) -> None:
    names = ["silent-0", "silent-1", "silent-2"]
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    simulator.quirk("guest-network", value)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    bench.terraform.write(clones(bench.source, bench.release, names))

    assert bench.terraform.apply().diagnostics == []

    assert bench.terraform.plan() == {}
    assert bench.methods(*names) == []
