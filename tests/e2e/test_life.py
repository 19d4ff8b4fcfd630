"""How a fleet lives: members and sources come and go, and nothing happens to the clones that are not meant.

docs/life.md tells users; each command that it names is run here.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.provider.package import platform_name
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.year import Wish, address, fleet_document
from tests.support.clone_stack import PROVIDER_SOURCE, source_of
from tests.support.mirrors import STOCK_SOURCE
from tests.support.simulator import Simulator
from tests.support.stock import StockProvider
from tests.support.workspace import PROJECT, Workspace
from tests.vcsim.client import Client, result


def _wish(bench: Bench, source: str, *members: str, generation: int = 1) -> Wish:
    return Wish(source_of(bench.simulator, source), frozenset(members), generation)


def _apply(bench: Bench, wishes: dict[str, Wish], *options: str, **arguments: Any) -> dict[str, str]:
    """What an apply of the wishes changed."""
    bench.terraform.write(fleet_document(bench.release, wishes, **arguments))
    return bench.terraform.apply(*options).changes


def _planned(bench: Bench, wishes: dict[str, Wish], **arguments: Any) -> dict[str, str]:
    bench.terraform.write(fleet_document(bench.release, wishes, **arguments))
    return bench.terraform.plan()


@pytest.mark.parametrize("leaving", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_member_of_any_index_goes_and_comes_back_and_the_others_are_left_alone(bench: Bench, leaving: int) -> None:
    names = [f"any-{leaving}-{index}" for index in range(3)]
    whole = {"web": _wish(bench, "golden", *names)}
    _apply(bench, whole)
    others = [name for name in names if name != names[leaving]]
    before = {name: bench.simulator.vm(name).moid for name in others}

    gone = _apply(bench, {"web": _wish(bench, "golden", *others)})
    back = _apply(bench, whole)

    assert gone == {address("web", names[leaving]): "delete"}
    assert back == {address("web", names[leaving]): "create"}
    assert {name: bench.simulator.vm(name).moid for name in others} == before
    assert bench.methods(*before.values()) == []
    assert bench.terraform.plan() == {}


def test_a_source_comes_and_goes_with_its_clones_and_those_of_the_other_are_left_alone(bench: Bench) -> None:
    first, second = _wish(bench, "golden", "own-0", "own-1"), _wish(bench, "silver", "other-0", "other-1")
    _apply(bench, {"one": first})

    come = _apply(bench, {"one": first, "two": second})
    gone = _apply(bench, {"one": first})

    assert come == {address("two", "other-0"): "create", address("two", "other-1"): "create"}
    assert gone == {address("two", "other-0"): "delete", address("two", "other-1"): "delete"}
    assert bench.methods("own-0", "own-1") == []


def test_the_only_source_gives_way_to_another(bench: Bench) -> None:
    _apply(bench, {"one": _wish(bench, "golden", "way-0")})

    changes = _apply(bench, {"two": _wish(bench, "silver", "way-0")})

    assert changes == {address("one", "way-0"): "delete", address("two", "way-0"): "create"}
    assert bench.terraform.plan() == {}


def test_a_name_moves_from_one_source_to_another_within_one_apply(bench: Bench) -> None:
    _apply(bench, {"one": _wish(bench, "golden", "a-0", "a-1"), "two": _wish(bench, "silver", "a-2")})
    left_alone = [bench.simulator.vm(name).moid for name in ("a-0", "a-2")]
    moved = bench.simulator.vm("a-1").moid

    changes = _apply(bench, {"one": _wish(bench, "golden", "a-0"), "two": _wish(bench, "silver", "a-1", "a-2")})

    assert changes == {address("one", "a-1"): "delete", address("two", "a-1"): "create"}
    assert bench.simulator.vm("a-1").moid != moved
    assert bench.methods(moved) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.methods(*left_alone, bench.simulator.vm("a-1").moid) == []
    assert bench.terraform.plan() == {}


def test_one_thing_at_a_time_a_name_may_take_a_second_apply_to_move(bench: Bench) -> None:
    """Terraform may begin with the new clone, and then nothing ends the old one meanwhile."""
    _apply(bench, {"one": _wish(bench, "golden", "single"), "two": _wish(bench, "silver", "double")})
    bench.terraform.write(
        fleet_document(
            bench.release, {"one": _wish(bench, "golden", "double"), "two": _wish(bench, "silver", "single")}
        )
    )

    first = bench.terraform.run("apply", "-parallelism=1")

    for error in first.errors:
        assert error.summary == "Name is not free yet"
        assert "If this apply removes it later, apply again." in error.detail
    if first.errors:
        bench.terraform.apply("-parallelism=1")
    assert sorted(bench.terraform.instances()) == ["double", "single"]
    assert bench.terraform.plan() == {}


def test_another_generation_replaces_the_clones_of_its_source_alone(bench: Bench) -> None:
    one, two = _wish(bench, "golden", "gen-0", "gen-1"), _wish(bench, "silver", "gen-2")
    _apply(bench, {"one": one, "two": two})
    old, kept = [bench.simulator.vm(name).moid for name in ("gen-0", "gen-1")], bench.simulator.vm("gen-2").moid
    raised = {"one": replace(one, generation=2), "two": two}

    planned = _planned(bench, raised)
    bench.terraform.apply()

    assert planned == {address("one", "gen-0"): "replace", address("one", "gen-1"): "replace"}
    assert bench.methods(old[0]) == ["ShutdownGuest", "Destroy_Task"]
    assert bench.simulator.vm("gen-2").moid == kept
    assert bench.methods(kept, *(bench.simulator.vm(name).moid for name in ("gen-0", "gen-1"))) == []
    assert bench.terraform.plan() == {}


def test_another_vm_for_the_same_key_replaces_its_clones_alone(bench: Bench) -> None:
    one, two = _wish(bench, "golden", "vm-0"), _wish(bench, "golden", "vm-1")
    _apply(bench, {"one": one, "two": two})
    kept = bench.simulator.vm("vm-1").moid

    planned = _planned(bench, {"one": _wish(bench, "silver", "vm-0"), "two": two})
    bench.terraform.apply()

    assert planned == {address("one", "vm-0"): "replace"}
    assert bench.simulator.vm("vm-1").moid == kept
    assert bench.methods(kept) == []
    assert bench.terraform.plan() == {}


# What becomes of sources: each test has a vCenter of its own.


@pytest.fixture
def alone(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _nest(bench: Bench) -> None:
    """The source is patched under its UUID: it gets hardware that no running VM can be given."""
    with Client(bench.simulator) as client:
        golden = client.vm("golden")
        result(golden.PowerOffVM_Task())
        result(golden.ReconfigVM_Task(vim.vm.ConfigSpec(nestedHVEnabled=True)))
        result(golden.PowerOnVM_Task())


def test_hardware_that_changes_under_the_same_uuid_is_refused_unless_clones_are_to_be_made_anew(alone: Bench) -> None:
    members = ("patched-0", "patched-1")
    _apply(alone, {"one": _wish(alone, "golden", *members), "two": _wish(alone, "silver", "whole")})
    old = [alone.simulator.vm(name).moid for name in members]
    _nest(alone)

    # As recorded before, it concerns nobody.
    assert alone.terraform.plan() == {}
    patched = {"one": _wish(alone, "golden", *members), "two": _wish(alone, "silver", "whole")}
    alone.terraform.write(fleet_document(alone.release, patched))
    refused = alone.terraform.run("plan").errors
    whole = fleet_document(alone.release, patched)
    for body in whole["resource"]["vsphere_virtual_machine"].values():
        body["instantclone"][0]["on_reboot"] = "replace"
    alone.terraform.write(whole)
    planned = alone.terraform.plan()
    alone.terraform.apply()

    assert {error.summary for error in refused} == {"Change would power-cycle or move the clone"}
    assert {error.address for error in refused} == {address("one", name) for name in members}
    assert alone.methods(*old) == ["ShutdownGuest", "Destroy_Task"] * 2
    assert {at: change for at, change in planned.items() if change == "replace"} == {
        address("one", name): "replace" for name in members
    }
    assert [alone.terraform.attributes(name)["nested_hv_enabled"] for name in (*members, "whole")] == [
        True,
        True,
        False,
    ]
    assert alone.methods("whole") == []
    assert alone.terraform.plan() == {}


@pytest.mark.parametrize("fate", ["off", "deleted", "frozen"])
def test_clones_live_on_whatever_becomes_of_their_source(alone: Bench, fate: str) -> None:
    wish = _wish(alone, "golden", "on-0", "on-1", "on-2")
    other = _wish(alone, "silver", "on-3")
    _apply(alone, {"one": wish, "two": other})
    if fate == "frozen":
        alone.simulator.freeze("golden")
    else:
        with Client(alone.simulator) as client:
            golden = client.vm("golden")
            result(golden.PowerOffVM_Task())
            if fate == "deleted":
                result(golden.Destroy_Task())

    assert alone.terraform.plan() == {}
    assert alone.terraform.run("refresh").require().diagnostics == []
    removed = _apply(alone, {"one": replace(wish, members=frozenset({"on-0", "on-2"})), "two": other})
    grown = _apply(
        alone,
        {
            "one": replace(wish, members=frozenset({"on-0", "on-2"})),
            "two": replace(other, members=frozenset({"on-3", "on-4"})),
        },
    )

    assert removed == {address("one", "on-1"): "delete"}
    assert grown == {address("two", "on-4"): "create"}
    assert alone.methods("on-0", "on-2", "on-3") == []
    # Only a new clone needs it.
    alone.terraform.write(fleet_document(alone.release, {"one": wish, "two": other}))
    new = alone.terraform.run("plan")
    if fate == "frozen":
        assert new.require().changes == {address("one", "on-1"): "create", address("two", "on-4"): "delete"}
    else:
        assert [error.address for error in new.errors] == [address("one", "on-1")]
        # A destroy of Terraform's plans that clone too, unless told not to refresh.
        assert [error.address for error in alone.terraform.run("destroy").errors] == [address("one", "on-1")]
    alone.terraform.run("destroy", "-refresh=false").require()
    assert alone.terraform.instances() == {}


# docs/life.md, command by command, through the real cdktf command.

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


@pytest.fixture(scope="module")
def reader(stock: StockProvider, start_simulator: StartSimulator, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    simulator = start_simulator("-source", "golden,silver", "-vm", 0, "-tools", "0s")
    return Reader(tmp_path_factory.mktemp("life") / "workspace", simulator, stock)


# From here on the tests are one story: each begins with what the one before has left.


def test_the_page_grows_a_fleet(reader: Reader) -> None:
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


def test_the_page_s_pipeline_moves_a_member_to_a_new_source(reader: Reader) -> None:
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


def test_the_page_s_pipeline_stops_before_clones_are_replaced(reader: Reader) -> None:
    before = reader.clones()
    reader.wish(one=("golden", "0-1", 2), two=("silver", "2-3"))

    said = reader.does("set -euo pipefail", code=1)

    assert CLONE.format("one", "web-0") in said
    assert "Apply complete" not in said
    assert reader.clones() == before
    reader.wish(one=("golden", "0-1"), two=("silver", "2-3"))


def test_the_page_shows_drift(reader: Reader) -> None:
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


def test_the_page_makes_a_clone_anew_that_was_powered_off(reader: Reader) -> None:
    before = reader.clones()
    with Client(reader.simulator) as client:
        result(client.vm("web-0").PowerOffVM_Task())

    said = reader.does("cd cdktf.out/stacks/web\nterraform apply")

    assert "Clone does not run" in said

    after = reader.clones()
    assert {name for name in after if after[name] != before[name]} == {"web-0"}
    assert reader.simulator.vm("web-0").power == "poweredOn"


def test_the_page_imports_a_clone_and_another_is_taken_over(reader: Reader) -> None:
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


def test_the_page_leaves_the_plugin(reader: Reader) -> None:
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


def test_the_page_destroys_a_fleet_whose_source_is_gone(reader: Reader) -> None:
    with Client(reader.simulator) as client:
        for name in ("golden", "silver"):
            source = client.vm(name)
            result(source.PowerOffVM_Task())
            result(source.Destroy_Task())

    reader.does("INSTANT_CLONE_LOOKUP=record npx cdktf destroy")

    assert reader.clones() == {}


def test_each_command_of_the_page_was_run(reader: Reader) -> None:
    assert [block for block in _blocks() if block not in reader.done] == []
