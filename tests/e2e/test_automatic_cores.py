# SPDX-License-Identifier: MPL-2.0
"""Automatic cores per socket (`num_cores_per_socket` 0): a change to them, and hot changes of clones that have them."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.stock_provider.releases import AUTOMATIC_CORES_PER_SOCKET, AUTOMATIC_CORES_RESENT
from testkit.clone_stack import clones, source_of
from testkit.layouts.machine import made
from testkit.layouts.named import FLAGS, LAYOUTS
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client

pytestmark = pytest.mark.attached

ARGUMENT = "num_cores_per_socket"
AUTOMATIC = LAYOUTS["sockets that vSphere chooses"]


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    simulator = start_simulator(*FLAGS[AUTOMATIC.vcenter], "-tools", "0s", "-source", "golden", "-vm", 0)
    with Client(simulator) as client:
        made(simulator, client, AUTOMATIC.machine, "automatic")
    return simulator


@pytest.fixture
def cores(simulated: Simulator, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    if plugin.release < AUTOMATIC_CORES_PER_SOCKET:
        pytest.skip(f"{ARGUMENT} 0 means automatic in {AUTOMATIC_CORES_PER_SOCKET} or newer")
    return Bench(simulated, source_of(simulated, "golden"), plugin.release, new_terraform(simulated))


def test_change_to_automatic_cores_needs_a_reboot(cores: Bench) -> None:
    def write(**arguments: Any) -> None:
        cores.terraform.write(clones(cores.source, cores.release, ["changed"], **arguments))

    write()
    cores.terraform.apply()

    write(num_cores_per_socket=0)
    (refused,) = cores.terraform.run("plan").errors

    assert refused.summary == "Change requires reboot or move"
    assert f"{ARGUMENT}: 2 → 0. The provider changes {ARGUMENT} only while the VM is off." in refused.detail
    assert cores.methods("changed") == []
    write(num_cores_per_socket=0, instantclone=[{"source_uuid": cores.source.uuid, "on_reboot": "reboot"}])
    cores.terraform.apply()
    assert cores.terraform.plan() == {}
    assert cores.methods("changed") == ["ShutdownGuest", "ReconfigVM_Task", "PowerOnVM_Task"]
    with Client(cores.simulator) as client:
        assert client.vm("changed").config.hardware.autoCoresPerSocket


def test_hot_change_keeps_automatic_cores_or_is_rejected(cores: Bench) -> None:
    source = source_of(cores.simulator, "automatic")
    cores.terraform.write(clones(source, cores.release, ["kept"]))
    cores.terraform.apply()

    cores.terraform.write(clones(source, cores.release, ["kept"], annotation="changed"))
    planned = cores.terraform.run("plan")

    first, last = AUTOMATIC_CORES_RESENT
    if first <= cores.release <= last:
        (refused,) = planned.errors
        assert f"Provider {cores.release} sends {ARGUMENT} 0 with every change" in refused.detail
        assert cores.methods("kept") == []
        return
    planned.require()
    cores.terraform.apply()
    assert cores.terraform.plan() == {}
    assert cores.methods("kept") == ["ReconfigVM_Task"]
    with Client(cores.simulator) as client:
        config = client.vm("kept").config
        assert (config.annotation, config.hardware.autoCoresPerSocket) == ("changed", True)
