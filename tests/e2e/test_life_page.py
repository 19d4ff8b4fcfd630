# SPDX-License-Identifier: MPL-2.0
"""docs/life.md, command by command, through the real cdktf command."""

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
    """The page's commands, as they stand there together."""
    return re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


class Reader:
    """Who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path, simulator: Simulator, stock: StockProvider) -> None:
        self.simulator = simulator
        self.workspace = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
        self.done: list[str] = []
        self.called = 0
        # Where Terraform finds the stock provider as it is, instead of in a registry.
        package = folder / "mirror" / STOCK_SOURCE / str(self.workspace.version) / platform_name()
        package.mkdir(parents=True)
        (package / stock.path.name).symlink_to(stock.path)
        configuration = folder / "terraform.rc"
        mirror = (
            f'  filesystem_mirror {{\n    path    = "{folder / "mirror"}"\n    include = ["stock.internal/*/*"]\n  }}\n'
        )
        configuration.write_text(configuration.read_text().removesuffix("}\n") + mirror + "}\n")

    def wish(self, **sources: tuple[str, str] | tuple[str, str, int]) -> None:
        """Writes the fleet file: VM, members and perhaps the generation, by key."""
        self.called = len(self.simulator.calls())
        text = FLEET
        for key, (vm, members, *generation) in sources.items():
            text += SOURCE.format(key=key, vm=vm, members=members, generation=(generation or [1])[0])
        (self.workspace.folder / "fleets.toml").write_text(text)

    def does(self, containing: str, *, code: int = 0) -> str:
        """Carries out the page's only block that begins so; what came of it."""
        (block,) = [block for block in _blocks() if block.startswith(containing)]
        self.done.append(block)
        script = block.replace("npx cdktf", "cdktf").replace(" vmware/vsphere", f" {STOCK_SOURCE}")
        script = re.sub(r"(?m)(cdktf (?:deploy|destroy) .*)$", r"\1 --auto-approve", script)
        finished = self.workspace.run("bash", "-ec", script)
        assert finished.code == code, finished.output
        return finished.output

    def terraform(self, *command: str) -> str:
        """Terraform in the stack's folder."""
        finished = self.workspace.run("terraform", *command, folder=self.workspace.folder / "cdktf.out/stacks/web")
        assert finished.code == 0, finished.output
        return finished.output

    def clones(self) -> dict[str, str]:
        """The managed object ids of the members that there are, by name."""
        found = {}
        for index in range(5):
            with contextlib.suppress(KeyError):
                found[f"web-{index}"] = self.simulator.vm(f"web-{index}").moid
        return found

    def calls(self, *names: str) -> list[str]:
        """What was called on these since the fleet file was written."""
        return [call.method for call in self.simulator.calls()[self.called :] if call.vm in names]


def _grow_a_fleet(reader: Reader) -> None:
    reader.wish(one=("golden", "0-1"))
    reader.does("instant-clone record web")
    before = reader.clones()
    reader.wish(one=("golden", "0-2"))

    said = reader.does("npx cdktf diff web\nnpx cdktf deploy")

    # A clone and its pin.
    assert "Resources: 2 added, 0 changed, 0 destroyed." in said
    assert before.keys() == {"web-0", "web-1"}
    assert reader.clones().items() > before.items()
    assert reader.calls("web-0", "web-1") == []


def _move_a_member_to_a_new_source_in_the_pipeline(reader: Reader) -> None:
    before = reader.clones()
    reader.wish(one=("golden", "0-1"), two=("silver", "2-3"))
    recorded = reader.workspace.run("instant-clone", "record", "web")
    assert recorded.code == 0, recorded.output

    said = reader.does("set -euo pipefail")

    assert "Resources: 4 added, 0 changed, 2 destroyed." in said
    after = reader.clones()
    assert after.keys() == {"web-0", "web-1", "web-2", "web-3"}
    assert after["web-2"] != before["web-2"]
    assert reader.calls("web-0", "web-1") == []


def _stop_the_pipeline_before_clones_are_replaced(reader: Reader) -> None:
    before = reader.clones()
    reader.wish(one=("golden", "0-1", 2), two=("silver", "2-3"))

    said = reader.does("set -euo pipefail", code=1)

    assert CLONE.format("one", "web-0") in said
    assert "Apply complete" not in said
    assert reader.clones() == before
    reader.wish(one=("golden", "0-1"), two=("silver", "2-3"))


def _show_drift(reader: Reader) -> None:
    with Client(reader.simulator) as client:
        result(client.vm("web-0").ReconfigVM_Task(vim.vm.ConfigSpec(annotation="by hand")))
        web_3 = client.vm("web-3")
        result(web_3.PowerOffVM_Task())
        result(web_3.Destroy_Task())

    said = reader.does("npx cdktf diff web\nterraform")

    assert f"{CLONE.format('one', 'web-0')} will be updated in-place" in said
    assert f"{CLONE.format('two', 'web-3')} will be created" in said
    assert reader.calls("web-0", "web-1") == ["ReconfigVM_Task", "ReconfigVM_Task"]
    assert reader.clones().keys() == {"web-0", "web-1", "web-2", "web-3"}


def _replace_a_clone_that_was_powered_off(reader: Reader) -> None:
    before = reader.clones()
    with Client(reader.simulator) as client:
        result(client.vm("web-0").PowerOffVM_Task())

    said = reader.does("cd cdktf.out/stacks/web\nterraform apply")

    assert "Clone does not run" in said

    after = reader.clones()
    assert {name for name in after if after[name] != before[name]} == {"web-0"}
    assert reader.simulator.vm("web-0").power == "poweredOn"


def _import_a_clone_and_take_another_over(reader: Reader) -> None:
    before, calls = reader.clones(), len(reader.simulator.calls())
    for name in ("web-0", "web-1"):
        reader.terraform("state", "rm", CLONE.format("one", name))

    imported = reader.does("cd cdktf.out/stacks/web\nterraform import")
    applied = reader.terraform("apply", "-input=false", "-auto-approve", "-no-color")

    assert "Import successful!" in imported
    assert "Clone taken over" in applied
    # web-1 with its pin, as its UUID is not known before, and words of web-0.
    assert re.search(r"Resources: 2 added, [01] changed, 1 destroyed", applied), applied
    assert reader.clones() == before
    # The annotation once more: nobody knows how far the interrupted apply had come.
    assert [(call.method, call.vm) for call in reader.simulator.calls()[calls:]] == [("ReconfigVM_Task", "web-1")]
    assert "No changes." in reader.terraform("plan", "-input=false", "-no-color")


def _give_up_a_clone_whose_uuid_a_copy_has(reader: Reader) -> None:
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

    reader.does("cd cdktf.out/stacks/web\nterraform state rm")

    assert "Another virtual machine has this UUID" in planned.output
    after = reader.clones()
    assert {name for name in after if after[name] != before[name]} == {"web-1"}
    assert [call.method for call in reader.simulator.calls()[calls:] if call.moref == copy._moId] == []
    assert "No changes." in reader.terraform("plan", "-input=false", "-no-color")


def _leave_the_plugin(reader: Reader) -> None:
    calls = len(reader.simulator.calls())
    reader.does("mkdir left")
    file = reader.workspace.folder / "left" / "cdk.tf.json"
    whole = json.loads(file.read_text())
    del whole["terraform"]["backend"]
    whole["terraform"]["required_providers"]["vsphere"]["source"] = STOCK_SOURCE
    for body in whole["resource"]["vsphere_virtual_machine"].values():
        del body["instantclone"]
    file.write_text(json.dumps(whole))

    said = reader.does("cd left")

    assert "No changes. Your infrastructure matches the configuration." in said
    assert PROVIDER_SOURCE not in (file.parent / "terraform.tfstate").read_text()
    assert len(reader.simulator.calls()) == calls


def _destroy_a_fleet_whose_source_is_gone(reader: Reader) -> None:
    with Client(reader.simulator) as client:
        for name in ("golden", "silver"):
            source = client.vm(name)
            result(source.PowerOffVM_Task())
            result(source.Destroy_Task())

    reader.does("INSTANT_CLONE_LOOKUP=record npx cdktf destroy")

    assert reader.clones() == {}


def test_the_commands_of_the_page_do_what_it_says(
    stock: StockProvider, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    reader = Reader(tmp_path / "workspace", simulator, stock)

    _grow_a_fleet(reader)
    _move_a_member_to_a_new_source_in_the_pipeline(reader)
    _stop_the_pipeline_before_clones_are_replaced(reader)
    _show_drift(reader)
    _replace_a_clone_that_was_powered_off(reader)
    _import_a_clone_and_take_another_over(reader)
    _give_up_a_clone_whose_uuid_a_copy_has(reader)
    _leave_the_plugin(reader)
    _destroy_a_fleet_whose_source_is_gone(reader)

    assert [block for block in _blocks() if block not in reader.done] == []
