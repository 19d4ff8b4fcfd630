# SPDX-License-Identifier: MPL-2.0
"""A vCenter that is unreachable for part of an apply, and a vCenter that answers slowly."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pyVmomi import vim

from testkit.fleets import Wish, fleet_document
from testkit.forwarding import Forwarder
from testkit.processes import until
from testkit.sessions import sessions_of_ours
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench
from tests.e2e.terraform import Outcome
from tests.vcsim.client import Client

ATTEMPTS = 8
"""The number of failed connections before vCenter is reachable again. The plugin retries several times until then."""


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-vm", 0, "-tools", "0s")


def _write(bench: Bench, names: list[str]) -> None:
    bench.simulator.requests(reset=True)
    bench.terraform.write(fleet_document(bench.release, {"one": Wish(bench.source, frozenset(names))}))


def _clones(client: Client) -> dict[str, str]:
    """Return the UUIDs of all VMs except the source, by name."""
    return {vm.name: vm.config.uuid for vm in client.find("vm").childEntity if vm.name != "golden"}


def _end_sessions(client: Client) -> int:
    """End all sessions except the client's, as a restarting vCenter does. Return the number of ended sessions."""
    manager = cast(vim.SessionManager, client.content.sessionManager)
    client_session = cast(vim.UserSession, manager.currentSession).key
    others = [each.key for each in manager.sessionList if each.key != client_session]
    manager.TerminateSession(others)
    return len(others)


def _failed_addresses(ended: Outcome) -> tuple[set[str], set[str]]:
    """Return the addresses of all errors, and the addresses of the errors with a detail.

    The errors of the stock provider have no detail.
    """
    with_detail = {each.address for each in ended.errors if each.summary and each.detail}
    return {each.address for each in ended.errors}, with_detail


@pytest.mark.parametrize("gone", [pytest.param("connections", marks=pytest.mark.long), "connections-and-sessions"])
def test_unreachable_vcenter_neither_loses_nor_duplicates_clones(bench: Bench, gone: str) -> None:
    names = [f"{gone}-{index}" for index in range(5)]
    _write(bench, names)
    with Forwarder(bench.simulator.address) as between, Client(bench.simulator) as administrator:
        others = _clones(administrator)
        bench.terraform.environment["VSPHERE_SERVER"] = between.address
        bench.simulator.hold("InstantClone_Task", at="task")

        with bench.terraform.start("apply") as running:
            until(lambda: len(bench.simulator.held()) == 5, "the clone tasks")
            assert _clones(administrator) == others
            assert between.turn_away() > 0
            if gone == "connections-and-sessions":
                assert _end_sessions(administrator) > 0
            until(lambda: between.turned_away >= ATTEMPTS, "attempts to connect")
            assert between.cut() == 0
            # vCenter completes the running tasks before it is reachable again.
            bench.simulator.release()
            until(lambda: len(_clones(administrator)) == len(others) + 5, "the clones")
            between.restore()
            ended = running.finish()
        failed, with_detail = _failed_addresses(ended)
        assert ended.code == (1 if failed else 0)
        assert failed == with_detail
        assert "bug in the instant clone plugin" not in ended.stdout
        removed = sum(each.summary == "Clone creation rolled back" for each in ended.errors)
        present = set(_clones(administrator)) - set(others)
        assert len(present) == 5 - removed

        bench.terraform.apply()

        inventory = {name: uuid for name, uuid in _clones(administrator).items() if name not in others}
        assert sorted(inventory) == names
        state = bench.terraform.instances()
        assert {name: each["attributes"]["uuid"] for name, each in state.items()} == inventory
        assert bench.terraform.plan() == {}
        # vCenter created no clone twice, except the clones that the plugin reported as removed.
        assert bench.simulator.requests()["InstantClone_Task"] == 5 + removed
        assert bench.methods(*(bench.simulator.vm(name).moid for name in names)) == []


@pytest.mark.long
def test_waits_for_a_slow_vcenter(bench: Bench) -> None:
    names = ["slow-0", "slow-1"]
    _write(bench, names)
    slow: dict[str, int] = {"RetrievePropertiesEx": 2000, "InstantClone_Task": 4000}
    try:
        for method, milliseconds in slow.items():
            bench.simulator.slow(method, ms=milliseconds)
        with bench.terraform.start("apply") as running:
            ended = running.finish(seconds=900).require()
    finally:
        for method in slow:
            bench.simulator.slow(method, ms=0)

    requests: dict[str, Any] = bench.simulator.requests()
    assert ended.diagnostics == []
    assert requests["RetrievePropertiesEx"] > 0
    assert requests["InstantClone_Task"] == 2
    assert {name: each["attributes"]["moid"] for name, each in bench.terraform.instances().items()} == {
        name: bench.simulator.vm(name).moid for name in names
    }
    assert bench.methods(*names) == []
    assert bench.terraform.plan() == {}
    assert sessions_of_ours(bench.simulator) == 0
