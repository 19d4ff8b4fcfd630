# SPDX-License-Identifier: MPL-2.0
"""Tests of cloning in the simulator, over a socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from cachetools import TTLCache
from pyVmomi import vim, vmodl

from instant_clone.errors import CloneError, ConnectError, NotFoundError, VcenterError
from instant_clone.vcenter.cloning import clone_task as cloning
from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest, InterfaceEdit
from instant_clone.vcenter.cloning.guest_network import GuestNetworkWait
from instant_clone.vcenter.cloning.live_vm import LiveVm
from instant_clone.vcenter.session.connection import Session, connect
from instant_clone.vcenter.session.tasks import wait_for
from testkit.clock import Clock
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client, nics, result

pytestmark = pytest.mark.simulator

MISSING = "564d3a5c-7b1e-4f6a-9c2d-0123456789ab"
PASSWORD = "sentinel-pw-91b2"


@dataclass(frozen=True)
class World:
    """A simulator with a pyvmomi client, a session and a Cloner."""

    simulator: Simulator
    client: Client
    session: Session
    cloner: Cloner
    source: LiveVm

    def request(self, name: str, **others: Any) -> CloneRequest:
        """Return a request for a clone in the cluster's root resource pool, with its source's network."""
        (key,) = self.source.cards
        request = CloneRequest(
            name=name,
            resource_pool_id=self.client.find("host/DC0_C0/Resources")._moId,
            folder="",
            datastore_id=None,
            interfaces=(InterfaceEdit(key, self.network("DC0_DVPG0")),),
            extra_config={},
            timeout=5,
        )
        return replace(request, **others)

    def network(self, name: str) -> str:
        """Return the managed object id of a network."""
        return str(self.client.find(f"network/{name}")._moId)

    def clone(self, name: str, **others: Any) -> Any:
        """Create the requested clone, and return pyvmomi's object of it."""
        made = self.cloner.clone(self.source, self.request(name, **others), stopped=lambda: False)
        return self.client.content.searchIndex.FindByUuid(None, made.uuid, True, False)


@pytest.fixture(scope="module")
def simulator(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden,silver", "-off", "sleeping", password=PASSWORD)


@pytest.fixture
def world(simulator: Simulator) -> Iterator[World]:
    with Client(simulator) as client, connect(settings_of(simulator)) as session:
        cloner = Cloner(session)
        yield World(simulator, client, session, cloner, cloner.live_vm(client.vm("golden").config.uuid))


def test_live_vm_returns_the_properties_of_a_source(world: World) -> None:
    source, golden = world.source, world.client.vm("golden")

    assert (source.machine._moId, source.inventory_path) == (golden._moId, "/DC0/vm/golden")
    assert (source.host._moId, source.powered_on, source.template, source.tpm_count) == (
        golden.runtime.host._moId, True, False, 0
    )  # fmt: skip
    assert list(source.cards) == [card.key for card in nics(golden)]
    assert source.extra_config == {option.key: option.value for option in golden.config.extraConfig}
    assert world.cloner.live_vm(world.client.vm("sleeping").config.uuid).powered_on is False


def test_live_vm_is_cached(world: World) -> None:
    world.simulator.requests(reset=True)

    assert world.cloner.live_vm(world.client.vm("golden").config.uuid) is world.source
    assert "FindAllByUuid" not in world.simulator.requests()


def test_live_vm_is_read_again_after_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = world.client.vm("golden")
    other = next(each for each in world.client.find("host/DC0_C0").host if each != golden.runtime.host)
    clock = Clock()
    monkeypatch.setattr(cloning, "TTLCache", partial(TTLCache, timer=clock.monotonic))
    cloner = Cloner(world.session)
    before = cloner.live_vm(golden.config.uuid)
    result(golden.RelocateVM_Task(vim.vm.RelocateSpec(host=other)))

    clock.now = 59
    assert cloner.live_vm(golden.config.uuid) is before
    clock.now = 61
    assert cloner.live_vm(golden.config.uuid).host._moId == other._moId


def test_live_vm_rejects_an_unknown_uuid(world: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        world.cloner.live_vm(MISSING)

    assert str(caught.value) == (
        f"{world.simulator.address}: no virtual machine has the UUID {MISSING}. Check that the source still exists and "
        "that its record is from this vCenter. `instant-clone record` writes a new record."
    )


def test_live_vm_rejects_a_uuid_of_several_vms(world: World) -> None:
    uuid, own = (world.client.vm(name).config.uuid for name in ("silver", "sleeping"))
    result(world.client.vm("sleeping").ReconfigVM_Task(vim.vm.ConfigSpec(uuid=uuid)))
    try:
        with pytest.raises(CloneError) as caught:
            world.cloner.live_vm(uuid)
    finally:
        result(world.client.vm("sleeping").ReconfigVM_Task(vim.vm.ConfigSpec(uuid=own)))

    silver, sleeping = (world.client.vm(name)._moId for name in ("silver", "sleeping"))
    assert str(caught.value) == (
        f"UUID {uuid}: several virtual machines have this UUID. Change the UUID of all but one:\n"
        f"  /DC0/vm/silver ({silver}, poweredOn, no marker)\n"
        f"  /DC0/vm/sleeping ({sleeping}, poweredOff, no marker)"
    )


def test_clone_runs_at_the_requested_location(world: World) -> None:
    folder = world.client.find("vm").CreateFolder("teams").CreateFolder("web")

    made = world.cloner.clone(
        world.source,
        world.request(
            "placed",
            folder="teams/web",
            resource_pool_id=world.client.find("host/DC0_C0/Resources/DC0_C0_RP1")._moId,
            datastore_id=world.client.find("datastore/LocalDS_1")._moId,
            extra_config={"guestinfo.ic.hostname": "placed"},
        ),
        stopped=lambda: False,
    )

    machine = world.client.vm("teams/web/placed")
    assert made.inventory_path == "/DC0/vm/teams/web/placed"
    assert (made.machine._moId, made.uuid) == (machine._moId, machine.config.uuid)
    assert machine.parent == folder
    assert machine.resourcePool.name == "DC0_C0_RP1"
    assert machine.runtime.powerState == "poweredOn"
    assert machine.config.files.vmPathName.startswith("[LocalDS_1] ")
    assert {option.key: option.value for option in machine.config.extraConfig}["guestinfo.ic.hostname"] == "placed"


def test_clones_have_distinct_mac_addresses(world: World) -> None:
    cards = [nics(each)[0] for each in (world.client.vm("golden"), world.clone("mac-0"), world.clone("mac-1"))]

    assert len({card.macAddress for card in cards}) == 3
    assert [card.addressType for card in cards[1:]] == ["assigned", "assigned"]
    # The request has no datastore, so the clone is on the source's datastore.
    assert world.client.vm("mac-0").config.files.vmPathName.startswith("[LocalDS_0] ")


def test_clone_has_the_requested_mac_address(world: World) -> None:
    (key,) = world.source.cards
    edit = InterfaceEdit(key, world.network("DC0_DVPG0"), mac_address="00:50:56:3f:00:02")

    (card,) = nics(world.clone("manual", interfaces=(edit,)))

    assert (card.addressType, card.macAddress) == ("manual", "00:50:56:3f:00:02")


def test_clone_uses_another_distributed_port_group(world: World) -> None:
    (key,) = world.source.cards
    group = world.client.find("network/DC0_DVPG1")

    (card,) = nics(world.clone("moved", interfaces=(InterfaceEdit(key, group._moId),)))

    assert card.backing.port.portgroupKey == group.key
    assert nics(world.client.vm("golden"))[0].backing.port.portgroupKey != group.key


def test_clone_uses_a_standard_network_of_the_host(world: World) -> None:
    (key,) = world.source.cards

    (card,) = nics(world.clone("plain", interfaces=(InterfaceEdit(key, world.network("VM Network")),)))

    assert card.backing.deviceName == "VM Network"


def _error(world: World, name: str, **others: Any) -> VcenterError:
    """Return the error of a failed clone, and check that the clone does not exist."""
    with pytest.raises(VcenterError) as caught:
        world.cloner.clone(world.source, world.request(name, **others), stopped=lambda: False)
    with pytest.raises(KeyError):
        world.simulator.vm(name)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_rejects_a_network_that_the_host_lacks(world: World) -> None:
    (key,) = world.source.cards

    error = _error(world, "astray", interfaces=(InterfaceEdit(key, "network-none"),))

    assert str(error) == (
        "Network network-none: the host of /DC0/vm/golden does not have this network. A clone starts on the host of "
        "its source. Use a network of that host."
    )


def test_rejects_an_interface_that_the_source_lacks(world: World) -> None:
    error = _error(world, "extra", interfaces=(InterfaceEdit(4711, world.network("DC0_DVPG0")),))

    assert str(error) == "/DC0/vm/golden: the network interface with the key 4711 no longer exists."


def test_rejects_a_folder_that_does_not_exist(world: World) -> None:
    error = _error(world, "homeless", folder="nowhere/at all")

    assert isinstance(error, NotFoundError)
    assert str(error) == (
        "Folder /DC0/vm/nowhere/at all: not found in vCenter. Create the folder, or set create_folder."
    )


FAULTS = (
    "DuplicateName FileFault GenericVmConfigFault InsufficientResourcesFault InvalidDatastore InvalidPowerState "
    "InvalidState MigrationFault NotSupported SystemError VmConfigFault"
)


@pytest.mark.parametrize("fault", FAULTS.split())
def test_fault_message_names_source_clone_and_fault(world: World, fault: str) -> None:
    world.simulator.fault("InstantClone_Task", fault, vm=f"faulty-{fault}")

    error = _error(world, f"faulty-{fault}")

    assert str(error).startswith(
        f"{world.simulator.address} (cloning /DC0/vm/golden as faulty-{fault}): vCenter answers with {fault}"
    )


CURES = {
    "DuplicateName": "name",
    "FileFault": "datastore_id",
    "GenericVmConfigFault": "instantclone.source_uuid",
    "DisallowedMigrationDeviceAttached": "instantclone.source_uuid",
    "InsufficientMemoryResourcesFault": "resource_pool_id",
    "InvalidDatastore": "datastore_id",
    "InvalidPowerState": "instantclone.source_uuid",
    "InvalidState": "instantclone.source_uuid",
}


@pytest.mark.parametrize("fault", CURES)
def test_fault_of_cloning_has_an_argument_and_a_cure(world: World, fault: str) -> None:
    world.simulator.fault("InstantClone_Task", fault, vm=f"cured-{fault}")

    error = _error(world, f"cured-{fault}")

    assert isinstance(error, CloneError)
    assert error.argument == CURES[fault]
    (finding,) = error.findings
    assert finding.cure.endswith(".")


def test_clone_is_retried_while_vcenter_is_busy(world: World) -> None:
    world.simulator.fault("InstantClone_Task", "TaskInProgress", vm="patient", times=3)
    world.simulator.requests(reset=True)

    made = world.cloner.clone(world.source, world.request("patient"), stopped=lambda: False)

    assert made.inventory_path == "/DC0/vm/patient"
    assert world.simulator.requests()["InstantClone_Task"] == 4


def test_clone_is_retried_while_the_cause_of_the_fault_is_a_busy_vcenter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = vmodl.fault.SystemError(reason="Launch failure", faultCause=vim.fault.TaskInProgress())
    answers = [busy, busy]

    def wait(task: vim.Task, *, seconds: float) -> object:
        machine = wait_for(task, seconds=seconds)
        if answers:
            result(machine.PowerOffVM_Task())  # type: ignore[attr-defined]
            result(machine.Destroy_Task())  # type: ignore[attr-defined]
            raise answers.pop()
        return machine

    monkeypatch.setattr(cloning, "wait_for", wait)
    world.simulator.requests(reset=True)

    assert world.clone("wrapped").name == "wrapped"

    assert world.simulator.requests()["InstantClone_Task"] == 3


def test_clone_fails_with_the_cure_of_the_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        cause = vim.fault.GenericVmConfigFault(msg="Unable to prepare migration.")
        raise vmodl.fault.SystemError(reason="Launch failure", faultCause=cause)

    monkeypatch.setattr(cloning, "wait_for", fail)
    with pytest.raises(CloneError) as caught:
        world.cloner.clone(world.source, world.request("too-deep"), stopped=lambda: False)

    assert caught.value.argument == "instantclone.source_uuid"
    assert str(caught.value) == (
        f"{world.simulator.address} (cloning /DC0/vm/golden as too-deep): vCenter answers with SystemError: Launch "
        "failure, caused by GenericVmConfigFault: Unable to prepare migration. If the disk chain is too long, freeze "
        "the source or create a new source. Each clone of a running source adds a delta disk to the source's disk "
        "chain."
    )


def test_clone_fails_if_vcenter_stays_busy(world: World) -> None:
    world.simulator.fault("InstantClone_Task", "TaskInProgress", vm="impatient", times=50)

    error = _error(world, "impatient", timeout=0.01)

    assert isinstance(error, CloneError)
    assert str(error).startswith(
        "/DC0/vm/golden: vCenter was busy with this source for 0.01 minutes (instantclone.timeout"
    )


def test_clone_is_found_and_not_created_twice_after_a_lost_answer(world: World) -> None:
    world.simulator.drop("InstantClone_Task", when="after", vm="unheard")
    world.simulator.requests(reset=True)

    made = world.cloner.clone(world.source, world.request("unheard"), stopped=lambda: False)

    assert made.uuid == world.client.vm("unheard").config.uuid
    assert world.simulator.requests()["InstantClone_Task"] == 1


def test_clone_survives_failed_reads_of_its_task(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-source", "golden")
    with Client(simulator) as client, connect(settings_of(simulator)) as session:
        cloner = Cloner(session)
        world = World(simulator, client, session, cloner, cloner.live_vm(client.vm("golden").config.uuid))
        # pyvmomi reads a property, here the task's info, with this method.
        simulator.drop("Fetch", when="before", times=2)

        made = world.cloner.clone(world.source, world.request("unwatched"), stopped=lambda: False)

        assert simulator.requests()["Fetch"] > 2
        assert made.uuid == client.vm("unwatched").config.uuid


def test_guest_network_wait_survives_a_lost_connection(world: World) -> None:
    made = world.cloner.clone(world.source, world.request("unasked"), stopped=lambda: False)
    world.simulator.drop("Fetch", when="before", times=1, vm="unasked")
    world.simulator.drop("Fetch", when="after", times=1, vm="unasked")
    world.simulator.requests(reset=True)

    assert world.cloner.wait_for_network(made, GuestNetworkWait(network_minutes=5), stopped=lambda: False)

    assert world.simulator.requests()["Fetch"] > 2


def test_occupant_returns_the_vm_with_the_name(world: World) -> None:
    request = world.request("occupied")
    assert world.cloner.occupant(request) is None
    made = world.cloner.clone(world.source, request, stopped=lambda: False)

    found = world.cloner.occupant(request)

    assert found is not None
    clone, namesake = found
    assert (clone.uuid, clone.inventory_path, namesake.running) == (made.uuid, "/DC0/vm/occupied", True)
    assert world.cloner.exists(made)
    world.cloner.destroy(made)
    assert not world.cloner.exists(made)
    assert world.cloner.occupant(request) is None


def test_missing_privilege_is_in_the_message(world: World) -> None:
    world.simulator.fault("InstantClone_Task", "NoPermission", vm="forbidden", at="call")

    assert "(cloning /DC0/vm/golden as forbidden): the user lacks the privilege" in str(_error(world, "forbidden"))


def test_broken_connection_raises_connect_error(world: World) -> None:
    world.simulator.drop("InstantClone_Task", when="before", vm="cut", times=10)

    with pytest.raises(ConnectError, match=r"\(cloning /DC0/vm/golden as cut\): no connection"):
        world.cloner.clone(world.source, world.request("cut"), stopped=lambda: False)


def test_clone_fails_after_the_time_out(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-source", "golden")
    simulator.hold("InstantClone_Task", at="task")
    with Client(simulator) as client, connect(settings_of(simulator)) as session:
        cloner = Cloner(session)
        world = World(simulator, client, session, cloner, cloner.live_vm(client.vm("golden").config.uuid))

        error = _error(world, "late", timeout=0.005)

    assert isinstance(error, CloneError)
    assert str(error).startswith(
        "Clone /DC0/vm/late: not ready after 0.005 minutes (instantclone.timeout). vCenter may still finish the clone, "
        "with the UUID "
    )
    assert str(error).endswith(
        ". Apply again: the apply adopts the clone if its owner id is that of this state. If not, the apply reports "
        "that the name is in use."
    )


def test_stopped_cloner_does_not_start_a_clone(world: World) -> None:
    world.simulator.requests(reset=True)

    with pytest.raises(CloneError) as caught:
        world.cloner.clone(world.source, world.request("stopped"), stopped=lambda: True)

    assert str(caught.value) == (
        "Clone /DC0/vm/stopped: stopped before its task started. Apply again to create the clone."
    )
    assert "InstantClone_Task" not in world.simulator.requests()


def test_destroy_removes_a_clone(world: World) -> None:
    for name in ("removed", "removed-off"):
        made = world.cloner.clone(world.source, world.request(name), stopped=lambda: False)
        if name == "removed-off":
            result(world.client.vm(name).PowerOff())

        world.cloner.destroy(made)

        assert world.client.vm(name) is None


def test_failed_destroy_names_the_clone(world: World) -> None:
    made = world.cloner.clone(world.source, world.request("stuck"), stopped=lambda: False)
    world.simulator.fault("Destroy_Task", "TaskInProgress", vm="stuck")

    with pytest.raises(VcenterError) as caught:
        world.cloner.destroy(made)

    assert str(caught.value).startswith(
        f"{world.simulator.address} (removing /DC0/vm/stuck): vCenter answers with TaskInProgress"
    )


def test_second_clone_needs_fewer_requests(world: World) -> None:
    def requests_of(name: str) -> dict[str, int]:
        request = world.request(name)
        world.simulator.requests(reset=True)
        world.cloner.clone(world.source, request, stopped=lambda: False)
        # The number of reads of a task depends on its duration.
        return {method: count for method, count in world.simulator.requests().items() if method != "Fetch"}

    assert requests_of("first") == {"RetrievePropertiesEx": 4, "FindByInventoryPath": 1, "InstantClone_Task": 1}
    assert requests_of("second") == {"InstantClone_Task": 1}


@pytest.mark.parametrize("name", ["a b", "a%b", "a/b", "a\\b", "ä"])
def test_names_are_escaped_only_in_paths(world: World, name: str) -> None:
    made = world.cloner.clone(world.source, world.request(name), stopped=lambda: False)

    escaped = {"a%b": "a%25b", "a/b": "a%2fb", "a\\b": "a%5cb"}.get(name, name)
    assert made.inventory_path == f"/DC0/vm/{escaped}"
    assert world.client.content.searchIndex.FindByUuid(None, made.uuid, True, False).config.uuid == made.uuid
