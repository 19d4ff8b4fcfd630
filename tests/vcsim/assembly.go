// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// assembly holds a VM's devices while a request changes them. The VM and its files change only in commit, which is
// called after the whole request has been found valid.
type assembly struct {
	ctx      *simulator.Context
	dc       *simulator.Datacenter
	home     object.DatastorePath // the VM's folder
	name     string               // base name of the disk files
	config   *types.VirtualMachineConfigInfo
	running  bool
	language string
	devices  []types.BaseVirtualDevice
	keys     map[int32]int32 // assigned keys of the added devices, by their keys in the request
	created  []newDisk
	deleted  []string
}

// newDisk is a disk file that commit creates.
type newDisk struct {
	file     string
	capacity int64
}

// change applies the device changes of a request in the order of the request.
func (a *assembly) change(changes []types.BaseVirtualDeviceConfigSpec) types.BaseMethodFault {
	a.keys = make(map[int32]int32)
	for i, change := range changes {
		spec := *change.GetVirtualDeviceConfigSpec()
		if spec.Device == nil {
			return &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
		}
		spec.Device = copyDevice(spec.Device)
		base := spec.Device.GetVirtualDevice()
		if key, ok := a.keys[base.ControllerKey]; ok && base.ControllerKey != 0 {
			base.ControllerKey = key
		}
		var fault types.BaseMethodFault
		switch spec.Operation {
		case types.VirtualDeviceConfigSpecOperationAdd:
			fault = a.add(int32(i), &spec)
		case types.VirtualDeviceConfigSpecOperationEdit:
			fault = a.edit(int32(i), &spec)
		case types.VirtualDeviceConfigSpecOperationRemove:
			fault = a.remove(int32(i), &spec)
		}
		if fault != nil {
			return fault
		}
	}
	for _, d := range a.devices {
		if key := d.GetVirtualDevice().ControllerKey; key != 0 && byKey(a.devices, key) == nil {
			return &types.InvalidController{ControllerKey: key}
		}
	}
	return nil
}

// add adds a device with the key, label and summary that vCenter assigns. It ignores the key, label and summary in
// the request.
func (a *assembly) add(index int32, spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	bad := &types.InvalidDeviceSpec{DeviceIndex: index}
	given := spec.Device.GetVirtualDevice().Key
	device := spec.Device
	base := device.GetVirtualDevice()
	if key, ok := standardKey(device); ok {
		// Web Services SDK Programming Guide, Adding Devices to Virtual Machines: "If you attempt to add a default
		// device, such as an IDE controller, the server ignores the operation".
		a.keys[given] = key
		return nil
	}
	var fault types.BaseMethodFault
	switch d := device.(type) {
	case *types.VirtualDisk:
		fault = a.place(bad, base, "disk")
		if fault == nil {
			fault = a.addDisk(bad, d, spec.FileOperation)
		}
	case *types.VirtualCdrom:
		fault = a.place(bad, base, "cdrom")
		a.completeCDROM(d)
	case *types.VirtualFloppy:
		if base.ControllerKey == 0 {
			base.ControllerKey = 400
		}
		fault = a.place(bad, base, "floppy")
	default:
		fault = a.slot(bad, device)
	}
	if fault != nil {
		return fault
	}
	a.connect(device)
	a.keys[given] = base.Key
	a.devices = append(a.devices, device)
	return nil
}

// place sets the unit of a device on its storage controller.
func (a *assembly) place(bad types.BaseMethodFault, base *types.VirtualDevice, word string) types.BaseMethodFault {
	if base.ControllerKey == 0 {
		return new(types.MissingController)
	}
	controller := byKey(a.devices, base.ControllerKey)
	if controller == nil {
		return &types.InvalidController{ControllerKey: base.ControllerKey}
	}
	on, ok := unitsOf(controller)
	if !ok {
		return &types.InvalidController{ControllerKey: base.ControllerKey}
	}
	unit := int32(0)
	if base.UnitNumber != nil && *base.UnitNumber >= 0 {
		unit = *base.UnitNumber
	} else {
		for unit == on.own || at(a.devices, base.ControllerKey, unit) != nil {
			unit++
		}
	}
	if unit > on.last || unit == on.own || at(a.devices, base.ControllerKey, unit) != nil {
		return bad
	}
	base.UnitNumber, base.Key = &unit, on.key(unit)
	base.DeviceInfo = &types.Description{Label: nextLabel(a.devices, a.language, word, 1)}
	return nil
}

// slot sets the key, label and unit of a device that is on the PCI bus or on no bus.
func (a *assembly) slot(bad types.BaseMethodFault, device types.BaseVirtualDevice) types.BaseMethodFault {
	base := device.GetVirtualDevice()
	if key, label, summary, ok := single(device); ok {
		if byKey(a.devices, key) != nil || !a.supportsDevice(device) {
			return bad
		}
		base.Key, base.DeviceInfo = key, &types.Description{Label: label, Summary: summary}
		if _, isTPM := device.(*types.VirtualTPM); !isTPM {
			base.ControllerKey = pciController
		}
		return nil
	}
	s, ok := slotOf(device)
	if !ok {
		base.Key = 20000 // devices of a kind that no layout has get consecutive keys
		for byKey(a.devices, base.Key) != nil {
			base.Key++
		}
		kind := strings.TrimPrefix(reflect.TypeOf(device).Elem().Name(), "Virtual")
		base.DeviceInfo = &types.Description{Label: kind, Summary: kind}
		return nil
	}
	n := int32(0)
	if c := storageController(device); c != nil {
		if n = c.BusNumber; n < 0 || byKey(a.devices, s.firstKey+n) != nil {
			return bad
		}
		c.Device = nil
	} else {
		taken := func(n int32) bool {
			// In a clone, the key of a device may have changed. The unit is still that of the source's device.
			return byKey(a.devices, s.firstKey+n) != nil || s.firstUnit != 0 && at(a.devices, pciController, s.firstUnit+n) != nil
		}
		for taken(n) {
			n++
		}
	}
	if n >= s.limit {
		return bad
	}
	base.Key = s.firstKey + n
	label := fmt.Sprintf("%s %d", languages[a.language][s.word], n)
	if s.firstLabel != 0 {
		label = nextLabel(a.devices, a.language, s.word, s.firstLabel)
	}
	summary := s.summary
	if s.word == "nvme" {
		summary = label
	}
	base.DeviceInfo = &types.Description{Label: label, Summary: summary}
	base.ControllerKey, base.UnitNumber = 400, nil
	if s.firstUnit != 0 {
		base.ControllerKey, base.UnitNumber = pciController, types.NewInt32(s.firstUnit+n)
	}
	switch d := device.(type) {
	case types.BaseVirtualSCSIController:
		completeSCSI(d.GetVirtualSCSIController())
	case types.BaseVirtualEthernetCard:
		return a.completeNIC(bad, device, d.GetVirtualEthernetCard())
	}
	return nil
}

// supportsDevice reports whether the VM meets the requirements of a device. A TPM needs EFI firmware: vSphere
// Security, Securing Virtual Machines with Virtual Trusted Platform Module.
func (a *assembly) supportsDevice(device types.BaseVirtualDevice) bool {
	_, isTPM := device.(*types.VirtualTPM)
	return !isTPM || a.config.Firmware == string(types.GuestOsDescriptorFirmwareTypeEfi)
}

// connect sets the unset connection fields of a connectable device to defaults.
func (a *assembly) connect(device types.BaseVirtualDevice) {
	base := device.GetVirtualDevice()
	switch device.(type) {
	case types.BaseVirtualEthernetCard, *types.VirtualCdrom, *types.VirtualFloppy, *types.VirtualSerialPort, *types.VirtualParallelPort:
	default:
		return
	}
	info := types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true}
	if base.Connectable != nil {
		info = *base.Connectable
	} else {
		info.Connected = true
	}
	info.Connected = info.Connected && a.running // API reference: "Valid only while the virtual machine is running"
	if info.MigrateConnect == "" {
		info.MigrateConnect = "unset"
	}
	if info.Status == "" {
		info.Status = "untried"
	}
	base.Connectable = &info
}

// storageController returns the common part of a SCSI, SATA or NVMe controller, or nil for other devices.
func storageController(device types.BaseVirtualDevice) *types.VirtualController {
	switch d := device.(type) {
	case types.BaseVirtualSCSIController:
		return &d.GetVirtualSCSIController().VirtualController
	case *types.VirtualAHCIController:
		return &d.VirtualController
	case *types.VirtualNVMEController:
		return &d.VirtualController
	}
	return nil
}

func completeSCSI(c *types.VirtualSCSIController) {
	c.HotAddRemove = on() // API reference, VirtualSCSIController: "always"
	c.ScsiCtlrUnitNumber = 7
	if c.SharedBus == "" {
		c.SharedBus = types.VirtualSCSISharingNoSharing
	}
}

// remove removes a device. If the request's file operation is destroy, it also schedules the deletion of the file.
func (a *assembly) remove(index int32, spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	bad := &types.InvalidDeviceSpec{DeviceIndex: index}
	key := spec.Device.GetVirtualDevice().Key
	current := byKey(a.devices, key)
	if current == nil {
		return bad
	}
	if _, ok := standardKey(current); ok {
		return bad
	}
	a.devices = slices.DeleteFunc(a.devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key })
	if spec.FileOperation == types.VirtualDeviceConfigSpecFileOperationDestroy {
		if b, ok := current.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			a.deleted = append(a.deleted, b.GetVirtualDeviceFileBackingInfo().FileName)
		}
	}
	return nil
}
