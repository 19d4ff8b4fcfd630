# SPDX-License-Identifier: MPL-2.0
"""Failures between the creation of a clone and its entry in the state. No clone may be lost."""

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
WITH_AND_WITHOUT_REFRESH = pytest.mark.parametrize(
    "arguments", [(), ("-refresh=false",)], ids=["refreshed", "as it is"]
)


@pytest.fixture
def new_bench(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    """Return a bench with a new simulator, which no other test uses."""
    simulator = start_simulator("-source", "golden", "-tools", "0s")
    return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))


def _apply(bench: Bench, during: Callable[[], None]) -> Outcome:
    """Apply one clone, and call `during` while vCenter holds the clone task."""
    bench.simulator.hold("InstantClone_Task", at="task")
    with bench.terraform.start("apply") as running:
        until(bench.simulator.held, "the clone task")
        during()
        bench.simulator.release()
        return running.finish()


def test_removes_a_clone_that_it_cannot_read_back(new_bench: Bench) -> None:
    new_bench.terraform.write(clones(new_bench.source, new_bench.release, ["unread"]))

    # The stock provider imports a VM by its path, but reads the VM by its UUID.
    ended = _apply(new_bench, lambda: new_bench.simulator.fault("FindByUuid", "SystemError", at="call"))

    assert [error.summary for error in ended.errors][-1] == "Clone creation rolled back"
    assert ended.errors[-1].detail == (
        "/DC0/vm/unread: the clone was created, but it could not be read and was removed. Fix the errors above and "
        "apply again."
    )
    assert new_bench.terraform.instances() == {}
    with pytest.raises(KeyError):
        new_bench.simulator.vm("unread")
    assert new_bench.terraform.apply().changes == {'vsphere_virtual_machine.vm["unread"]': "create"}


def _create_stuck_clone(bench: Bench, *, at: str = "PowerOffVM_Task", **arguments: Any) -> None:
    """Create a clone that the plugin can neither read back nor remove.

    The removal calls the method `at`, and vCenter answers this call with a fault.
    """
    bench.terraform.write(clones(bench.source, bench.release, ["stuck"], **arguments))

    def during() -> None:
        bench.simulator.fault("FindByUuid", "SystemError", at="call")
        bench.simulator.fault(at, "TaskInProgress", vm="stuck")

    ended = _apply(bench, during)

    assert ended.code == 1
    (detail,) = [error.detail for error in ended.errors if error.summary == "Clone is tainted"]
    uuid = source_of(bench.simulator, "stuck").uuid
    assert detail.startswith(
        f"/DC0/vm/stuck (UUID {uuid}): the clone was created, but it could be neither read nor removed: "
    )
    assert "vCenter answers with TaskInProgress" in detail
    assert bench.terraform.instances()["stuck"]["status"] == "tainted"
    assert bench.terraform.attributes("stuck")["uuid"] == uuid


def test_next_apply_replaces_a_clone_that_was_neither_read_nor_removed(new_bench: Bench) -> None:
    _create_stuck_clone(new_bench)
    before = new_bench.simulator.vm("stuck").moid

    assert new_bench.terraform.apply().changes == {STUCK: "replace"}

    assert new_bench.simulator.vm("stuck").moid != before
    # ReconfigVM_Task detaches disks with keep_on_remove. This clone has no such disks.
    assert "ReconfigVM_Task" not in new_bench.methods("stuck")
    assert new_bench.terraform.plan() == {}


@WITH_AND_WITHOUT_REFRESH
@pytest.mark.parametrize("keep", [False, True], ids=["with its disks", "without its disks"])
def test_destroys_a_clone_that_was_neither_read_nor_removed(
    new_bench: Bench, arguments: tuple[str, ...], keep: bool
) -> None:
    disks = [{**disk, "keep_on_remove": keep} for disk in machine(new_bench.source, new_bench.release)["disk"]]
    _create_stuck_clone(new_bench, disk=disks)

    new_bench.terraform.run("destroy", *arguments).require()

    assert new_bench.terraform.instances() == {}
    assert ("ReconfigVM_Task" in new_bench.methods("stuck")) is keep
    with pytest.raises(KeyError):
        new_bench.simulator.vm("stuck")


def test_keeps_an_untainted_clone_that_was_neither_read_nor_removed(new_bench: Bench) -> None:
    _create_stuck_clone(new_bench)
    before = new_bench.simulator.vm("stuck").moid
    new_bench.terraform.run("untaint", STUCK).require()
    new_bench.simulator.requests(reset=True)

    (error,) = new_bench.terraform.run("plan", "-refresh=false").errors
    assert (error.summary, error.address) == ("Clone has not been read", STUCK)
    assert new_bench.terraform.apply().changes == {}

    assert new_bench.simulator.vm("stuck").moid == before
    assert [method for method in new_bench.simulator.requests() if method.endswith("_Task")] == []
    assert new_bench.terraform.plan() == {}


def test_replaces_an_unread_clone_if_the_generation_changes(new_bench: Bench) -> None:
    _create_stuck_clone(new_bench, replace_trigger="1")
    new_bench.terraform.run("untaint", STUCK).require()

    new_bench.terraform.write(clones(new_bench.source, new_bench.release, ["stuck"], replace_trigger="2"))

    assert new_bench.terraform.plan() == {STUCK: "replace"}


def test_warns_of_a_clone_that_was_powered_off_but_not_removed(new_bench: Bench) -> None:
    _create_stuck_clone(new_bench, at="Destroy_Task")
    new_bench.terraform.run("untaint", STUCK).require()

    planned = new_bench.terraform.run("plan").require()

    assert [each.summary for each in planned.diagnostics] == ["Clone is not running"]


@pytest.mark.parametrize("keep", [False, True], ids=["with its disks", "without its disks"])
def test_recreates_an_unread_clone_that_is_gone(new_bench: Bench, keep: bool) -> None:
    disks = [{**disk, "keep_on_remove": keep} for disk in machine(new_bench.source, new_bench.release)["disk"]]
    _create_stuck_clone(new_bench, disk=disks)
    with Client(new_bench.simulator) as client:
        stuck = client.vm("stuck")
        result(stuck.PowerOffVM_Task())
        result(stuck.Destroy_Task())

    if keep:
        new_bench.terraform.run("destroy", "-refresh=false").require()
        assert new_bench.terraform.instances() == {}
    assert new_bench.terraform.apply().changes == {STUCK: "create"}


@pytest.mark.parametrize("failure", ["fault", "connection"])
def test_failure_during_the_wait_for_the_network_loses_no_clone(new_bench: Bench, failure: str) -> None:
    # Without this address, the guest reports the source's address, and the plugin waits until the time-out.
    address = {"guestinfo.ic.ipaddress": "192.168.0.77"}
    wanted = clones(
        new_bench.source, new_bench.release, ["awaited"], extra_config=address, wait_for_guest_net_timeout=60
    )
    new_bench.terraform.write(wanted)

    def during() -> None:
        if failure == "fault":
            new_bench.simulator.fault("Fetch", "SystemError", vm="awaited", times=1, at="call")
        else:
            new_bench.simulator.drop("Fetch", vm="awaited", when="before", times=6)

    ended = _apply(new_bench, during)

    if failure == "connection":
        assert (ended.code, ended.diagnostics) == (0, [])
    assert [error for error in ended.errors if "bug in the instant clone plugin" in error.detail] == []
    try:
        new_bench.simulator.vm("awaited")
    except KeyError:
        assert ended.code == 1
        assert new_bench.terraform.instances() == {}
    else:
        assert list(new_bench.terraform.instances()) == ["awaited"]
