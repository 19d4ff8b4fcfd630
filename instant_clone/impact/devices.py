# SPDX-License-Identifier: MPL-2.0
"""The devices, other than disks, that the provider changes only while the VM is off.

internal/virtualdevice/virtual_machine_{device,network_interface,video_card}_subresource.go; applyVirtualDevices in
resource_vsphere_virtual_machine.go calls them at every update, whatever it is for.
"""

from __future__ import annotations

from collections.abc import Iterator

from instant_clone.impact.changes import Change, Comparison, Values, number
from instant_clone.stock_provider.devices import SRIOV, TOOLS_RUNNING, UNITS_PER_BUS
from instant_clone.stock_provider.releases import VTPM_COUNTED

__all__ = ["device_changes"]

NO_CONTROLLER = "unknown"
"""`scsi_type` and `scsi_bus_sharing` of a VM without a SCSI controller (ReadSCSIBusType, ReadSCSIBusSharing)"""
COUNTS = tuple(f"{kind}_controller_count" for kind in UNITS_PER_BUS)


def device_changes(compared: Comparison) -> Iterator[Change]:
    """The changes of devices for which the VM is powered off."""
    for rule in (_controllers, _network_interfaces, _pci_devices, _vtpm, _video_card):
        yield from rule(compared)


def _controllers(compared: Comparison) -> Iterator[Change]:
    """NormalizeBus: controllers below the count that are missing are created, SCSI ones of another kind replaced."""
    without_scsi = compared.prior.get("scsi_type") == NO_CONTROLLER
    for argument in COUNTS:
        if compared.unknown(argument):
            yield compared.change(argument, "The number of controllers is not known before the apply.")
            continue
        missing = argument == "scsi_controller_count" and without_scsi
        before, after = 0 if missing else number(compared.prior.get(argument)), number(compared.planned.get(argument))
        if after > before:
            yield Change(argument, before, after, "A controller that the VM does not have is created.")
    managed = compared.unknown("scsi_controller_count") or number(compared.planned.get("scsi_controller_count")) > 0
    for argument in ("scsi_type", "scsi_bus_sharing"):
        if managed and compared.prior.get(argument) != NO_CONTROLLER and compared.differs(argument):
            yield compared.change(argument, "The VM's SCSI controllers are changed or replaced.")


def _network_interfaces(compared: Comparison) -> Iterator[Change]:
    """NetworkInterfaceSubresource.Create, Update and Delete; interfaces are told apart by their position."""
    if compared.unknown("network_interface"):
        yield compared.change("network_interface", "The network interfaces are not known before the apply.")
        return
    before, after = compared.blocks("network_interface")
    tools = compared.prior.get("vmware_tools_status") == TOOLS_RUNNING
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        pair, at = compared.of(old, new), f"network_interface[{index}]"
        if pair.differs("adapter_type") and not tools:
            why = "The interface is replaced, and VMware Tools do not run in the guest."
            yield pair.change("adapter_type", why, within=at)
        if pair.differs("physical_function"):
            yield pair.change("physical_function", "The interface is moved to another physical function.", within=at)
    for index, old in list(enumerate(before))[len(after) :]:
        if old.get("adapter_type") == SRIOV or not tools:
            reason = "it is an SR-IOV interface" if old.get("adapter_type") == SRIOV else "VMware Tools do not run"
            yield Change(f"network_interface[{index}]", _named(old), None, f"The interface is removed, and {reason}.")
    for index, new in list(enumerate(after))[len(before) :]:
        if new.get("adapter_type") == SRIOV:
            yield Change(f"network_interface[{index}]", None, _named(new), "An SR-IOV interface is added.")


def _named(interface: Values) -> str:
    return str(interface.get("adapter_type") or "")


def _pci_devices(compared: Comparison) -> Iterator[Change]:
    before = set(compared.prior.get("pci_device_id") or ())
    after = set() if compared.unknown("pci_device_id") else set(compared.planned.get("pci_device_id") or ())
    if before != after or compared.unknown("pci_device_id"):
        yield compared.change("pci_device_id", "PCI devices are added or removed only while the VM is off.")


def _vtpm(compared: Comparison) -> Iterator[Change]:
    before, after = compared.blocks("vtpm")
    if compared.version < VTPM_COUNTED:
        if compared.differs("vtpm"):
            # resourceVSphereVirtualMachineUpdate of 2.10.0 to 2.13.0: no reboot is flagged.
            why = f"Provider {compared.version} adds a TPM for every change of the block, to the running VM."
            yield Change("vtpm", len(before), len(after), why, rejected=True)
    elif compared.unknown("vtpm") or len(before) != len(after):
        yield Change("vtpm", len(before), len(after), "A TPM is added or removed only while the VM is off.")


def _video_card(compared: Comparison) -> Iterator[Change]:
    """VideoCardApplyOperation: edits the card whether it has changed or not."""
    _, after = compared.blocks("video_card")
    if after and (compared.differs("video_card") or compared.anything_differs()):
        yield compared.change("video_card", "Every update of a VM with a video_card block edits the card.")
