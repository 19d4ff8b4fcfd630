# SPDX-License-Identifier: MPL-2.0
"""A BIOS UUID, a path or a name that is not only the clone's: no other virtual machine is ever touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.arguments import is_known
from testkit.clone_stack import source_of
from testkit.fleets import Wish, address, fleet_document
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.identity import summaries, untouched
from tests.vcsim.client import Client, clone, extra_config, machine_spec, make, result

pytestmark = pytest.mark.attached

ELSEWHERE = "4b1d0000-0000-4000-8000-000000000001"
"""the owner id of another state"""


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


@pytest.fixture
def write(bench: Bench) -> Callable[..., None]:
    """Write a fleet of clones of golden; `arguments` replace arguments of the clones."""

    def written(*names: str, pinned: bool = False, **arguments: Any) -> None:
        wish = {"vm": Wish(bench.source, frozenset(names))}
        bench.terraform.write(fleet_document(bench.release, wish, pinned=pinned, **arguments))

    return written


def refused(bench: Bench, *command: str) -> str:
    """The detail of the only error with which a command ends."""
    (error,) = bench.terraform.run(*command).errors
    return f"{error.summary}: {error.detail}"


def copy_of(client: Client, name: str, *, template: bool = False, marked: bool = False, on: bool = False) -> Any:
    """A VM "NAME-copy" with the BIOS UUID of a VM, as a replica has it."""
    original = client.vm(name)
    marker = {option.key: option.value for option in original.config.extraConfig if option.key == OWNER_KEY}
    given = extra_config(marker) if marked else []
    copy = make(client, machine_spec(f"{name}-copy", uuid=original.config.uuid, extraConfig=given))
    assert copy.config.uuid == original.config.uuid
    if template:
        copy.MarkAsTemplate()
    if on:
        result(copy.PowerOnVM_Task())
    return copy


@pytest.mark.parametrize("kind", ["off", "on", "template", "marked"])
def test_a_uuid_that_occurs_twice_ends_every_request(
    bench: Bench, write: Callable[..., None], client: Client, kind: str
) -> None:
    """A replica, a running restored copy, a template made of a backup; renamed and in another folder all of them."""
    name = f"twice-{kind}"
    write(name, pinned=True)
    bench.terraform.apply()
    copy = copy_of(client, name, template=kind == "template", marked=kind == "marked", on=kind == "on")
    original = client.vm(name)
    left_alone = untouched(bench, original._moId, copy._moId)
    owner = bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"]
    marker = f"{owner}/web/{name}/{bench.source.uuid}/1"
    own = f"marker {marker}" if kind == "marked" else "no marker"
    state = {"off": "poweredOff", "on": "poweredOn", "template": "template", "marked": "poweredOff"}[kind]

    planned = bench.terraform.run("plan")
    write(name, pinned=True, annotation="changed")
    updated = bench.terraform.run("apply", "-refresh=false")
    destroyed = bench.terraform.run("destroy", "-refresh=false")

    for outcome, at in ((planned, address("vm", name)), (updated, address("vm", name)), (destroyed, "pin")):
        errors = [each for each in outcome.errors if at == "pin" or each.address == at]
        assert {each.summary for each in errors} == {"BIOS UUID is not unique"}
        assert (
            f"2 virtual machines have the BIOS UUID {original.config.uuid}:\n"
            f"  /DC0/vm/{name} ({original._moId}, poweredOn, marker {marker})\n"
            f"  /DC0/vm/{name}-copy ({copy._moId}, {state}, {own})\n"
        ) in errors[0].detail
    assert left_alone()
    assert list(bench.terraform.instances()) == [name]
    assert list(bench.terraform.instances("vsphere_drs_vm_override")) == [name]

    # What the message asks for.
    if kind == "on":
        result(copy.PowerOffVM_Task())
    result(copy.Destroy_Task())
    write(name, pinned=True)
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_a_left_clone_whose_uuid_another_vm_has_is_not_taken_over(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("left")
    bench.terraform.apply()
    bench.terraform.run("state", "rm", address("vm", "left")).require()
    copy = copy_of(client, "left")
    left_alone = untouched(bench, client.vm("left")._moId, copy._moId)

    error = refused(bench, "apply")

    assert error.startswith("BIOS UUID is not unique: /DC0/vm/left: 2 virtual machines have the BIOS UUID ")
    assert left_alone()
    assert bench.terraform.instances() == {}


def remade(client: Client, name: str, config: dict[str, str]) -> Any:
    """Another VM in a clone's place, with its name, BIOS UUID and hardware."""
    old = client.vm(name)
    uuid = old.config.uuid
    result(old.PowerOffVM_Task())
    result(old.Destroy_Task())
    return clone(client.vm("golden"), name, config=config, bios_uuid=uuid)


def test_another_vm_that_has_got_the_uuid_is_not_taken_for_the_clone(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("gone")
    bench.terraform.apply()
    moid = client.vm("gone")._moId
    other = remade(client, "gone", {})
    left_alone = untouched(bench, other._moId)

    planned = refused(bench, "plan")
    destroyed = refused(bench, "destroy", "-refresh=false")

    assert planned == destroyed
    assert planned.startswith(
        f"Another virtual machine has this UUID: gone: the state means the virtual machine {moid}, and the only one "
        f"with its BIOS UUID {other.config.uuid} is /DC0/vm/gone ({other._moId}, poweredOn, no marker)."
    )
    assert left_alone()
    assert list(bench.terraform.instances()) == ["gone"]


def test_a_vm_with_the_marker_of_another_state_or_member_is_never_changed(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("theirs", "sibling")
    bench.terraform.apply()
    owner = bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"]
    markers = {
        "theirs": f"{ELSEWHERE}/web/theirs/{bench.source.uuid}/1",
        "sibling": f"{owner}/web/another/{bench.source.uuid}/1",
    }
    for name, marker in markers.items():
        spec = vim.vm.ConfigSpec(extraConfig=extra_config({OWNER_KEY: marker}))
        result(client.vm(name).ReconfigVM_Task(spec))
    left_alone = untouched(bench, *(client.vm(name)._moId for name in markers))

    planned = bench.terraform.run("plan")
    write("theirs", "sibling", annotation="changed")
    updated = bench.terraform.run("apply", "-refresh=false")
    destroyed = bench.terraform.run("destroy", "-refresh=false")

    for outcome in (planned, updated, destroyed):
        assert summaries(outcome) == ["Virtual machine has another owner"] * 2
    details = "\n".join(each.detail for each in planned.errors)
    assert (
        f"its marker names the clone theirs of the fleet web in the state {ELSEWHERE}, and this address holds the "
        in (details)
    )
    assert f"its marker names the clone another of the fleet web in the state {owner}, and this address holds the " in (
        details
    )
    assert left_alone()
    assert sorted(bench.terraform.instances()) == ["sibling", "theirs"]


def test_another_state_s_clone_that_was_imported_is_neither_changed_nor_destroyed(
    bench: Bench, write: Callable[..., None], client: Client, new_terraform: NewTerraform
) -> None:
    """A destroy has no configuration, so that nothing proves the import right."""
    write("foreign")
    bench.terraform.apply()
    moid = client.vm("foreign")._moId
    left_alone = untouched(bench, moid)
    other = new_terraform(bench.simulator)
    wish = {"vm": Wish(bench.source, frozenset({"foreign"}))}
    other.write(fleet_document(bench.release, wish))
    other.run("import", "-input=false", address("vm", "foreign"), "/DC0/vm/foreign").require()

    destroyed = other.run("destroy", "-refresh=false")
    updated = other.run("apply", "-refresh=false")

    assert summaries(destroyed) == ["Virtual machine has another owner"]
    # The plan of a release that powers a VM off for its extra_config is refused for that reason already.
    hot = is_known(bench.release, "extra_config_reboot_required")
    refusal = "Another virtual machine was imported" if hot else "Change would power-cycle or move the clone"
    assert summaries(updated) == [refusal]
    without = fleet_document(bench.release, wish)
    without["resource"]["vsphere_virtual_machine"]["vm"]["extra_config"] = {"guestinfo.a": "b"}
    other.write(without)
    assert [each.summary for each in other.run("plan").errors] == ["Another virtual machine was imported"]
    assert left_alone()


def test_a_clone_that_was_registered_again_is_followed_with_a_warning(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("again")
    bench.terraform.apply()
    moid = client.vm("again")._moId
    marker = next(option.value for option in client.vm("again").config.extraConfig if option.key == OWNER_KEY)
    other = remade(client, "again", {OWNER_KEY: marker})

    refreshed = bench.terraform.run("apply", "-refresh-only").require()

    (warning,) = [each for each in refreshed.diagnostics if each.summary == "Clone was registered again"]
    assert warning.severity == "warning"
    assert (
        f"the state means the virtual machine {moid}, and /DC0/vm/again ({other._moId}, poweredOn, " in warning.detail
    )
    assert bench.terraform.attributes("again")["moid"] == other._moId
    assert bench.methods(other._moId) == []
    bench.terraform.destroy()
    assert "Destroy_Task" in bench.methods(other._moId)


def test_a_plan_asks_no_more_for_more_clones(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    """The UUIDs of all VMs are read once; the rest of what grows is the stock provider's."""
    simulator = start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    asked = []
    for count in (3, 6):
        wish = {"vm": Wish(bench.source, frozenset(f"many-{index}" for index in range(count)))}
        bench.terraform.write(fleet_document(bench.release, wish))
        bench.terraform.apply()
        simulator.requests(reset=True)
        assert bench.terraform.plan() == {}
        asked.append(simulator.requests())

    fewer, more = asked
    assert {name: more.get(name, 0) for name in ("Login", "FindAllByUuid", "CreateContainerView")} == {
        name: fewer.get(name, 0) for name in ("Login", "FindAllByUuid", "CreateContainerView")
    }
    assert fewer["FindAllByUuid"] == 2
