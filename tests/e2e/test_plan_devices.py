# SPDX-License-Identifier: MPL-2.0
"""Plans for sources with a device that vCenter does not clone."""

from __future__ import annotations

import pytest
from pyVmomi import vim

from testkit.clone_stack import clones, source_of
from tests.e2e.conftest import Bench
from tests.e2e.new_clones import planned
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached

SERIAL_PORT = "Device 'Serial port 1' is not supported."


def _add_serial_port(client: Client, name: str) -> None:
    """Add a file-backed serial port to the VM while it is off, and power the VM on again."""
    vm = client.vm(name)
    backing = vim.vm.device.VirtualSerialPort.FileBackingInfo(fileName="[LocalDS_0] serial.log")
    port = vim.vm.device.VirtualSerialPort(key=-1, backing=backing, yieldOnPoll=True)
    added = vim.vm.device.VirtualDeviceSpec(operation="add", device=port)
    result(vm.PowerOff())
    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[added])))
    result(vm.PowerOn())


def test_plan_of_a_new_clone_names_the_device_and_existing_clones_are_unaffected(bench: Bench) -> None:
    source = source_of(bench.simulator, "silver")
    bench.terraform.write(clones(source, bench.release, ["before-0"]))
    bench.terraform.apply()
    with Client(bench.simulator) as client:
        _add_serial_port(client, "silver")

    plan, _ = planned(bench, clones(source, bench.release, ["before-0", "after-0"]))

    (error,) = plan.errors
    assert (error.summary, error.address) == (
        "vCenter would reject the clone",
        'vsphere_virtual_machine.vm["after-0"]',
    )
    assert SERIAL_PORT in error.detail
    bench.terraform.write(clones(source, bench.release, ["before-0"]))
    assert bench.terraform.plan() == {}
    bench.terraform.destroy()
    assert bench.methods("before-0")[-1:] == ["Destroy_Task"]
