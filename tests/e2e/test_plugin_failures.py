"""What goes wrong between a clone's making and its place in the state: no clone may be lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome
from tests.support.clone_stack import clones, source_of
from tests.support.processes import until
from tests.vcsim.client import Client, result

STUCK = 'vsphere_virtual_machine.vm["stuck"]'


@pytest.fixture
def slow(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    """Clones take long enough for something to go wrong at a chosen time."""
    simulator = start_simulator("-source", "golden", "-delay", "2s", "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _apply(bench: Bench, during: Callable[[], None]) -> Outcome:
    """An apply of one clone; `during` is called while its task runs."""
    with bench.terraform.start("apply") as running:
        until(lambda: bench.simulator.requests().get("InstantClone_Task") == 1, "the clone task", seconds=60)
        during()
        return running.finish()


def test_a_clone_that_cannot_be_read_back_is_removed(slow: Bench) -> None:
    slow.terraform.write(clones(slow.source, slow.release, ["unread"]))

    # The stock provider, which imports a VM by its path, reads it by its UUID.
    ended = _apply(slow, lambda: slow.simulator.fault("FindByUuid", "SystemError", at="call"))

    assert [error.summary for error in ended.errors][-1] == "Clone removed again"
    assert ended.errors[-1].detail == (
        "/DC0/vm/unread was made but could not be read back, so it was removed. Apply again once the cause above is "
        "mended."
    )
    assert slow.terraform.instances() == {}
    with pytest.raises(KeyError):
        slow.simulator.vm("unread")
    assert slow.terraform.apply().changes == {'vsphere_virtual_machine.vm["unread"]': "create"}


@pytest.fixture
def stuck(slow: Bench) -> Bench:
    """A clone was made that could neither be read back nor removed again."""
    slow.terraform.write(clones(slow.source, slow.release, ["stuck"]))

    def during() -> None:
        slow.simulator.fault("FindByUuid", "SystemError", at="call")
        slow.simulator.fault("PowerOffVM_Task", "TaskInProgress", vm="stuck")

    ended = _apply(slow, during)

    assert ended.code == 1
    (said,) = [error.detail for error in ended.errors if error.summary == "Clone is in the state as tainted"]
    uuid = source_of(slow.simulator, "stuck").uuid
    assert said.startswith(f"/DC0/vm/stuck (UUID {uuid}) was made, could not be read back, and could not be removed: ")
    assert "vCenter answers with TaskInProgress" in said
    assert slow.terraform.instances()["stuck"]["status"] == "tainted"
    assert slow.terraform.attributes("stuck")["uuid"] == uuid
    return slow


def test_a_clone_that_could_neither_be_read_nor_removed_is_made_anew_by_the_next_apply(stuck: Bench) -> None:
    before = stuck.simulator.vm("stuck").moid

    assert stuck.terraform.apply().changes == {STUCK: "replace"}

    assert stuck.simulator.vm("stuck").moid != before
    assert stuck.terraform.plan() == {}


@pytest.mark.parametrize("arguments", [(), ("-refresh=false",)], ids=["refreshed", "as it is"])
def test_a_clone_that_could_neither_be_read_nor_removed_is_destroyed(stuck: Bench, arguments: tuple[str, ...]) -> None:
    stuck.terraform.run("destroy", *arguments).require()

    assert stuck.terraform.instances() == {}
    with pytest.raises(KeyError):
        stuck.simulator.vm("stuck")


@pytest.mark.parametrize("arguments", [(), ("-refresh=false",)], ids=["refreshed", "as it is"])
def test_a_clone_that_could_neither_be_read_nor_removed_can_be_kept(stuck: Bench, arguments: tuple[str, ...]) -> None:
    before = stuck.simulator.vm("stuck").moid
    stuck.terraform.run("untaint", STUCK).require()
    stuck.simulator.requests(reset=True)

    # Words of the state only.
    assert set(stuck.terraform.apply(*arguments).changes.values()) <= {"update"}

    assert stuck.simulator.vm("stuck").moid == before
    assert [method for method in stuck.simulator.requests() if method.endswith("_Task")] == []
    assert stuck.terraform.plan() == {}


def test_a_clone_that_could_neither_be_read_nor_removed_may_be_gone(stuck: Bench) -> None:
    with Client(stuck.simulator) as client:
        machine = client.vm("stuck")
        result(machine.PowerOffVM_Task())
        result(machine.Destroy_Task())

    assert stuck.terraform.apply().changes == {STUCK: "create"}


@pytest.mark.parametrize("trouble", ["fault", "connection"])
def test_trouble_while_waiting_for_the_network_loses_no_clone(slow: Bench, trouble: str) -> None:
    # Otherwise it has its source's address, and that is waited out.
    address = {"guestinfo.ic.ipaddress": "192.168.0.77"}
    wanted = clones(slow.source, slow.release, ["awaited"], extra_config=address, wait_for_guest_net_timeout=1)
    slow.terraform.write(wanted)

    def during() -> None:
        if trouble == "fault":
            slow.simulator.fault("Fetch", "SystemError", vm="awaited", times=1, at="call")
        else:
            slow.simulator.drop("Fetch", vm="awaited", when="before", times=6)

    ended = _apply(slow, during)

    if trouble == "connection":
        assert (ended.code, ended.diagnostics) == (0, [])
    assert [error for error in ended.errors if "mistake in the plugin" in error.detail] == []
    try:
        slow.simulator.vm("awaited")
    except KeyError:
        assert ended.code == 1
        assert slow.terraform.instances() == {}
    else:
        assert list(slow.terraform.instances()) == ["awaited"]
