// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// completeParent sets the parent of a VM in a vApp. In vCenter, such a VM has no parent. govmomi needs one, to find the
// datacenter.
func completeParent(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	if vm.Parent != nil || vm.ParentVApp == nil {
		return
	}
	app, ok := ctx.Map.Get(*vm.ParentVApp).(*simulator.VirtualApp)
	if !ok {
		return
	}
	if app.ParentFolder != nil {
		vm.Parent = app.ParentFolder
	} else if dc := datacenter(ctx, app); dc != nil {
		vm.Parent = types.NewReference(dc.VmFolder)
	}
}

// unusable returns why the simulator cannot have a loaded VM, or "".
func unusable(ctx *simulator.Context, vm *simulator.VirtualMachine) string {
	if vm.Config == nil {
		return "it has no config. The VM was probably inaccessible"
	}
	refs := slices.Clone(vm.Datastore)
	for _, ref := range []*types.ManagedObjectReference{vm.Runtime.Host, vm.ResourcePool} {
		if ref != nil {
			refs = append(refs, *ref)
		}
	}
	for _, disk := range flatOrSparse(vm) {
		for b := disk; b != nil; b = b.Parent {
			if b.Datastore != nil {
				refs = append(refs, *b.Datastore)
			}
		}
	}
	for _, ref := range refs {
		if ctx.Map.Get(ref) == nil {
			return fmt.Sprintf("the object %s %s is missing", ref.Type, ref.Value)
		}
	}
	files := vm.Config.Files
	for _, name := range []string{files.VmPathName, files.LogDirectory, files.SnapshotDirectory, files.SuspendDirectory} {
		if leavesDatastore(name) { // govmomi deletes these folders with the VM
			return fmt.Sprintf("the path %q leaves its datastore", name)
		}
	}
	switch {
	case len(vm.Datastore) == 0:
		return "it has no datastore"
	case vm.Runtime.Host == nil:
		return "it has no host"
	case vm.ResourcePool == nil && !vm.Config.Template:
		return "it has no resource pool"
	case datacenter(ctx, vm) == nil:
		return "it is in no datacenter"
	}
	return ""
}

// leavesDatastore reports whether a datastore path points outside its datastore.
func leavesDatastore(name string) bool {
	var p object.DatastorePath
	return p.FromString(name) && p.Path != "" && !filepath.IsLocal(p.Path)
}

// leaveOut removes a VM and all references to it.
func leaveOut(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	for _, e := range ctx.Map.All("") {
		var list *[]types.ManagedObjectReference
		switch o := e.(type) {
		case *simulator.Folder:
			list = &o.ChildEntity
		case *simulator.HostSystem:
			list = &o.Vm
		case *simulator.ResourcePool:
			list = &o.Vm
		case *simulator.VirtualApp:
			list = &o.Vm
		case *simulator.Datastore:
			list = &o.Vm
		case *simulator.DistributedVirtualPortgroup:
			list = &o.Vm
		case *mo.Network:
			list = &o.Vm
		case *mo.OpaqueNetwork:
			list = &o.Vm
		default:
			continue
		}
		*list = slices.DeleteFunc(*list, func(ref types.ManagedObjectReference) bool { return ref == vm.Self })
	}
	ctx.Map.Remove(ctx, vm.Self)
}

// completeLoadedVM sets the unset properties that the simulator needs, and creates the files of the VM.
func completeLoadedVM(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	vm.DataSets = make(map[string]*simulator.DataSet)
	setNew(&vm.Guest)
	setNew(&vm.Layout)
	setNew(&vm.LayoutEx)
	setNew(&vm.Storage)
	setNew(&vm.Summary.Guest)
	setNew(&vm.Summary.Storage)
	setNew(&vm.Config.Tools)
	setNew(&vm.Config.BootOptions)
	setNew(&vm.Config.CpuAllocation)
	setNew(&vm.Config.MemoryAllocation)
	if vm.Runtime.InstantCloneFrozen == nil {
		vm.Runtime.InstantCloneFrozen = off()
	}
	vm.Summary.Runtime.InstantCloneFrozen = vm.Runtime.InstantCloneFrozen
	completeVM(vm)
	browse(ctx, vm)
	for _, d := range vm.Config.Hardware.Device {
		switch device := d.(type) {
		case *types.VirtualDisk:
			completeLoadedDisk(ctx, vm, device)
		case types.BaseVirtualEthernetCard:
			loadedMACs[strings.ToLower(device.GetVirtualEthernetCard().MacAddress)] = true
		}
	}
	if vm.Snapshot != nil {
		completeSnapshots(ctx, vm, vm.Snapshot.RootSnapshotList)
	}
	return createFiles(ctx, vm)
}

// completeSnapshots creates the snapshots in these trees, which govc does not save. Their configuration is the VM's.
func completeSnapshots(ctx *simulator.Context, vm *simulator.VirtualMachine, trees []types.VirtualMachineSnapshotTree) {
	for _, tree := range trees {
		snapshot := &simulator.VirtualMachineSnapshot{DataSets: make(map[string]*simulator.DataSet)}
		snapshot.Self, snapshot.Vm, snapshot.Config = tree.Snapshot, vm.Self, *vm.Config
		for _, child := range tree.ChildSnapshotList {
			snapshot.ChildSnapshot = append(snapshot.ChildSnapshot, child.Snapshot)
		}
		ctx.Map.Put(snapshot)
		completeSnapshots(ctx, vm, tree.ChildSnapshotList)
	}
}

// setNew sets a nil pointer to a zero value.
func setNew[T any](p **T) {
	if *p == nil {
		*p = new(T)
	}
}

// completeLoadedDisk sets the unset fields of a disk that the simulator needs. A disk with SEsparse backings is cloned
// as a chain of flat backings.
func completeLoadedDisk(ctx *simulator.Context, vm *simulator.VirtualMachine, disk *types.VirtualDisk) {
	if disk.CapacityInBytes == 0 {
		disk.CapacityInBytes = disk.CapacityInKB << 10
	}
	if sparse, ok := disk.Backing.(*types.VirtualDiskSeSparseBackingInfo); ok {
		chain := flatBacking(sparse)
		if _, taken := hiddenChains.Load(chain.ContentId); taken || chain.ContentId == "" {
			chain.ContentId = randomContentID() // a delta disk to which nothing was written can have its parent's id
			sparse.ContentId = chain.ContentId
		}
		hiddenChains.Store(chain.ContentId, chain)
	}
	for b := chainOf(disk); b != nil; b = b.Parent {
		if b.Datastore == nil {
			b.Datastore = datastoreOf(ctx, vm, b.FileName)
		}
	}
}

// datastoreOf returns the datastore in the path of a file, or else the VM's first datastore.
func datastoreOf(ctx *simulator.Context, vm *simulator.VirtualMachine, file string) *types.ManagedObjectReference {
	var p object.DatastorePath
	p.FromString(file)
	if ds := ctx.Map.FindByName(p.Datastore, datacenter(ctx, vm).Datastore); ds != nil {
		return types.NewReference(ds.Reference())
	}
	return types.NewReference(vm.Datastore[0])
}

// flatBacking returns a chain with flat backings. It is the inverse of sparseBacking.
func flatBacking(sparse *types.VirtualDiskSeSparseBackingInfo) *types.VirtualDiskFlatVer2BackingInfo {
	if sparse == nil {
		return nil
	}
	return &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: sparse.VirtualDeviceFileBackingInfo,
		DiskMode:                     sparse.DiskMode,
		WriteThrough:                 sparse.WriteThrough,
		Uuid:                         sparse.Uuid,
		ContentId:                    sparse.ContentId,
		DigestEnabled:                sparse.DigestEnabled,
		DeltaDiskFormat:              sparse.DeltaDiskFormat,
		Parent:                       flatBacking(sparse.Parent),
	}
}

// flatOrSparse returns the chains of the VM's disks with flat or SEsparse backings.
func flatOrSparse(vm *simulator.VirtualMachine) []*types.VirtualDiskFlatVer2BackingInfo {
	var chains []*types.VirtualDiskFlatVer2BackingInfo
	for _, d := range vm.Config.Hardware.Device {
		switch b := d.GetVirtualDevice().Backing.(type) {
		case *types.VirtualDiskFlatVer2BackingInfo:
			chains = append(chains, b)
		case *types.VirtualDiskSeSparseBackingInfo:
			chains = append(chains, flatBacking(b))
		}
	}
	return chains
}

// createFiles creates the files that the VM's configuration and layoutEx name, as empty files. Disks get a descriptor.
func createFiles(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	dc := datacenter(ctx, vm)
	names := []string{vm.Config.Files.VmPathName}
	for _, f := range vm.LayoutEx.File {
		names = append(names, f.Name)
	}
	for _, d := range vm.Config.Hardware.Device {
		disk, isDisk := d.(*types.VirtualDisk)
		if isDisk {
			for b := chainOf(disk); b != nil; b = b.Parent {
				if err := createLoaded(ctx, dc, b.FileName, disk.CapacityInBytes); err != nil {
					return err
				}
			}
		} else if b, ok := d.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			names = append(names, b.GetVirtualDeviceFileBackingInfo().FileName)
		}
	}
	for _, name := range names {
		if err := createLoaded(ctx, dc, name, 0); err != nil {
			return err
		}
	}
	return nil
}

// createLoaded creates a file on its datastore, unless it exists. With a capacity in bytes, the file is a disk. It
// ignores names without a known datastore and paths that leave the datastore.
func createLoaded(ctx *simulator.Context, dc *simulator.Datacenter, name string, capacity int64) error {
	var p object.DatastorePath
	if !p.FromString(name) || p.Path == "" || strings.HasSuffix(p.Path, "/") || leavesDatastore(name) {
		return nil
	}
	ds, ok := ctx.Map.FindByName(p.Datastore, dc.Datastore).(*simulator.Datastore)
	if !ok {
		return nil
	}
	file := filepath.Join(ds.Summary.Url, p.Path)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if capacity > 0 {
		return createDisk(ds, name, capacity)
	}
	return os.WriteFile(file, nil, 0o600)
}
