# SPDX-License-Identifier: MPL-2.0
"""Tests of the checks before a clone is created: vCenter's dry run, and checks that the dry run does not include."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from instant_clone.errors import CloneError
from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest
from instant_clone.vcenter.cloning.dry_run import DryRun
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.session.connection import connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client

pytestmark = pytest.mark.simulator

DRY_RUN = "CheckInstantClone_Task"


@dataclass(frozen=True)
class World:
    """A simulator, a source, and a request for a clone in the resource pool and on the datastore of the source."""

    simulator: Simulator
    client: Client
    cloner: Cloner
    source: LiveVm
    request: CloneRequest

    def check(self) -> DryRun:
        return self.cloner.check(self.source, self.request)


@pytest.fixture(scope="module")
def simulator(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-vm", 0)


@pytest.fixture
def world(simulator: Simulator) -> Iterator[World]:
    with Client(simulator) as client, connect(settings_of(simulator)) as session:
        cloner = Cloner(session)
        request = CloneRequest(
            name="checked",
            resource_pool_id=client.find("host/DC0_C0/Resources")._moId,
            folder="",
            datastore_id=client.find("datastore/LocalDS_0")._moId,
            interfaces=(),
            extra_config={},
            timeout=5,
        )
        yield World(simulator, client, cloner, cloner.live_vm(client.vm("golden").config.uuid), request)
        simulator.reset_quirks()


def test_dry_run_is_sent_without_the_datastore(world: World) -> None:
    """The simulator returns InvalidArgument for a dry run with a datastore, as the API reference specifies."""
    assert world.check() == DryRun()


def test_clone_is_created_on_the_datastore(world: World) -> None:
    datastore = world.client.find("datastore/LocalDS_1")._moId
    request = replace(world.request, name="placed", datastore_id=datastore)

    world.cloner.clone(world.source, request, stopped=lambda: False)

    assert world.client.vm("placed").config.files.vmPathName.startswith("[LocalDS_1] ")


@pytest.mark.parametrize("at", ["call", "task"])
@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        ("InvalidArgument", ""),
        ("InsufficientResourcesFault", ""),
        ("MethodNotFound", " (the method requires vCenter 6.7 or later)"),
        ("NoPermission", " (the method requires the privilege System.View)"),
        ("NotSupported", ""),
        ("InvalidState", ""),
    ],
)
def test_fault_of_the_call_means_that_the_dry_run_is_not_available(
    world: World, fault: str, hint: str, at: Literal["call", "task"]
) -> None:
    world.simulator.fault(DRY_RUN, fault, at=at)

    found = world.check()

    assert found.errors == ()
    assert found.missing.startswith(f"CheckInstantClone_Task failed with {fault}")
    assert found.missing.endswith(hint)


def test_fault_in_the_result_is_an_error(world: World) -> None:
    source = replace(world.source, machine=world.client.vm("golden-off"))

    (error,) = world.cloner.check(source, world.request).errors

    assert error.startswith("InvalidPowerState")


def test_rejects_a_datastore_that_the_host_lacks(world: World, tmp_path: Path) -> None:
    elsewhere = world.client.find("host/DC0_H0/DC0_H0").configManager.datastoreSystem
    datastore = elsewhere.CreateLocalDatastore(name="lonely", path=str(tmp_path))
    host = world.client.vm("golden").runtime.host.name
    world.simulator.requests(reset=True)

    with pytest.raises(CloneError) as refused:
        world.cloner.check(world.source, replace(world.request, datastore_id=datastore._moId))

    assert refused.value.argument == "datastore_id"
    assert str(refused.value) == (
        f"datastore lonely ({datastore._moId}): the host {host} of the source /DC0/vm/golden does not have this "
        "datastore. A clone starts on the host of its source. Use a datastore of that host."
    )
    assert DRY_RUN not in world.simulator.requests()


def test_host_is_read_once(world: World) -> None:
    world.check()
    world.simulator.requests(reset=True)

    for number, datastore in enumerate(("LocalDS_0", "LocalDS_1")):
        identifier = world.client.find(f"datastore/{datastore}")._moId
        world.cloner.check(world.source, replace(world.request, name=f"checked-{number}", datastore_id=identifier))

    # One request per clone for the resource pool.
    assert world.simulator.requests()["RetrievePropertiesEx"] == 2
