# SPDX-License-Identifier: MPL-2.0
"""Run each command of docs/life.md with the cdktf command and Terraform."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from pyVmomi import vim

from instant_clone.plugin.install.package import platform_name
from testkit.clone_stack import PROVIDER_SOURCE
from testkit.mirrors import STOCK_SOURCE
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import PROJECT, Workspace
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, machine_spec, make, result

PAGE = PROJECT / "docs" / "life.md"
FLEET = """
[fleets.web]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
annotation    = "of a fleet"
"""
SOURCE = """
[[fleets.web.sources]]
key        = "{key}"
vm         = "{vm}"
members    = "{members}"
generation = {generation}
"""
CLONE = 'vsphere_virtual_machine.{}["{}"]'


def _blocks() -> list[str]:
    """Return the shell code blocks of the page."""
    return re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


class Reader:
    """A user who follows the page in a separate project folder."""

    def __init__(self, folder: Path, simulator: Simulator, stock: StockProvider) -> None:
        self.simulator = simulator
        self.workspace = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
        self.done: list[str] = []
        self.first_call = 0
        # Terraform installs the unmodified stock provider from this mirror instead of a registry.
        package = folder / "mirror" / STOCK_SOURCE / str(self.workspace.version) / platform_name()
        package.mkdir(parents=True)
        (package / stock.path.name).symlink_to(stock.path)
        configuration = folder / "terraform.rc"
        mirror = (
            f'  filesystem_mirror {{\n    path    = "{folder / "mirror"}"\n    include = ["stock.internal/*/*"]\n  }}\n'
        )
        configuration.write_text(configuration.read_text().removesuffix("}\n") + mirror + "}\n")

    def write_fleet_file(self, **sources: tuple[str, str] | tuple[str, str, int]) -> None:
        """Write the fleet file. `sources` maps each key to the VM, the members and optionally the generation."""
        self.first_call = len(self.simulator.calls())
        text = FLEET
        for key, (vm, members, *generation) in sources.items():
            text += SOURCE.format(key=key, vm=vm, members=members, generation=(generation or [1])[0])
        (self.workspace.folder / "fleets.toml").write_text(text)

    def run_block(self, start: str, *, code: int = 0) -> str:
        """Run the only code block of the page that starts with `start`, and return its output."""
        (block,) = [block for block in _blocks() if block.startswith(start)]
        self.done.append(block)
        script = block.replace("npx cdktf", "cdktf").replace(" vmware/vsphere", f" {STOCK_SOURCE}")
        script = re.sub(r"(?m)(cdktf (?:deploy|destroy) .*)$", r"\1 --auto-approve", script)
        finished = self.workspace.run("bash", "-ec", script)
        assert finished.code == code, finished.output
        return finished.output

    def terraform(self, *command: str) -> str:
        """Run Terraform in the folder of the stack, and return its output."""
        finished = self.workspace.run("terraform", *command, folder=self.workspace.folder / "cdktf.out/stacks/web")
        assert finished.code == 0, finished.output
        return finished.output

    def clones(self) -> dict[str, str]:
        """Return the MoRefs of the existing clones, by name."""
        found = {}
        for index in range(5):
            with contextlib.suppress(KeyError):
                found[f"web-{index}"] = self.simulator.vm(f"web-{index}").moid
        return found

    def calls(self, *names: str) -> list[str]:
        """Return the methods that were called on these VMs since the last write_fleet_file()."""
        return [call.method for call in self.simulator.calls()[self.first_call :] if call.vm in names]


def _grow_a_fleet(reader: Reader) -> None:
    reader.write_fleet_file(one=("golden", "0-1"))
    reader.run_block("instant-clone record web")
    before = reader.clones()
    reader.write_fleet_file(one=("golden", "0-2"))

    output = reader.run_block("npx cdktf diff web\nnpx cdktf deploy")

    # The two resources are a clone and its pin.
    assert "Resources: 2 added, 0 changed, 0 destroyed." in output
    assert before.keys() == {"web-0", "web-1"}
    assert reader.clones().items() > before.items()
    assert reader.calls("web-0", "web-1") == []


def _move_a_member_to_a_new_source_in_the_pipeline(reader: Reader) -> None:
    before = reader.clones()
    reader.write_fleet_file(one=("golden", "0-1"), two=("silver", "2-3"))
    recorded = reader.workspace.run("instant-clone", "record", "web")
    assert recorded.code == 0, recorded.output

    output = reader.run_block("set -euo pipefail")

    assert "Resources: 4 added, 0 changed, 2 destroyed." in output
    after = reader.clones()
    assert after.keys() == {"web-0", "web-1", "web-2", "web-3"}
    assert after["web-2"] != before["web-2"]
    assert reader.calls("web-0", "web-1") == []


def _stop_the_pipeline_before_clones_are_replaced(reader: Reader) -> None:
    before = reader.clones()
    reader.write_fleet_file(one=("golden", "0-1", 2), two=("silver", "2-3"))

    output = reader.run_block("set -euo pipefail", code=1)

    assert CLONE.format("one", "web-0") in output
    assert "Apply complete" not in output
    assert reader.clones() == before
    reader.write_fleet_file(one=("golden", "0-1"), two=("silver", "2-3"))


def _show_drift(reader: Reader) -> None:
    with Client(reader.simulator) as client:
        result(client.vm("web-0").ReconfigVM_Task(vim.vm.ConfigSpec(annotation="by hand")))
        web_3 = client.vm("web-3")
        result(web_3.PowerOffVM_Task())
        result(web_3.Destroy_Task())

    output = reader.run_block("npx cdktf diff web\nterraform")

    assert f"{CLONE.format('one', 'web-0')} will be updated in-place" in output
    assert f"{CLONE.format('two', 'web-3')} will be created" in output
    assert reader.calls("web-0", "web-1") == ["ReconfigVM_Task", "ReconfigVM_Task"]
    assert reader.clones().keys() == {"web-0", "web-1", "web-2", "web-3"}


def _replace_a_clone_that_was_powered_off(reader: Reader) -> None:
    before = reader.clones()
    with Client(reader.simulator) as client:
        result(client.vm("web-0").PowerOffVM_Task())

    output = reader.run_block("cd cdktf.out/stacks/web\nterraform apply")

    assert "Clone is not running" in output

    after = reader.clones()
    assert {name for name in after if after[name] != before[name]} == {"web-0"}
    assert reader.simulator.vm("web-0").power == "poweredOn"


def _import_a_clone_and_adopt_another(reader: Reader) -> None:
    before, calls = reader.clones(), len(reader.simulator.calls())
    for name in ("web-0", "web-1"):
        reader.terraform("state", "rm", CLONE.format("one", name))

    imported = reader.run_block("cd cdktf.out/stacks/web\nterraform import")
    applied = reader.terraform("apply", "-input=false", "-auto-approve", "-no-color")

    assert "Import successful!" in imported
    assert "Existing clone adopted" in applied
    # The plan recreates the pin of web-1, because the UUID of web-1 is unknown. It can update the state of web-0.
    assert re.search(r"Resources: 2 added, [01] changed, 1 destroyed", applied), applied
    assert reader.clones() == before
    # The apply sets the annotation again, because the interrupted apply may not have set it.
    assert [(call.method, call.vm) for call in reader.simulator.calls()[calls:]] == [("ReconfigVM_Task", "web-1")]
    assert "No changes." in reader.terraform("plan", "-input=false", "-no-color")


def _remove_a_deleted_clone_from_the_state(reader: Reader) -> None:
    before = reader.clones()
    with Client(reader.simulator) as client:
        original = client.vm("web-1")
        uuid = original.config.uuid
        result(original.PowerOffVM_Task())
        result(original.Destroy_Task())
        copy = make(client, machine_spec("web-1-restored", uuid=uuid))
    calls = len(reader.simulator.calls())
    planned = reader.workspace.run(
        "terraform", "plan", "-input=false", "-no-color", folder=reader.workspace.folder / "cdktf.out/stacks/web"
    )

    reader.run_block("cd cdktf.out/stacks/web\nterraform state rm")

    assert "Another virtual machine has this UUID" in planned.output
    after = reader.clones()
    assert {name for name in after if after[name] != before[name]} == {"web-1"}
    assert [call.method for call in reader.simulator.calls()[calls:] if call.moref == copy._moId] == []
    assert "No changes." in reader.terraform("plan", "-input=false", "-no-color")


def _continue_with_the_stock_provider(reader: Reader) -> None:
    calls = len(reader.simulator.calls())
    reader.run_block("mkdir left")
    file = reader.workspace.folder / "left" / "cdk.tf.json"
    configuration = json.loads(file.read_text())
    del configuration["terraform"]["backend"]
    configuration["terraform"]["required_providers"]["vsphere"]["source"] = STOCK_SOURCE
    for body in configuration["resource"]["vsphere_virtual_machine"].values():
        del body["instantclone"]
    file.write_text(json.dumps(configuration))

    output = reader.run_block("cd left")

    assert "No changes. Your infrastructure matches the configuration." in output
    assert PROVIDER_SOURCE not in (file.parent / "terraform.tfstate").read_text()
    assert len(reader.simulator.calls()) == calls


def _destroy_a_fleet_without_its_source(reader: Reader) -> None:
    with Client(reader.simulator) as client:
        for name in ("golden", "silver"):
            source = client.vm(name)
            result(source.PowerOffVM_Task())
            result(source.Destroy_Task())

    reader.run_block("INSTANT_CLONE_LOOKUP=record npx cdktf destroy")

    assert reader.clones() == {}


def test_commands_of_the_page_have_the_documented_results(
    stock: StockProvider, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    reader = Reader(tmp_path / "workspace", simulator, stock)

    _grow_a_fleet(reader)
    _move_a_member_to_a_new_source_in_the_pipeline(reader)
    _stop_the_pipeline_before_clones_are_replaced(reader)
    _show_drift(reader)
    _replace_a_clone_that_was_powered_off(reader)
    _import_a_clone_and_adopt_another(reader)
    _remove_a_deleted_clone_from_the_state(reader)
    _continue_with_the_stock_provider(reader)
    _destroy_a_fleet_without_its_source(reader)

    assert [block for block in _blocks() if block not in reader.done] == []
