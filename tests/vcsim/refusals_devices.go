// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// fixedProperty is a property of a device that cannot change while the VM is on. An edit that requests another value
// fails with InvalidPowerState.
type fixedProperty struct {
	name   string
	source string
	of     func(types.BaseVirtualDevice) any // returns nil for devices of other kinds
}

var fixedProperties = []fixedProperty{
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
		// A request with "generated" matches a device that reports "assigned".
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

// hotPlugRule matches devices that cannot be added or removed while a VM is on. The fault is
// DeviceHotPlugNotSupported: API reference, VirtualDeviceOption.plugAndPlay and hotRemoveSupported.
type hotPlugRule struct {
	name   string
	source string
	is     func(device, controller types.BaseVirtualDevice) bool
}

var notHotPluggable = []hotPlugRule{
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

// refuseDevices returns the fault of the first device change that vCenter refuses on a running VM, or nil.
func refuseDevices(c *configInfo, changes []types.BaseVirtualDeviceConfigSpec, off types.BaseMethodFault) types.BaseMethodFault {
	devices := c.Hardware.Device
	for i, change := range changes {
		s := change.GetVirtualDeviceConfigSpec()
		if s.Device == nil {
			continue // the assembly refuses it
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
		for _, rule := range notHotPluggable {
			if rule.is(device, controller) {
				return &types.DeviceHotPlugNotSupported{InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: int32(i)}}
			}
		}
	}
	return nil
}

func refusesEdit(devices []types.BaseVirtualDevice, requested types.BaseVirtualDevice) bool {
	current := byKey(devices, requested.GetVirtualDevice().Key)
	if current == nil || reflect.TypeOf(current) != reflect.TypeOf(requested) {
		return false // the assembly refuses it
	}
	for _, property := range fixedProperties {
		if differs(property.of(requested), property.of(current)) {
			return true
		}
	}
	return false
}
