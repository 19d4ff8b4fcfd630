"""Methods that vCenter offers beside instant cloning, as the stock provider and pyvmomi programs use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, depth, disks, extra_config, nics, plain, result

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator("-tools", "100ms")) as client:
        yield client


@pytest.fixture(scope="module")
def source(client: Client) -> Any:
    return client.vm("golden-web")


@pytest.fixture(scope="module")
def full_clone(client: Client, source: Any) -> Any:
    request = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(), powerOn=True, template=False)
    return result(source.CloneVM_Task(client.find("vm"), "full", request))


def test_reconfiguration_changes_a_running_clone(source: Any) -> None:
    vm = clone(source, "changed")
    request = vim.vm.ConfigSpec(annotation="hot", memoryMB=8192, numCPUs=4, extraConfig=extra_config({"a": "b"}))

    result(vm.ReconfigVM_Task(request))

    assert (vm.config.annotation, vm.config.hardware.memoryMB, vm.config.hardware.numCPU) == ("hot", 8192, 4)
    assert {"a": "b"}.items() <= {option.key: option.value for option in vm.config.extraConfig}.items()


def test_interface_and_disk_are_added_to_a_running_clone_and_its_chains_stay(source: Any) -> None:
    vm = clone(source, "grown")
    depths = [depth(disk) for disk in disks(vm)]
    interface = vim.vm.device.VirtualDeviceSpec(
        operation="add",
        device=vim.vm.device.VirtualVmxnet3(
            key=-1, backing=vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")
        ),
    )
    disk = vim.vm.device.VirtualDeviceSpec(
        operation="add",
        fileOperation="create",
        device=vim.vm.device.VirtualDisk(
            key=-2,
            controllerKey=1000,
            unitNumber=2,
            capacityInKB=1 << 20,
            backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent"),
        ),
    )

    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[interface, disk])))

    assert [nic.resourceAllocation.limit for nic in nics(vm)] == [-1, -1]
    assert [depth(each) for each in disks(vm)] == [*depths, 0]
    assert depths[0] > 0
    assert disks(vm)[2].backing.uuid


def test_destroying_a_clone_removes_its_files_and_leaves_the_source_as_it_was(client: Client, source: Any) -> None:
    vm = clone(source, "short-lived")
    files = [disk.backing.fileName for disk in disks(vm)]
    before = plain(source.config)
    assert [client.has_file(file) for file in files] == [True, True]

    result(vm.PowerOff())
    result(vm.Destroy())

    assert client.vm("short-lived") is None
    assert [client.has_file(file) for file in files] == [False, False]
    assert plain(source.config) == before
    assert all(client.has_file(disk.backing.fileName) for disk in disks(source))


def test_full_clone_takes_the_configuration_over(source: Any, full_clone: Any) -> None:
    assert full_clone.config.firmware == "efi"
    assert full_clone.config.swapPlacement == "inherit"
    assert full_clone.config.vPMCEnabled is False
    assert full_clone.config.annotation == source.config.annotation


def test_full_clone_has_an_address_and_whole_disks_of_its_own(source: Any, full_clone: Any) -> None:
    assert nics(full_clone)[0].macAddress != nics(source)[0].macAddress
    assert [depth(disk) for disk in disks(full_clone)] == [0, 0]
    assert {disk.backing.uuid for disk in disks(full_clone)}.isdisjoint(disk.backing.uuid for disk in disks(source))


def test_vm_moves_to_another_pool(client: Client, full_clone: Any) -> None:
    pool = client.find("host/DC0_C0/Resources/DC0_C0_RP2")

    pool.MoveIntoResourcePool([full_clone])

    assert full_clone.resourcePool == pool
    assert full_clone in pool.vm


def test_vm_moves_to_another_host(client: Client, full_clone: Any) -> None:
    host = next(each for each in client.find("host/DC0_C0").host if each != full_clone.runtime.host)

    result(full_clone.Relocate(vim.vm.RelocateSpec(host=host)))

    assert full_clone.runtime.host == host


def test_port_group_is_found_by_key(client: Client, source: Any) -> None:
    port = nics(source)[0].backing.port

    found = client.content.dvSwitchManager.DVSManagerLookupDvPortGroup(port.switchUuid, port.portgroupKey)

    assert found.name == "DC0_DVPG0"


def test_drs_can_be_overridden_for_a_vm(client: Client, full_clone: Any) -> None:
    cluster = client.find("host/DC0_C0")
    override = vim.cluster.DrsVmConfigInfo(key=full_clone, enabled=False, behavior="manual")
    change = vim.cluster.ConfigSpecEx(drsVmConfigSpec=[vim.cluster.DrsVmConfigSpec(operation="add", info=override)])

    WaitForTask(cluster.ReconfigureComputeResource_Task(change, modify=True), si=client.instance)

    overrides = [(each.key, each.enabled, each.behavior) for each in cluster.configurationEx.drsVmConfig]
    assert overrides == [(full_clone, False, "manual")]


def test_datastore_cluster_recommends_where_an_instant_clone_then_goes(client: Client, source: Any) -> None:
    pod = client.find("datastore").CreateStoragePod("pod")
    store = client.find("datastore/LocalDS_1")
    result(pod.MoveIntoFolder_Task([store]))
    placement = vim.storageDrs.StoragePlacementSpec(
        type="clone",
        vm=source,
        folder=client.find("vm"),
        cloneName="in-pod",
        cloneSpec=vim.vm.CloneSpec(location=vim.vm.RelocateSpec(), powerOn=False, template=False),
        podSelectionSpec=vim.storageDrs.PodSelectionSpec(
            storagePod=pod, initialVmConfig=[vim.storageDrs.PodSelectionSpec.VmPodConfig(storagePod=pod)]
        ),
    )

    advice = client.content.storageResourceManager.RecommendDatastores(placement)
    recommended = advice.recommendations[0].action[0].destination
    made = clone(source, "in-pod", datastore=recommended)

    assert recommended == store
    assert set(made.datastore) == {store, *source.datastore}
    assert [disk.backing.datastore for disk in disks(made)] == [store, store]
    assert [disk.backing.fileName for disk in disks(made)] == [
        "[LocalDS_1] in-pod/in-pod.vmdk",
        "[LocalDS_1] in-pod/in-pod_1.vmdk",
    ]


def test_tasks_are_named_after_their_methods(client: Client, source: Any) -> None:
    vm = clone(source, "named")
    cluster = client.find("host/DC0_C0")
    tasks = {
        "ReconfigVM_Task": vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="x")),
        "PowerOffVM_Task": vm.PowerOff(),
        "Rename_Task": vm.Rename("renamed"),
        "MoveIntoFolder_Task": client.find("vm").MoveInto([vm]),
        "ReconfigureCluster_Task": cluster.ReconfigureComputeResource_Task(vim.cluster.ConfigSpecEx(), modify=True),
    }

    names = [task.info.name.info.wsdlName for task in tasks.values()]
    for task in tasks.values():
        result(task)

    assert names == list(tasks)


def test_power_off_event_tells_who_did_it(client: Client, source: Any) -> None:
    vm = clone(source, "switched-off")
    result(vm.PowerOff())

    events = client.content.eventManager.QueryEvents(
        vim.event.EventFilterSpec(
            entity=vim.event.EventFilterSpec.ByEntity(entity=vm, recursion="self"), eventTypeId=["VmPoweredOffEvent"]
        )
    )

    assert [event.userName for event in events] == ["fleet@vsphere.local"]
