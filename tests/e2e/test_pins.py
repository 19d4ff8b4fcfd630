"""Pins whose VM is gone, and pins that are there already."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.conftest import Bench
from tests.support.clone_stack import clones
from tests.vcsim.client import Client, result

PIN = 'vsphere_drs_vm_override.pin["{}"]'


def _pinned(bench: Bench, *names: str) -> dict[str, Any]:
    whole = clones(bench.source, bench.release, names)
    whole["data"]["vsphere_compute_cluster"] = {
        "cluster": {"name": "DC0_C0", "datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
    }
    whole["resource"]["vsphere_drs_vm_override"] = {
        "pin": {
            "for_each": "${toset(" + json.dumps(names) + ")}",
            "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
            "virtual_machine_id": "${vsphere_virtual_machine.vm[each.key].id}",
            "drs_enabled": False,
        }
    }
    return whole


def test_a_pinned_clone_that_was_deleted_by_hand_is_made_again_with_its_pin(bench: Bench) -> None:
    bench.terraform.write(_pinned(bench, "pinned-0", "pinned-1"))
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        gone = client.vm("pinned-0")
        result(gone.PowerOffVM_Task())
        result(gone.Destroy_Task())

    planned = bench.terraform.plan()

    assert planned == {'vsphere_virtual_machine.vm["pinned-0"]': "create", PIN.format("pinned-0"): "create"}
    bench.terraform.apply()
    assert bench.terraform.plan() == {}


def test_a_pin_that_did_not_reach_the_state_is_taken_over(bench: Bench) -> None:
    bench.terraform.write(_pinned(bench, "again-0"))
    bench.terraform.apply()
    bench.terraform.run("state", "rm", PIN.format("again-0")).require()

    assert bench.terraform.apply().changes == {PIN.format("again-0"): "create"}
    assert bench.terraform.plan() == {}
