# SPDX-License-Identifier: MPL-2.0
"""Wait for the guest's network. The stock provider waits only after a power on, and a clone is never powered on."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin

pytestmark = pytest.mark.attached

NEVER = "1000h"
"""The delay of the first VMware Tools report after the power on. No test waits that long."""


@pytest.fixture
def with_tools_after(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Any:
    def start(delay: str) -> Bench:
        simulator = start_simulator("-source", "golden", "-tools", delay)
        return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))

    return start


@pytest.mark.parametrize("argument", ["wait_for_guest_net_timeout", "wait_for_guest_ip_timeout"])
def test_waits_for_the_address_and_writes_it_to_the_state(with_tools_after: Any, argument: str) -> None:
    bench = with_tools_after(NEVER)
    extra_config = {"guestinfo.ic.ipaddress": "192.168.0.77"}
    bench.terraform.write(clones(bench.source, bench.release, ["awaited"], extra_config=extra_config, **{argument: 60}))
    # The plugin reads the guest with Fetch. The first answer contains no address.
    bench.simulator.hold("Fetch", at="answer", vm="awaited")

    with bench.terraform.start("apply") as running:
        until(lambda: bench.simulator.held("Fetch"), "the wait for the network")
        bench.simulator.report("awaited")
        bench.simulator.release()
        applied = running.finish().require()

    state = bench.terraform.attributes("awaited")
    assert applied.diagnostics == []
    assert (state["guest_ip_addresses"], state["default_ip_address"]) == (["192.168.0.77"], "192.168.0.77")
    assert state[argument] == 60
    assert bench.methods("awaited") == []


def test_apply_without_a_wait_writes_no_address_to_the_state(with_tools_after: Any) -> None:
    bench = with_tools_after(NEVER)
    bench.terraform.write(clones(bench.source, bench.release, ["unawaited"]))

    bench.terraform.apply()

    assert bench.terraform.attributes("unawaited")["guest_ip_addresses"] in ([], None)


def test_taints_a_clone_whose_guest_keeps_the_address_of_the_source(with_tools_after: Any) -> None:
    """The test takes one minute, because that is the shortest time-out."""
    bench = with_tools_after("0s")
    bench.terraform.write(clones(bench.source, bench.release, ["silent"], wait_for_guest_net_timeout=1))

    failed = bench.terraform.run("apply")

    assert [(error.summary, error.detail) for error in failed.errors] == [
        (
            "Instant clone failed",
            "/DC0/vm/silent: the guest did not report a network address other than its source's within 1 minutes. "
            "Check VMware Tools and the network in the guest. Increase wait_for_guest_net_timeout, or set it to 0 to "
            "disable the wait.",
        ),
        (
            "Clone is tainted",
            f"/DC0/vm/silent (UUID {bench.terraform.attributes('silent')['uuid']}): the clone was created and is "
            "running, but a later step failed with the errors above. The next apply replaces the clone. To keep it, "
            "run terraform untaint ADDRESS, with the address above as ADDRESS, in single quotes and without any text "
            "in parentheses.",
        ),
    ]
    assert bench.terraform.instances()["silent"]["status"] == "tainted"
    assert bench.methods("silent") == []
    bench.terraform.destroy()
    with pytest.raises(KeyError):
        bench.simulator.vm("silent")


def test_accepts_the_address_of_the_source_on_another_network(with_tools_after: Any) -> None:
    """Isolated networks may use the same addresses."""
    bench = with_tools_after("0s")
    whole = clones(bench.source, bench.release, ["apart"], wait_for_guest_net_timeout=60)
    whole["data"]["vsphere_network"] = {
        "other": {"name": "DC0_DVPG1", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    (interface,) = whole["resource"]["vsphere_virtual_machine"]["vm"]["network_interface"]
    interface["network_id"] = "${data.vsphere_network.other.id}"
    bench.terraform.write(whole)

    bench.terraform.apply()

    assert len(bench.terraform.attributes("apart")["guest_ip_addresses"]) == 1
