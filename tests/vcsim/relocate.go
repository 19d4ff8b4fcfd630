// SPDX-License-Identifier: MPL-2.0

package main

import (
	"log"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RelocateVMTask moves a VM to another pool, host, folder or datastore, whether the VM runs or not. govmomi's method
// leaves the files where they were, and still lists the VM at its old place.
func (x *extension) RelocateVMTask(ctx *simulator.Context, req *types.RelocateVM_Task) soap.HasFault {
	body := new(methods.RelocateVM_TaskBody)
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	task := simulator.CreateTask(vm, "relocateVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, relocate(ctx, vm, &req.Spec)
	})
	body.Res = &types.RelocateVM_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

// relocate moves a VM. If it returns a fault, the VM has not moved. The caller is a task of the VM and holds its
// lock.
func relocate(ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	p := &placement{datacenter: datacenter(ctx, vm)}
	folder, fault := p.findRelocated(ctx, vm, spec)
	if fault != nil {
		return fault
	}
	stores := make(map[int32]*simulator.Datastore) // target datastores of the disks that move, by disk key
	for _, disk := range disks(vm.Config.Hardware.Device) {
		if spec.Datastore != nil {
			stores[disk.Key] = p.datastore
		}
	}
	for _, locator := range spec.Disk {
		store, ok := ctx.Map.Get(locator.Datastore).(*simulator.Datastore)
		isDisk := slices.ContainsFunc(disks(vm.Config.Hardware.Device), func(d flatDisk) bool { return d.Key == locator.DiskId })
		if !ok || !isDisk {
			return invalid("spec.disk")
		}
		stores[locator.DiskId] = store
	}
	if len(spec.DeviceChange) > 0 {
		if fault := reconfigure(ctx, vm, types.VirtualMachineConfigSpec{DeviceChange: spec.DeviceChange}); fault != nil {
			return fault
		}
	}
	if folder != nil {
		one := &types.MoveIntoFolder_Task{This: folder.Self, List: []types.ManagedObjectReference{vm.Self}}
		moved := folder.MoveIntoFolderTask(ctx, one).(*methods.MoveIntoFolder_TaskBody)
		if _, fault := await(ctx, moved.Res.Returnval); fault != nil {
			return fault
		}
	}
	event := migrated(ctx, vm, p)
	moveDisks(vm, stores)
	moveHome(ctx, vm, p.datastore)
	updateLocation(ctx, vm, p)
	post(ctx, event)
	return nil
}

// findRelocated finds the target of a VM, in the same way as check finds the location of a clone. It returns the
// target folder, or nil if the VM stays in its folder.
func (p *placement) findRelocated(ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.VirtualMachineRelocateSpec) (*simulator.Folder, types.BaseMethodFault) {
	if spec.Service != nil {
		return nil, new(types.NotSupported)
	}
	steps := []func(*simulator.Context, *simulator.VirtualMachine, *types.VirtualMachineRelocateSpec) types.BaseMethodFault{
		p.findFolder, p.findHost, p.findDatastore,
	}
	for _, step := range steps {
		fault := step(ctx, vm, spec)
		if argument, ok := fault.(*types.InvalidArgument); ok {
			argument.InvalidProperty = strings.Replace(argument.InvalidProperty, "spec.location.", "spec.", 1)
		}
		if fault != nil {
			return nil, fault
		}
	}
	if spec.Folder == nil || vm.ParentVApp != nil || *spec.Folder == *vm.Parent {
		return nil, nil
	}
	return p.folder, nil
}

// moveDisks moves disks with their whole chains. API reference, VirtualMachineRelocateDiskMoveOptions: "all of the
// virtual disk's backings should be moved to the new datastore" unless the request sets another option.
func moveDisks(vm *simulator.VirtualMachine, stores map[int32]*simulator.Datastore) {
	dir := path.Dir(vm.Config.Files.VmPathName)
	if at := strings.Index(dir, "] "); at >= 0 {
		dir = dir[at+2:]
	}
	devices := withCopiedDisks(vm.Config.Hardware.Device)
	for _, disk := range disks(devices) {
		store := stores[disk.Key]
		if store == nil || disk.backing.Datastore != nil && *disk.backing.Datastore == store.Self {
			continue
		}
		var copied *types.VirtualDiskFlatVer2BackingInfo
		at := &copied
		for b := disk.backing; b != nil; b = b.Parent { // copies each backing, because other VMs share the chain
			next := *b
			next.Datastore = &store.Self
			next.FileName = (&object.DatastorePath{Datastore: store.Name, Path: path.Join(dir, path.Base(b.FileName))}).String()
			if err := os.MkdirAll(filepath.Join(store.Summary.Url, dir), 0o700); err != nil {
				log.Print(err)
			}
			if err := createDisk(store, next.FileName, disk.CapacityInBytes); err != nil {
				log.Print(err)
			}
			*at = &next
			at = &next.Parent
		}
		form := formOf(disk.Backing, disk.backing)
		disk.Backing = copied
		flatDisk{disk.VirtualDisk, copied}.report(form)
	}
	vm.Config.Hardware.Device = devices
}

// moveHome moves the files of the VM that are not disks.
func moveHome(ctx *simulator.Context, vm *simulator.VirtualMachine, to *simulator.Datastore) {
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	from, ok := ctx.Map.FindByName(home.Datastore, datacenter(ctx, vm).Datastore).(*simulator.Datastore)
	if !ok || from.Self == to.Self {
		return
	}
	dir := path.Dir(home.Path)
	old := filepath.Join(from.Summary.Url, dir)
	if err := os.MkdirAll(filepath.Join(to.Summary.Url, dir), 0o700); err != nil {
		log.Print(err)
	}
	files, _ := os.ReadDir(old)
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".vmdk") {
			continue // moveDisks has handled the disks
		}
		if err := os.Rename(filepath.Join(old, file.Name()), filepath.Join(to.Summary.Url, dir, file.Name())); err != nil {
			log.Print(err)
		}
	}
	moved := func(name string) string { return strings.Replace(name, "["+from.Name+"]", "["+to.Name+"]", 1) }
	vmFiles := &vm.Config.Files
	for _, name := range []*string{
		&vmFiles.VmPathName, &vmFiles.SnapshotDirectory, &vmFiles.SuspendDirectory, &vmFiles.LogDirectory, &vm.Summary.Config.VmPathName,
	} {
		*name = moved(*name)
	}
	for i := range vm.LayoutEx.File {
		if path.Ext(vm.LayoutEx.File[i].Name) != ".vmdk" {
			vm.LayoutEx.File[i].Name = moved(vm.LayoutEx.File[i].Name)
		}
	}
}

// updateLocation updates the references between a VM and its datastores, host and pool.
func updateLocation(ctx *simulator.Context, vm *simulator.VirtualMachine, p *placement) {
	stores := []types.ManagedObjectReference{p.datastore.Self}
	for _, disk := range disks(vm.Config.Hardware.Device) {
		for b := disk.backing; b != nil; b = b.Parent {
			if b.Datastore != nil && !slices.Contains(stores, *b.Datastore) {
				stores = append(stores, *b.Datastore)
			}
		}
	}
	for _, ref := range vm.Datastore {
		old := ctx.Map.Get(ref).(*simulator.Datastore)
		ctx.Map.RemoveReference(ctx, old, &old.Vm, vm.Self)
	}
	for _, ref := range stores {
		now := ctx.Map.Get(ref).(*simulator.Datastore)
		ctx.Map.AddReference(ctx, now, &now.Vm, vm.Self)
	}
	if old, ok := ctx.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok && old.Self != p.host.Self {
		ctx.Map.RemoveReference(ctx, old, &old.Vm, vm.Self)
		ctx.Map.AddReference(ctx, p.host, &p.host.Vm, vm.Self)
	}
	if *vm.ResourcePool != p.pool {
		moveToPool(ctx, vm, p.pool)
	}
	host := p.host.Self
	// These references are new, because govmomi's property updates write through the old ones, which belong to the
	// host.
	vm.Runtime.Host, vm.Summary.Runtime.Host = types.NewReference(host), types.NewReference(host)
	markChanged(vm.Config)
	setLayout(vm)
	publish(ctx, vm)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "datastore", Val: stores},
		{Name: "runtime.host", Val: host},
		{Name: "summary.runtime.host", Val: host},
	})
}

// migrated returns vCenter's event for a VM that has moved.
func migrated(ctx *simulator.Context, vm *simulator.VirtualMachine, p *placement) *types.VmMigratedEvent {
	event := new(types.VmMigratedEvent)
	event.Vm = &types.VmEventArgument{Vm: vm.Self, EntityEventArgument: types.EntityEventArgument{Name: vm.Name}}
	event.Host = &types.HostEventArgument{Host: p.host.Self, EntityEventArgument: types.EntityEventArgument{Name: p.host.Name}}
	if host, ok := ctx.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		event.SourceHost = types.HostEventArgument{Host: host.Self, EntityEventArgument: types.EntityEventArgument{Name: host.Name}}
	}
	return event
}
