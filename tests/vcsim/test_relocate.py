# SPDX-License-Identifier: MPL-2.0
"""Tests of RelocateVM_Task: a VM moves to its target, and only the target lists it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, depth, disks, fault_of, network_edit, nics, result

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator()) as client:
        yield client


@pytest.fixture(scope="module")
def source(client: Client) -> Any:
    return client.vm("golden-web")


def test_moves_a_running_clone_to_another_host(client: Client, source: Any) -> None:
    vm = clone(source, "to-a-host")
    old = vm.runtime.host
    host = next(each for each in client.find("host/DC0_C0").host if each != old)

    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(host=host)))

    assert (vm.runtime.host, vm.summary.runtime.host, vm.runtime.powerState) == (host, host, "poweredOn")
    assert (vm in host.vm, vm in old.vm) == (True, False)


def test_moves_a_running_clone_to_another_pool_on_the_same_host(client: Client, source: Any) -> None:
    vm = clone(source, "to-a-pool")
    old, host, pool = vm.resourcePool, vm.runtime.host, client.find("host/DC0_C0/Resources/DC0_C0_RP2")

    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(pool=pool)))

    assert (vm.resourcePool, vm.runtime.host) == (pool, host)
    assert (vm in pool.vm, vm in old.vm) == (True, False)


def test_moves_a_running_clone_to_another_datastore_with_its_disk_chains(client: Client, source: Any) -> None:
    vm = clone(source, "to-a-store")
    depths, names = [depth(disk) for disk in disks(vm)], [disk.backing.uuid for disk in disks(vm)]
    store, old = client.find("datastore/LocalDS_1"), client.find("datastore/LocalDS_0")
    source_files = [disk.backing.fileName for disk in disks(source)]

    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(datastore=store)))

    assert vm.config.files.vmPathName == "[LocalDS_1] to-a-store/to-a-store.vmx"
    assert [disk.backing.fileName for disk in disks(vm)] == [
        "[LocalDS_1] to-a-store/to-a-store.vmdk",
        "[LocalDS_1] to-a-store/to-a-store_1.vmdk",
    ]
    assert [disk.backing.parent.datastore for disk in disks(vm)] == [store, store]
    assert all(client.has_file(disk.backing.fileName) for disk in disks(vm))
    assert client.has_file(vm.config.files.vmPathName)
    assert ([depth(disk) for disk in disks(vm)], [disk.backing.uuid for disk in disks(vm)]) == (depths, names)
    assert list(vm.datastore) == [store]
    assert (vm in store.vm, vm in old.vm) == (True, False)
    assert [disk.backing.fileName for disk in disks(source)] == source_files
    result(vm.PowerOff())
    result(vm.Destroy())
    assert not client.has_file("[LocalDS_1] to-a-store/to-a-store.vmx")


def test_moves_one_disk_to_another_datastore(client: Client, source: Any) -> None:
    vm = clone(source, "one-disk")
    store = client.find("datastore/LocalDS_1")
    locator = vim.vm.RelocateSpec.DiskLocator(diskId=disks(vm)[1].key, datastore=store)

    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(disk=[locator])))

    assert vm.config.files.vmPathName == "[LocalDS_0] one-disk/one-disk.vmx"
    assert [disk.backing.datastore.name for disk in disks(vm)] == ["LocalDS_0", "LocalDS_1"]
    assert [each.name for each in vm.datastore] == ["LocalDS_0", "LocalDS_1"]


def test_moves_a_clone_to_another_folder_and_its_interface_to_another_network(client: Client, source: Any) -> None:
    vm = clone(source, "to-a-folder")
    folder, host = client.find("vm").CreateFolder("relocated"), vm.runtime.host
    edit = network_edit(nics(vm)[0], network="VM Network")

    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(folder=folder, deviceChange=[edit])))

    assert client.vm("relocated/to-a-folder") == vm
    assert (vm.parent, vm.runtime.host) == (folder, host)
    assert [network.name for network in vm.network] == ["VM Network"]


def test_rejects_an_invalid_target_and_moves_nothing(client: Client, source: Any) -> None:
    vm = clone(source, "settled")
    elsewhere = client.find("host/DC0_H0").host[0]
    store = client.find("datastore/LocalDS_1")
    locator = vim.vm.RelocateSpec.DiskLocator(diskId=4711, datastore=store)
    before = (vm.runtime.host, vm.resourcePool, list(vm.datastore))
    pool = client.find("host/DC0_C0/Resources")

    refused = [
        fault_of(lambda: vm.RelocateVM_Task(vim.vm.RelocateSpec(pool=pool, host=elsewhere))),
        fault_of(lambda: vm.RelocateVM_Task(vim.vm.RelocateSpec(disk=[locator], datastore=store))),
    ]

    assert refused == ["InvalidArgument", "InvalidArgument"]
    assert (vm.runtime.host, vm.resourcePool, list(vm.datastore)) == before


def test_storage_drs_moves_a_vm_to_a_datastore_cluster(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-pods", 2)
    with Client(simulator) as client:
        vm = clone(client.vm("golden-web"), "to-a-cluster")
        placement = vim.storageDrs.StoragePlacementSpec(
            type="relocate",
            vm=vm,
            priority="defaultPriority",
            relocateSpec=vim.vm.RelocateSpec(pool=vm.resourcePool),
            podSelectionSpec=vim.storageDrs.PodSelectionSpec(storagePod=client.find("datastore/DC0_POD1")),
        )
        manager = client.content.storageResourceManager

        (advice,) = manager.RecommendDatastores(placement).recommendations
        result(manager.ApplyStorageDrsRecommendation_Task([advice.key]))

        assert [action.destination.name for action in advice.action] == ["LocalDS_1"]
        assert [each.name for each in vm.datastore] == ["LocalDS_1"]
        assert [call.method for call in simulator.calls("to-a-cluster")] == ["ApplyStorageDrsRecommendation_Task"]
