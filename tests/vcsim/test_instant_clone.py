# SPDX-License-Identifier: MPL-2.0
"""Tests of an instant clone: its location, the properties of its source and its new properties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, disks, network_edit, nics, plain, spec, until

pytestmark = pytest.mark.simulator

BIOS_UUID = "4210cafe-0000-1111-2222-333344445555"


@dataclass(frozen=True)
class Twins:
    """A clone from a request with all supported fields, its task, its source, and the objects in the request."""

    client: Client
    source: Any
    clone: Any
    task: Any
    folder: Any
    pool: Any
    network: Any
    backings_before: dict[int, Any]
    """Backings of the source's disks before the clone, by disk key."""
    backings_after: dict[int, Any]
    """Backings of the source's disks after the clone, by disk key."""


@pytest.fixture(scope="module")
def twins(start_simulator: StartSimulator) -> Iterator[Twins]:
    with Client(start_simulator("-tools", "300ms")) as client:
        source = client.vm("golden-web")
        folder = client.find("vm").CreateFolder("clones")
        pool = client.find("host/DC0_C0/Resources/DC0_C0_RP1")
        network = client.find("network/DC0_DVPG1")
        before = {disk.key: plain(disk.backing) for disk in disks(source)}
        task = source.InstantClone_Task(
            spec(
                "twin",
                [network_edit(nics(source)[0], portgroup=network)],
                {"guestinfo.ic.ipaddress": "192.0.2.7", "guestinfo.ic.hostname": "twin-host", "colour": "green"},
                BIOS_UUID,
                folder=folder,
                pool=pool,
            )
        )
        WaitForTask(task, si=client.instance)
        after = {disk.key: plain(disk.backing) for disk in disks(source)}
        yield Twins(client, source, task.info.result, task, folder, pool, network, before, after)


def test_task_has_the_names_of_its_method_and_source(twins: Twins) -> None:
    info = twins.task.info

    assert info.name.info.wsdlName == "InstantClone_Task"
    assert info.descriptionId == "VirtualMachine.instantClone"
    assert info.entity == twins.source
    assert info.entityName == "golden-web"


def test_clone_is_in_the_requested_folder_and_pool_and_on_the_host_of_the_source(twins: Twins) -> None:
    assert twins.clone.parent == twins.folder
    assert twins.clone.resourcePool == twins.pool
    assert twins.clone.runtime.host == twins.source.runtime.host


def test_folder_pool_host_and_datastore_list_the_clone(twins: Twins) -> None:
    assert twins.clone in twins.folder.childEntity
    assert twins.clone in twins.pool.vm
    assert twins.clone in twins.clone.runtime.host.vm
    assert twins.clone in twins.clone.datastore[0].vm


def test_clone_runs_and_is_not_frozen(twins: Twins) -> None:
    assert twins.clone.runtime.powerState == "poweredOn"
    assert twins.clone.runtime.instantCloneFrozen is False


def test_clone_is_found_by_the_requested_bios_uuid(twins: Twins) -> None:
    assert twins.clone.config.uuid == BIOS_UUID
    assert twins.client.content.searchIndex.FindByUuid(None, BIOS_UUID, True, False) == twins.clone


def test_requested_extra_config_is_added_to_the_extra_config_of_the_source(twins: Twins) -> None:
    before = {option.key: option.value for option in twins.source.config.extraConfig}
    after = {option.key: option.value for option in twins.clone.config.extraConfig}

    assert after == before | {
        "guestinfo.ic.ipaddress": "192.0.2.7",
        "guestinfo.ic.hostname": "twin-host",
        "colour": "green",
    }


def test_interface_is_on_the_requested_network(twins: Twins) -> None:
    assert nics(twins.clone)[0].backing.port.portgroupKey == twins.network.key
    assert list(twins.clone.network) == [twins.network]


def test_interface_has_a_new_address_from_the_range_of_vcenter(twins: Twins) -> None:
    address = nics(twins.clone)[0].macAddress

    assert address.startswith("00:50:56:")
    assert address != nics(twins.source)[0].macAddress


def test_devices_equal_those_of_the_source_except_files_addresses_and_network(twins: Twins) -> None:
    excluded = ("uuid", "macAddress", "addressType", "fileName", "parent", "contentId", "deltaDiskFormat", "datastore")
    described = [
        [plain(device, (*excluded, "connected", "port", "summary")) for device in vm.config.hardware.device]
        for vm in (twins.source, twins.clone)
    ]

    assert described[0] == described[1]


def test_configuration_equals_that_of_the_source_except_names_files_and_times(twins: Twins) -> None:
    excluded = ("device", "name", "uuid", "instanceUuid", "files", "extraConfig", "locationId")
    times = ("modified", "changeVersion", "createDate")

    assert plain(twins.source.config, excluded + times) == plain(twins.clone.config, excluded + times)


def test_disks_of_a_clone_have_the_disks_of_the_source_as_parents(twins: Twins) -> None:
    assert {disk.key: plain(disk.backing.parent) for disk in disks(twins.clone)} == twins.backings_before
    assert all(twins.client.has_file(disk.backing.fileName) for disk in disks(twins.clone))


def test_disks_of_a_clone_have_new_uuids(twins: Twins) -> None:
    uuids = [disk.backing.uuid for vm in (twins.source, twins.clone) for disk in disks(vm)]

    assert len(set(uuids)) == 4


def test_running_source_gets_a_delta_disk_on_each_disk(twins: Twins) -> None:
    assert {key: backing["parent"] for key, backing in twins.backings_after.items()} == twins.backings_before
    assert [backing["parent"] for backing in twins.backings_before.values()] == [None, None]


def test_file_layout_lists_the_disk_chains(twins: Twins) -> None:
    assert [len(disk.chain) for disk in twins.clone.layoutEx.disk] == [2, 2]


def test_source_and_clone_share_their_memory(twins: Twins) -> None:
    assert twins.source.summary.quickStats.sharedMemory == 4096
    assert twins.clone.summary.quickStats.sharedMemory == 4096


def test_guest_reports_host_name_and_address_from_guestinfo(twins: Twins) -> None:
    until(lambda: twins.clone.guest.toolsRunningStatus == "guestToolsRunning")
    guest = twins.clone.guest

    assert guest.hostName == "twin-host"
    assert guest.ipAddress == "192.0.2.7"
    assert twins.clone.summary.guest.ipAddress == "192.0.2.7"
    assert guest.net[0].ipAddress == ["192.0.2.7"]
    assert guest.net[0].macAddress == nics(twins.clone)[0].macAddress
    assert guest.net[0].network == "DC0_DVPG1"


def test_accepts_a_manual_address_on_a_standard_network(twins: Twins) -> None:
    edit = network_edit(nics(twins.source)[0], network="VM Network", mac="00:50:56:01:02:03")

    made = clone(twins.source, "manual", [edit])

    assert nics(made)[0].macAddress == "00:50:56:01:02:03"
    assert nics(made)[0].addressType == "manual"
    assert [network.name for network in made.network] == ["VM Network"]


def test_two_clones_can_have_the_same_bios_uuid(twins: Twins) -> None:
    for name in ("first-of-two", "second-of-two"):
        clone(twins.source, name, bios_uuid="4210beef-0000-1111-2222-333344445555")

    found = twins.client.content.searchIndex.FindAllByUuid(None, "4210beef-0000-1111-2222-333344445555", True, False)

    assert {vm.name for vm in found} == {"first-of-two", "second-of-two"}


def test_event_names_the_source_and_the_user(twins: Twins) -> None:
    made = clone(twins.source, "announced")

    events = twins.client.content.eventManager.QueryEvents(
        vim.event.EventFilterSpec(
            entity=vim.event.EventFilterSpec.ByEntity(entity=made, recursion="self"),
            eventTypeId=["com.vmware.vc.VmInstantClonedEvent"],
        )
    )

    assert [(type(event), event.vm.vm, event.userName) for event in events] == [
        (vim.event.EventEx, made, "fleet@vsphere.local")
    ]
    assert (events[0].objectName, events[0].arguments[0].value) == ("announced", "golden-web")


def test_clone_has_no_power_or_reconfiguration_events(twins: Twins) -> None:
    made = clone(twins.source, "untouched")

    events = twins.client.content.eventManager.QueryEvents(
        vim.event.EventFilterSpec(
            entity=vim.event.EventFilterSpec.ByEntity(entity=made, recursion="self"),
            eventTypeId=["VmPoweredOnEvent", "VmPoweredOffEvent", "VmReconfiguredEvent"],
        )
    )

    assert list(events) == []
