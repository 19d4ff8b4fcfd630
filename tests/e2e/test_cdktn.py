# SPDX-License-Identifier: MPL-2.0
"""Run the app, which uses the libraries of cdktf, with `cdktn`, the command of CDK Terrain."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import PROJECT, Finished, Workspace

pytestmark = pytest.mark.e2e

CDKTN = str(PROJECT / ".tools" / "cdktn" / "node_modules" / ".bin" / "cdktn")
FLEETS = """
[fleets.web]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names         = "web-{index}"

[[fleets.web.sources]]
vm    = "golden"
count = 2
"""
STEPS = {
    "synth": ("synth",),
    "deploy": ("deploy", "web", "--auto-approve", "--outputs-file", "outputs.json"),
    "diff": ("diff", "web"),
    "destroy": ("destroy", "web", "--auto-approve"),
}


@pytest.fixture(scope="module")
def simulator(stock: StockProvider) -> Iterator[Simulator]:
    with Simulator("-source", "golden", "-vm", 0) as running:
        yield running


@pytest.fixture(scope="module")
def workspace(simulator: Simulator, stock: StockProvider, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("cdktn")
    made = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
    (folder / "fleets.toml").write_text(FLEETS)
    return made


@pytest.fixture(scope="module")
def results(simulator: Simulator, workspace: Workspace) -> dict[str, Finished]:
    """Run each command once, from the first synth to the destroy of the fleet."""
    steps: dict[str, Finished] = {}
    for name, command in STEPS.items():
        steps[name] = workspace.run(CDKTN, *command)
        assert steps[name].code == 0, steps[name].output
        if name == "diff":
            calls = [f"{call.method} {call.vm}" for call in simulator.calls() if call.vm.startswith("web-")]
            steps["calls on clones"] = Finished((), 0, "\n".join(calls))
    return steps


def test_synth_writes_the_stack(results: dict[str, Finished]) -> None:
    assert "Generated Terraform code for the stacks: web" in results["synth"].output


def test_deploy_creates_the_clones(results: dict[str, Finished], workspace: Workspace) -> None:
    # The five resources are two clones, two pins and the owner.
    assert "Resources: 5 added, 0 changed, 0 destroyed." in results["deploy"].output
    clones = json.loads((workspace.folder / "outputs.json").read_text())["web"]["fleet"]["clones"]
    assert clones.keys() == {"web-0", "web-1"}
    assert len(set(clones.values())) == 2


def test_second_diff_is_empty(results: dict[str, Finished]) -> None:
    assert "No changes. Your infrastructure matches the configuration." in results["diff"].output
    assert results["calls on clones"].output == ""


def test_destroy_removes_all_clones(results: dict[str, Finished], simulator: Simulator) -> None:
    assert "Resources: 5 destroyed." in results["destroy"].output
    for name in ("web-0", "web-1"):
        with pytest.raises(KeyError):
            simulator.vm(name)
    assert simulator.vm("golden").power == "poweredOn"
