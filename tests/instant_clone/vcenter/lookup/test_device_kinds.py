# SPDX-License-Identifier: MPL-2.0
"""Tests of the kinds of devices, for each class of virtual devices that pyvmomi knows."""

from __future__ import annotations

import pytest
from pyVmomi import VmomiSupport, vim

from instant_clone.vcenter.lookup.device_reader import other_devices
from instant_clone.vm.device_kinds import kind_of
from instant_clone.vm.source_vm import OtherDevice

device = vim.vm.device

READ_ELSEWHERE = {
    "VirtualAHCIController",
    "VirtualBusLogicController",
    "VirtualCdrom",
    "VirtualDisk",
    "VirtualE1000",
    "VirtualE1000e",
    "VirtualEthernetCard",
    "VirtualIDEController",
    "VirtualLsiLogicController",
    "VirtualLsiLogicSASController",
    "VirtualNVMEController",
    "VirtualPCIPassthrough",
    "VirtualPCNet32",
    "VirtualSATAController",
    "VirtualSCSIController",
    "VirtualSriovEthernetCard",
    "VirtualTPM",
    "VirtualVmxnet",
    "VirtualVmxnet2",
    "VirtualVmxnet3",
    "VirtualVmxnet3Vrdma",
    "ParaVirtualSCSIController",
}
HARMLESS = {
    "VirtualHdAudioCard",
    "VirtualKeyboard",
    "VirtualPCIController",
    "VirtualPS2Controller",
    "VirtualPointingDevice",
    "VirtualSIOController",
    "VirtualUSBXHCIController",
    "VirtualVMCIDevice",
    "VirtualVideoCard",
}
DOUBTFUL = {
    "VirtualController",
    "VirtualDevice",
    "VirtualEnsoniq1371",
    "VirtualFloppy",
    "VirtualNVDIMM",
    "VirtualNVDIMMController",
    "VirtualParallelPort",
    "VirtualPrecisionClock",
    "VirtualSCSIPassthrough",
    "VirtualSerialPort",
    "VirtualSoundBlaster16",
    "VirtualSoundCard",
    "VirtualUSB",
    "VirtualUSBController",
    "VirtualVMIROM",
    "VirtualWDT",
}


def classes() -> dict[str, type[device.VirtualDevice]]:
    """Return the classes of virtual devices by their names in the API."""
    loaded = [
        VmomiSupport.GetVmodlType(name)
        for name in VmomiSupport._dataDefMap
        if name.startswith("vim.vm.device.") and name.count(".") == 3
    ]
    return {kind.__name__.rpartition(".")[2]: kind for kind in loaded if issubclass(kind, device.VirtualDevice)}


def test_each_device_class_is_modeled_or_harmless_or_doubtful() -> None:
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for name, kind in classes().items():
        found[bool(other_devices([kind(key=1)]))].add(name)
    assert found == {True: DOUBTFUL, False: HARMLESS | READ_ELSEWHERE}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("VirtualSerialPort", "doubtful"),
        ("VirtualTPM", "doubtful"),
        ("VirtualPCIPassthrough", "refused"),
        ("VirtualSriovEthernetCard", "refused"),
        ("VirtualUSBXHCIController", "harmless"),
        ("VirtualQuantumCard", "doubtful"),
    ],
)
def test_verdict_of_a_device(name: str, verdict: str) -> None:
    assert kind_of(name).verdict == verdict


def test_floppy_drive_is_harmless_only_without_an_image_or_a_device_of_the_host() -> None:
    backings = (
        device.VirtualFloppy.RemoteDeviceBackingInfo(deviceName=""),
        device.VirtualFloppy.ImageBackingInfo(fileName="[LocalDS_0] web/drivers.flp"),
        device.VirtualFloppy.DeviceBackingInfo(deviceName="/dev/fd0"),
    )
    assert [
        each.backing for each in other_devices([device.VirtualFloppy(key=8000, backing=each) for each in backings])
    ] == [
        "ImageBackingInfo",
        "DeviceBackingInfo",
    ]


def test_doubtful_devices_have_label_and_backing() -> None:
    label = vim.Description(label="Serial port 1", summary="Remote")
    assert other_devices(
        [
            device.VirtualVideoCard(key=500),
            device.VirtualSerialPort(
                key=9000,
                deviceInfo=label,
                backing=device.VirtualSerialPort.URIBackingInfo(serviceURI="telnet://:2001", direction="server"),
            ),
            device.VirtualWDT(key=18000),
        ]
    ) == (
        OtherDevice(type="VirtualSerialPort", label="Serial port 1", backing="URIBackingInfo"),
        OtherDevice(type="VirtualWDT", label="VirtualWDT with the key 18000"),
    )
