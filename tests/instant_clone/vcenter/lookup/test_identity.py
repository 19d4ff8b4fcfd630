# SPDX-License-Identifier: MPL-2.0
"""Tests of the look-up of VMs by BIOS UUID, and of the number of requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from instant_clone.errors import NotFoundError
from instant_clone.ownership import OWNER_KEY
from instant_clone.vcenter.cloning.clone_task import Cloner
from instant_clone.vcenter.session.connection import Session, connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client, clone, extra_config, machine_spec, make, result

pytestmark = pytest.mark.simulator
VMS = 60


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-source", "golden", "-vm", VMS)


@pytest.fixture(scope="module")
def client(vcenter: Simulator) -> Iterator[Client]:
    with Client(vcenter) as client:
        yield client


@pytest.fixture
def session(vcenter: Simulator, client: Client) -> Iterator[Session]:
    with connect(settings_of(vcenter)) as session:
        vcenter.requests(reset=True)
        yield session


def test_returns_all_vms_and_templates_of_a_uuid(client: Client, session: Session, vcenter: Simulator) -> None:
    folder = client.find("vm").CreateFolder("copies [1]")
    original = clone(client.vm("golden"), "original", config={OWNER_KEY: "a/b/c/d/1"})
    uuid = original.config.uuid
    template = make(client, machine_spec("template", uuid=uuid))
    template.MarkAsTemplate()
    restored = make(client, machine_spec("restored", uuid=uuid, extraConfig=extra_config({OWNER_KEY: "e"})))
    result(folder.MoveIntoFolder_Task([restored]))
    vcenter.requests(reset=True)

    found = Cloner(session).vms_with_uuid(uuid)

    assert [(vm.path, vm.moid, vm.power_state, vm.template, vm.marker) for vm in found] == [
        ("/DC0/vm/copies [1]/restored", restored._moId, "poweredOff", False, "e"),
        ("/DC0/vm/original", original._moId, "poweredOn", False, "a/b/c/d/1"),
        ("/DC0/vm/template", template._moId, "poweredOff", True, None),
    ]
    assert vcenter.requests() == {"FindAllByUuid": 1, "RetrievePropertiesEx": 1}


def test_unknown_uuid_costs_one_request(session: Session, vcenter: Simulator) -> None:
    assert Cloner(session).vms_with_uuid("4b1d0000-0000-4000-8000-000000000099") == ()
    assert vcenter.requests() == {"FindAllByUuid": 1}


def test_reads_the_uuids_of_all_vms_with_two_requests(client: Client, session: Session, vcenter: Simulator) -> None:
    one = make(client, machine_spec("one", uuid="4B1D0000-0000-4000-8000-000000000002"))
    two = make(client, machine_spec("two", uuid="4B1D0000-0000-4000-8000-000000000002"))
    vcenter.requests(reset=True)

    found = Cloner(session).moids_by_uuid()

    assert sorted(found["4b1d0000-0000-4000-8000-000000000002"]) == sorted([one._moId, two._moId])
    assert len(found) > VMS
    assert vcenter.requests() == {"CreateContainerView": 1, "RetrievePropertiesEx": 1}


def test_path_is_not_a_pattern(client: Client, session: Session) -> None:
    make(client, machine_spec("web[1]"))
    make(client, machine_spec("web2"))
    cloner = Cloner(session)

    assert cloner.is_vm_at("/DC0/vm/web[1]")
    assert not cloner.is_vm_at("/DC0/vm/web?")
    assert not cloner.is_vm_at("/DC0/vm")


def test_returns_the_delta_disks_of_a_managed_object_id(client: Client, session: Session) -> None:
    made = clone(client.vm("golden"), "delta")
    cloner = Cloner(session)

    assert len(cloner.deltas(made._moId)) == 2
    assert cloner.deltas(make(client, machine_spec("bare"))._moId) == frozenset()
    with pytest.raises(NotFoundError):
        cloner.deltas("vm-999999")
