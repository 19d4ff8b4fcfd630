# SPDX-License-Identifier: MPL-2.0
"""Clones that share their BIOS UUID, path or name with another VM. The plugin never changes the other VM."""

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

OTHER_OWNER = "4b1d0000-0000-4000-8000-000000000001"
"""owner id of another state"""


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)


@pytest.fixture
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


@pytest.fixture
def write(bench: Bench) -> Callable[..., None]:
    """Return a function that writes the configuration of a fleet of golden.

    The `arguments` of that function replace arguments of the clones.
    """

    def write_fleet(*names: str, pinned: bool = False, **arguments: Any) -> None:
        desired = {"vm": Wish(bench.source, frozenset(names))}
        bench.terraform.write(fleet_document(bench.release, desired, pinned=pinned, **arguments))

    return write_fleet


def only_error(bench: Bench, *command: str) -> str:
    """Return summary and detail of the only error of a command."""
    (error,) = bench.terraform.run(*command).errors
    return f"{error.summary}: {error.detail}"


def copy_of(client: Client, name: str, *, template: bool = False, marked: bool = False, on: bool = False) -> Any:
    """Create and return "NAME-copy", a VM with the BIOS UUID of the VM `name`, as a replication product does."""
    original = client.vm(name)
    marker = {option.key: option.value for option in original.config.extraConfig if option.key == OWNER_KEY}
    options = extra_config(marker) if marked else []
    copy = make(client, machine_spec(f"{name}-copy", uuid=original.config.uuid, extraConfig=options))
    assert copy.config.uuid == original.config.uuid
    if template:
        copy.MarkAsTemplate()
    if on:
        result(copy.PowerOnVM_Task())
    return copy


@pytest.mark.parametrize("kind", ["off", "on", "template", "marked"])
def test_plan_apply_and_destroy_reject_a_duplicate_uuid(
    bench: Bench, write: Callable[..., None], client: Client, kind: str
) -> None:
    """The copies are a replica, a running restored VM, a template of a backup, and a copy with the owner marker.

    All copies have another name and another folder.
    """
    name = f"twice-{kind}"
    write(name, pinned=True)
    bench.terraform.apply()
    copy = copy_of(client, name, template=kind == "template", marked=kind == "marked", on=kind == "on")
    original = client.vm(name)
    is_unchanged = untouched(bench, original._moId, copy._moId)
    owner = bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"]
    marker = f"{owner}/web/{name}/{bench.source.uuid}/1"
    copy_marker = f"marker {marker}" if kind == "marked" else "no marker"
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
            f"  /DC0/vm/{name}-copy ({copy._moId}, {state}, {copy_marker})\n"
        ) in errors[0].detail
    assert is_unchanged()
    assert list(bench.terraform.instances()) == [name]
    assert list(bench.terraform.instances("vsphere_drs_vm_override")) == [name]

    # Remove the copy, as the error message advises.
    if kind == "on":
        result(copy.PowerOffVM_Task())
    result(copy.Destroy_Task())
    write(name, pinned=True)
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()


def test_does_not_adopt_a_clone_with_a_duplicate_uuid(bench: Bench, write: Callable[..., None], client: Client) -> None:
    write("left")
    bench.terraform.apply()
    bench.terraform.run("state", "rm", address("vm", "left")).require()
    copy = copy_of(client, "left")
    is_unchanged = untouched(bench, client.vm("left")._moId, copy._moId)

    error = only_error(bench, "apply")

    assert error.startswith("BIOS UUID is not unique: /DC0/vm/left: 2 virtual machines have the BIOS UUID ")
    assert is_unchanged()
    assert bench.terraform.instances() == {}


def recreate(client: Client, name: str, config: dict[str, str]) -> Any:
    """Destroy a clone, and create another VM with its name, BIOS UUID and hardware."""
    old = client.vm(name)
    uuid = old.config.uuid
    result(old.PowerOffVM_Task())
    result(old.Destroy_Task())
    return clone(client.vm("golden"), name, config=config, bios_uuid=uuid)


def test_rejects_another_vm_with_the_uuid_of_a_destroyed_clone(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("gone")
    bench.terraform.apply()
    moid = client.vm("gone")._moId
    other = recreate(client, "gone", {})
    is_unchanged = untouched(bench, other._moId)

    planned = only_error(bench, "plan")
    destroyed = only_error(bench, "destroy", "-refresh=false")

    assert planned == destroyed
    assert planned.startswith(
        f"Another virtual machine has this UUID: gone: the state contains the virtual machine {moid}, but the only "
        f"virtual machine with its BIOS UUID {other.config.uuid} is /DC0/vm/gone ({other._moId}, poweredOn, no marker)."
    )
    assert is_unchanged()
    assert list(bench.terraform.instances()) == ["gone"]


def test_does_not_change_a_vm_with_the_marker_of_another_state_or_member(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("theirs", "sibling")
    bench.terraform.apply()
    owner = bench.terraform.instances("terraform_data")["owner"]["attributes"]["id"]
    markers = {
        "theirs": f"{OTHER_OWNER}/web/theirs/{bench.source.uuid}/1",
        "sibling": f"{owner}/web/another/{bench.source.uuid}/1",
    }
    for name, marker in markers.items():
        spec = vim.vm.ConfigSpec(extraConfig=extra_config({OWNER_KEY: marker}))
        result(client.vm(name).ReconfigVM_Task(spec))
    is_unchanged = untouched(bench, *(client.vm(name)._moId for name in markers))

    planned = bench.terraform.run("plan")
    write("theirs", "sibling", annotation="changed")
    updated = bench.terraform.run("apply", "-refresh=false")
    destroyed = bench.terraform.run("destroy", "-refresh=false")

    for outcome in (planned, updated, destroyed):
        assert summaries(outcome) == ["Virtual machine has another owner"] * 2
    details = "\n".join(each.detail for each in planned.errors)
    assert f"its owner marker names the clone theirs of the fleet web in the state {OTHER_OWNER}. This address " in (
        details
    )
    assert f"its owner marker names the clone another of the fleet web in the state {owner}. This address " in (details)
    assert is_unchanged()
    assert sorted(bench.terraform.instances()) == ["sibling", "theirs"]


def test_does_not_change_or_destroy_an_imported_clone_of_another_state(
    bench: Bench, write: Callable[..., None], client: Client, new_terraform: NewTerraform
) -> None:
    """A destroy has no configuration, so it cannot confirm that the import is correct."""
    write("foreign")
    bench.terraform.apply()
    moid = client.vm("foreign")._moId
    is_unchanged = untouched(bench, moid)
    other = new_terraform(bench.simulator)
    desired = {"vm": Wish(bench.source, frozenset({"foreign"}))}
    other.write(fleet_document(bench.release, desired))
    other.run("import", "-input=false", address("vm", "foreign"), "/DC0/vm/foreign").require()

    destroyed = other.run("destroy", "-refresh=false")
    updated = other.run("apply", "-refresh=false")

    assert summaries(destroyed) == ["Virtual machine has another owner"]
    # Some releases power a VM off to change extra_config. With them, the plan rejects the power-off first.
    hot = is_known(bench.release, "extra_config_reboot_required")
    refusal = "Another virtual machine was imported" if hot else "Change requires reboot or move"
    assert summaries(updated) == [refusal]
    without = fleet_document(bench.release, desired)
    without["resource"]["vsphere_virtual_machine"]["vm"]["extra_config"] = {"guestinfo.a": "b"}
    other.write(without)
    assert [each.summary for each in other.run("plan").errors] == ["Another virtual machine was imported"]
    assert is_unchanged()


def test_warns_about_a_clone_that_was_registered_again(
    bench: Bench, write: Callable[..., None], client: Client
) -> None:
    write("again")
    bench.terraform.apply()
    moid = client.vm("again")._moId
    marker = next(option.value for option in client.vm("again").config.extraConfig if option.key == OWNER_KEY)
    other = recreate(client, "again", {OWNER_KEY: marker})

    refreshed = bench.terraform.run("apply", "-refresh-only").require()

    (warning,) = [each for each in refreshed.diagnostics if each.summary == "Clone was registered again"]
    assert warning.severity == "warning"
    assert (
        f"the state contains the virtual machine {moid}, but the only virtual machine with its BIOS UUID and its owner "
        f"marker is /DC0/vm/again ({other._moId}, poweredOn, "
    ) in warning.detail
    assert bench.terraform.attributes("again")["moid"] == other._moId
    assert bench.methods(other._moId) == []
    bench.terraform.destroy()
    assert "Destroy_Task" in bench.methods(other._moId)


def test_plan_requests_do_not_grow_with_the_number_of_clones(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    """The plugin reads the UUIDs of all VMs once. Only the requests of the stock provider grow."""
    simulator = start_simulator("-source", "golden", "-frozen", "golden", "-tools", "0s", "-vm", 0)
    bench = Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))
    requests = []
    for count in (3, 6):
        desired = {"vm": Wish(bench.source, frozenset(f"many-{index}" for index in range(count)))}
        bench.terraform.write(fleet_document(bench.release, desired))
        bench.terraform.apply()
        simulator.requests(reset=True)
        assert bench.terraform.plan() == {}
        requests.append(simulator.requests())

    fewer, more = requests
    assert {name: more.get(name, 0) for name in ("Login", "FindAllByUuid", "CreateContainerView")} == {
        name: fewer.get(name, 0) for name in ("Login", "FindAllByUuid", "CreateContainerView")
    }
    assert fewer["FindAllByUuid"] == 2
