# SPDX-License-Identifier: MPL-2.0
"""Clone each named hardware layout with both kinds of stack, and compare the clone with its source.

One run of Terraform creates the clones of all layouts that a release can express. Each layout has a separate test.
Afterwards, both the plugin and the stock provider must plan no changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import pytest

from testkit.clone_stack import document
from testkit.layouts.named import FLAGS, LAYOUTS, Vcenter
from testkit.layouts.site import Site, build
from testkit.layouts.trial import Pair, Trial, repeated, tried
from testkit.stock import StockProvider
from testkit.workspace import Workspace
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Terraform
from tests.vcsim.client import Client

MAIN: Vcenter = "7.0.3"
NUMBERS = {layout: number for number, layout in enumerate(LAYOUTS)}
STACK_LAYOUTS = [layout for layout, each in LAYOUTS.items() if each.vcenter == MAIN]
STACKS = {"values": "dynamic", "references": "static"}
"""kind of stack, by the name of the fleet in these tests"""
OTHER_VCENTERS: dict[str, Vcenter] = {"7.0.0": "7.0.0", "8.0.2": "8.0.2"}

FLEET = """
[fleets.{name}]
stack         = "{stack}"
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
"""
SOURCE = """
[[fleets.{name}.sources]]
key     = "layout{number}"
vm      = "source-{number}"
members = "{number}"
record  = "sources/source-{number}.json"
"""


def fleet(name: str, vms: Iterable[str]) -> str:
    sources = (SOURCE.format(name=name, number=number(vm)) for vm in vms)
    return FLEET.format(name=name, stack=STACKS[name]) + "".join(sources)


def supports(stack: str, vm: str) -> bool:
    """Return whether the kind of stack supports the layout of a VM, regardless of the release."""
    return stack not in STACKS or STACKS[stack] == "dynamic" or not LAYOUTS[layout_of(vm)].values_only


def layout_of(vm: str) -> str:
    return next(layout for layout, each in NUMBERS.items() if each == number(vm))


def vm_of(layout: str) -> str:
    return f"source-{NUMBERS[layout]}"


def address(kind: str, vm: str) -> str:
    resource = f"vsphere_virtual_machine.layout{number(vm)}"
    return f'{resource}["{kind}-{number(vm)}"]' if kind in STACKS else resource


def number(vm: str) -> int:
    return int(vm.rpartition("-")[2])


@pytest.fixture(scope="module")
def sites(start_simulator: StartSimulator) -> Iterator[Callable[[Vcenter], Site]]:
    """Return a function that starts the simulator of a vCenter version, with the sources of its layouts."""
    with ExitStack() as clients:

        @lru_cache
        def site(vcenter: Vcenter) -> Site:
            simulator = start_simulator("-vm", 0, *FLAGS[vcenter])
            client = clients.enter_context(Client(simulator))
            chosen = [
                (vm_of(name), layout.machine, layout.locale)
                for name, layout in LAYOUTS.items()
                if layout.vcenter == vcenter
            ]
            return build(simulator, client, chosen)

        yield site


@pytest.fixture(scope="module")
def workspace(
    sites: Callable[[Vcenter], Site], stock: StockProvider, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Return a project folder with the records of all sources."""
    site = sites(MAIN)
    folder = tmp_path_factory.mktemp("layouts") / "workspace"
    made = Workspace(folder, stock_binary=stock.path, vcenter=site.simulator.environment(base={}))
    (folder / "fleets.toml").write_text(fleet("values", site.sources))
    recorded = made.run("instant-clone", "record")
    assert recorded.code == 0, recorded.output
    made.environment["INSTANT_CLONE_LOOKUP"] = "record"
    return made


@pytest.fixture(scope="module")
def stacks(workspace: Workspace, sites: Callable[[Vcenter], Site], stock: StockProvider) -> dict[str, dict[str, Any]]:
    """Synthesize both stacks with the sources that the release can express, and return their configurations."""
    repeatable = sites(MAIN).repeatable(stock.release)
    fleets = [fleet(name, (vm for vm in repeatable if supports(name, vm))) for name in STACKS]
    (workspace.folder / "fleets.toml").write_text("".join(fleets))
    synthesized = workspace.run("python", "main.py")
    assert synthesized.code == 0, synthesized.output
    folder = workspace.folder / "cdktf.out" / "stacks"
    found = {name: json.loads((folder / name / "cdk.tf.json").read_text()) for name in STACKS}
    for stack in found.values():
        # Without a backend, Terraform stores the state in the folder of the configuration.
        del stack["terraform"]["backend"]
    return found


@pytest.fixture(scope="module")
def refusal_output(workspace: Workspace, sites: Callable[[Vcenter], Site], stock: StockProvider) -> str:
    """Return the output of the app for a fleet of the sources that the release cannot express."""
    (workspace.folder / "fleets.toml").write_text(fleet("values", sites(MAIN).refused(stock.release)))
    ended = workspace.run("python", "main.py")
    assert ended.code == 1
    return ended.output


@pytest.fixture(scope="module")
def trial_of(
    sites: Callable[[Vcenter], Site],
    stacks: dict[str, dict[str, Any]],
    plugin: Plugin,
    attach: Attach,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Trial]:
    """Return a function that clones the sources of a stack or of another vCenter, and returns the trial.

    Each trial runs only once.
    """

    def run(kind: str) -> Trial:
        site = sites(OTHER_VCENTERS.get(kind, MAIN))
        repeatable = site.repeatable(plugin.release)
        if kind in STACKS:
            configuration = stacks[kind]
            pairs = {address(kind, vm): Pair(vm, f"{kind}-{number(vm)}") for vm in repeatable if supports(kind, vm)}
        else:
            names = {vm: f"layout{number(vm)}" for vm in repeatable}
            configuration = document(
                plugin.release,
                {name: repeated(repeatable[vm], plugin.release, name) for vm, name in names.items()},
            )
            pairs = {address(kind, vm): Pair(vm, name) for vm, name in names.items()}
        folder = tmp_path_factory.mktemp("layouts") / "terraform"
        environment = site.simulator.environment(plugin.environment)
        attached = attach(site.simulator)
        with Terraform(folder, environment, initialised=plugin.initialised, attached=attached) as terraform:
            found = tried(
                terraform, site.simulator, site.client, configuration, pairs, stock_source=plugin.stock_source
            )
        print(
            f"{kind}, {plugin.release}: {len(found.calls)} clones, {sum(found.calls.values())} calls, {found.seconds}"
        )
        return found

    finished: dict[str, Future[Trial]] = {}

    def trial(kind: str) -> Trial:
        if kind not in finished:
            # Store a failure, so that the tests of the other layouts do not repeat the run.
            finished[kind] = Future()
            try:
                finished[kind].set_result(run(kind))
            except Exception as failure:  # noqa: BLE001 - the test of each layout raises the error
                finished[kind].set_exception(failure)
        return finished[kind].result()

    return trial


@pytest.mark.parametrize(
    ("stack", "layout"),
    [(stack, layout) for stack in STACKS for layout in STACK_LAYOUTS if supports(stack, vm_of(layout))],
)
def test_clone_equals_its_source_or_synth_fails(
    stack: str,
    layout: str,
    sites: Callable[[Vcenter], Site],
    plugin: Plugin,
    trial_of: Callable[[str], Trial],
    request: pytest.FixtureRequest,
) -> None:
    vm = vm_of(layout)
    refusals = sites(MAIN).refused(plugin.release)
    if vm in refusals:
        output = request.getfixturevalue("refusal_output")
        assert [line for line in str(refusals[vm]).splitlines() if line not in output] == []
    elif not LAYOUTS[layout].machine.can_be_cloned:
        # vCenter refuses to clone this layout, so no trial contains it. test_plan_devices.py tests the plan.
        assert vm not in sites(MAIN).repeatable(plugin.release)
    else:
        assert trial_of(stack).wrong[address(stack, vm)] == []


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout not in STACK_LAYOUTS])
def test_clone_equals_its_source_in_other_vcenters(
    layout: str, sites: Callable[[Vcenter], Site], plugin: Plugin, trial_of: Callable[[str], Trial]
) -> None:
    vcenter, vm = LAYOUTS[layout].vcenter, vm_of(layout)
    refusals = sites(vcenter).refused(plugin.release)
    if vm in refusals:
        assert f"rovider {plugin.release} does not " in str(refusals[vm])
    elif not LAYOUTS[layout].machine.can_be_cloned:
        assert vm not in sites(vcenter).repeatable(plugin.release)
    else:
        assert trial_of(vcenter).wrong[address(vcenter, vm)] == []


@pytest.mark.parametrize("kind", [*STACKS, *OTHER_VCENTERS])
def test_every_problem_has_a_clone_address(kind: str, trial_of: Callable[[str], Trial]) -> None:
    trial = trial_of(kind)

    assert len(trial.calls) > 0
    assert trial.wrong.get("", []) == []
