# SPDX-License-Identifier: MPL-2.0
"""Tests of the search for VMs in the simulator, and of the number of requests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyVmomi import vim

from instant_clone.errors import ConnectError, NotFoundError, VcenterError
from instant_clone.vcenter.lookup.selectors import selector
from instant_clone.vcenter.lookup.source_lookup import look_up, look_up_all
from instant_clone.vcenter.session.connection import Session, connect
from testkit.processes import until
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client, make_vapp, result

pytestmark = pytest.mark.simulator

WEB = "c4a0e058-ec62-5205-b1f9-2fd3aa11bde0"


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    """Start a simulator with VMs that share names or UUIDs. The tests of the module do not change it.

    It has VMs in DC0's VM folder, the VM golden/database and two VMs named twin. It also has two VMs with one UUID, a
    VM in a vApp, and a second datacenter DC1.
    """
    simulator = start_simulator("-source", "web,db-model,apart", "-off", "model", "-vm", 5)
    with Client(simulator) as client:
        folder = client.find("vm")
        golden = folder.CreateFolder("golden")
        pool = client.find("host/DC0_C0/Resources")
        model = client.vm("model")

        def copy(name: str, into: object, uuid: str | None = None) -> vim.VirtualMachine:
            specification = vim.vm.CloneSpec(
                location=vim.vm.RelocateSpec(pool=pool), config=vim.vm.ConfigSpec(uuid=uuid) if uuid else None
            )
            made: vim.VirtualMachine = result(model.CloneVM_Task(into, name, specification))
            return made

        copy("database", golden)
        copy("twin", golden)
        copy("twin", folder)
        copy("same uuid", golden, model.config.uuid)
        europe = client.content.rootFolder.CreateFolder("europe").CreateDatacenter("DC1")
        waiting = folder.CreateFolder("to DC1")
        result(europe.vmFolder.MoveIntoFolder_Task([copy("web", waiting), copy("abroad", waiting)]))
        app = make_vapp(client, "app")
        files = vim.vm.FileInfo(vmPathName="[LocalDS_0]")
        result(app.CreateChildVM_Task(vim.vm.ConfigSpec(name="inside", guestId="otherGuest", files=files), None))
    return simulator


@pytest.fixture
def session(vcenter: Simulator) -> Iterator[Session]:
    with connect(settings_of(vcenter)) as opened:
        yield opened


def found(session: Session, *vms: str, datacenter: str = "DC0") -> list[str]:
    """Return the inventory path or the error message of each VM."""
    wanted = [selector(vm, datacenter=datacenter) for vm in vms]
    answers = look_up_all(session, wanted)
    assert list(answers) or not wanted
    return [
        str(answer) if isinstance(answer := answers[each], VcenterError) else answer.inventory_path for each in wanted
    ]


@pytest.mark.parametrize(
    ("vm", "path"),
    [
        ("web", "/DC0/vm/web"),
        ("database", "/DC0/vm/golden/database"),
        ("golden/database", "/DC0/vm/golden/database"),
        ("golden/twin", "/DC0/vm/golden/twin"),
        ("/DC0/vm/twin", "/DC0/vm/twin"),
        (f"uuid:{WEB}", "/DC0/vm/web"),
        (f"uuid:{WEB.upper()}", "/DC0/vm/web"),
    ],
)
def test_finds_a_vm_by_name_path_and_uuid(session: Session, vm: str, path: str) -> None:
    assert look_up(session, vm, datacenter="DC0").inventory_path == path


def test_finds_a_vm_by_managed_object_id(vcenter: Simulator, session: Session) -> None:
    assert found(session, f"moid:{vcenter.vm('apart').moid}") == ["/DC0/vm/apart"]


def test_finds_a_vm_in_a_vapp_by_name(session: Session) -> None:
    assert look_up(session, "inside", datacenter="DC0").name == "inside"


def test_lists_the_paths_of_several_vms_with_a_name(session: Session) -> None:
    assert found(session, "twin") == [
        f"twin: /DC0 has 2 VMs with this name: /DC0/vm/golden/twin (moid:{moid(session, 'golden/twin')}),"
        f" /DC0/vm/twin (moid:{moid(session, 'twin')})."
        " Use the inventory path of one of these VMs, or moid: and its managed object id."
    ]


def test_lists_the_paths_of_several_vms_with_a_uuid(session: Session) -> None:
    uuid = "uuid:" + look_up(session, "model", datacenter="DC0").uuid
    other = "golden/same uuid"
    assert found(session, uuid) == [
        f"{uuid}: /DC0 has 2 VMs with this BIOS UUID: /DC0/vm/{other} (moid:{moid(session, other)}),"
        f" /DC0/vm/model (moid:{moid(session, 'model')})."
        " Use the inventory path of one of these VMs, or moid: and its managed object id."
    ]


def test_suggests_similar_names(session: Session) -> None:
    server = session.server
    assert found(
        session,
        *("Wbe", "golden/databse", "zzzzzzzz", "images/web", "/DC0/vm/golden", "moid:vm-99999"),
        "europe/DC1/vm/abroad",
    ) == [
        f"Wbe: /DC0 of vCenter {server} has no VM with this name. Did you mean 'web'?",
        f"/DC0/vm/golden/databse: vCenter {server} has no VM with this path. Did you mean 'database'?",
        f"zzzzzzzz: /DC0 of vCenter {server} has no VM with this name. Check the name.",
        f"/DC0/vm/images/web: vCenter {server} has neither this VM nor /DC0/vm/images. Check the path.",
        "/DC0/vm/golden: the path is that of a Folder, not of a VM. Use the path of a VM.",
        f"moid:vm-99999: vCenter {server} has no VM with this managed object id. Use the VM's name or inventory path.",
        f"/DC0/vm/europe/DC1/vm/abroad: vCenter {server} has no VM with this path."
        " Did you mean '/europe/DC1/vm/abroad'?",
    ]


def test_distinguishes_an_instance_uuid_from_a_bios_uuid(session: Session) -> None:
    instance = "uuid:" + look_up(session, "web", datacenter="DC0").instance_uuid
    unused = "uuid:564d7b1c-0000-0000-0000-000000000001"
    what = f"/DC0 of vCenter {session.server} has no VM with this BIOS UUID."
    assert found(session, instance, unused) == [
        f"{instance}: {what} It is the instance UUID of /DC0/vm/web. Use this path.",
        f"{unused}: {what} Use the VM's name or inventory path.",
    ]


def test_search_is_limited_to_the_datacenter(session: Session) -> None:
    assert found(session, "web", "abroad", datacenter="europe/DC1") == ["/europe/DC1/vm/web", "/europe/DC1/vm/abroad"]
    elsewhere = "An instant clone runs on the host of its source. Use a VM of the fleet's datacenter."
    assert found(session, "abroad", "/europe/DC1/vm/web") == [
        f"abroad: /DC0 of vCenter {session.server} has no VM with this name. Check the name.",
        f"/europe/DC1/vm/web: the VM is in the datacenter /europe/DC1, but the fleet is in /DC0. {elsewhere}",
    ]


def test_suggests_similar_datacenters(session: Session) -> None:
    server = session.server
    assert found(session, "web", datacenter="DC1") == [
        f"/DC1: vCenter {server} has no datacenter with this path. Did you mean '/europe/DC1'?"
    ]
    assert found(session, "web", datacenter="DCO") == [
        f"/DCO: vCenter {server} has no datacenter with this path. Did you mean '/DC0'?"
    ]


def test_distinguishes_names_of_several_datacenters(vcenter: Simulator, session: Session) -> None:
    wanted = [
        selector("web", datacenter="DC0"),
        selector("web", datacenter="europe/DC1"),
        selector("wbe", datacenter="europe/DC1"),
        selector("abroda", datacenter="DC0"),
    ]
    vcenter.requests(reset=True)
    answers = look_up_all(session, wanted)
    assert vcenter.requests() == {"CreateContainerView": 1, "RetrievePropertiesEx": 4}
    assert [
        str(answer) if isinstance(answer := answers[each], VcenterError) else answer.inventory_path for each in wanted
    ] == [
        "/DC0/vm/web",
        "/europe/DC1/vm/web",
        f"wbe: /europe/DC1 of vCenter {session.server} has no VM with this name. Did you mean 'web'?",
        f"abroda: /DC0 of vCenter {session.server} has no VM with this name. Check the name.",
    ]


def test_returns_one_answer_for_each_selector_of_a_vm(session: Session) -> None:
    vms = ("web", "/DC0/vm/web", f"uuid:{WEB}", f"moid:{moid(session, 'web')}", "web")
    assert found(session, *vms) == ["/DC0/vm/web"] * 5


def moid(session: Session, path: str) -> str:
    assert session.content.searchIndex is not None
    machine = session.content.searchIndex.FindByInventoryPath(f"DC0/vm/{path}")
    assert machine is not None
    return str(machine._moId)


@pytest.mark.parametrize("machines", [20, 400])
def test_number_of_requests_is_independent_of_the_inventory(start_simulator: StartSimulator, machines: int) -> None:
    simulator = start_simulator("-vm", machines)
    twenty = [f"DC0_C0_RP0_VM{number}" for number in range(20)]

    def requests(*vms: str) -> dict[str, int]:
        simulator.requests(reset=True)
        with connect(settings_of(simulator)) as session:
            found(session, *vms)
        return simulator.requests()

    always = {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}
    assert requests("golden-web") == always | {"CreateContainerView": 1, "RetrievePropertiesEx": 3}
    assert requests(*twenty) == always | {"CreateContainerView": 1, "RetrievePropertiesEx": 3}
    assert requests("/DC0/vm/golden-web") == always | {"FindByInventoryPath": 1, "RetrievePropertiesEx": 1}
    by_path = [f"/DC0/vm/{name}" for name in twenty]
    assert requests(*by_path) == always | {"FindByInventoryPath": 20, "RetrievePropertiesEx": 1}
    by_uuid = "uuid:ca453570-29d3-51b9-81cc-4871557ca9fd"
    assert requests(by_uuid) == always | {"FindAllByUuid": 1, "RetrievePropertiesEx": 2}
    by_moid = [f"moid:{simulator.vm(name).moid}" for name in twenty]
    assert requests(*by_moid) == always | {"RetrievePropertiesEx": 21}
    assert requests(*twenty, *by_path, by_uuid, *by_moid) == always | {
        "CreateContainerView": 1,
        "FindByInventoryPath": 20,
        "FindAllByUuid": 1,
        "RetrievePropertiesEx": 23,
    }


def test_one_refused_request_does_not_affect_the_others(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        simulator.fault("FindByInventoryPath", "NoPermission", at="call")
        answers = found(session, "/DC0/vm/golden-web", "golden-off")
    assert answers == [
        f"{simulator.address} (looking up /DC0/vm/golden-web): the user lacks the privilege"
        " VirtualMachine.Inventory.CreateFromExisting on vm-0. Ask for the privilege, or log in as another user.",
        "/DC0/vm/golden-off",
    ]


@pytest.mark.parametrize("method", ["FindByInventoryPath", "RetrievePropertiesEx", "CreateContainerView"])
def test_broken_connection_ends_the_search(simulator: Simulator, method: str) -> None:
    with connect(settings_of(simulator)) as session:
        simulator.drop(method, when="before")
        with pytest.raises(ConnectError):
            found(session, "/DC0/vm/golden-web", "/DC0/vm/golden-off", "golden-web")
    assert simulator.requests()[method] == 1
    assert simulator.sessions() == 0


def test_reports_a_vm_that_is_deleted_during_the_look_up(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session, Client(simulator) as client, ThreadPoolExecutor(1) as threads:
        # The search has found the VM by its path, and the look-up has not read it yet.
        simulator.hold("RetrievePropertiesEx")
        looking = threads.submit(look_up, session, "/DC0/vm/golden-off", datacenter="DC0")
        until(lambda: simulator.held("RetrievePropertiesEx"), "the VM to be read")
        result(client.vm("golden-off").Destroy_Task())
        simulator.release()
        with pytest.raises(NotFoundError) as caught:
            looking.result()
    assert str(caught.value) == "/DC0/vm/golden-off: vCenter no longer has this VM. Run the command again."
