# SPDX-License-Identifier: MPL-2.0
"""Plans of new clones with values that become known during the apply."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from testkit.clone_stack import document, machine
from tests.e2e.conftest import Bench
from tests.e2e.new_clones import DRY_RUN, IN_DATACENTER, planned, with_more
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached

LATER: dict[str, Any] = {"terraform_data": {"later": {}}}
AFTER = {"depends_on": ["terraform_data.later"]}
"""An argument of data sources that makes Terraform read them during the apply."""


def _with_unknown(bench: Bench, what: str, name: str) -> dict[str, Any]:
    """Return the configuration of a clone in which the value `what` becomes known during the apply."""
    body = machine(bench.source, bench.release, name=name)
    data: dict[str, Any] = {}
    if what == "source":
        data = {"vsphere_virtual_machine": {"later": {"name": "golden", **IN_DATACENTER, **AFTER}}}
        body["instantclone"] = [{"source_uuid": "${data.vsphere_virtual_machine.later.id}"}]
    elif what == "pool":
        data = {"vsphere_resource_pool": {"pool": {"name": "DC0_C0/Resources", **IN_DATACENTER, **AFTER}}}
    elif what == "network":
        data = {"vsphere_network": {"later": {"name": "DC0_DVPG1", **IN_DATACENTER, **AFTER}}}
        body["network_interface"] = [
            interface | {"network_id": "${data.vsphere_network.later.id}"} for interface in body["network_interface"]
        ]
    elif what == "folder":
        body["folder"] = "${terraform_data.later.id}-${terraform_data.later.id}"
    return with_more(document(bench.release, {"vm": body}), resource=LATER, data=data)


@pytest.mark.parametrize("what", ["source", "pool", "network", "folder"])
def test_plan_makes_no_dry_run_for_an_unknown_target(bench: Bench, what: str) -> None:
    plan, requests = planned(bench, _with_unknown(bench, what, f"later-{what}"))

    assert plan.require().changes["vsphere_virtual_machine.vm"] == "create"
    assert plan.diagnostics == []
    assert DRY_RUN not in requests
    if what == "folder":
        # A folder of this name does not exist. The apply reports the missing folder, and creates no clone.
        (error,) = bench.terraform.run("apply").errors
        assert error.detail.startswith("Folder /DC0/vm/")
        assert ": not found in vCenter." in error.detail
        with pytest.raises(KeyError):
            bench.simulator.vm("later-folder")
    else:
        bench.terraform.apply()
        assert bench.methods(f"later-{what}") == []
        assert bench.terraform.plan() == {}


def test_apply_checks_unknown_values_before_it_clones(bench: Bench) -> None:
    whole = _with_unknown(bench, "source", "unchecked")
    whole["resource"]["vsphere_virtual_machine"]["vm"]["nested_hv_enabled"] = True
    bench.terraform.write(whole)
    assert bench.terraform.run("plan").code == 0

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Configuration would power-cycle the clone"
    with pytest.raises(KeyError):
        bench.simulator.vm("unchecked")


def test_plan_makes_a_dry_run_with_unknown_values_of_extra_config(bench: Bench) -> None:
    """The owner id in extra_config is unknown in the first deployment."""
    extra = {OWNER_KEY: "${terraform_data.later.id}/web/marked/" + bench.source.uuid + "/1"}
    body = machine(bench.source, bench.release, name="marked", extra_config=extra)

    plan, requests = planned(bench, with_more(document(bench.release, {"vm": body}), resource=LATER))

    assert plan.require().diagnostics == []
    assert requests[DRY_RUN] == 1
    body["nested_hv_enabled"] = True
    refused, _ = planned(bench, with_more(document(bench.release, {"vm": body}), resource=LATER))
    assert [error.summary for error in refused.errors] == ["Configuration would power-cycle the clone"]


def test_accepts_a_folder_that_the_same_plan_creates(bench: Bench) -> None:
    folders = {
        "outer": {"path": "outer", "type": "vm", **IN_DATACENTER},
        "inner": {"path": "${vsphere_folder.outer.path}/inner", "type": "vm", **IN_DATACENTER},
    }
    body = machine(bench.source, bench.release, name="inside", folder="${vsphere_folder.inner.path}")

    plan, requests = planned(
        bench, with_more(document(bench.release, {"vm": body}), resource={"vsphere_folder": folders})
    )

    assert len(plan.require().changes) == 3
    assert plan.diagnostics == []
    assert requests[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("outer/inner/inside") is not None
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()
