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

// RelocateVMTask moves a VM to another pool, host, folder or datastore, running or not. govmomi's leaves the VM listed
// where it was, and its files.
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

// relocate moves a VM, or nothing of it. The caller is a task of the VM, and so holds its lock.
func relocate(ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	p := &placement{datacenter: datacenter(ctx, vm)}
	folder, fault := p.findRelocated(ctx, vm, spec)
	if fault != nil {
		return fault
	}
	stores := make(map[int32]*simulator.Datastore) // of the disks that move, by key
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
	settle(ctx, vm, p)
	post(ctx, event)
	return nil
}

// findRelocated finds where a VM is to go, as for a clone of it, and the folder if it is to go into another one.
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
	if spec.Folder == nil || *spec.Folder == *vm.Parent {
		return nil, nil
	}
	return p.folder, nil
}

// moveDisks moves disks with all that they stand on: "all of the virtual disk's backings should be moved to the new
// datastore" unless the request says otherwise (API reference, VirtualMachineRelocateDiskMoveOptions).
func moveDisks(vm *simulator.VirtualMachine, stores map[int32]*simulator.Datastore) {
	dir := path.Dir(vm.Config.Files.VmPathName)
	if at := strings.Index(dir, "] "); at >= 0 {
		dir = dir[at+2:]
	}
	devices := withOwnDisks(vm.Config.Hardware.Device)
	for _, disk := range disks(devices) {
		store := stores[disk.Key]
		if store == nil || disk.backing.Datastore != nil && *disk.backing.Datastore == store.Self {
			continue
		}
		var copied *types.VirtualDiskFlatVer2BackingInfo
		at := &copied
		for b := disk.backing; b != nil; b = b.Parent { // the chain is shared with other VMs
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
		disk.Backing = copied
	}
	vm.Config.Hardware.Device = devices
}

// moveHome moves the VM's own files.
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
			continue // of disks, which have moved, or stay
		}
		if err := os.Rename(filepath.Join(old, file.Name()), filepath.Join(to.Summary.Url, dir, file.Name())); err != nil {
			log.Print(err)
		}
	}
	there := func(name string) string { return strings.Replace(name, "["+from.Name+"]", "["+to.Name+"]", 1) }
	own := &vm.Config.Files
	for _, name := range []*string{
		&own.VmPathName, &own.SnapshotDirectory, &own.SuspendDirectory, &own.LogDirectory, &vm.Summary.Config.VmPathName,
	} {
		*name = there(*name)
	}
	for i := range vm.LayoutEx.File {
		if path.Ext(vm.LayoutEx.File[i].Name) != ".vmdk" {
			vm.LayoutEx.File[i].Name = there(vm.LayoutEx.File[i].Name)
		}
	}
}

// settle lists a VM where it is now.
func settle(ctx *simulator.Context, vm *simulator.VirtualMachine, p *placement) {
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
	if now, ok := ctx.Map.Get(p.pool).(*simulator.ResourcePool); ok && *vm.ResourcePool != p.pool {
		if old, ok := ctx.Map.Get(*vm.ResourcePool).(*simulator.ResourcePool); ok {
			ctx.Map.RemoveReference(ctx, old, &old.Vm, vm.Self)
		}
		ctx.Map.AddReference(ctx, now, &now.Vm, vm.Self)
	}
	host, pool := p.host.Self, p.pool
	// New references: govmomi's property updates write through those that there are, which are the host's own.
	vm.ResourcePool, vm.Runtime.Host, vm.Summary.Runtime.Host = &pool, types.NewReference(host), types.NewReference(host)
	touch(vm.Config)
	setLayout(vm)
	publish(ctx, vm)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "datastore", Val: stores},
		{Name: "resourcePool", Val: pool},
		{Name: "runtime.host", Val: host},
		{Name: "summary.runtime.host", Val: host},
	})
}

// migrated is vCenter's event for a VM that has left its place.
func migrated(ctx *simulator.Context, vm *simulator.VirtualMachine, p *placement) *types.VmMigratedEvent {
	event := new(types.VmMigratedEvent)
	event.Vm = &types.VmEventArgument{Vm: vm.Self, EntityEventArgument: types.EntityEventArgument{Name: vm.Name}}
	event.Host = &types.HostEventArgument{Host: p.host.Self, EntityEventArgument: types.EntityEventArgument{Name: p.host.Name}}
	if host, ok := ctx.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		event.SourceHost = types.HostEventArgument{Host: host.Self, EntityEventArgument: types.EntityEventArgument{Name: host.Name}}
	}
	return event
}
