# SPDX-License-Identifier: MPL-2.0
"""Tests of the look-up of VMs in the simulator, with literal results."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.errors import ConnectError, LoginError, VcenterError
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import Session, connect, open_session
from instant_clone.vcenter.session.tasks import wait_for
from instant_clone.vm import record
from instant_clone.vm.source_vm import (
    Allocation,
    Boot,
    Cdrom,
    Controller,
    Cpu,
    Flags,
    Memory,
    Nic,
    SourceVm,
    Tools,
    Vcenter,
)
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.replica.replica_layouts import IDE, controller, disk, pvscsi
from tests.instant_clone.vcenter.conftest import create_vm_outside_of_clusters, settings_of
from tests.vcsim.client import spec

pytestmark = pytest.mark.simulator

BANDWIDTH = Allocation(reservation=0, limit=-1, share_level="normal", share_count=50)


def managed_object(session: Session, path: str) -> Any:
    assert session.content.searchIndex is not None
    return session.content.searchIndex.FindByInventoryPath(path)


def test_look_up_of_the_default_layout(session: Session) -> None:
    assert look_up(session, "web", datacenter="DC0") == SourceVm(
        vcenter=Vcenter(instance_uuid="7ea14b2f-2619-5cc3-b8d8-d3478e82241d", sync_time_split=True),
        name="web",
        inventory_path="/DC0/vm/web",
        uuid="c4a0e058-ec62-5205-b1f9-2fd3aa11bde0",
        instance_uuid="9a818fca-bcaf-5bf3-85cd-17f6b809cf2a",
        template=False,
        guest_id="ubuntu64Guest",
        alternate_guest_name="",
        annotation="made by vcsim",
        hardware_version=19,
        cpu=Cpu(
            count=2,
            cores_per_socket=2,
            auto_cores_per_socket=None,
            hot_add_enabled=True,
            hot_remove_enabled=True,
            nested_hv_enabled=False,
            performance_counters_enabled=False,
            allocation=Allocation(reservation=0, limit=-1, share_level="normal", share_count=2000),
        ),
        numa=None,
        memory=Memory(
            size_mb=4096,
            hot_add_enabled=True,
            reservation_locked_to_max=False,
            allocation=Allocation(reservation=0, limit=-1, share_level="normal", share_count=40960),
        ),
        latency_sensitivity="normal",
        swap_placement="inherit",
        boot=Boot(firmware="efi", secure_boot_enabled=False, delay=None, retry_enabled=False, retry_delay=10000),
        flags=Flags(
            disk_uuid_enabled=True,
            logging_enabled=True,
            vbs_enabled=False,
            vvtd_enabled=False,
        ),
        tools=Tools(
            after_power_on=True,
            after_resume=True,
            before_guest_standby=True,
            before_guest_shutdown=True,
            sync_time_with_host=False,
            sync_time_with_host_allowed=True,
            upgrade_policy="manual",
        ),
        controllers=(*IDE, pvscsi(0)),
        disks=(disk("scsi", 0, 0, gib=16), disk("scsi", 0, 1, gib=8)),
        nics=(
            Nic(
                key=4000,
                unit=7,
                type="VirtualVmxnet3",
                network_kind="distributed",
                network_id="dvportgroup-12",
                network_name="DC0_DVPG0",
                address_type="assigned",
                mac_address="00:50:56:80:00:01",
                bandwidth=BANDWIDTH,
            ),
        ),
        cdroms=(),
    )


def test_look_up_of_two_controllers_and_two_kinds_of_interfaces(session: Session) -> None:
    source = look_up(session, "wide", datacenter="DC0")
    assert source.controllers == (*IDE, pvscsi(0), pvscsi(1))
    assert source.disks == (
        disk("scsi", 0, 0, gib=16),
        disk("scsi", 0, 1, gib=4, thin_provisioned=False, eagerly_scrub=True),
        disk("scsi", 1, 0, gib=8, thin_provisioned=False),
        disk("scsi", 1, 3, gib=2),
    )
    assert [(nic.key, nic.type, nic.network_kind, nic.network_id, nic.network_name) for nic in source.nics] == [
        (4000, "VirtualVmxnet3", "distributed", "dvportgroup-12", "DC0_DVPG0"),
        (4001, "VirtualE1000e", "standard", "network-6", "VM Network"),
    ]
    assert source.cdroms == (Cdrom(backing="remote_atapi"),)


def test_look_up_of_every_kind_of_controller_and_custom_allocations(session: Session) -> None:
    source = look_up(session, "mixed", datacenter="DC0")
    assert source.controllers == (
        *IDE,
        controller("scsi", 0, "VirtualLsiLogicSASController"),
        Controller(kind="sata", bus=0, type="VirtualAHCIController"),
        Controller(kind="nvme", bus=0, type="VirtualNVMEController"),
    )
    io = Allocation(reservation=100, limit=2000, share_level="custom", share_count=1500)
    assert source.disks == (
        disk("scsi", 0, 0, gib=16).model_copy(update={"io": io}),
        disk("sata", 0, 0, gib=8),
        disk("nvme", 0, 0, gib=4),
    )
    (cdrom,) = source.cdroms
    assert (cdrom.backing, cdrom.path) == ("iso", "iso/seed.iso")
    assert cdrom.datastore_id is not None
    assert cdrom.datastore_id.startswith("datastore-")
    assert source.cpu.allocation == Allocation(reservation=500, limit=4000, share_level="custom", share_count=3000)
    assert source.memory.allocation == Allocation(reservation=1024, limit=8192, share_level="custom", share_count=90000)
    assert (source.cpu.hot_add_enabled, source.memory.hot_add_enabled) == (False, False)


def test_look_up_of_a_minimal_vm(session: Session) -> None:
    source = look_up(session, "small", datacenter="DC0")
    assert (source.cpu.count, source.memory.size_mb, source.boot.firmware) == (1, 1024, "bios")
    assert source.disks == (disk("scsi", 0, 0, gib=8),)
    assert [nic.network_id for nic in source.nics] == ["network-6"]


def test_look_up_by_path_costs_two_requests(four_layouts: Simulator, session: Session) -> None:
    four_layouts.requests(reset=True)
    look_up(session, "/DC0/vm/wide", datacenter="DC0")
    assert four_layouts.requests() == {"FindByInventoryPath": 1, "RetrievePropertiesEx": 1}


def test_record_is_unchanged_by_running_and_cloning(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-source", "golden-web", "-layout", "golden-web=two-controllers")
    with connect(settings_of(simulator)) as session:

        def recorded() -> str:
            return record.dump(look_up(session, "golden-web", datacenter="DC0"))

        before = recorded()
        machine = managed_object(session, "DC0/vm/golden-web")
        drive: Any
        (drive,) = (each for each in machine.config.hardware.device if isinstance(each, vim.vm.device.VirtualCdrom))
        drive.connectable.connected = not drive.connectable.connected
        connecting = vim.vm.device.VirtualDeviceSpec(operation="edit", device=drive)
        steps: list[Callable[[], object]] = [
            lambda: machine.InstantClone_Task(spec("running clone")),
            lambda: machine.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[connecting])),
            lambda: simulator.freeze("golden-web"),
            lambda: machine.InstantClone_Task(spec("frozen clone")),
            machine.PowerOffVM_Task,
            machine.PowerOnVM_Task,
        ]
        for step in steps:
            task = step()
            if isinstance(task, vim.Task):
                wait_for(task, seconds=60)
            assert recorded() == before
        assert simulator.vm("golden-web").deltas == {2000: 1, 2001: 1, 2016: 1, 2019: 1}


def test_only_a_source_outside_of_clusters_has_a_standalone_host(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-source", "web")
    create_vm_outside_of_clusters(simulator, "alone")
    with connect(settings_of(simulator)) as session:
        alone = look_up(session, "alone", datacenter="DC0")
        assert alone.standalone_host is True
        assert '"standalone_host": true' in record.dump(alone)
        assert look_up(session, "web", datacenter="DC0").standalone_host is None


def test_threads_share_a_session(four_layouts: Simulator, session: Session) -> None:
    names = ["web", "small", "wide", "mixed"] * 4
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda name: look_up(session, name, datacenter="DC0").name, names))
    assert found == names
    assert four_layouts.sessions() == 1


def test_reports_a_missing_privilege(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        simulator.fault("RetrievePropertiesEx", "NoPermission", at="call")
        with pytest.raises(VcenterError, match="the user lacks the privilege") as caught:
            look_up(session, "/DC0/vm/golden-web", datacenter="DC0")
    assert str(caught.value).startswith(f"{simulator.address} (reading the sources): ")


def test_reports_the_name_of_a_fault(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        simulator.fault("FindByInventoryPath", "RequestCanceled", at="call")
        with pytest.raises(VcenterError, match="vCenter answers with RequestCanceled"):
            look_up(session, "/DC0/vm/golden-web", datacenter="DC0")


def test_reports_a_broken_connection(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        simulator.drop("RetrievePropertiesEx", when="after")
        with pytest.raises(ConnectError, match="no connection"):
            look_up(session, "golden-web", datacenter="DC0")
    assert simulator.sessions() == 0


def test_reports_an_ended_session(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    session.close()
    with pytest.raises(LoginError, match="the session has ended"):
        look_up(session, "golden-web", datacenter="DC0")
    session.service_instance._GetStub().DropConnections()


def test_rejects_a_vcenter_that_cannot_instant_clone(start_simulator: StartSimulator) -> None:
    simulator = start_simulator("-version", "6.5.0")
    with connect(settings_of(simulator)) as session, pytest.raises(VcenterError, match=r"6\.5\.0 cannot instant-clone"):
        look_up(session, "golden-web", datacenter="DC0")
    assert simulator.requests() == {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}


@pytest.mark.parametrize(("version", "split"), [("7.0.0", False), ("7.0.1", True), ("8.0.3", True)])
def test_keeps_only_the_setting_that_depends_on_the_version(
    start_simulator: StartSimulator, version: str, split: bool
) -> None:
    with connect(settings_of(start_simulator("-version", version))) as session:
        assert look_up(session, "golden-web", datacenter="DC0").vcenter.sync_time_split is split
