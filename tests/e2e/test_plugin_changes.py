# SPDX-License-Identifier: MPL-2.0
"""Changes of the instantclone block of existing clones."""

from __future__ import annotations

import pytest

from testkit.clone_stack import clones, machine, source_of
from tests.e2e.conftest import Bench

pytestmark = pytest.mark.attached

ADDRESS = 'vsphere_virtual_machine.vm["{}"]'


def _block(bench: Bench, name: str) -> object:
    return bench.terraform.attributes(name)["instantclone"]


def test_replaces_the_clone_if_the_source_changes(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["moved"]))
    bench.terraform.apply()
    first = bench.simulator.vm("moved").moid
    silver = source_of(bench.simulator, "silver")
    bench.terraform.write(clones(silver, bench.release, ["moved"]))
    assert bench.terraform.plan() == {ADDRESS.format("moved"): "replace"}

    bench.terraform.apply()

    assert bench.methods(first) == ["ShutdownGuest", "Destroy_Task"]
    second = bench.simulator.vm("moved").moid
    assert second != first
    assert bench.methods(second) == []
    assert _block(bench, "moved") == [{"source_uuid": silver.uuid, "timeout": None, "on_reboot": None}]
    assert bench.terraform.plan() == {}


def test_treats_a_uuid_in_upper_case_as_the_same_source(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["upper"]))
    bench.terraform.apply()
    bench.terraform.write(
        clones(bench.source, bench.release, ["upper"], instantclone=[{"source_uuid": bench.source.uuid.upper()}])
    )

    assert bench.terraform.plan() == {ADDRESS.format("upper"): "update"}
    bench.terraform.apply()

    assert bench.terraform.plan() == {}
    assert bench.methods("upper") == []


def test_changes_of_the_block_update_only_the_state(bench: Bench) -> None:
    """The test changes the time-out, removes the block and adds the block again."""
    body = machine(bench.source, bench.release)
    for block, expected in (
        ([{"source_uuid": bench.source.uuid}], "create"),
        ([{"source_uuid": bench.source.uuid, "timeout": 9}], "update"),
        ([], "update"),
        ([{"source_uuid": bench.source.uuid, "timeout": 4}], "update"),
    ):
        bench.terraform.write(clones(bench.source, bench.release, ["steady"], **body | {"instantclone": block}))
        bench.simulator.requests(reset=True)

        assert bench.terraform.apply().changes == {ADDRESS.format("steady"): expected}

        in_state = [{"timeout": None, "on_reboot": None, **each} for each in block]
        assert _block(bench, "steady") == in_state
        assert bench.terraform.plan() == {}
    assert "ReconfigVM_Task" not in bench.simulator.requests()
    assert bench.methods("steady") == []


def test_stock_provider_applies_changes_outside_the_block(bench: Bench) -> None:
    """The block changes too. Only the provider uses shutdown_wait_timeout, so the change calls no method on the VM."""
    bench.terraform.write(clones(bench.source, bench.release, ["changed"]))
    bench.terraform.apply()
    bench.terraform.write(
        clones(
            bench.source,
            bench.release,
            ["changed"],
            shutdown_wait_timeout=7,
            instantclone=[{"source_uuid": bench.source.uuid, "timeout": 8}],
        )
    )

    bench.terraform.apply()

    attributes = bench.terraform.attributes("changed")
    assert attributes["shutdown_wait_timeout"] == 7
    assert attributes["instantclone"] == [{"source_uuid": bench.source.uuid, "timeout": 8, "on_reboot": None}]
    assert bench.terraform.plan() == {}
    assert bench.methods("changed") == []


def test_recreates_a_clone_that_is_gone(bench: Bench) -> None:
    from tests.vcsim.client import Client, result

    bench.terraform.write(clones(bench.source, bench.release, ["lost"]))
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        vm = client.vm("lost")
        result(vm.PowerOff())
        result(vm.Destroy())

    assert bench.terraform.plan() == {ADDRESS.format("lost"): "create"}
    bench.terraform.apply()

    assert bench.simulator.vm("lost").power == "poweredOn"
