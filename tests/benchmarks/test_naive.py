# SPDX-License-Identifier: MPL-2.0
"""The loop that the look-up is measured against finds what it is to find: else it would prove nothing."""

from __future__ import annotations

import pytest

from benchmarks import naive
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.simulator import Simulator

pytestmark = pytest.mark.simulator


def test_the_loop_finds_the_same_vms_as_the_look_up() -> None:
    with (
        Simulator("-vm", "4") as simulator,
        connect(ConnectionSettings.from_environment(simulator.environment({}))) as session,
    ):
        ours = look_up(session, "golden-web", datacenter="DC0")
        by_name = naive.by_name(session, ["golden-web", "DC0_C0_RP0_VM1", "nobody"])
        by_uuid = naive.by_uuid(session, [ours.uuid])
    assert [(name, [machine.name for machine in found]) for name, found in by_name.items()] == [
        ("golden-web", ["golden-web"]),
        ("DC0_C0_RP0_VM1", ["DC0_C0_RP0_VM1"]),
        ("nobody", []),
    ]
    assert by_name["golden-web"][0].uuid == ours.uuid
    assert [machine.name for machine in by_uuid[ours.uuid]] == ["golden-web"]


def test_the_bare_loop_makes_every_clone_once() -> None:
    with (
        Simulator("-vm", "0", "-tools", "0s") as simulator,
        connect(ConnectionSettings.from_environment(simulator.environment({}))) as session,
    ):
        naive.clone_all(session, "DC0/vm/golden-web", ["a", "b", "c"], threads=2)
        states = [simulator.vm(name).power for name in ("a", "b", "c")]
        calls = [call.method for call in simulator.calls("golden-web")]
    assert states == ["poweredOn", "poweredOn", "poweredOn"]
    assert calls == ["InstantClone_Task", "InstantClone_Task", "InstantClone_Task"]
