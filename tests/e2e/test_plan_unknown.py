# SPDX-License-Identifier: MPL-2.0
"""Plans of new clones of which something becomes known in the apply only."""

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
"""of a data source: read in the apply"""


def _with_unknown(bench: Bench, what: str, name: str) -> dict[str, Any]:
    """A clone of which one thing becomes known in the apply."""
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
def test_what_is_unknown_until_the_apply_postpones_the_dry_run(bench: Bench, what: str) -> None:
    plan, asked = planned(bench, _with_unknown(bench, what, f"later-{what}"))

    assert plan.require().changes["vsphere_virtual_machine.vm"] == "create"
    assert plan.diagnostics == []
    assert DRY_RUN not in asked
    if what == "folder":
        # There never is one: now the apply says so, and nothing was made.
        (error,) = bench.terraform.run("apply").errors
        assert error.detail.startswith("vCenter has no folder /DC0/vm/")
        with pytest.raises(KeyError):
            bench.simulator.vm("later-folder")
    else:
        bench.terraform.apply()
        assert bench.methods(f"later-{what}") == []
        assert bench.terraform.plan() == {}


def test_what_the_plan_could_not_check_the_apply_does_before_it_clones(bench: Bench) -> None:
    whole = _with_unknown(bench, "source", "unchecked")
    whole["resource"]["vsphere_virtual_machine"]["vm"]["nested_hv_enabled"] = True
    bench.terraform.write(whole)
    assert bench.terraform.run("plan").code == 0

    (error,) = bench.terraform.run("apply").errors

    assert error.summary == "Configuration would power-cycle the clone"
    with pytest.raises(KeyError):
        bench.simulator.vm("unchecked")


def test_unknown_values_of_extra_config_postpone_nothing(bench: Bench) -> None:
    """The owner's id at the first deploy."""
    extra = {OWNER_KEY: "${terraform_data.later.id}/web/marked/" + bench.source.uuid + "/1"}
    body = machine(bench.source, bench.release, name="marked", extra_config=extra)

    plan, asked = planned(bench, with_more(document(bench.release, {"vm": body}), resource=LATER))

    assert plan.require().diagnostics == []
    assert asked[DRY_RUN] == 1
    body["nested_hv_enabled"] = True
    refused, _ = planned(bench, with_more(document(bench.release, {"vm": body}), resource=LATER))
    assert [error.summary for error in refused.errors] == ["Configuration would power-cycle the clone"]


def test_a_folder_of_the_same_plan_may_be_missing_yet(bench: Bench) -> None:
    folders = {
        "outer": {"path": "outer", "type": "vm", **IN_DATACENTER},
        "inner": {"path": "${vsphere_folder.outer.path}/inner", "type": "vm", **IN_DATACENTER},
    }
    body = machine(bench.source, bench.release, name="inside", folder="${vsphere_folder.inner.path}")

    plan, asked = planned(bench, with_more(document(bench.release, {"vm": body}), resource={"vsphere_folder": folders}))

    assert len(plan.require().changes) == 3
    assert plan.diagnostics == []
    assert asked[DRY_RUN] == 1
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        assert client.vm("outer/inner/inside") is not None
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()
