# SPDX-License-Identifier: MPL-2.0
"""What a real vCenter may do otherwise than the simulator by itself: clones come out right all the same.

Each source VM of a simulator has a quirk of its own, so that one run of Terraform meets them all.
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
    """An initialised folder for a simulator, for a story that several tests look at."""

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


# --- disks that are deltas ---------------------------------------------------------------------------------------


DELTAS = {"clone-unset": "unset", "clone-other": "other", "source-unset": "unset", "source-other": "other"}
"""sources by name; those of the last two report so, too, not only their clones"""


@dataclass(frozen=True)
class Deltas:
    """A clone "of-…" of each source, and the plans after that."""

    simulator: Simulator
    terraform: Terraform
    applied: Outcome
    again: Outcome
    release: ProviderVersion
    sources: Mapping[str, SourceVm]
    plugin: Plugin

    def written(self, names: list[str], *, by_plugin: bool) -> dict[str, Any]:
        """The configuration of the clones of some of the sources."""
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
        # Between the look-up and the apply, somebody else clones the sources.
        for name in ("source-unset", "source-other"):
            simulator.quirk("source-delta-fields", DELTAS[name], vm=name)
            clone(client.vm(name), f"{name}-first")
    terraform = new_folder(simulator)
    story = partial(Deltas, simulator, terraform, release=plugin.release, sources=sources, plugin=plugin)
    terraform.write(story(Outcome(0, "", "", ""), Outcome(0, "", "", "")).written(list(DELTAS), by_plugin=True))
    applied = terraform.run("apply")
    return story(applied, terraform.run("plan"))


def test_deltas_that_report_otherwise_than_their_base_are_as_configured(deltas: Deltas) -> None:
    assert deltas.applied.require().diagnostics == []
    assert deltas.again.require().changes == {}
    assert [_methods(deltas.simulator, f"of-{name}") for name in DELTAS] == [[]] * 4
    for name in DELTAS:
        state = deltas.terraform.attributes(f"of-{name}")
        assert [
            (disk["size"], disk["thin_provisioned"], disk["eagerly_scrub"], disk["write_through"])
            for disk in state["disk"]
        ] == [(16, True, False, False), (4, False, True, False), (8, False, False, False), (2, True, False, False)]


def test_deltas_that_report_nothing_leave_the_stock_provider_without_a_change(
    deltas: Deltas, new_folder: NewFolder
) -> None:
    """It takes an unset value of a disk for no news, so that the state keeps what the plugin left in it.

    A delta that reports another value is another matter: the stock provider alone believes it, and refuses every plan,
    as a disk neither shrinks nor changes its provisioning. That is so for each VM whose disks do so, whoever made it.
    """
    names = ["clone-unset", "source-unset"]
    # In a folder of its own: other tests look at the state that the plugin left.
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


# --- settings that came out otherwise ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Otherwise:
    """A property of the clone, at a path below the VM, and what the provider makes of it."""

    path: str
    value: str
    told: str
    """the warning's line"""
    ignored: str
    """the argument for ignore_changes"""


OTHERWISE = {
    "cpu-shares": Otherwise(
        "config.cpuAllocation.shares.level",
        "high",
        'cpu_share_level: the source has "normal", the clone "high".',
        "cpu_share_level",
    ),
    "memory-shares": Otherwise(
        "config.memoryAllocation.shares.level",
        "low",
        'memory_share_level: the source has "normal", the clone "low".',
        "memory_share_level",
    ),
    "reservation": Otherwise(
        "config.memoryAllocation.reservation",
        "512",
        "memory_reservation: the source has 0, the clone 512.",
        "memory_reservation",
    ),
    "limit": Otherwise(
        "config.cpuAllocation.limit", "3000", "cpu_limit: the source has -1, the clone 3000.", "cpu_limit"
    ),
    "latency": Otherwise(
        "config.latencySensitivity.level",
        "high",
        'latency_sensitivity: the source has "normal", the clone "high".',
        "latency_sensitivity",
    ),
    "time": Otherwise(
        "config.tools.syncTimeWithHostAllowed",
        "false",
        "sync_time_with_host: the source has true, the clone false.",
        "sync_time_with_host",
    ),
    "scripts": Otherwise(
        "config.tools.afterPowerOn",
        "false",
        "run_tools_scripts_after_power_on: the source has true, the clone false.",
        "run_tools_scripts_after_power_on",
    ),
    "disk-shares": Otherwise(
        "disk.0.storageIOAllocation.shares.level",
        "high",
        'disk[0].io_share_level: the source has "normal", the clone "high".',
        "disk",
    ),
    "bandwidth": Otherwise(
        "nic.0.resourceAllocation.limit",
        "100",
        "network_interface[0].bandwidth_limit: the source has -1, the clone 100.",
        "network_interface",
    ),
}
NO_ARGUMENT = {"cdrom": ("cdrom.0.connectable.connected", "false")}
"""what the provider has no argument for"""
WISH = "wish"
"""the source of the clone that is asked for another disk, while its memory's shares come out otherwise"""


@dataclass(frozen=True)
class CameOut:
    """A clone "of-…" of each source, the next plan, and the one with what came out otherwise in ignore_changes."""

    simulator: Simulator
    terraform: Terraform
    applied: Outcome
    again: Outcome
    ignoring: Outcome


@pytest.fixture(scope="module")
def came_out(start_simulator: StartSimulator, plugin: Plugin, new_folder: NewFolder) -> CameOut:
    names = [*OTHERWISE, *NO_ARGUMENT, WISH]
    simulator = start_simulator("-source", ",".join(names), "-cdrom", "-vm", 0, "-tools", "0s")
    bodies = {name: machine(source_of(simulator, name), plugin.release, name=f"of-{name}") for name in names}
    bodies[WISH]["disk"].append({"label": "added", "unit_number": 4, "size": 1})
    for name, each in OTHERWISE.items():
        simulator.clone_differs(each.path, each.value, vm=name)
    for name, (path, value) in NO_ARGUMENT.items():
        simulator.clone_differs(path, value, vm=name)
    simulator.clone_differs("config.memoryAllocation.shares.level", "high", vm=WISH)
    terraform = new_folder(simulator)
    terraform.write(document(plugin.release, bodies))
    applied = terraform.run("apply", "-parallelism=20")
    again = terraform.run("plan")
    for name, each in OTHERWISE.items():
        bodies[name] |= {"lifecycle": {"ignore_changes": [each.ignored]}}
    bodies[WISH] |= {"lifecycle": {"ignore_changes": ["memory_share_level"]}}
    terraform.write(document(plugin.release, bodies))
    return CameOut(simulator, terraform, applied, again, terraform.run("plan"))


def test_what_came_out_otherwise_stays_and_is_told(came_out: CameOut) -> None:
    came_out.applied.require()
    warnings = {each.address: each for each in came_out.applied.diagnostics}
    assert sorted(warnings) == sorted(_address(name) for name in (*OTHERWISE, WISH))
    assert {each.summary for each in warnings.values()} == {"Clone came out otherwise than its source"}
    for name, each in OTHERWISE.items():
        lines = warnings[_address(name)].detail.splitlines()
        assert lines[0].startswith(f"vCenter has made /DC0/vm/of-{name} with other values than the source's")
        assert lines[1:-1] == [f"  {each.told}"]
        assert f'Either put "{each.ignored}" into ignore_changes, or let the next apply make the change' in lines[-1]
    assert [_methods(came_out.simulator, f"of-{name}") for name in (*OTHERWISE, *NO_ARGUMENT)] == [[]] * 10


def test_what_came_out_otherwise_shows_in_the_next_plan(came_out: CameOut) -> None:
    hot = {_address(name): "update" for name in (*OTHERWISE, WISH) if name != "scripts"}
    assert came_out.again.changes == hot
    (refused,) = came_out.again.errors
    assert (refused.summary, refused.address) == ("Change would power-cycle or move the clone", _address("scripts"))
    assert "  run_tools_scripts_after_power_on: false → true. " in refused.detail


def test_ignored_it_is_no_change(came_out: CameOut) -> None:
    assert came_out.ignoring.require().changes == {}


def test_a_wish_is_granted_without_setting_right_what_nobody_asked_for(came_out: CameOut) -> None:
    assert _methods(came_out.simulator, "of-wish") == ["ReconfigVM_Task"]
    with Client(came_out.simulator) as client:
        vm = client.vm("of-wish")
        assert [each.capacityInBytes // GIB for each in disks(vm)] == [16, 8, 1]
        assert vm.config.memoryAllocation.shares.level == "high"


# --- guests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["never", "source"])
def test_a_guest_that_tells_nothing_of_its_own_holds_nobody_up_who_does_not_wait(
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
