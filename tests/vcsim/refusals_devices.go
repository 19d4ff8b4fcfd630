// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// kept is a property of a device that a running VM keeps: an edit that asks for another value is refused, with
// InvalidPowerState.
type kept struct {
	name   string
	source string
	of     func(types.BaseVirtualDevice) any // nil for devices of other kinds
}

var keptProperties = []kept{
	{"unitNumber", guide, func(d types.BaseVirtualDevice) any { return d.GetVirtualDevice().UnitNumber }},
	{"controllerKey", assumed, func(d types.BaseVirtualDevice) any { return d.GetVirtualDevice().ControllerKey }},
	{"slotInfo.pciSlotNumber", guide, func(d types.BaseVirtualDevice) any {
		if slot, ok := d.GetVirtualDevice().SlotInfo.(*types.VirtualDevicePciBusSlotInfo); ok {
			return slot.PciSlotNumber
		}
		return nil
	}},
	{"backing.diskMode", guide, ofDisk(func(b *types.VirtualDiskFlatVer2BackingInfo) any { return b.DiskMode })},
	{"backing.digestEnabled", guide, ofDisk(func(b *types.VirtualDiskFlatVer2BackingInfo) any { return b.DigestEnabled })},
	{"backing.sharing", assumed, ofDisk(func(b *types.VirtualDiskFlatVer2BackingInfo) any { return b.Sharing })},
	{"backing.writeThrough", assumed, ofDisk(func(b *types.VirtualDiskFlatVer2BackingInfo) any { return b.WriteThrough })},
	{"sharedBus", guide + "; " + automation + "/adapter/scsi", func(d types.BaseVirtualDevice) any {
		if c, ok := d.(types.BaseVirtualSCSIController); ok {
			return string(c.GetVirtualSCSIController().SharedBus)
		}
		return nil
	}},
	{"addressType", guide, ofNIC(func(c *types.VirtualEthernetCard) any {
		// "generated" asks for what "assigned" tells.
		return c.AddressType == string(types.VirtualEthernetCardMacTypeManual)
	})},
	{"macAddress", guide, ofNIC(func(c *types.VirtualEthernetCard) any { return strings.ToLower(c.MacAddress) })},
	{"wakeOnLanEnabled", guide, ofNIC(func(c *types.VirtualEthernetCard) any { return c.WakeOnLanEnabled })},
}

func ofDisk(of func(*types.VirtualDiskFlatVer2BackingInfo) any) func(types.BaseVirtualDevice) any {
	return func(d types.BaseVirtualDevice) any {
		if b, ok := d.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
			return of(b)
		}
		return nil
	}
}

func ofNIC(of func(*types.VirtualEthernetCard) any) func(types.BaseVirtualDevice) any {
	return func(d types.BaseVirtualDevice) any {
		if c, ok := d.(types.BaseVirtualEthernetCard); ok {
			return of(c.GetVirtualEthernetCard())
		}
		return nil
	}
}

// unplugged tells of devices that cannot come or go while a VM is on, with DeviceHotPlugNotSupported: API reference,
// VirtualDeviceOption.plugAndPlay and hotRemoveSupported.
type unplugged struct {
	name   string
	source string
	is     func(device, controller types.BaseVirtualDevice) bool
}

var unpluggedDevices = []unplugged{
	{"device on an IDE controller", manual, func(_, controller types.BaseVirtualDevice) bool {
		_, ok := controller.(*types.VirtualIDEController)
		return ok
	}},
	{"SATA controller", assumed, isA[*types.VirtualAHCIController]},
	{"NVMe controller", assumed, isA[*types.VirtualNVMEController]},
	{"SCSI controller other than a paravirtual one", assumed, func(device, _ types.BaseVirtualDevice) bool {
		_, scsi := device.(types.BaseVirtualSCSIController)
		_, paravirtual := device.(*types.ParaVirtualSCSIController)
		return scsi && !paravirtual
	}},
	{"virtual TPM", security, isA[*types.VirtualTPM]},
	{"PCI device", manual, isA[*types.VirtualPCIPassthrough]},
	{"SR-IOV interface", manual, isA[*types.VirtualSriovEthernetCard]},
	{"floppy drive", manual, isA[*types.VirtualFloppy]},
	{"serial port", manual, isA[*types.VirtualSerialPort]},
	{"parallel port", manual, isA[*types.VirtualParallelPort]},
}

func isA[T any](device, _ types.BaseVirtualDevice) bool {
	_, ok := device.(T)
	return ok
}

// refuseDevices tells which change of a running VM's devices vCenter would refuse.
func refuseDevices(c *configInfo, changes []types.BaseVirtualDeviceConfigSpec, off types.BaseMethodFault) types.BaseMethodFault {
	devices := c.Hardware.Device
	for i, change := range changes {
		s := change.GetVirtualDeviceConfigSpec()
		if s.Device == nil {
			continue // is found later
		}
		if s.Operation == types.VirtualDeviceConfigSpecOperationEdit {
			if refusesEdit(devices, s.Device) {
				return off
			}
			continue
		}
		device := s.Device
		if s.Operation == types.VirtualDeviceConfigSpecOperationRemove {
			if device = byKey(devices, device.GetVirtualDevice().Key); device == nil {
				continue
			}
		}
		controller := byKey(devices, device.GetVirtualDevice().ControllerKey)
		for _, rule := range unpluggedDevices {
			if rule.is(device, controller) {
				return &types.DeviceHotPlugNotSupported{InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: int32(i)}}
			}
		}
	}
	return nil
}

func refusesEdit(devices []types.BaseVirtualDevice, asked types.BaseVirtualDevice) bool {
	has := byKey(devices, asked.GetVirtualDevice().Key)
	if has == nil || reflect.TypeOf(has) != reflect.TypeOf(asked) {
		return false // is found later
	}
	for _, property := range keptProperties {
		if differs(property.of(asked), property.of(has)) {
			return true
		}
	}
	return false
}
