# SPDX-License-Identifier: MPL-2.0
"""The kinds of virtual devices, and what is known about instant clones of VMs that have such a device.

The names are the class names of the vSphere API. The rows have these sources, none of which is the API reference:

- Serial port: vmware/ansible-vsphere-gos-validation, issue 416 (the answer of vCenter) and pull request 698 (the suite
  removes serial ports before it creates instant clones).
- Virtual TPM: linux/vtpm_cold_add_remove/vtpm_add_remove_test.yml in the same repository. It instant-clones a VM
  without a TPM and makes a full clone of a VM with a TPM.
- Passthrough devices and SR-IOV: `replica` refuses them.
- Harmless devices: vSphere adds them to each VM, or by default to VMs of many guest systems. No refusal is known.
- All other devices: no public evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from instant_clone.vm.source_vm import Disk

__all__ = [
    "DEVICE_KINDS",
    "FIRST_CLASS_DISK",
    "INDEPENDENT_DISK",
    "MULTI_WRITER_DISK",
    "TPM",
    "DeviceKind",
    "disk_kinds",
    "kind_of",
]

Verdict = Literal["harmless", "refused", "doubtful"]


@dataclass(frozen=True)
class DeviceKind:
    """Whether a VM with a kind of device can be instant-cloned. A doubtful kind also has a sentence and a cure."""

    verdict: Verdict
    known: str = ""
    cure: str = ""


def _unknown(device: str) -> DeviceKind:
    return DeviceKind("doubtful", f"No public source says whether a VM with {device} can be instant-cloned.")


_HARMLESS = DeviceKind("harmless")
_REFUSED = DeviceKind("refused")
_SERIAL_PORT = DeviceKind(
    "doubtful",
    "vCenter was seen to refuse an instant clone of a VM with a serial port "
    "(\"Device 'Serial port 1' is not supported\").",
    "Power off the source, remove the port, power on the source, and freeze it again.",
)
TPM = DeviceKind(
    "doubtful",
    "VMware's test suite vmware/ansible-vsphere-gos-validation makes a full clone of a VM with a virtual TPM, because "
    "instant cloning is not supported.",
    "If vCenter refuses the source, use a source without a TPM.",
)
INDEPENDENT_DISK = _unknown("an independent disk")
MULTI_WRITER_DISK = _unknown("a multi-writer disk")
FIRST_CLASS_DISK = _unknown("a first class disk")

DEVICE_KINDS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "VirtualFloppy with RemoteDeviceBackingInfo": _HARMLESS,
        "VirtualFloppy": _unknown("a floppy drive that has an image or a device of the host"),
        "VirtualHdAudioCard": _HARMLESS,
        "VirtualKeyboard": _HARMLESS,
        "VirtualNVDIMM": _unknown("an NVDIMM"),
        "VirtualPCIController": _HARMLESS,
        "VirtualPCIPassthrough": _REFUSED,
        "VirtualPS2Controller": _HARMLESS,
        "VirtualParallelPort": _unknown("a parallel port"),
        "VirtualPointingDevice": _HARMLESS,
        "VirtualPrecisionClock": _unknown("a precision clock"),
        "VirtualSCSIPassthrough": _unknown("a SCSI device of the host"),
        "VirtualSIOController": _HARMLESS,
        "VirtualSerialPort": _SERIAL_PORT,
        "VirtualSoundBlaster16": _unknown("a sound card of this type"),
        "VirtualEnsoniq1371": _unknown("a sound card of this type"),
        "VirtualSriovEthernetCard": _REFUSED,
        "VirtualTPM": TPM,
        "VirtualUSB": _unknown("a USB device of the host"),
        "VirtualUSBXHCIController": _HARMLESS,
        "VirtualVMCIDevice": _HARMLESS,
        "VirtualVideoCard": _HARMLESS,
        "VirtualWDT": _unknown("a watchdog timer"),
    }
)
"""the kinds by class name, or by the class names of the device and its backing"""


def kind_of(device: str, backing: str | None = None) -> DeviceKind:
    """Return the kind of a device with these class names of device and backing. An unlisted class is doubtful."""
    return (
        DEVICE_KINDS.get(f"{device} with {backing}")
        or DEVICE_KINDS.get(device)
        or _unknown(f"a device of the type {device}")
    )


def disk_kinds(disk: Disk) -> Iterator[DeviceKind]:
    """Yield the doubtful kinds to which a disk belongs."""
    if (disk.mode or "").startswith("independent_"):
        yield INDEPENDENT_DISK
    if disk.sharing == "sharingMultiWriter":
        yield MULTI_WRITER_DISK
    if disk.first_class:
        yield FIRST_CLASS_DISK
