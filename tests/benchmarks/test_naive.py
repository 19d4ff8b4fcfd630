# SPDX-License-Identifier: MPL-2.0
"""Tests that the loops of the benchmarks have the same results as the look-up and the plugin."""

from __future__ import annotations

import pytest

from benchmarks import naive
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.simulator import Simulator

pytestmark = pytest.mark.simulator


def test_loop_finds_the_same_vms_as_the_look_up() -> None:
    with (
        Simulator("-vm", "4") as simulator,
        connect(ConnectionSettings.from_environment(simulator.environment({}))) as session,
    ):
        source_vm = look_up(session, "golden-web", datacenter="DC0")
        by_name = naive.by_name(session, ["golden-web", "DC0_C0_RP0_VM1", "nobody"])
        by_uuid = naive.by_uuid(session, [source_vm.uuid])
    assert [(name, [machine.name for machine in found]) for name, found in by_name.items()] == [
        ("golden-web", ["golden-web"]),
        ("DC0_C0_RP0_VM1", ["DC0_C0_RP0_VM1"]),
        ("nobody", []),
    ]
    assert by_name["golden-web"][0].uuid == source_vm.uuid
    assert [machine.name for machine in by_uuid[source_vm.uuid]] == ["golden-web"]


def test_loop_creates_each_clone_once() -> None:
    with (
        Simulator("-vm", "0", "-tools", "0s") as simulator,
        connect(ConnectionSettings.from_environment(simulator.environment({}))) as session,
    ):
        naive.clone_all(session, "DC0/vm/golden-web", ["a", "b", "c"], threads=2)
        states = [simulator.vm(name).power for name in ("a", "b", "c")]
        calls = [call.method for call in simulator.calls("golden-web")]
    assert states == ["poweredOn", "poweredOn", "poweredOn"]
    assert calls == ["InstantClone_Task", "InstantClone_Task", "InstantClone_Task"]
