# SPDX-License-Identifier: MPL-2.0
"""Waiting for the guest's network: the stock provider waits after a power on only, which a clone never sees."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin

pytestmark = pytest.mark.attached

NEVER = "1000h"
"""how long after power on VMware Tools report, if no test waits for that"""


@pytest.fixture
def with_tools_after(start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform) -> Any:
    def start(delay: str) -> Bench:
        simulator = start_simulator("-source", "golden", "-tools", delay)
        return Bench(simulator, source_of(simulator, "golden"), plugin.release, new_terraform(simulator))

    return start


@pytest.mark.parametrize("argument", ["wait_for_guest_net_timeout", "wait_for_guest_ip_timeout"])
def test_the_state_has_the_address_that_was_waited_for(with_tools_after: Any, argument: str) -> None:
    bench = with_tools_after(NEVER)
    own = {"guestinfo.ic.ipaddress": "192.168.0.77"}
    bench.terraform.write(clones(bench.source, bench.release, ["awaited"], extra_config=own, **{argument: 60}))
    # How the plugin reads the guest. The first answer has no address.
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


def test_without_waiting_the_address_comes_with_a_later_refresh(with_tools_after: Any) -> None:
    bench = with_tools_after(NEVER)
    bench.terraform.write(clones(bench.source, bench.release, ["unawaited"]))

    bench.terraform.apply()

    assert bench.terraform.attributes("unawaited")["guest_ip_addresses"] in ([], None)


def test_a_guest_that_keeps_its_source_s_address_leaves_a_tainted_clone(with_tools_after: Any) -> None:
    """This takes the minute that is the shortest time-out."""
    bench = with_tools_after("0s")
    bench.terraform.write(clones(bench.source, bench.release, ["silent"], wait_for_guest_net_timeout=1))

    failed = bench.terraform.run("apply")

    assert [(error.summary, error.detail) for error in failed.errors] == [
        (
            "Instant clone failed",
            "The guest of /DC0/vm/silent has not reported a network address within 1 minutes that is not its "
            "source's. Look at VMware Tools and the network in the guest; raise wait_for_guest_net_timeout, or set it "
            "to 0 to go without waiting.",
        ),
        (
            "Clone is in the state as tainted",
            f"/DC0/vm/silent (UUID {bench.terraform.attributes('silent')['uuid']}) was made and runs, but what comes "
            "after did not succeed: see above. The next apply makes it anew, unless you keep it as it is: terraform "
            "untaint ADDRESS, with the address above in single quotes and without what stands in parentheses.",
        ),
    ]
    assert bench.terraform.instances()["silent"]["status"] == "tainted"
    assert bench.methods("silent") == []
    bench.terraform.destroy()
    with pytest.raises(KeyError):
        bench.simulator.vm("silent")


def test_on_another_network_the_source_s_address_counts(with_tools_after: Any) -> None:
    """Isolated networks may all have the same addresses."""
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
