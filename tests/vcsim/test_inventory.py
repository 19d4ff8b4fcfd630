# SPDX-License-Identifier: MPL-2.0
"""Tests of the inventory that the flags describe, and of its stability between starts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vmodl

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, disks, nics, plain

pytestmark = pytest.mark.simulator

FLAGS = ("-layout", "golden-web=two-controllers", "-layout", "golden-off=sata-nvme", "-vm", 1)
TIMES = ("bootTime", "changeVersion", "createDate", "modified", "timestamp", "currentTime")
TEMPORARY_FOLDERS = ("path", "url")


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator(*FLAGS)) as client:
        yield client


def inventory(client: Client) -> list[Any]:
    """Return all objects of the inventory."""
    view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [], recursive=True)
    objects = [client.content.rootFolder, *view.view]
    view.Destroy()
    return objects


def properties(thing: Any) -> dict[str, Any]:
    """Return the properties of an object that this API version has and that the simulator implements."""
    found = {}
    for each in thing._GetPropertyList():
        try:
            found[each.name] = getattr(thing, each.name)
        except (vmodl.fault.MethodNotFound, vmodl.query.InvalidProperty):
            continue
    return found


def test_every_property_of_every_object_can_be_read(client: Client) -> None:
    names = {properties(thing)["name"] for thing in inventory(client)}

    assert names >= {
        "DC0",
        "DC0_C0",
        "DC0_C0_H0",
        "DC0_C0_RP1",
        "LocalDS_0",
        "DVS0",
        "DC0_DVPG0",
        "VM Network",
        "golden-web",
    }


def test_unset_reference_is_none(client: Client) -> None:
    assert client.content.rootFolder.parent is None
    assert client.vm("golden-web").parentVApp is None


def test_inventory_is_the_same_at_each_start_except_times_and_temporary_folders(
    client: Client, start_simulator: StartSimulator
) -> None:
    with Client(start_simulator(*FLAGS)) as again:
        dumps = [
            {
                str(thing): {name: plain(value, TIMES + TEMPORARY_FOLDERS) for name, value in properties(thing).items()}
                for thing in inventory(each)
            }
            for each in (client, again)
        ]
        instances = [plain(each.content.about) for each in (client, again)]

    assert dumps[0] == dumps[1]
    assert instances[0] == instances[1]


def test_ids_of_a_vm_do_not_depend_on_other_objects(start_simulator: StartSimulator) -> None:
    ids = []
    for flags in ((), ("-vm", 5, "-pool", 4)):
        with Client(start_simulator(*flags)) as client:
            vm = client.vm("golden-web")
            ids.append(
                (
                    vm.config.uuid,
                    vm.config.instanceUuid,
                    [disk.backing.uuid for disk in disks(vm)],
                    nics(vm)[0].macAddress,
                )
            )

    assert ids[0] == ids[1]
    assert ids[0] == (
        "ca453570-29d3-51b9-81cc-4871557ca9fd",
        "5cb41102-bb7c-58d4-b4bf-73e1ef6a3cb4",
        ids[0][2],
        "00:50:56:80:00:01",
    )


def test_ids_are_unique(client: Client) -> None:
    vms = [client.vm(name) for name in ("golden-web", "golden-off", "DC0_C0_RP0_VM0")]
    ids = [each for vm in vms for each in (vm.config.uuid, vm.config.instanceUuid)]
    ids += [disk.backing.uuid for vm in vms for disk in disks(vm)]
    addresses = [nic.macAddress for vm in vms for nic in nics(vm)]

    assert len(set(ids)) == len(ids) == 15
    assert len(set(addresses)) == len(addresses) == 4


def test_clones_have_random_uuids(client: Client) -> None:
    vm = clone(client.vm("golden-web"), "random")

    assert uuid.UUID(vm.config.uuid).version == 4
    assert uuid.UUID(vm.config.instanceUuid).version == 4
    assert {uuid.UUID(disk.backing.uuid).version for disk in disks(vm)} == {4}


def test_vm_is_found_by_its_uuid(client: Client) -> None:
    vm = client.vm("golden-web")

    assert client.content.searchIndex.FindByUuid(None, vm.config.uuid, True, False) == vm


def test_sources_are_powered_on_and_off_vms_are_powered_off(client: Client) -> None:
    states = {name: client.vm(name).runtime.powerState for name in ("golden-web", "golden-off", "DC0_C0_RP0_VM0")}

    assert states == {"golden-web": "poweredOn", "golden-off": "poweredOff", "DC0_C0_RP0_VM0": "poweredOn"}


def test_flags_set_version_hosts_pools_and_names(start_simulator: StartSimulator) -> None:
    simulated: Simulator = start_simulator(
        "-version", "8.0.2", "-host", 2, "-pool", 3, "-source", "a,b", "-off", "", "-vm", 0
    )
    with Client(simulated) as client:
        about = client.content.about
        assert (about.version, about.apiVersion) == ("8.0.2", "8.0.2.0")
        assert [host.name for host in client.find("host/DC0_C0").host] == ["DC0_C0_H0", "DC0_C0_H1"]
        pools = [pool.name for pool in client.find("host/DC0_C0/Resources").resourcePool]
        assert pools == ["DC0_C0_RP1", "DC0_C0_RP2", "DC0_C0_RP3"]
        assert [vm.name for vm in client.find("vm").childEntity] == ["a", "b"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, {"DC0_POD0": ["LocalDS_0", "LocalDS_1"]}), (2, {"DC0_POD0": ["LocalDS_0"], "DC0_POD1": ["LocalDS_1"]})],
)
def test_datastores_are_distributed_among_the_datastore_clusters(
    start_simulator: StartSimulator, count: int, expected: dict[str, list[str]]
) -> None:
    with Client(start_simulator("-pods", count)) as client:
        children = client.find("datastore").childEntity
        source = client.vm("golden-web")

        assert {pod.name: [store.name for store in pod.childEntity] for pod in children} == expected
        assert [store.parent.name for store in source.datastore] == ["DC0_POD0"]
        assert [pod.podStorageDrsEntry.storageDrsConfig.podConfig.enabled for pod in children] == [True] * count
