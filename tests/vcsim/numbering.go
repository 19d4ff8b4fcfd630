// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// slot is vCenter's numbering for a class of devices that are on the PCI bus or on no bus.
type slot struct {
	word       string // key of the label's word in languages
	firstLabel int32
	summary    string
	firstKey   int32
	firstUnit  int32 // on the PCI bus; 0 for devices that are not on it
	limit      int32 // maximum number of devices of a VM
}

// slotOf returns the numbering of a device other than a disk, a CD-ROM or a floppy drive. A SCSI, SATA or NVMe
// controller is numbered by its bus number.
func slotOf(d types.BaseVirtualDevice) (slot, bool) {
	switch d.(type) {
	case *types.ParaVirtualSCSIController:
		return slot{"scsi", 0, "VMware paravirtual SCSI", 1000, 3, 4}, true
	case *types.VirtualLsiLogicSASController:
		return slot{"scsi", 0, "LSI Logic SAS", 1000, 3, 4}, true
	case *types.VirtualLsiLogicController:
		return slot{"scsi", 0, "LSI Logic", 1000, 3, 4}, true
	case *types.VirtualBusLogicController:
		return slot{"scsi", 0, "BusLogic", 1000, 3, 4}, true
	case *types.VirtualAHCIController:
		return slot{"sata", 0, "AHCI", 15000, 24, 4}, true
	case *types.VirtualNVMEController:
		return slot{"nvme", 0, "", 31000, 30, 4}, true
	case types.BaseVirtualEthernetCard:
		return slot{"nic", 1, "", 4000, firstPCIUnit, 10}, true
	case *types.VirtualPCIPassthrough:
		return slot{"pci", 0, "", 13000, 18, 16}, true
	case *types.VirtualSerialPort:
		return slot{"serial", 1, "", 9000, 0, 32}, true
	case *types.VirtualParallelPort:
		return slot{"parallel", 1, "", 10000, 0, 3}, true
	}
	return slot{}, false
}

// single returns the key, label and summary of a device that a VM can have only once.
func single(d types.BaseVirtualDevice) (key int32, label, summary string, ok bool) {
	switch d.(type) {
	case *types.VirtualTPM:
		return 11000, "Virtual TPM", "Virtual Trusted Platform Module", true
	case *types.VirtualUSBController:
		return 7000, "USB controller", "USB Controller", true
	case *types.VirtualUSBXHCIController:
		return 14000, "USB xHCI controller", "USB xHCI controller", true
	case *types.VirtualEnsoniq1371, *types.VirtualHdAudioCard, *types.VirtualSoundBlaster16:
		return 5000, "Sound card", "Auto detect", true
	case *types.VirtualWDT:
		return 18000, "Virtual Watchdog Timer", "Virtual Watchdog Timer", true
	case *types.VirtualNVDIMMController:
		return 28000, "NVDIMM controller 0", "NVDIMM controller", true
	}
	return 0, "", "", false
}

// standardKey returns the key of a device that every VM has.
func standardKey(d types.BaseVirtualDevice) (int32, bool) {
	switch d := d.(type) {
	case *types.VirtualIDEController:
		return ideController + d.BusNumber, true
	case *types.VirtualPS2Controller:
		return 300, true
	case *types.VirtualPCIController:
		return pciController, true
	case *types.VirtualSIOController:
		return 400, true
	case *types.VirtualKeyboard:
		return 600, true
	case *types.VirtualPointingDevice:
		return 700, true
	case *types.VirtualMachineVideoCard:
		return 500, true
	case *types.VirtualMachineVMCIDevice:
		return 12000, true
	}
	return 0, false
}

// units describes the addresses on a storage controller: the highest address, the address of the controller, and the
// key of the device at an address.
type units struct {
	last, own int32 // own is -1 if the controller has no address
	key       func(unit int32) int32
}

// wideKey is the first key of disks beyond the 16th unit of a paravirtual SCSI controller.
const wideKey = 131072

func unitsOf(controller types.BaseVirtualDevice) (units, bool) {
	switch c := controller.(type) {
	case types.BaseVirtualSCSIController:
		bus, last := c.GetVirtualSCSIController().BusNumber, int32(15)
		if _, ok := controller.(*types.ParaVirtualSCSIController); ok {
			last = 64
		}
		return units{last, c.GetVirtualSCSIController().ScsiCtlrUnitNumber, func(unit int32) int32 {
			if unit > 15 {
				return wideKey + 64*bus + unit
			}
			return 2000 + 16*bus + unit
		}}, true
	case *types.VirtualAHCIController:
		return units{29, -1, func(unit int32) int32 { return 16000 + 30*c.BusNumber + unit }}, true
	case *types.VirtualIDEController:
		return units{1, -1, func(unit int32) int32 { return 3000 + 2*c.BusNumber + unit }}, true
	case *types.VirtualNVMEController:
		return units{63, -1, func(unit int32) int32 { return 32000 + 64*c.BusNumber + unit }}, true
	case *types.VirtualSIOController:
		return units{1, -1, func(unit int32) int32 { return 8000 + unit }}, true
	}
	return units{}, false
}

// at returns the device at an address, or nil. Devices of all kinds share the units of a controller.
func at(devices []types.BaseVirtualDevice, controller, unit int32) types.BaseVirtualDevice {
	i := slices.IndexFunc(devices, func(d types.BaseVirtualDevice) bool {
		base := d.GetVirtualDevice()
		return base.ControllerKey == controller && base.UnitNumber != nil && *base.UnitNumber == unit
	})
	if i < 0 {
		return nil
	}
	return devices[i]
}

// byKey returns the device with this key, or nil.
func byKey(devices []types.BaseVirtualDevice, key int32) types.BaseVirtualDevice {
	for _, d := range devices {
		if d.GetVirtualDevice().Key == key {
			return d
		}
	}
	return nil
}
