# SPDX-License-Identifier: MPL-2.0
"""Changes of devices, except disks, that the provider makes only while the VM is off.

The rules come from internal/virtualdevice/virtual_machine_{device,network_interface,video_card}_subresource.go.
applyVirtualDevices in resource_vsphere_virtual_machine.go calls these functions at every update.
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
    """Yield the changes of devices that power the VM off."""
    for rule in (_controllers, _network_interfaces, _pci_devices, _vtpm, _video_card):
        yield from rule(compared)


def _controllers(compared: Comparison) -> Iterator[Change]:
    """Yield the changes of controllers.

    NormalizeBus creates missing controllers up to the count and replaces SCSI controllers of another type.
    """
    without_scsi = compared.prior.get("scsi_type") == NO_CONTROLLER
    for argument in COUNTS:
        if compared.unknown(argument):
            yield compared.change(argument, "The number of controllers is not known before the apply.")
            continue
        missing = argument == "scsi_controller_count" and without_scsi
        before, after = 0 if missing else number(compared.prior.get(argument)), number(compared.planned.get(argument))
        if after > before:
            yield Change(argument, before, after, "The provider adds controllers only while the VM is off.")
    managed = compared.unknown("scsi_controller_count") or number(compared.planned.get("scsi_controller_count")) > 0
    for argument in ("scsi_type", "scsi_bus_sharing"):
        if managed and compared.prior.get(argument) != NO_CONTROLLER and compared.differs(argument):
            yield compared.change(
                argument, "The provider changes or replaces SCSI controllers only while the VM is off."
            )


def _network_interfaces(compared: Comparison) -> Iterator[Change]:
    """Yield the changes of network interfaces, which the provider identifies by their position.

    The rules come from NetworkInterfaceSubresource.Create, Update and Delete.
    """
    if compared.unknown("network_interface"):
        yield compared.change("network_interface", "The network interfaces are not known before the apply.")
        return
    before, after = compared.blocks("network_interface")
    tools = compared.prior.get("vmware_tools_status") == TOOLS_RUNNING
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        pair, at = compared.of(old, new), f"network_interface[{index}]"
        if pair.differs("adapter_type") and not tools:
            why = "Without running VMware Tools, the provider replaces an interface only while the VM is off."
            yield pair.change("adapter_type", why, within=at)
        if pair.differs("physical_function"):
            why = "The provider changes the physical function of an interface only while the VM is off."
            yield pair.change("physical_function", why, within=at)
    for index, old in list(enumerate(before))[len(after) :]:
        if old.get("adapter_type") == SRIOV or not tools:
            why = (
                "The provider removes an SR-IOV interface only while the VM is off."
                if old.get("adapter_type") == SRIOV
                else "Without running VMware Tools, the provider removes an interface only while the VM is off."
            )
            yield Change(f"network_interface[{index}]", _adapter_type(old), None, why)
    for index, new in list(enumerate(after))[len(before) :]:
        if new.get("adapter_type") == SRIOV:
            why = "The provider adds an SR-IOV interface only while the VM is off."
            yield Change(f"network_interface[{index}]", None, _adapter_type(new), why)


def _adapter_type(interface: Values) -> str:
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
            # resourceVSphereVirtualMachineUpdate of 2.10.0 to 2.13.0 does not request a reboot.
            why = f"Provider {compared.version} adds a TPM to the running VM at every change of the vtpm block."
            yield Change("vtpm", len(before), len(after), why, rejected=True)
    elif compared.unknown("vtpm") or len(before) != len(after):
        yield Change("vtpm", len(before), len(after), "A TPM is added or removed only while the VM is off.")


def _video_card(compared: Comparison) -> Iterator[Change]:
    """Yield the change of the video card. VideoCardApplyOperation edits the card even if the block is unchanged."""
    _, after = compared.blocks("video_card")
    if after and (compared.differs("video_card") or compared.anything_differs()):
        yield compared.change(
            "video_card", "The provider edits the video card at every update, and only while the VM is off."
        )
