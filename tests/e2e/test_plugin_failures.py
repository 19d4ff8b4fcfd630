"""What goes wrong between a clone's making and its place in the state: no clone may be lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from instant_clone.owner import OWNER_KEY
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.e2e.terraform import Outcome
from tests.support.clone_stack import clones, source_of
from tests.support.processes import until


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


@pytest.mark.parametrize(
    ("mark", "further"),
    [
        ({}, "Remove it in vCenter before the next apply."),
        (
            {OWNER_KEY: "5f3759df-0000-4000-8000-000000000001/web/stuck/{source}/1"},
            "It carries the mark of this state: apply again, and it is taken over if it runs; if not, remove it in "
            "vCenter.",
        ),
    ],
    ids=["unmarked", "marked"],
)
def test_a_clone_that_cannot_be_removed_again_is_named(slow: Bench, mark: dict[str, str], further: str) -> None:
    marked = {key: value.format(source=slow.source.uuid) for key, value in mark.items()}
    slow.terraform.write(clones(slow.source, slow.release, ["stuck"], extra_config=marked or None))

    def during() -> None:
        slow.simulator.fault("FindByUuid", "SystemError", at="call")
        slow.simulator.fault("PowerOffVM_Task", "TaskInProgress", vm="stuck")

    ended = _apply(slow, during)

    (said,) = [error.detail for error in ended.errors if error.summary == "Clone left behind"]
    assert said.startswith("/DC0/vm/stuck (UUID ")
    assert "vCenter answers with TaskInProgress" in said
    assert said.endswith(f"It is not in Terraform's state. {further}")
    stuck = slow.simulator.vm("stuck").moid
    again = slow.terraform.run("apply")
    assert [each.summary for each in again.diagnostics] == ["Clone taken over" if mark else "Name is taken"]
    assert slow.simulator.vm("stuck").moid == stuck


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
