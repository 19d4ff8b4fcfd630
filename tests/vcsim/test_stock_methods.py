# SPDX-License-Identifier: MPL-2.0
"""Tests of other vCenter methods that the stock provider and pyvmomi programs use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    clone,
    depth,
    devices,
    disks,
    extra_config,
    fault_of,
    machine_spec,
    make,
    nics,
    plain,
    result,
)

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


def test_adds_an_interface_and_a_disk_to_a_running_clone_and_keeps_its_disk_chains(source: Any) -> None:
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


def test_added_devices_are_listed_at_their_controllers(source: Any) -> None:
    vm = clone(source, "linked")
    disk = vim.vm.device.VirtualDisk(
        key=-2,
        controllerKey=1000,
        unitNumber=2,
        capacityInKB=1 << 20,
        backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent"),
    )
    change = vim.vm.device.VirtualDeviceSpec(operation="add", fileOperation="create", device=disk)

    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[change])))

    (bus,) = devices(vm, vim.vm.device.ParaVirtualSCSIController)
    assert bus.device == [disk.key for disk in disks(vm)]


def test_reconfiguration_keeps_unset_fields(source: Any) -> None:
    vm = clone(source, "kept")
    result(vm.PowerOff())
    before = plain(vm.config)
    request = vim.vm.ConfigSpec(
        flags=vim.vm.FlagInfo(vbsEnabled=True),
        tools=vim.vm.ToolsConfigInfo(syncTimeWithHost=True),
        bootOptions=vim.vm.BootOptions(bootDelay=5),
        cpuAllocation=vim.ResourceAllocationInfo(limit=1500),
        memoryAllocation=vim.ResourceAllocationInfo(reservation=512),
        swapPlacement="hostLocal",
        vPMCEnabled=True,
    )

    result(vm.ReconfigVM_Task(request))

    after = plain(vm.config)
    assert after["flags"] == before["flags"] | {"vbsEnabled": True}
    assert after["tools"] == before["tools"] | {"syncTimeWithHost": True}
    assert after["bootOptions"] == before["bootOptions"] | {"bootDelay": 5}
    assert after["cpuAllocation"] == before["cpuAllocation"] | {"limit": 1500}
    assert after["memoryAllocation"] == before["memoryAllocation"] | {"reservation": 512}
    assert (after["swapPlacement"], after["vPMCEnabled"]) == ("hostLocal", True)


def test_normal_shares_are_proportional_to_cpus_and_memory(source: Any) -> None:
    vm = clone(source, "sharing")

    result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(numCPUs=4, memoryMB=8192)))

    assert (vm.config.cpuAllocation.shares.level, vm.config.cpuAllocation.shares.shares) == ("normal", 4000)
    assert (vm.config.memoryAllocation.shares.level, vm.config.memoryAllocation.shares.shares) == ("normal", 81920)


@pytest.mark.parametrize("key", [None, "vmx-19"])
def test_newest_hardware_version_is_the_version_of_the_vms(source: Any, key: str | None) -> None:
    """Expect equal versions: if they differ, the stock provider upgrades the VM, even a running one."""
    option = source.environmentBrowser.QueryConfigOption(key)
    query = vim.EnvironmentBrowser.ConfigOptionQuerySpec(key=key, guestId=[source.config.guestId])
    extended = source.environmentBrowser.QueryConfigOptionEx(query)

    assert source.config.version == "vmx-19"
    assert (option.version, option.hardwareOptions.hwVersion) == ("vmx-19", 19)
    assert (extended.version, extended.hardwareOptions.hwVersion) == ("vmx-19", 19)
    assert [(each.id, each.family) for each in extended.guestOSDescriptor] == [("ubuntu64Guest", "linuxGuest")]


def test_returns_the_number_of_an_older_hardware_version_and_rejects_a_newer_one(source: Any) -> None:
    browser = source.environmentBrowser

    assert browser.QueryConfigOption("vmx-17").hardwareOptions.hwVersion == 17
    assert fault_of(lambda: browser.QueryConfigOption("vmx-21")) == "InvalidArgument"
    described = browser.QueryConfigOptionDescriptor()
    assert [each.key for each in described if each.defaultConfigOption] == ["vmx-19"]
    assert described[-1].key == "vmx-19"


def test_browser_of_a_vm_describes_the_hardware_version_of_the_vm(client: Client) -> None:
    """Expect the VM's own version: the stock provider upgrades from this version, and refuses a downgrade."""
    older = make(client, machine_spec("of-version-17", version="vmx-17"))
    cluster = client.find("host/DC0_C0").environmentBrowser

    assert older.environmentBrowser.QueryConfigOption().hardwareOptions.hwVersion == 17
    assert older.environmentBrowser.QueryConfigOptionEx().hardwareOptions.hwVersion == 17
    assert cluster.QueryConfigOption().hardwareOptions.hwVersion == 19
    assert older.environmentBrowser.QueryConfigTarget().numNumaNodes == cluster.QueryConfigTarget().numNumaNodes == 3
    described = older.environmentBrowser.QueryConfigOptionDescriptor()
    assert [each.key for each in described] == [each.key for each in cluster.QueryConfigOptionDescriptor()]

    result(older.UpgradeVM_Task("vmx-18"))

    assert older.config.version == "vmx-18"
    assert older.environmentBrowser.QueryConfigOption().hardwareOptions.hwVersion == 18
    browser = older.environmentBrowser
    result(older.Destroy())
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        browser.QueryConfigOption()


def test_cluster_is_readable_as_a_compute_resource(client: Client) -> None:
    """Read a cluster as the stock provider does. vCenter accepts each type that an object is an instance of."""
    cluster = client.find("host/DC0_C0")

    alias = vim.ComputeResource(cluster._moId, client.instance._stub)

    assert alias.name == "DC0_C0"
    assert [host.name for host in alias.host] == ["DC0_C0_H0", "DC0_C0_H1", "DC0_C0_H2"]


def test_rejects_a_hardware_upgrade_of_a_running_vm_and_beyond_the_newest_version(source: Any) -> None:
    vm = clone(source, "newest")

    assert fault_of(vm.UpgradeVM_Task) == "InvalidPowerState"
    result(vm.PowerOff())
    assert fault_of(vm.UpgradeVM_Task) == "InvalidState"


def test_destroying_a_clone_removes_its_files_and_does_not_change_the_source(client: Client, source: Any) -> None:
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


def test_full_clone_has_the_configuration_of_its_source(source: Any, full_clone: Any) -> None:
    assert full_clone.config.firmware == "efi"
    assert full_clone.config.swapPlacement == "inherit"
    assert full_clone.config.vPMCEnabled is False
    assert full_clone.config.annotation == source.config.annotation


def test_full_clone_has_a_new_address_and_disks_without_parents(source: Any, full_clone: Any) -> None:
    assert nics(full_clone)[0].macAddress != nics(source)[0].macAddress
    assert [depth(disk) for disk in disks(full_clone)] == [0, 0]
    assert {disk.backing.uuid for disk in disks(full_clone)}.isdisjoint(disk.backing.uuid for disk in disks(source))


def test_vm_moves_to_another_pool(client: Client, full_clone: Any) -> None:
    pool = client.find("host/DC0_C0/Resources/DC0_C0_RP2")

    pool.MoveIntoResourcePool([full_clone])

    assert full_clone.resourcePool == pool
    assert full_clone in pool.vm


def test_port_group_is_found_by_key(client: Client, source: Any) -> None:
    port = nics(source)[0].backing.port

    found = client.content.dvSwitchManager.DVSManagerLookupDvPortGroup(port.switchUuid, port.portgroupKey)

    assert found.name == "DC0_DVPG0"


def test_destroys_a_folder_with_its_content_unless_a_vm_is_powered_on(client: Client, source: Any) -> None:
    outer = client.find("vm").CreateFolder("doomed")
    inner = outer.CreateFolder("inner")
    vm = clone(source, "inside", folder=inner)
    files = [disk.backing.fileName for disk in disks(vm)]

    assert fault_of(outer.Destroy) == "InvalidPowerState"
    assert client.vm("doomed/inner/inside") == vm

    result(vm.PowerOff())
    task = outer.Destroy()
    result(task)

    assert task.info.name.info.wsdlName == "Destroy_Task"
    assert (client.find("vm/doomed"), client.vm("doomed/inner/inside")) == (None, None)
    assert [client.has_file(file) for file in files] == [False, False]
    assert source.runtime.powerState == "poweredOn"


def test_adds_a_drs_override_for_a_vm(client: Client, full_clone: Any) -> None:
    cluster = client.find("host/DC0_C0")
    override = vim.cluster.DrsVmConfigInfo(key=full_clone, enabled=False, behavior="manual")
    change = vim.cluster.ConfigSpecEx(drsVmConfigSpec=[vim.cluster.DrsVmConfigSpec(operation="add", info=override)])

    WaitForTask(cluster.ReconfigureComputeResource_Task(change, modify=True), si=client.instance)

    overrides = [(each.key, each.enabled, each.behavior) for each in cluster.configurationEx.drsVmConfig]
    assert overrides == [(full_clone, False, "manual")]


def test_instant_clone_uses_the_datastore_that_storage_drs_recommends(client: Client, source: Any) -> None:
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


def test_new_disk_in_a_datastore_cluster_is_on_the_home_datastore_of_the_vm(
    start_simulator: StartSimulator,
) -> None:
    with Client(start_simulator("-pods", 1)) as client:
        vm = clone(client.vm("golden-web"), "stored")
        pod = client.find("datastore/DC0_POD0")
        disk = vim.vm.device.VirtualDisk(
            key=-1,
            controllerKey=1000,
            unitNumber=2,
            capacityInKB=1 << 20,
            backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent"),
        )
        change = vim.vm.device.VirtualDeviceSpec(operation="add", fileOperation="create", device=disk)
        placement = vim.storageDrs.StoragePlacementSpec(
            type="reconfigure",
            vm=vm,
            configSpec=vim.vm.ConfigSpec(deviceChange=[change]),
            podSelectionSpec=vim.storageDrs.PodSelectionSpec(
                initialVmConfig=[vim.storageDrs.PodSelectionSpec.VmPodConfig(storagePod=pod)]
            ),
        )
        manager = client.content.storageResourceManager

        (advice,) = manager.RecommendDatastores(placement).recommendations
        applied = result(manager.ApplyStorageDrsRecommendation_Task([advice.key]))

        assert [action.destination.name for action in advice.action] == ["LocalDS_0"]
        assert applied.vm == vm
        assert [each.backing.datastore.name for each in disks(vm)] == ["LocalDS_0"] * 3
        assert fault_of(lambda: manager.ApplyStorageDrsRecommendation_Task([advice.key])) == "InvalidArgument"


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


def test_power_off_event_names_the_user(client: Client, source: Any) -> None:
    vm = clone(source, "switched-off")
    result(vm.PowerOff())

    events = client.content.eventManager.QueryEvents(
        vim.event.EventFilterSpec(
            entity=vim.event.EventFilterSpec.ByEntity(entity=vm, recursion="self"), eventTypeId=["VmPoweredOffEvent"]
        )
    )

    assert [event.userName for event in events] == ["fleet@vsphere.local"]
