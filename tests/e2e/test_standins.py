# SPDX-License-Identifier: MPL-2.0
"""Compare the stand-ins of the fast tests with the real stock provider and the simulated vCenter.

Each case sends the same requests to the plugin, once with the stand-ins and once with the real stock provider. The
diagnostics, the states and the methods that were called on the clone must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import grpc
import pytest
from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import machine, source_of
from testkit.in_process import running_stock
from testkit.simulator import Simulator
from testkit.standins.bench import OWNER, Bench, clone_config, running_bench
from testkit.stock import StockProvider
from testkit.wire import BLOCK, Answer, Plugin, completed, running_plugin
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, machine_spec, make, result

pytestmark = pytest.mark.attached

ANNOTATION, CHANGED_ANNOTATION = "mine", "since then"
"""Annotations that no source has."""


class Lab(Protocol):
    """A plugin with a source, and the actions of a case on its clone."""

    @property
    def plugin(self) -> Plugin:
        """Return the plugin."""

    def config(self, **arguments: Any) -> dict[str, Any]:
        """Return the configuration of a clone with the values of the source."""

    def methods(self) -> list[str]:
        """Return the methods that were called on the clone. Omit the calls of this class."""

    def refuse_reading(self) -> None:
        """Make the next read of a VM by the stock provider fail."""

    def refuse_removing(self) -> None:
        """Make the next removal of the clone by the plugin fail."""

    def power_off(self) -> None:
        """Power the clone off."""

    def remove(self) -> None:
        """Remove the running clone."""

    def copy(self) -> None:
        """Create a VM with the clone's BIOS UUID."""

    def make_stranger(self) -> None:
        """Create a running VM with the clone's name and without an owner marker."""


@dataclass
class RealLab:
    """The lab with the simulator and the real stock provider."""

    plugin: Plugin
    simulator: Simulator
    client: Client
    source: SourceVm
    release: ProviderVersion
    name: str
    by_hand: int = 0

    def config(self, **arguments: Any) -> dict[str, Any]:
        mark = f"{OWNER}/web/{self.name}/{self.source.uuid}/1"
        place = {
            "resource_pool_id": self.client.find("host/DC0_C0").resourcePool._moId,
            "datastore_id": self.client.find("datastore/LocalDS_0")._moId,
        }
        body = machine(self.source, self.release, name=self.name, **place, extra_config={OWNER_KEY: mark})
        block = {"source_uuid": self.source.uuid, "timeout": arguments.pop("timeout", None)}
        return completed(self.plugin.schema.block, {**body, BLOCK: [block], **arguments})

    def methods(self) -> list[str]:
        called = [call.method for call in self.simulator.calls(self.name)]
        return called[self.by_hand :]

    def refuse_reading(self) -> None:
        self.simulator.fault("FindByUuid", "SystemError", at="call")

    def refuse_removing(self) -> None:
        self.simulator.fault("PowerOffVM_Task", "SystemError", vm=self.name, at="call")

    def power_off(self) -> None:
        result(self.client.vm(self.name).PowerOffVM_Task())
        self.by_hand += 1

    def remove(self) -> None:
        vm = self.client.vm(self.name)
        result(vm.PowerOffVM_Task())
        result(vm.Destroy_Task())
        self.by_hand += 2

    def copy(self) -> None:
        make(self.client, machine_spec(f"{self.name}-copy", uuid=self.client.vm(self.name).config.uuid))

    def make_stranger(self) -> None:
        clone(self.client.vm("golden"), self.name)


@dataclass
class StandinLab:
    """The lab with the stand-ins."""

    bench: Bench
    name: str

    @property
    def plugin(self) -> Plugin:
        return self.bench.plugin

    def config(self, **arguments: Any) -> dict[str, Any]:
        return clone_config(self.name, **arguments)

    def methods(self) -> list[str]:
        return self.bench.world.methods(self.name)

    def refuse_reading(self) -> None:
        self.bench.stock.faults.add("ReadResource", "error fetching virtual machine")

    def refuse_removing(self) -> None:
        self.bench.vcenter.faults.add("destroy", VcenterError("SystemError"), vm=self.name)

    def power_off(self) -> None:
        self.bench.world.change(self.bench.world.named(self.name), running=False)

    def remove(self) -> None:
        self.bench.world.remove(self.bench.world.named(self.name))

    def copy(self) -> None:
        uuid = self.bench.world.named(self.name).uuid
        self.bench.world.clone("copy", {}, uuid=uuid)

    def make_stranger(self) -> None:
        self.bench.world.clone(self.name, {})


Case = Callable[[Lab], list[Answer]]


def made_read_and_destroyed(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    read = lab.plugin.read(made.state, private=made.private)
    plan = lab.plugin.plan(read.state, lab.config(), private=made.private)
    return [made, read, plan, lab.plugin.destroy(read.state)]


def made_with_changes(lab: Lab) -> list[Answer]:
    hot = {"annotation": ANNOTATION, "cpu_limit": 2000}
    made = lab.plugin.make(lab.config(**hot))
    return [made, lab.plugin.plan(made.state, lab.config(**hot))]


def changed(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    return [lab.plugin.change(made.state, lab.config(annotation=CHANGED_ANNOTATION, timeout=9))]


def adopted(lab: Lab) -> list[Answer]:
    lab.plugin.make(lab.config())
    return [lab.plugin.make(lab.config())]


def name_already_in_use(lab: Lab) -> list[Answer]:
    plan = lab.plugin.plan(None, lab.config())
    lab.make_stranger()
    return [plan, lab.plugin.apply(plan), lab.plugin.plan(None, lab.config())]


def not_read_back(lab: Lab) -> list[Answer]:
    plan = lab.plugin.plan(None, lab.config())
    lab.refuse_reading()
    return [lab.plugin.apply(plan)]


def neither_read_back_nor_removed(lab: Lab) -> list[Answer]:
    disks = [disk | {"keep_on_remove": index == 1} for index, disk in enumerate(lab.config()["disk"])]
    plan = lab.plugin.plan(None, lab.config(disk=disks))
    lab.refuse_reading()
    lab.refuse_removing()
    tainted = lab.plugin.apply(plan)
    unread = lab.plugin.plan(tainted.state, lab.config(disk=disks))
    read = lab.plugin.read(tainted.state, private=tainted.private)
    return [tainted, unread, read, lab.plugin.destroy(tainted.state)]


def powered_off(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    lab.power_off()
    return [lab.plugin.read(made.state)]


def removed_by_hand(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    lab.remove()
    return [lab.plugin.read(made.state), lab.plugin.destroy(made.state)]


def copied(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    plan = lab.plugin.plan(made.state, lab.config(annotation=CHANGED_ANNOTATION))
    lab.copy()
    return [lab.plugin.apply(plan), lab.plugin.destroy(made.state)]


def disk_added_and_removed(lab: Lab) -> list[Answer]:
    disks = lab.config()["disk"]
    more = [*disks, disks[0] | {"label": "own", "unit_number": 5, "size": 1}]
    made = lab.plugin.make(lab.config())
    added = lab.plugin.change(made.state, lab.config(disk=more))
    removed = lab.plugin.change(added.state, lab.config())
    return [added, removed, lab.plugin.plan(removed.state, lab.config(disk=disks[:1]))]


def imported(lab: Lab) -> list[Answer]:
    made = lab.plugin.make(lab.config())
    state = lab.plugin.import_vm(f"/DC0/vm/{made.state['name']}")
    read = lab.plugin.read(state.state)
    plan = lab.plugin.plan(read.state, lab.config())
    # The state after the import is not compared, because the attributes that the import reads depend on the release.
    return [replace(state, state=None), read, plan, lab.plugin.apply(plan)]


STOCK = "error: of the stock provider"
CASES: dict[Case, list[list[str]]] = {
    made_read_and_destroyed: [[], [], [], []],
    made_with_changes: [[], []],
    changed: [[]],
    adopted: [["warning: Existing clone adopted"]],
    # A plugin process reads the names in a folder once, so the last plan does not find the other VM.
    name_already_in_use: [[], ["error: Name already in use (name)"], []],
    not_read_back: [[STOCK, "error: Clone creation rolled back"]],
    neither_read_back_nor_removed: [
        [STOCK, "error: Clone is tainted"],
        ["error: Clone has not been read"],
        [],
        [],
    ],
    powered_off: [["warning: Clone is not running"]],
    removed_by_hand: [[], [STOCK]],
    copied: [["error: BIOS UUID is not unique"]] * 2,
    disk_added_and_removed: [[], [], ["error: Change would remove source disks (disk)"]],
    imported: [[], [], [], []],
}
"""The expected diagnostics of each answer, by case."""


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    simulator = start_simulator("-off", "golden", "-tools", "0s")
    with Client(simulator) as client:
        vm = client.vm("golden")
        # Release 2.0.2 has defaults for these flags. In a fleet, ignore_changes keeps unset flags. Terraform evaluates
        # ignore_changes, so the plugin's requests in this module would show the defaults as changes.
        flags = vim.vm.FlagInfo(virtualExecUsage="hvAuto", virtualMmuUsage="automatic")
        result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(flags=flags)))
        result(vm.PowerOnVM_Task())
    return simulator


@pytest.fixture(scope="module")
def stock_channel(stock: StockProvider, vcenter: Simulator) -> Iterator[grpc.Channel]:
    with running_stock(stock.path, vcenter.environment()) as channel:
        yield channel


@contextmanager
def real_lab(vcenter: Simulator, channel: grpc.Channel, release: ProviderVersion, name: str) -> Iterator[Lab]:
    source = source_of(vcenter, "golden")
    with (
        Client(vcenter) as client,
        running_plugin(channel, release=release, environ=vcenter.environment({})) as plugin,
    ):
        plugin.configure_from_environment()
        yield RealLab(plugin, vcenter, client, source, release, name)


@contextmanager
def standin_lab(patches: pytest.MonkeyPatch, release: ProviderVersion, name: str) -> Iterator[Lab]:
    with running_bench(patches, release=release) as bench:
        yield StandinLab(bench, name)


@dataclass(frozen=True)
class Outcome:
    """The compared parts of an answer."""

    diagnostics: list[str]
    state: Any
    replaced: tuple[str, ...]


def outcome(answer: Answer) -> Outcome:
    """Return the compared parts of an answer.

    Errors of the stock provider start with a lowercase letter. Their texts are not compared.
    """
    diagnostics = [each if each.partition(": ")[2][:1].isupper() else STOCK for each in answer.said]
    return Outcome(diagnostics, _compared_state(answer.state), answer.replaced)


def _compared_state(state: Any) -> Any:
    """Return the parts of a state that depend neither on the source nor on the release."""
    if state is None:
        return None
    names = ("name", "cpu_limit", "imported", "replace_trigger")
    disks = [(disk["label"], bool(disk["keep_on_remove"])) for disk in state["disk"]]
    return {
        **{name: state.get(name) or None for name in names},
        "annotated": state["annotation"] in (ANNOTATION, CHANGED_ANNOTATION),
        "read": isinstance(state["moid"], str),
        "keys": sorted(state.get("extra_config") or ()),
        "disks": disks,
        "block": [{**each, "source_uuid": "golden"} for each in state[BLOCK]],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.replace("_", "-"))
def test_stand_ins_behave_like_the_real_stock_provider_and_vcenter(
    case: Case,
    vcenter: Simulator,
    stock: StockProvider,
    stock_channel: grpc.Channel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = case.__name__.replace("_", "-")
    with real_lab(vcenter, stock_channel, stock.release, name) as lab:
        real = [outcome(answer) for answer in case(lab)], lab.methods()
    with monkeypatch.context() as patches, standin_lab(patches, stock.release, name) as lab:
        standin = [outcome(answer) for answer in case(lab)], lab.methods()

    assert [answer.diagnostics for answer in real[0]] == CASES[case]
    assert standin == real
