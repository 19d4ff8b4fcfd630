# SPDX-License-Identifier: MPL-2.0
"""A session with a simulator, which all tests of a module share, and a minimal configuration of a VM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyVmomi import vim

from instant_clone.vcenter.session.connection import ConnectionSettings, Session, connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, result


def settings_of(simulator: Simulator) -> ConnectionSettings:
    return ConnectionSettings(simulator.address, simulator.user, simulator.password, allow_unverified_ssl=True)


def configuration(**properties: object) -> vim.vm.ConfigInfo:
    """Return a configuration with `properties` and the properties that the API always sets."""
    required = {
        "uuid": "564d7b1c-0000-0000-0000-000000000001",
        "template": False,
        "guestId": "windows2019srv_64Guest",
        "version": "vmx-08",
        "hardware": vim.vm.VirtualHardware(numCPU=4, memoryMB=2048),
        "flags": vim.vm.FlagInfo(),
    }
    return vim.vm.ConfigInfo(**required | properties)


def create_vm_outside_of_clusters(simulator: Simulator, name: str) -> None:
    """Create a VM without devices on the standalone host of the simulator."""
    with Client(simulator) as client:
        alone = client.find("host/DC0_H0")
        config = vim.vm.ConfigSpec(name=name, guestId="otherGuest", files=vim.vm.FileInfo(vmPathName="[LocalDS_0]"))
        result(client.find("vm").CreateVM_Task(config=config, pool=alone.resourcePool, host=alone.host[0]))


@pytest.fixture(scope="module")
def four_layouts(start_simulator: StartSimulator) -> Simulator:
    """Start a simulator with a source VM of each layout. The tests of a module do not change these VMs."""
    layouts = ("web=default", "small=minimal", "wide=two-controllers", "mixed=sata-nvme")
    return start_simulator(
        "-source", "web,small,wide,mixed", *(argument for each in layouts for argument in ("-layout", each))
    )


@pytest.fixture
def session(four_layouts: Simulator) -> Iterator[Session]:
    with connect(settings_of(four_layouts)) as opened:
        yield opened
