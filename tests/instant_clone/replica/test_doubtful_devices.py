# SPDX-License-Identifier: MPL-2.0
"""Tests of the warnings about devices with which an instant clone may fail."""

from __future__ import annotations

import pytest

from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import OtherDevice, SourceVm
from tests.instant_clone.replica.replica_expectations import DRY_RUN, TPM_WARNING, unknown_warning
from tests.instant_clone.replica.replica_layouts import default, disk

NEWEST = ProviderVersion("2.16.1")


def with_device(type_: str, label: str, backing: str | None = None) -> SourceVm:
    return default(other_devices=(OtherDevice(type=type_, label=label, backing=backing),))


def test_source_without_doubtful_devices_has_no_warning() -> None:
    assert replicate(default(), NEWEST).warnings == ()


def test_serial_port_warning_has_a_cure() -> None:
    assert replicate(with_device("VirtualSerialPort", "Serial port 1", "FileBackingInfo"), NEWEST).warnings == (
        "/DC0/vm/golden-0, Serial port 1: vCenter was seen to refuse an instant clone of a VM with a serial port "
        "(\"Device 'Serial port 1' is not supported\"). Power off the source, remove the port, power on the source, "
        f"and freeze it again. {DRY_RUN}",
    )


def test_tpm_warning_cites_the_test_suite_of_vmware() -> None:
    assert replicate(default(tpm_count=1), NEWEST).warnings == (TPM_WARNING,)


@pytest.mark.parametrize(
    ("source", "place", "device"),
    [
        (with_device("VirtualParallelPort", "Parallel port 1"), "Parallel port 1", "a parallel port"),
        (
            with_device("VirtualFloppy", "Floppy drive 1", "ImageBackingInfo"),
            "Floppy drive 1",
            "a floppy drive that has an image or a device of the host",
        ),
        (with_device("VirtualUSB", "USB 1", "USBBackingInfo"), "USB 1", "a USB device of the host"),
        (with_device("VirtualSoundBlaster16", "Sound card"), "Sound card", "a sound card of this type"),
        (with_device("VirtualWDT", "Watchdog timer"), "Watchdog timer", "a watchdog timer"),
        (with_device("VirtualPrecisionClock", "Precision clock"), "Precision clock", "a precision clock"),
        (with_device("VirtualNVDIMM", "NVDIMM 1"), "NVDIMM 1", "an NVDIMM"),
        (with_device("VirtualSCSIPassthrough", "SCSI device 1"), "SCSI device 1", "a SCSI device of the host"),
        (with_device("VirtualFluxCard", "Flux 1"), "Flux 1", "a device of the type VirtualFluxCard"),
        (
            default(disks=(disk(), disk(unit=1, mode="independent_persistent"))),
            "disk SCSI(0:1)",
            "an independent disk",
        ),
        (
            default(disks=(disk(), disk(unit=1, mode="independent_nonpersistent"))),
            "disk SCSI(0:1)",
            "an independent disk",
        ),
        (default(disks=(disk(), disk(unit=2, sharing="sharingMultiWriter"))), "disk SCSI(0:2)", "a multi-writer disk"),
        (default(disks=(disk(first_class=True),)), "disk SCSI(0:0)", "a first class disk"),
    ],
)
def test_warns_about_devices_without_public_evidence(source: SourceVm, place: str, device: str) -> None:
    assert replicate(source, NEWEST).warnings == (unknown_warning(place, device),)


def test_doubtful_devices_do_not_change_arguments() -> None:
    plain, doubtful = replicate(default(), NEWEST), replicate(with_device("VirtualSerialPort", "Serial port 1"), NEWEST)
    assert doubtful.arguments == plain.arguments
    assert doubtful.ignore_changes == plain.ignore_changes
