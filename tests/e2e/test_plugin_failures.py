# SPDX-License-Identifier: MPL-2.0
"""What goes wrong between a clone's making and its place in the state: no clone may be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testkit.clone_stack import clones, machine, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached

STUCK = 'vsphere_virtual_machine.vm["stuck"]'
AS_IT_IS = pytest.mark.parametrize("arguments", [(), ("-refresh=false",)], ids=["refreshed", "as it is"])


@pytest.fixture
def own(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    """A simulator of the test's own."""
    simulator = start_simulator("-source", "golden", "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _apply(bench: Bench, during: Callable[[], None]) -> Outcome:
    """An apply of one clone; `during` is called while its task is held."""
    bench.simulator.hold("InstantClone_Task", at="task")
    with bench.terraform.start("apply") as running:
        until(bench.simulator.held, "the clone task")
        during()
        bench.simulator.release()
        return running.finish()


def test_a_clone_that_cannot_be_read_back_is_removed(own: Bench) -> None:
    own.terraform.write(clones(own.source, own.release, ["unread"]))

    # The stock provider, which imports a VM by its path, reads it by its UUID.
    ended = _apply(own, lambda: own.simulator.fault("FindByUuid", "SystemError", at="call"))

    assert [error.summary for error in ended.errors][-1] == "Clone removed again"
    assert ended.errors[-1].detail == (
        "/DC0/vm/unread was made but could not be read back, so it was removed. Apply again once the cause above is "
        "mended."
    )
    assert own.terraform.instances() == {}
    with pytest.raises(KeyError):
        own.simulator.vm("unread")
    assert own.terraform.apply().changes == {'vsphere_virtual_machine.vm["unread"]': "create"}


def _stuck(bench: Bench, *, at: str = "PowerOffVM_Task", **arguments: Any) -> None:
    """Lets a clone be made that can neither be read back nor, because of a fault `at` that method, be removed again."""
    bench.terraform.write(clones(bench.source, bench.release, ["stuck"], **arguments))

    def during() -> None:
        bench.simulator.fault("FindByUuid", "SystemError", at="call")
        bench.simulator.fault(at, "TaskInProgress", vm="stuck")

    ended = _apply(bench, during)

    assert ended.code == 1
    (said,) = [error.detail for error in ended.errors if error.summary == "Clone is in the state as tainted"]
    uuid = source_of(bench.simulator, "stuck").uuid
    assert said.startswith(f"/DC0/vm/stuck (UUID {uuid}) was made, could not be read back, and could not be removed: ")
    assert "vCenter answers with TaskInProgress" in said
    assert bench.terraform.instances()["stuck"]["status"] == "tainted"
    assert bench.terraform.attributes("stuck")["uuid"] == uuid


def test_a_clone_that_could_neither_be_read_nor_removed_is_made_anew_by_the_next_apply(own: Bench) -> None:
    _stuck(own)
    before = own.simulator.vm("stuck").moid

    assert own.terraform.apply().changes == {STUCK: "replace"}

    assert own.simulator.vm("stuck").moid != before
    # Disks that are to be kept would be detached first.
    assert "ReconfigVM_Task" not in own.methods("stuck")
    assert own.terraform.plan() == {}


@AS_IT_IS
@pytest.mark.parametrize("keep", [False, True], ids=["with its disks", "without its disks"])
def test_a_clone_that_could_neither_be_read_nor_removed_is_destroyed(
    own: Bench, arguments: tuple[str, ...], keep: bool
) -> None:
    disks = [{**disk, "keep_on_remove": keep} for disk in machine(own.source, own.release)["disk"]]
    _stuck(own, disk=disks)

    own.terraform.run("destroy", *arguments).require()

    assert own.terraform.instances() == {}
    assert ("ReconfigVM_Task" in own.methods("stuck")) is keep
    with pytest.raises(KeyError):
        own.simulator.vm("stuck")


def test_a_clone_that_could_neither_be_read_nor_removed_can_be_kept(own: Bench) -> None:
    _stuck(own)
    before = own.simulator.vm("stuck").moid
    own.terraform.run("untaint", STUCK).require()
    own.simulator.requests(reset=True)

    (error,) = own.terraform.run("plan", "-refresh=false").errors
    assert (error.summary, error.address) == ("Clone was not read yet", STUCK)
    assert own.terraform.apply().changes == {}

    assert own.simulator.vm("stuck").moid == before
    assert [method for method in own.simulator.requests() if method.endswith("_Task")] == []
    assert own.terraform.plan() == {}


def test_a_clone_that_was_not_read_is_replaced_by_another_generation(own: Bench) -> None:
    _stuck(own, replace_trigger="1")
    own.terraform.run("untaint", STUCK).require()

    own.terraform.write(clones(own.source, own.release, ["stuck"], replace_trigger="2"))

    assert own.terraform.plan() == {STUCK: "replace"}


def test_a_clone_that_was_powered_off_before_it_could_not_be_removed_is_told(own: Bench) -> None:
    _stuck(own, at="Destroy_Task")
    own.terraform.run("untaint", STUCK).require()

    planned = own.terraform.run("plan").require()

    assert [each.summary for each in planned.diagnostics] == ["Clone does not run"]


@pytest.mark.parametrize("keep", [False, True], ids=["with its disks", "without its disks"])
def test_a_clone_that_could_neither_be_read_nor_removed_may_be_gone(own: Bench, keep: bool) -> None:
    disks = [{**disk, "keep_on_remove": keep} for disk in machine(own.source, own.release)["disk"]]
    _stuck(own, disk=disks)
    with Client(own.simulator) as client:
        stuck = client.vm("stuck")
        result(stuck.PowerOffVM_Task())
        result(stuck.Destroy_Task())

    if keep:
        own.terraform.run("destroy", "-refresh=false").require()
        assert own.terraform.instances() == {}
    assert own.terraform.apply().changes == {STUCK: "create"}


@pytest.mark.parametrize("trouble", ["fault", "connection"])
def test_trouble_while_waiting_for_the_network_loses_no_clone(own: Bench, trouble: str) -> None:
    # Otherwise it has its source's address, and that is waited out.
    address = {"guestinfo.ic.ipaddress": "192.168.0.77"}
    wanted = clones(own.source, own.release, ["awaited"], extra_config=address, wait_for_guest_net_timeout=60)
    own.terraform.write(wanted)

    def during() -> None:
        if trouble == "fault":
            own.simulator.fault("Fetch", "SystemError", vm="awaited", times=1, at="call")
        else:
            own.simulator.drop("Fetch", vm="awaited", when="before", times=6)

    ended = _apply(own, during)

    if trouble == "connection":
        assert (ended.code, ended.diagnostics) == (0, [])
    assert [error for error in ended.errors if "mistake in the plugin" in error.detail] == []
    try:
        own.simulator.vm("awaited")
    except KeyError:
        assert ended.code == 1
        assert own.terraform.instances() == {}
    else:
        assert list(own.terraform.instances()) == ["awaited"]
