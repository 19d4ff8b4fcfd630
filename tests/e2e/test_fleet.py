# SPDX-License-Identifier: MPL-2.0
"""Deploy, grow and destroy a fleet with the cdktf command, Terraform and the stock provider, in a simulated vCenter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.sessions import sessions_of_ours
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import PROJECT, Finished, Workspace

pytestmark = pytest.mark.e2e

PASSWORD = "sentinel-7f3c9a"
CLONES = {"web-00", "web-01", "web-02"}


@pytest.fixture(scope="module")
def simulator(stock: StockProvider) -> Iterator[Simulator]:
    """Start a simulator for each release of the stock provider."""
    with Simulator(
        "-source", "golden-web,golden-lab", "-layout", "golden-lab=two-controllers", password=PASSWORD
    ) as running:
        yield running


@pytest.fixture(scope="module")
def workspace(simulator: Simulator, stock: StockProvider, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("workspace")
    made = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
    made.copy(PROJECT / "fleets.toml")
    return made


@pytest.fixture(scope="module")
def results(simulator: Simulator, workspace: Workspace) -> dict[str, Finished]:
    """Run each step once, from the record to the destroy, and return the results for the tests."""
    steps: dict[str, Finished] = {}

    def step(name: str, *command: str) -> Finished:
        steps[name] = workspace.run(*command)
        assert steps[name].code == 0, steps[name].output
        return steps[name]

    step("record", "instant-clone", "record")
    step("plan", "cdktf", "diff", "web")
    step("deploy", "cdktf", "deploy", "web", "--auto-approve", "--outputs-file", "outputs.json")
    step("plan again", "cdktf", "diff", "web")
    steps["first UUIDs"] = Finished((), 0, (workspace.folder / "outputs.json").read_text())
    workspace.set_count(4)
    step("grow", "cdktf", "deploy", "web", "--auto-approve", "--outputs-file", "outputs.json")
    steps["grown UUIDs"] = Finished((), 0, (workspace.folder / "outputs.json").read_text())
    steps["state"] = Finished((), 0, (workspace.folder / "state" / "web.tfstate").read_text())
    calls = [f"{call.method} {call.vm}" for call in simulator.calls() if call.vm.startswith("web-")]
    steps["calls on clones"] = Finished((), 0, "\n".join(calls))
    step("destroy", "cdktf", "destroy", "web", "--auto-approve")
    return steps


def clones(outputs: Finished) -> dict[str, str]:
    found: dict[str, str] = json.loads(outputs.output)["web"]["fleet"]["clones"]
    return found


def test_plan_has_a_clone_and_a_pin_per_member_a_folder_and_the_owner(results: dict[str, Finished]) -> None:
    assert "Plan: 8 to add, 0 to change, 0 to destroy." in results["plan"].output


def test_deploy_creates_the_clones_and_outputs_their_uuids(results: dict[str, Finished]) -> None:
    assert clones(results["first UUIDs"]).keys() == CLONES
    assert len(set(clones(results["first UUIDs"]).values())) == 3


def test_outputs_have_the_address_of_each_clone(results: dict[str, Finished]) -> None:
    assert json.loads(results["first UUIDs"].output)["web"]["fleet"]["addresses"] == {
        "web-00": "10.20.1.100",
        "web-01": "10.20.1.101",
        "web-02": "10.20.1.102",
    }


def test_second_plan_is_empty(results: dict[str, Finished]) -> None:
    assert "No changes. Your infrastructure matches the configuration." in results["plan again"].output


def test_additional_member_does_not_change_the_other_clones(results: dict[str, Finished]) -> None:
    before, after = clones(results["first UUIDs"]), clones(results["grown UUIDs"])
    assert after.keys() == CLONES | {"web-03"}
    assert before.items() <= after.items()
    assert "Resources: 2 added, 0 changed, 0 destroyed." in results["grow"].output


def test_no_clone_was_reconfigured_powered_off_or_moved(results: dict[str, Finished]) -> None:
    assert results["calls on clones"].output == ""


def test_destroy_removes_all_clones(results: dict[str, Finished], simulator: Simulator) -> None:
    assert "Resources: 10 destroyed." in results["destroy"].output
    for name in (*CLONES, "web-03"):
        with pytest.raises(KeyError):
            simulator.vm(name)
    assert simulator.vm("golden-web").power == "poweredOn"


def test_no_pyvmomi_session_stays_open(results: dict[str, Finished], simulator: Simulator) -> None:
    assert results["destroy"].code == 0
    assert sessions_of_ours(simulator) == 0


def test_state_has_the_attribute_values_of_the_stock_provider(results: dict[str, Finished]) -> None:
    machines = [
        instance["attributes"]
        for resource in json.loads(results["state"].output)["resources"]
        if resource["type"] == "vsphere_virtual_machine"
        for instance in resource["instances"]
    ]
    assert len(machines) == 4
    for machine in machines:
        assert [disk["label"] for disk in machine["disk"]] == ["disk0", "disk1"]
        assert [disk["keep_on_remove"] for disk in machine["disk"]] == [False, False]
        assert machine["imported"] is False
        assert machine["extra_config"]["guestinfo.ic.hostname"] == machine["name"]


def test_records_equal_the_committed_records(results: dict[str, Finished], workspace: Workspace) -> None:
    assert results["record"].output == "sources/web.json new\nsources/lab.json new\n"
    for name in ("web.json", "lab.json"):
        committed = (PROJECT / "sources" / name).read_bytes()
        assert (workspace.folder / "sources" / name).read_bytes() == committed


def test_no_output_or_file_contains_the_password(results: dict[str, Finished], workspace: Workspace) -> None:
    shown = [name for name, finished in results.items() if PASSWORD in finished.output]
    written = [
        str(path.relative_to(workspace.folder))
        for path in workspace.folder.rglob("*")
        if path.is_file() and not path.is_symlink() and PASSWORD.encode() in path.read_bytes()
    ]
    assert (shown, written) == ([], [])


def test_synth_without_vcenter_writes_identical_files(
    results: dict[str, Finished], workspace: Workspace, stock: StockProvider, tmp_path: Path
) -> None:
    def synthesized(of: Workspace) -> bytes:
        finished = of.run("cdktf", "synth")
        assert finished.code == 0, finished.output
        stack = of.folder / "cdktf.out" / "stacks" / "web"
        return (stack / "cdk.tf.json").read_bytes() + (stack / ".terraform.lock.hcl").read_bytes()

    offline = Workspace(tmp_path / "elsewhere", stock_binary=stock.path, vcenter={})
    offline.copy(workspace.folder / "fleets.toml", workspace.folder / "sources")
    assert results["record"].code == 0
    assert synthesized(offline) == synthesized(workspace)
