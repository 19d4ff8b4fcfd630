# SPDX-License-Identifier: MPL-2.0
"""Tests of the quirks: behavior of some vCenters that the simulator has on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pyVmomi import vim

from testkit.simulator import Simulator, SimulatorError
from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    cdrom,
    clone,
    controller,
    devices,
    disk,
    disks,
    extra_config,
    fault_of,
    in_threads,
    machine_spec,
    make,
    nic,
    nics,
    result,
    spec,
    until,
)

pytestmark = pytest.mark.simulator

GIB = 1 << 30
Device = vim.vm.device


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-vm", 0, "-tools", "100ms", "-source", "golden-web,golden-db")


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture(autouse=True)
def reset_quirks(simulated: Simulator) -> Iterator[None]:
    yield
    simulated.reset_quirks()


@pytest.fixture
def source(client: Client) -> Any:
    return client.vm("golden-web")


def provisioning(each: Any) -> tuple[object, ...]:
    backing = each.backing
    return (
        backing.thinProvisioned,
        backing.eagerlyScrub,
        backing.writeThrough,
        backing.deltaDiskFormat,
        each.capacityInBytes,
    )


def test_delta_disks_of_a_clone_do_not_report_provisioning(simulated: Simulator, source: Any) -> None:
    simulated.quirk("delta-fields", "unset")

    made = clone(source, "deltas-unset")

    assert [provisioning(each) for each in disks(made)] == [(None, None, None, None, None)] * 2
    assert [each.capacityInKB for each in disks(made)] == [16 << 20, 8 << 20]
    assert [provisioning(each)[:3] for each in disks(source)] == [(True, False, False)] * 2


def test_delta_disks_of_a_clone_report_different_values_from_their_base(simulated: Simulator, source: Any) -> None:
    simulated.quirk("delta-fields", "other")

    made = clone(source, "deltas-other")

    assert provisioning(disks(made)[0]) == (False, True, True, "seSparseFormat", 16 * GIB + (1 << 20))


@pytest.mark.parametrize(
    ("value", "reported"),
    [("unset", (None, None, None, None, None)), ("other", (False, True, True, "seSparseFormat", 8 * GIB + (1 << 20)))],
)
def test_delta_disks_of_a_running_source_report_different_values_after_a_clone(
    simulated: Simulator, client: Client, value: str, reported: tuple[object, ...]
) -> None:
    vm = make(
        client, machine_spec(f"base-{value}", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, 8 * GIB)])
    )
    result(vm.PowerOn())
    simulated.quirk("source-delta-fields", value, vm=f"base-{value}")

    clone(vm, f"of-base-{value}")

    assert [provisioning(each) for each in disks(vm)] == [reported]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("config.memoryAllocation.reservation", "512", 512),
        ("config.cpuAllocation.limit", "1500", 1500),
        ("config.cpuAllocation.shares.level", "high", "high"),
        ("config.memoryAllocation.shares.shares", "7", 7),
        ("config.latencySensitivity.level", "high", "high"),
        ("config.tools.afterPowerOn", "false", False),
        ("config.tools.toolsUpgradePolicy", "unset", None),
        ("config.bootOptions.bootDelay", "30", 30),
        ("config.annotation", "another", "another"),
        ("config.hardware.numCPU", "1", 1),
        ("config.flags.enableLogging", "unset", None),
    ],
)
def test_clone_differs_from_its_source_in_a_setting(
    simulated: Simulator, source: Any, path: str, value: str, expected: object
) -> None:
    simulated.clone_differs(path, value)

    made = clone(source, f"differs-{path}")

    assert at(made, path) == expected
    assert at(source, path) != expected


def identity(task: Any) -> Any:
    return task


def at(vm: Any, path: str) -> Any:
    for name in path.split("."):
        vm = getattr(vm, name)
    return vm


def test_clone_differs_from_its_source_in_a_device_property(simulated: Simulator, client: Client) -> None:
    vm = make(
        client,
        machine_spec(
            "many-devices",
            [
                controller(Device.ParaVirtualSCSIController, -1),
                disk(-1, 0, GIB),
                disk(-1, 1, GIB),
                cdrom(200, 0, Device.VirtualCdrom.IsoBackingInfo(fileName="[LocalDS_0] seed.iso"), start=True),
                nic(Device.VirtualVmxnet3, Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")),
            ],
        ),
    )
    result(vm.PowerOn())
    simulated.clone_differs("disk.1.storageIOAllocation.limit", "300", vm="many-devices")
    simulated.clone_differs("nic.0.resourceAllocation.share.level", "low", vm="many-devices")
    simulated.clone_differs("cdrom.0.connectable.connected", "false", vm="many-devices")

    made = clone(vm, "other-devices")

    assert [each.storageIOAllocation.limit for each in disks(made)] == [-1, 300]
    assert nics(made)[0].resourceAllocation.share.level == "low"
    assert [devices(each, Device.VirtualCdrom)[0].connectable.connected for each in (vm, made)] == [True, False]


def test_quirk_of_one_source_does_not_apply_to_other_sources(simulated: Simulator, client: Client) -> None:
    simulated.clone_differs("config.annotation", "bent", vm="golden-db")

    made = [clone(client.vm(name), f"of-{name}") for name in ("golden-web", "golden-db")]

    assert [each.config.annotation for each in made] == ["made by vcsim", "bent"]


def test_clone_has_a_different_device_order(simulated: Simulator, source: Any) -> None:
    keys = [device.key for device in source.config.hardware.device]

    simulated.quirk("device-order", "reversed")
    backwards = [device.key for device in clone(source, "backwards").config.hardware.device]
    simulated.quirk("device-order", "shuffled")
    shuffled = [device.key for device in clone(source, "shuffled").config.hardware.device]

    assert backwards == keys[::-1]
    assert shuffled == [*keys[2::3], *keys[1::3], *keys[0::3]]


def test_clone_has_different_device_keys(simulated: Simulator, source: Any) -> None:
    simulated.quirk("device-keys", "renumbered")

    made = clone(source, "rekeyed")

    assert [(each.key, each.controllerKey, each.unitNumber) for each in disks(made)] == [
        (2300, 1010, 0),
        (2301, 1010, 1),
    ]
    assert [each.key for each in nics(made)] == [4300]
    (bus,) = devices(made, Device.ParaVirtualSCSIController)
    assert list(bus.device) == [2300, 2301]
    until(lambda: made.guest.ipAddress)
    assert [each.deviceConfigId for each in made.guest.net] == [4300]


def test_interface_added_after_renumbering_gets_a_free_unit(simulated: Simulator, source: Any) -> None:
    simulated.quirk("device-keys", "renumbered")
    made = clone(source, "rekeyed-and-more")
    standard: Any = Device.VirtualEthernetCard.NetworkBackingInfo
    card = nic(Device.VirtualVmxnet3, standard(deviceName="VM Network"))
    added = Device.VirtualDeviceSpec(operation="add", device=card)

    result(made.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[added])))

    assert [(each.key, each.unitNumber) for each in nics(made)] == [(4300, 7), (4001, 8)]


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("renumbered", ["Hard disk 2", "Hard disk 1", "Network adapter 1"]),
        ("de", ["Festplatte 1", "Festplatte 2", "Netzwerkadapter 1"]),
        ("fr", ["Disque dur 1", "Disque dur 2", "Adaptateur réseau 1"]),
    ],
)
def test_clone_has_different_device_labels(simulated: Simulator, source: Any, value: str, labels: list[str]) -> None:
    simulated.quirk("device-labels", value)

    made = clone(source, f"relabeled-{value}")

    assert [each.deviceInfo.label for each in (*disks(made), *nics(made))] == labels


def test_clones_and_new_devices_have_the_label_language_of_the_vm(simulated: Simulator, client: Client) -> None:
    localized = simulated.localize("golden-db", "de")
    source = client.vm("golden-db")

    made = clone(source, "auf-deutsch")
    more = Device.VirtualDeviceSpec(operation="add", fileOperation="create", device=disk(1000, 2, GIB))
    result(made.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[more])))

    assert (localized[2000], localized[4000], localized[1000]) == (
        "Festplatte 1",
        "Netzwerkadapter 1",
        "SCSI-Controller 0",
    )
    assert [each.deviceInfo.label for each in disks(source)] == ["Festplatte 1", "Festplatte 2"]
    assert [each.deviceInfo.label for each in disks(made)] == ["Festplatte 1", "Festplatte 2", "Festplatte 3"]
    simulated.localize("golden-db", "en")
    assert [each.deviceInfo.label for each in disks(source)] == ["Hard disk 1", "Hard disk 2"]


def test_locale_flag_sets_the_language_of_all_device_labels(start_simulator: StartSimulator) -> None:
    with Client(start_simulator("-vm", 0, "-locale", "de")) as client:
        made = make(client, machine_spec("neu", [controller(Device.VirtualAHCIController, -1), disk(-1, 0, GIB)]))

        assert [each.deviceInfo.label for each in disks(client.vm("golden-web"))] == ["Festplatte 1", "Festplatte 2"]
        assert disks(made)[0].deviceInfo.label == "Festplatte 1"


@pytest.mark.parametrize(("value", "fault"), [("missing", "MethodNotFound"), ("forbidden", "NoPermission")])
def test_dry_run_fails_if_it_is_missing_or_forbidden(
    simulated: Simulator, client: Client, source: Any, value: str, fault: str
) -> None:
    simulated.quirk("check", value)
    checker = client.content.vmProvisioningChecker

    assert fault_of(lambda: checker.CheckInstantClone_Task(source, spec("checked"))) == fault
    assert fault_of(lambda: source.InstantClone_Task(spec(f"unchecked-{value}"))) is None

    simulated.reset_quirks("check")
    assert fault_of(lambda: checker.CheckInstantClone_Task(source, spec("checked"))) is None


def test_dry_run_accepts_a_datastore_if_the_quirk_is_active(simulated: Simulator, client: Client, source: Any) -> None:
    checker = client.content.vmProvisioningChecker
    placed = spec("checked", datastore=source.datastore[0])
    assert fault_of(lambda: checker.CheckInstantClone_Task(source, placed)) == "InvalidArgument"

    simulated.quirk("check", "accepts-datastore")

    (found,) = result(checker.CheckInstantClone_Task(source, placed))
    assert found.error == []
    on_host = spec("checked", host=source.runtime.host)
    assert fault_of(lambda: checker.CheckInstantClone_Task(source, on_host)) == "InvalidArgument"


def test_rejects_an_extra_config_key_that_belongs_to_a_config_spec_field(simulated: Simulator, source: Any) -> None:
    reconfigure = vim.vm.ConfigSpec(extraConfig=extra_config({"memsize": "64"}))
    simulated.quirk("own-keys", "refused")

    assert fault_of(lambda: source.ReconfigVM_Task(reconfigure)) == "InvalidArgument"
    assert fault_of(lambda: source.InstantClone_Task(spec("keys", config={"numvcpus": "1"}))) == "InvalidArgument"
    assert fault_of(lambda: source.InstantClone_Task(spec("keys", config={"guestinfo.a": "1"}))) is None


def test_guest_never_reports_an_address(simulated: Simulator, source: Any) -> None:
    simulated.quirk("guest-network", "never")

    made = clone(source, "mute", config={"guestinfo.ic.ipaddress": "192.0.2.9", "guestinfo.ic.hostname": "mute-host"})
    until(lambda: made.guest.toolsRunningStatus == "guestToolsRunning")

    assert (made.guest.hostName, made.guest.ipAddress, list(made.guest.ipStack)) == ("mute-host", None, [])
    assert [list(each.ipAddress) for each in made.guest.net] == [[]]


def test_guest_always_reports_the_address_of_its_source(simulated: Simulator, source: Any) -> None:
    simulated.quirk("guest-network", "source")

    made = clone(source, "echo", config={"guestinfo.ic.ipaddress": "192.0.2.9", "guestinfo.ic.hostname": "echo-host"})
    until(lambda: made.guest.ipAddress)

    assert (made.guest.hostName, made.guest.ipAddress) == ("echo-host", source.guest.ipAddress)


def test_slow_delays_answers_to_one_method_until_it_is_reset(simulated: Simulator, client: Client) -> None:
    simulated.slow("FindByInventoryPath", ms=600_000)
    simulated.requests(reset=True)
    found: list[Any] = []

    def find() -> None:
        with Client(simulated) as other:
            found.append(other.find("vm").name)

    thread = threading.Thread(target=find, daemon=True)
    thread.start()
    until(lambda: simulated.requests().get("FindByInventoryPath"))

    assert client.instance.CurrentTime()
    assert found == []

    simulated.slow("FindByInventoryPath", ms=0)
    thread.join(120)
    assert found == ["vm"]


def test_parallel_limit_applies_to_the_clone_tasks_of_a_source(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-vm", 0, "-parallel-limit", 2)
    simulated.hold("InstantClone_Task", at="task")
    with Client(simulated) as client:
        source = client.vm("golden-web")
        tasks = [source.InstantClone_Task(spec(f"parallel-{index}")) for index in range(4)]

        assert [fault_of(partial(identity, task)) for task in tasks[2:]] == ["TaskInProgress", "TaskInProgress"]
        simulated.release()
        assert [fault_of(partial(identity, task)) for task in tasks[:2]] == [None, None]
        assert fault_of(lambda: source.InstantClone_Task(spec("afterwards"))) is None


def test_parallel_limit_allows_one_reconfiguration_of_a_cluster_at_a_time(start_simulator: StartSimulator) -> None:
    simulated = start_simulator("-vm", 2, "-parallel-limit", 8)
    simulated.hold("ReconfigureComputeResource_Task", at="task")
    with Client(simulated) as client:
        cluster = client.find("host/DC0_C0")
        overrides = [
            vim.cluster.DrsVmConfigSpec(
                operation="add",
                info=vim.cluster.DrsVmConfigInfo(key=client.vm(f"DC0_C0_RP0_VM{index}"), enabled=False),
            )
            for index in range(2)
        ]
        tasks = [
            cluster.ReconfigureComputeResource_Task(vim.cluster.ConfigSpecEx(drsVmConfigSpec=[each]), modify=True)
            for each in overrides
        ]

        assert tasks[0].info.entity == cluster
        assert fault_of(partial(identity, tasks[1])) == "TaskInProgress"
        simulated.release()
        assert fault_of(partial(identity, tasks[0])) is None
        assert len(cluster.configurationEx.drsVmConfig) == 1


def test_clones_are_not_limited_by_default(simulated: Simulator) -> None:
    def work(index: int) -> None:
        with Client(simulated) as client:
            clone(client.vm("golden-web"), f"unlimited-{index}")

    assert in_threads(8, work) == []


def test_rejects_invalid_parameters(simulated: Simulator) -> None:
    with pytest.raises(SimulatorError, match=r'there is no quirk "nonsense"\. Use one of check, clone-differs'):
        simulated.quirk("nonsense")
    with pytest.raises(SimulatorError, match='the value of quirk delta-fields must be one of unset, other, not "blue"'):
        simulated.quirk("delta-fields", "blue")
    with pytest.raises(SimulatorError, match=r"path config\.nonsense: the API has no property nonsense"):
        simulated.clone_differs("config.nonsense", "1")
    with pytest.raises(SimulatorError, match='the value must be an integer of 64 bits, not "much"'):
        simulated.clone_differs("config.memoryAllocation.reservation", "much")
    with pytest.raises(SimulatorError, match='locale: must be one of de, en, fr, not "tlh"'):
        simulated.localize("golden-web", "tlh")
    with pytest.raises(KeyError, match="nobody"):
        simulated.localize("nobody", "de")
    with pytest.raises(SimulatorError, match='method must be a method of the SOAP API, not "NoSuchMethod"'):
        simulated.slow("NoSuchMethod", ms=1)
