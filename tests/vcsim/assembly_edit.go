// SPDX-License-Identifier: MPL-2.0

package main

import (
	"log"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// edit changes a device without moving it in the device list. Fields that the request leaves unset keep their values.
func (a *assembly) edit(index int32, spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	bad := &types.InvalidDeviceSpec{DeviceIndex: index}
	i := slices.IndexFunc(a.devices, func(d types.BaseVirtualDevice) bool {
		return d.GetVirtualDevice().Key == spec.Device.GetVirtualDevice().Key
	})
	if i < 0 || reflect.TypeOf(a.devices[i]) != reflect.TypeOf(spec.Device) {
		return bad
	}
	current := a.devices[i]
	edited := spec.Device
	inherit(reflect.ValueOf(edited).Elem(), reflect.ValueOf(current).Elem())
	was, base := current.GetVirtualDevice(), edited.GetVirtualDevice()
	setLabel(edited, labelOf(current))
	if c := storageController(edited); c != nil {
		c.BusNumber = storageController(current).BusNumber
	}

	a.devices = slices.Delete(slices.Clone(a.devices), i, i+1)
	moved := was.UnitNumber != nil && (base.ControllerKey != was.ControllerKey || *base.UnitNumber != *was.UnitNumber)
	if moved && storageController(edited) == nil {
		if fault := a.place(bad, base, "disk"); fault != nil {
			return fault
		}
		setLabel(edited, labelOf(current))
	}
	var fault types.BaseMethodFault
	switch d := edited.(type) {
	case *types.VirtualDisk:
		fault = editDisk(index, d, current.(*types.VirtualDisk))
	case *types.VirtualCdrom:
		a.completeCDROM(d)
	case types.BaseVirtualEthernetCard:
		fault = a.completeNIC(bad, edited, d.GetVirtualEthernetCard())
	}
	if fault != nil {
		return fault
	}
	a.connect(edited)
	a.devices = slices.Insert(a.devices, i, edited)
	return nil
}

// inherit sets each unset field of its first argument to the value that the field has in its second argument. Both
// arguments must have the same type. A backing or a connection counts as one value: its fields are not merged.
func inherit(to, from reflect.Value) {
	for i := range to.NumField() {
		switch field := to.Field(i); {
		case field.Kind() == reflect.Struct && to.Type().Field(i).Anonymous:
			inherit(field, from.Field(i))
		case field.IsZero():
			field.Set(from.Field(i))
		}
	}
}

// editDisk restores the disk properties that an edit cannot change, and grows the disk. A delta disk cannot grow:
// vSphere Virtual Machine Administration, Change the Virtual Disk Configuration, states this for disks with
// snapshots.
func editDisk(index int32, disk, current *types.VirtualDisk) types.BaseMethodFault {
	completeIO(disk, current.StorageIOAllocation)
	if b, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		was, ok := current.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok {
			return &types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: index}}
		}
		backing := *b
		inherit(reflect.ValueOf(&backing).Elem(), reflect.ValueOf(was).Elem())
		// API reference: "applies only when creating a new virtual disk; it is ignored when editing".
		backing.ThinProvisioned, backing.EagerlyScrub = was.ThinProvisioned, was.EagerlyScrub
		backing.Parent, backing.DeltaDiskFormat = was.Parent, was.DeltaDiskFormat
		backing.Datastore, backing.ContentId = was.Datastore, was.ContentId
		disk.Backing = &backing
	}
	switch size := requestedCapacity(disk, current); {
	case size == current.CapacityInBytes:
		disk.CapacityInBytes, disk.CapacityInKB = size, current.CapacityInKB
	case size < current.CapacityInBytes || isDelta(current):
		return &types.InvalidDeviceOperation{InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: index}}
	default:
		disk.CapacityInBytes = size
	}
	return setCapacity(&types.InvalidDeviceSpec{DeviceIndex: index}, disk)
}

// requestedCapacity returns the capacity that an edit requests, in bytes. A request may give it in bytes or in KB.
func requestedCapacity(disk, current *types.VirtualDisk) int64 {
	if disk.CapacityInBytes != 0 && disk.CapacityInBytes != current.CapacityInBytes {
		return disk.CapacityInBytes
	}
	if disk.CapacityInKB != 0 && disk.CapacityInKB != current.CapacityInKB {
		return disk.CapacityInKB << 10
	}
	return current.CapacityInBytes
}

func isDelta(disk *types.VirtualDisk) bool {
	chain := chainOf(disk)
	return chain != nil && chain.Parent != nil
}

// commit creates and deletes the files, and sets the VM's devices. The caller holds the VM's lock.
func (a *assembly) commit(vm *simulator.VirtualMachine) {
	for _, d := range a.created {
		var file object.DatastorePath
		file.FromString(d.file)
		ds := a.ctx.Map.FindByName(file.Datastore, a.dc.Datastore).(*simulator.Datastore)
		_ = os.MkdirAll(filepath.Dir(filepath.Join(ds.Summary.Url, file.Path)), 0o700)
		if err := createDisk(ds, d.file, d.capacity); err != nil {
			log.Print(err)
		}
		if simulator.FindReference(vm.Datastore, ds.Self) == nil {
			vm.Datastore = append(vm.Datastore, ds.Self)
			a.ctx.Map.AddReference(a.ctx, ds, &ds.Vm, vm.Self)
		}
	}
	for _, name := range a.deleted {
		var file object.DatastorePath
		file.FromString(name)
		if ds, ok := a.ctx.Map.FindByName(file.Datastore, a.dc.Datastore).(*simulator.Datastore); ok {
			path := filepath.Join(ds.Summary.Url, file.Path)
			_ = os.Remove(path)
			_ = os.Remove(simulator.VirtualDiskBackingFileName(path))
		}
	}
	setDevices(a.ctx, vm, a.devices)
}

// setDevices sets the VM's devices, and lists them at their controllers. It changes copies of the controllers,
// because an answer that is being encoded may still refer to the old ones.
func setDevices(ctx *simulator.Context, vm *simulator.VirtualMachine, devices []types.BaseVirtualDevice) {
	linked := slices.Clone(devices)
	for i, d := range linked {
		if _, ok := d.(types.BaseVirtualController); ok {
			linked[i] = copyDevice(d)
		}
	}
	link(linked)
	vm.Config.Hardware.Device = linked
	markChanged(vm.Config)
	setLayout(vm)
	summarizeHardware(vm)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "network", Val: networks(ctx, linked)},
		{Name: "guest.net", Val: guestNICs(ctx, vm)},
	})
	publish(ctx, vm)
}

// summarizeHardware updates the VM's summary from its configuration.
func summarizeHardware(vm *simulator.VirtualMachine) {
	config, s := vm.Config, &vm.Summary.Config
	s.NumVirtualDisks, s.NumEthernetCards = 0, 0
	for _, d := range config.Hardware.Device {
		switch d.(type) {
		case *types.VirtualDisk:
			s.NumVirtualDisks++
		case types.BaseVirtualEthernetCard:
			s.NumEthernetCards++
		}
	}
	s.NumCpu, s.MemorySizeMB = config.Hardware.NumCPU, config.Hardware.MemoryMB
	s.Annotation, s.GuestId, s.GuestFullName = config.Annotation, config.GuestId, config.GuestFullName
	s.HwVersion = config.Version
}

// guestNICs returns the interfaces that the guest sees, with the addresses that it has assigned.
func guestNICs(ctx *simulator.Context, vm *simulator.VirtualMachine) []types.GuestNicInfo {
	names := networkNames(ctx, vm.Config.Hardware.Device)
	var nics []types.GuestNicInfo
	for _, dev := range vm.Config.Hardware.Device {
		card, ok := dev.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		base := dev.GetVirtualDevice()
		nic := types.GuestNicInfo{DeviceConfigId: base.Key}
		for _, old := range vm.Guest.Net {
			if old.DeviceConfigId == base.Key {
				nic = old
			}
		}
		nic.MacAddress = card.GetVirtualEthernetCard().MacAddress
		nic.Network = names[base.Key]
		nic.Connected = base.Connectable != nil && base.Connectable.Connected
		nics = append(nics, nic)
	}
	return nics
}
