# SPDX-License-Identifier: MPL-2.0
"""Dynamic and static stacks against a simulated vCenter: equal plans, and the effects of a changed source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from pyVmomi import vim

from instant_clone.vcenter.session.connection import ConnectionSettings, Session, connect
from testkit.clone_stack import document, source_of
from testkit.processes import until
from testkit.releases import skip_unless_repeatable
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import Finished, Workspace
from tests.conftest import StartSimulator

pytestmark = pytest.mark.e2e

LAYOUTS = ("default", "minimal", "two-controllers", "sata-nvme")

FLEET = """
[fleets.{name}]
stack         = "{stack}"
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names         = "{name}-{{index}}"
{more}

[[fleets.{name}.sources]]
key        = "golden"
vm         = "{vm}"
members    = "0-1"
record     = "sources/{vm}.json"
generation = {generation}

[[fleets.{name}.networks]]
network = "VM Network"
mac     = "{mac}"

[fleets.{name}.guestinfo]
"guestinfo.ic.hostname" = "{{name}}"
"""


def fleet(
    name: str,
    *,
    stack: str,
    vm: str,
    mac: str = "00:50:56:20:00:00",
    generation: int = 1,
    more: str = "",
    changes: str = "",
) -> str:
    written = FLEET.format(name=name, stack=stack, vm=vm, mac=mac, generation=generation, more=more)
    return f"{written}\n[fleets.{name}.changes]\n{changes}\n" if changes else written


def new_workspace(folder: Path, simulator: Simulator, stock: StockProvider) -> Workspace:
    made = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
    # The stacks use the records without a look-up, because the tests change or delete the sources.
    made.environment["INSTANT_CLONE_LOOKUP"] = "record"
    return made


def done(finished: Finished) -> Finished:
    assert finished.code == 0, finished.output
    return finished


def synthesize(workspace: Workspace, *fleets: str) -> None:
    (workspace.folder / "fleets.toml").write_text("".join(fleets))
    done(workspace.run("python", "main.py"))


def terraform(workspace: Workspace, stack: str, *command: str) -> Finished:
    folder = workspace.folder / "cdktf.out" / "stacks" / stack
    if not (folder / ".terraform").exists():
        done(workspace.run("terraform", "init", "-input=false", "-no-color", folder=folder))
    return workspace.run("terraform", *command, "-no-color", folder=folder)


def planned(workspace: Workspace, stack: str, replacing: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return the planned values as JSON, by address and argument. `replacing` maps texts to their replacements."""
    done(terraform(workspace, stack, "plan", "-input=false", "-out=plan"))
    folder = workspace.folder / "cdktf.out" / "stacks" / stack
    shown = done(workspace.run("terraform", "show", "-json", "plan", folder=folder)).output
    for text, other in replacing.items():
        shown = shown.replace(text, other)
    changes = [
        (change["address"], change["change"])
        for change in json.loads(shown)["resource_changes"]
        if change["mode"] == "managed"
    ]
    return {
        (address, f"{kind} {argument}"): json.dumps(value, sort_keys=True)
        for address, change in changes
        for kind in ("after", "after_unknown")
        for argument, value in change[kind].items()
    }


@pytest.fixture(scope="module")
def layouts(start_simulator: StartSimulator) -> Simulator:
    flags = [part for layout in LAYOUTS for part in ("-layout", f"golden-{layout}={layout}")]
    return start_simulator("-source", ",".join(f"golden-{layout}" for layout in LAYOUTS), *flags)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_dynamic_and_static_stacks_plan_the_same_values(
    layout: str, layouts: Simulator, stock: StockProvider, tmp_path: Path
) -> None:
    vm = f"golden-{layout}"
    workspace = new_workspace(tmp_path / "workspace", layouts, stock)
    skip_unless_repeatable(source_of(layouts, vm), stock.release)
    fleets = [
        fleet("values", stack="dynamic", vm=vm, mac="00:50:56:20:00:00"),
        fleet("references", stack="static", vm=vm, mac="00:50:56:20:00:10"),
    ]
    (workspace.folder / "fleets.toml").write_text("".join(fleets))
    done(workspace.run("instant-clone", "record"))
    synthesize(workspace, *fleets)
    values = planned(workspace, "values", {})
    references = planned(workspace, "references", {"references": "values", "00:50:56:20:00:1": "00:50:56:20:00:0"})
    assert ('vsphere_virtual_machine.golden["values-1"]', "after num_cpus") in values
    different = {key for key in values.keys() | references.keys() if values.get(key) != references.get(key)}
    assert {key: (values.get(key), references.get(key)) for key in different} == {}


def test_creates_clones_with_tags_custom_attributes_and_changes(
    layouts: Simulator, stock: StockProvider, tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "workspace", layouts, stock)
    labels = {
        "vsphere_tag_category": {
            "c": {"name": "environment", "cardinality": "SINGLE", "associable_types": ["VirtualMachine"]}
        },
        "vsphere_tag": {"t": {"name": "lab", "category_id": "${vsphere_tag_category.c.id}"}},
        "vsphere_custom_attribute": {"a": {"name": "team", "managed_object_type": "VirtualMachine"}},
    }
    folder = workspace.folder / "cdktf.out" / "stacks" / "labels"
    folder.mkdir(parents=True)
    (folder / "main.tf.json").write_text(json.dumps(document(workspace.version, {}, resource=labels)))
    done(terraform(workspace, "labels", "apply", "-auto-approve"))
    made = fleet(
        "tagged",
        stack="static",
        vm="golden-default",
        more='tags = ["environment/lab"]\ncustom_attributes = { team = "ci" }\nannotation = "larger"',
        changes="num_cpus = 4\nmemory = 8192",
    )
    (workspace.folder / "fleets.toml").write_text(made)
    done(workspace.run("instant-clone", "record"))
    synthesize(workspace, made)
    done(terraform(workspace, "tagged", "apply", "-auto-approve"))
    assert terraform(workspace, "tagged", "plan", "-detailed-exitcode").code == 0
    resources = json.loads((workspace.folder / "state" / "tagged.tfstate").read_text())["resources"]
    (clones,) = (
        each["instances"]
        for each in resources
        if (each["mode"], each["name"]) == ("managed", "golden") and each["type"] == "vsphere_virtual_machine"
    )
    for clone in clones:
        attributes = clone["attributes"]
        assert (attributes["num_cpus"], attributes["memory"], attributes["annotation"]) == (4, 8192, "larger")
        assert list(attributes["custom_attributes"].values()) == ["ci"]
        assert len(attributes["tags"]) == 1
    methods = {call.method for name in ("tagged-0", "tagged-1") for call in layouts.calls(name)}
    assert methods & {"PowerOffVM_Task", "ShutdownGuest", "ResetVM_Task", "UpgradeVM_Task"} == set()


@pytest.fixture
def lab(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden-lab", "-layout", "golden-lab=two-controllers", "-tools", "0s")


@pytest.fixture
def vcenter(lab: Simulator) -> Iterator[Session]:
    with connect(ConnectionSettings.from_environment(lab.environment(base={}))) as session:
        yield session


def machine(session: Session, name: str) -> vim.VirtualMachine:
    index = cast(vim.SearchIndex, session.content.searchIndex)
    return cast(vim.VirtualMachine, index.FindByInventoryPath(f"/DC0/vm/{name}"))


def configuration(session: Session, name: str) -> vim.vm.ConfigInfo:
    return cast(vim.vm.ConfigInfo, machine(session, name).config)


def finish(task: vim.Task) -> None:
    until(lambda: task.info.state in ("success", "error"), "the task to end")
    assert task.info.state == "success", task.info.error


def owner_of(session: Session, name: str) -> str:
    options = {option.key: str(option.value) for option in configuration(session, name).extraConfig}
    return options["guestinfo.instantclone.owner"]


def deployed_static_fleet(folder: Path, lab: Simulator, stock: StockProvider) -> Workspace:
    """Return a workspace with the record of golden-lab, and the deployed static fleet "lab"."""
    made = new_workspace(folder, lab, stock)
    (made.folder / "fleets.toml").write_text(fleet("lab", stack="static", vm="golden-lab"))
    done(made.run("instant-clone", "record"))
    synthesize(made, fleet("lab", stack="static", vm="golden-lab"))
    done(terraform(made, "lab", "apply", "-auto-approve"))
    return made


def _check_clones(workspace: Workspace, lab: Simulator, vcenter: Session) -> None:
    """Check that the clones match the plan, and that the next plan is empty."""
    assert [call.method for name in ("lab-0", "lab-1") for call in lab.calls(name)] == []
    assert terraform(workspace, "lab", "plan", "-detailed-exitcode").code == 0
    first = next(
        device
        for device in configuration(vcenter, "lab-1").hardware.device
        if isinstance(device, vim.vm.device.VirtualEthernetCard)
    )
    assert (first.macAddress, first.addressType) == ("00:50:56:20:00:01", "manual")


def _check_owners(workspace: Workspace, lab: Simulator, vcenter: Session) -> None:
    """Check that each clone has the owner marker of its state."""
    state = json.loads((workspace.folder / "state" / "lab.tfstate").read_text())
    (owner,) = (each["instances"][0]["attributes"] for each in state["resources"] if each["type"] == "terraform_data")
    source = source_of(lab, "golden-lab").uuid
    for name in ("lab-0", "lab-1"):
        assert owner_of(vcenter, name) == f"{owner['id']}/lab/{name}/{source}/1"


def _change_the_kind_of_stack(workspace: Workspace) -> None:
    """Change the fleet to a dynamic stack and back to a static one. Check that both plans are empty."""
    for kind in ("dynamic", "static"):
        synthesize(workspace, fleet("lab", stack=kind, vm="golden-lab"))
        assert terraform(workspace, "lab", "plan", "-detailed-exitcode").code == 0


def _replace_the_clones(workspace: Workspace, vcenter: Session) -> None:
    """Change the generation, and check that the apply replaces the clones."""
    synthesize(workspace, fleet("lab", stack="static", vm="golden-lab", generation=2))
    applied = done(terraform(workspace, "lab", "apply", "-auto-approve"))
    # Two clones and two pins.
    assert "Resources: 4 added, 0 changed, 4 destroyed." in applied.output
    assert owner_of(vcenter, "lab-0").endswith("/2")
    assert terraform(workspace, "lab", "plan", "-detailed-exitcode").code == 0


def _change_the_source(workspace: Workspace, vcenter: Session) -> None:
    """Change the source, and check that the plan reports the changes since the look-up."""
    device = vim.vm.device.VirtualVmxnet3(
        key=-1,
        backing=vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network"),
        resourceAllocation=vim.vm.device.VirtualEthernetCard.ResourceAllocation(
            reservation=0, limit=-1, share=vim.SharesInfo(level="normal", shares=50)
        ),
    )
    added = vim.vm.device.VirtualDeviceSpec(operation="add", device=device)
    spec = vim.vm.ConfigSpec(memoryMB=6144, deviceChange=[added])
    finish(machine(vcenter, "golden-lab").ReconfigVM_Task(spec))
    refused = terraform(workspace, "lab", "plan")
    assert refused.code == 1
    output = " ".join(refused.output.replace("│", " ").split())
    assert "The source /DC0/vm/golden-lab has 3 network interfaces and had 2 when it was looked up." in output
    assert "has changed since it was looked up: memory is 6144 and was 4096." in output
    assert "run `instant-clone record lab`, and plan again." in output


def _plan_with_a_dynamic_stack(workspace: Workspace) -> None:
    """Check that a dynamic stack does not compare the source with its record."""
    synthesize(workspace, fleet("lab", stack="dynamic", vm="golden-lab", generation=2))
    assert terraform(workspace, "lab", "plan", "-detailed-exitcode").code == 0


def _destroy_without_the_source(workspace: Workspace, lab: Simulator, vcenter: Session) -> None:
    """Check that a destroy succeeds with a changed source, and that it fails without the source."""
    synthesize(workspace, fleet("lab", stack="static", vm="golden-lab", generation=2))
    done(terraform(workspace, "lab", "plan", "-destroy"))
    golden = machine(vcenter, "golden-lab")
    finish(golden.PowerOffVM_Task())
    finish(golden.Destroy_Task())
    assert terraform(workspace, "lab", "plan", "-destroy").code == 1
    done(terraform(workspace, "lab", "plan", "-destroy", "-refresh=false"))
    # A dynamic stack works without the source. A static stack requires -refresh=false.
    synthesize(workspace, fleet("lab", stack="dynamic", vm="golden-lab", generation=2))
    assert "No changes." in done(workspace.run("cdktf", "diff", "lab")).output
    synthesize(workspace, fleet("lab", stack="static", vm="golden-lab", generation=2))
    workspace.environment |= {"TF_CLI_ARGS_plan": "-refresh=false", "TF_CLI_ARGS_destroy": "-refresh=false"}
    destroyed = done(workspace.run("cdktf", "destroy", "lab", "--auto-approve"))
    assert "Resources: 5 destroyed." in destroyed.output
    with pytest.raises(KeyError):
        lab.vm("lab-0")


def test_life_of_a_static_fleet_with_a_changed_source(
    lab: Simulator, stock: StockProvider, vcenter: Session, tmp_path: Path
) -> None:
    workspace = deployed_static_fleet(tmp_path / "workspace", lab, stock)
    _check_clones(workspace, lab, vcenter)
    _check_owners(workspace, lab, vcenter)
    _change_the_kind_of_stack(workspace)
    _replace_the_clones(workspace, vcenter)
    _change_the_source(workspace, vcenter)
    _plan_with_a_dynamic_stack(workspace)
    _destroy_without_the_source(workspace, lab, vcenter)
