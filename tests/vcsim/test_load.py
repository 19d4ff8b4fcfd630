# SPDX-License-Identifier: MPL-2.0
"""Tests of the flag -load, with inventories that the tests save from another simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pyVmomi import vim

from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    clone,
    depth,
    devices,
    disks,
    fault_of,
    network_edit,
    nics,
    plain,
    result,
    spec,
    until,
)
from tests.vcsim.saving import save

pytestmark = pytest.mark.simulator

TEMPORARY = {
    ("OptionManager", "setting"),
    ("SessionManager", "currentSession"),
    ("SessionManager", "sessionList"),
    ("CustomizationSpecManager", "info"),
    ("Datastore", "info"),
    ("Datastore", "summary"),
}
"""Properties, by type and name, that differ between two simulators. They contain ports, sessions or folders."""

Properties = dict[str, dict[str, str]]
"""Properties of saved objects as XML, by the type and id of the object and the name of the property."""


@dataclass(frozen=True)
class Saved:
    """A saved inventory and the product's description of its VM golden-web."""

    folder: Path
    source: object


@pytest.fixture(scope="module")
def saved(start_simulator: StartSimulator, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Save an inventory with two clones, one of them with SEsparse disks, a frozen VM, a snapshot and a template."""
    folder = tmp_path_factory.mktemp("saved")
    simulator = start_simulator(
        *("-off", "golden-off,template", "-vm", 2, "-frozen", "DC0_C0_RP0_VM1", "-layout", "golden-web=two-controllers")
    )
    with Client(simulator) as client:
        source = client.vm("golden-web")
        clone(source, "old-clone", config={"guestinfo.ic.ipaddress": "192.0.2.7", "guestinfo.ic.hostname": "old"})
        client.vm("template").MarkAsTemplate()
        simulator.quirk("se-sparse", "backing")
        clone(source, "sparse-clone")
        result(client.vm("golden-off").CreateSnapshot_Task("first", "", memory=False, quiesce=False))
        for name in ("old-clone", "sparse-clone"):
            simulator.report(name)
    save(simulator, folder)
    return Saved(folder, look_up_golden_web(simulator))


@pytest.fixture(scope="module")
def loaded(start_simulator: StartSimulator, saved: Saved) -> Simulator:
    return start_simulator("-load", saved.folder, "-frozen", "DC0_C0_RP0_VM0", "-tools", "100ms")


@pytest.fixture(scope="module")
def client(loaded: Simulator) -> Iterator[Client]:
    with Client(loaded) as client:
        yield client


def look_up_golden_web(simulator: Simulator) -> object:
    settings = ConnectionSettings(simulator.address, simulator.user, simulator.password, allow_unverified_ssl=True)
    with connect(settings) as session:
        return look_up(session, "golden-web", datacenter="DC0")


def read(folder: Path) -> Properties:
    """Return the properties of all objects that are saved in a folder."""
    objects = {}
    for file in folder.glob("*.xml"):
        content = ElementTree.parse(file).getroot()
        objects[file.stem.partition("-")[2]] = {
            str(prop.findtext("name")): ElementTree.tostring(value).decode()
            for prop in content.iterfind("propSet")
            for value in prop.iterfind("val")
        }
    return objects


def test_loaded_inventory_has_the_saved_objects_and_properties(
    saved: Saved, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    save(start_simulator("-load", saved.folder), tmp_path)

    before, after = read(saved.folder), read(tmp_path)
    differences = {
        (name.partition("-")[0], prop)
        for name in before
        for prop in before[name].keys() | after[name].keys()
        if before[name].get(prop) != after[name].get(prop)
    }

    assert sorted(after) == sorted(before)
    assert sum(name.startswith("VirtualMachine-vm-") for name in after) == 7
    assert differences <= TEMPORARY


def test_product_reads_the_same_source(saved: Saved, start_simulator: StartSimulator) -> None:
    assert look_up_golden_web(start_simulator("-load", saved.folder)) == saved.source


def test_clone_of_a_loaded_vm_has_its_hardware_on_delta_disks(client: Client) -> None:
    source = client.vm("golden-web")
    tops = [disk.backing.fileName for disk in disks(source)]

    made = clone(source, "new-clone")

    kinds = [(type(device), device.key) for device in source.config.hardware.device]
    assert [(type(device), device.key) for device in made.config.hardware.device] == kinds
    assert len(tops) == 4
    assert [disk.backing.parent.fileName for disk in disks(made)] == tops
    assert [disk.backing.parent.fileName for disk in disks(source)] == tops
    assert [len(disk.chain) for disk in made.layoutEx.disk] == [depth(disk) + 1 for disk in disks(made)] == [4] * 4
    assert client.has_file(disks(made)[0].backing.fileName)


def test_clone_of_a_loaded_clone_extends_its_chain(client: Client) -> None:
    source = client.vm("old-clone")

    made = clone(source, "grandchild")

    assert [depth(disk) for disk in disks(made)] == [2] * 4
    assert disks(made)[0].backing.parent.fileName == "[LocalDS_0] old-clone/old-clone.vmdk"


def test_loaded_sesparse_disk_is_cloned(client: Client) -> None:
    source = client.vm("sparse-clone")
    sparse = vim.vm.device.VirtualDisk.SeSparseBackingInfo
    before = [disk.backing for disk in disks(source)]

    made = clone(source, "sparse-grandchild")

    assert [type(backing) for backing in before] == [sparse] * 4
    assert [disk.backing.parent.fileName for disk in disks(made)] == [backing.fileName for backing in before]
    assert [depth(disk) for disk in disks(made)] == [3] * 4


def test_files_of_loaded_vms_exist(client: Client) -> None:
    source = client.vm("golden-web")
    image = devices(source, vim.vm.device.VirtualCdrom)

    assert image
    assert client.has_file(source.config.files.vmPathName)
    assert [file.name for file in source.layoutEx.file if not client.has_file(file.name)] == []


def test_frozen_vms_are_cloned_without_deltas_on_the_source(client: Client, loaded: Simulator) -> None:
    for number, name in enumerate(("DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1")):  # frozen by -frozen, and in the saved data
        source = client.vm(name)
        before = [plain(disk.backing) for disk in disks(source)]

        made = clone(source, f"of-frozen-{number}")

        assert source.runtime.instantCloneFrozen is True
        assert [plain(disk.backing) for disk in disks(source)] == before
        assert [plain(disk.backing.parent) for disk in disks(made)] == before
        assert loaded.vm(f"of-frozen-{number}").frozen is False


def test_powered_off_vm_is_refused(client: Client) -> None:
    source = client.vm("golden-off")
    checker = client.content.vmProvisioningChecker

    assert fault_of(lambda: source.InstantClone_Task(spec("refused"))) == "InvalidPowerState"
    answer = result(checker.CheckInstantClone_Task(source, spec("refused")))
    assert [type(error.fault if hasattr(error, "fault") else error) for error in answer[0].error] == [
        vim.fault.InvalidPowerState
    ]
    assert result(checker.CheckInstantClone_Task(client.vm("golden-web"), spec("accepted")))[0].error == []


def test_template_is_refused(client: Client) -> None:
    assert client.vm("template").config.template is True
    assert fault_of(lambda: client.vm("template").InstantClone_Task(spec("refused"))) == "NotSupported"


def test_new_addresses_differ_from_the_loaded_ones(client: Client) -> None:
    loaded_addresses = {nic.macAddress for vm in client.find("vm").childEntity for nic in nics(vm)}
    reported = {vm.guest.ipAddress for vm in client.find("vm").childEntity}
    source = client.vm("golden-web")

    made = clone(source, "with-new-addresses")
    created = result(
        client.find("vm").CreateVM_Task(
            config=vim.vm.ConfigSpec(
                name="created", guestId="otherGuest", files=vim.vm.FileInfo(vmPathName="[LocalDS_0]")
            ),
            pool=source.resourcePool,
        )
    )
    result(created.PowerOnVM_Task())
    until(lambda: created.guest.toolsRunningStatus == "guestToolsRunning")

    assert not {nic.macAddress for nic in nics(made)} & loaded_addresses
    assert created.guest.ipAddress not in reported


def test_guest_keeps_its_saved_identity_when_it_is_cloned_or_restarted(client: Client) -> None:
    source = client.vm("golden-web")
    saved_guest = (source.guest.hostName, source.guest.ipAddress)

    made = clone(source, "same-guest")
    until(lambda: made.guest.toolsRunningStatus == "guestToolsRunning")
    old = client.vm("old-clone")
    identity = (old.guest.hostName, old.guest.ipAddress)
    result(old.PowerOffVM_Task())
    result(old.PowerOnVM_Task())
    until(lambda: old.guest.toolsRunningStatus == "guestToolsRunning")

    assert (made.guest.hostName, made.guest.ipAddress) == saved_guest
    assert identity == (old.guest.hostName, old.guest.ipAddress) == ("old", "192.0.2.7")


def test_clone_moves_to_another_network_and_posts_its_event(client: Client) -> None:
    source = client.vm("golden-web")
    edit = network_edit(nics(source)[0], portgroup=client.find("network/DC0_DVPG1"))

    made = clone(source, "moved", [edit], folder=client.find("vm").CreateFolder("loaded"))

    assert [network.name for network in made.network] == ["DC0_DVPG1", "VM Network"]
    filters = vim.event.EventFilterSpec(
        entity=vim.event.EventFilterSpec.ByEntity(entity=made, recursion="self"),
        eventTypeId=["com.vmware.vc.VmInstantClonedEvent"],
    )
    assert len(client.content.eventManager.QueryEvents(filters)) == 1


def test_clones_and_loaded_vms_can_be_destroyed(client: Client, loaded: Simulator) -> None:
    source = client.vm("sparse-clone")
    made = clone(source, "short-lived")
    home = made.config.files.vmPathName

    for vm in (made, source):
        result(vm.PowerOffVM_Task())
        result(vm.Destroy_Task())

    assert [client.vm(name) for name in ("short-lived", "sparse-clone")] == [None, None]
    assert not client.has_file(home)
    assert "Destroy_Task" in [call.method for call in loaded.calls("short-lived")]


def test_saved_snapshots_can_be_used(client: Client) -> None:
    vm = client.vm("golden-off")
    (first,) = vm.rootSnapshot

    assert first.config.hardware.numCPU == 2
    result(vm.CreateSnapshot_Task("second", "", memory=False, quiesce=False))
    (second,) = first.childSnapshot
    assert second._moId != first._moId
    result(first.RevertToSnapshot_Task())
    result(vm.RemoveAllSnapshots_Task())
    assert vm.snapshot is None


def test_each_vm_has_a_browser_of_its_hardware_version(client: Client) -> None:
    vms = [client.vm(name) for name in ("golden-web", "golden-off")]
    browser = client.find("host/DC0_C0").environmentBrowser

    assert len({str(vm.environmentBrowser) for vm in vms} | {str(browser)}) == 3
    assert [vm.environmentBrowser.QueryConfigOption().version for vm in vms] == ["vmx-19", "vmx-19"]
    descriptors = browser.QueryConfigOptionDescriptor()
    assert [each.key for each in descriptors if each.defaultConfigOption] == [descriptors[-1].key] == ["vmx-19"]


def test_running_vm_refuses_the_same_changes(client: Client) -> None:
    source = client.vm("golden-web")

    assert fault_of(lambda: source.ReconfigVM_Task(vim.vm.ConfigSpec(firmware="bios"))) == "InvalidPowerState"
    result(source.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="changed")))
    assert source.config.annotation == "changed"
