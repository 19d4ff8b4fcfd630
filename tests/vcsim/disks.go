// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vmdk"
)

// flatDisk is a disk with a chain of flat backings, the only kind that the simulator instant-clones. backing is the top
// of the chain. A quirk can make the disk report another backing.
type flatDisk struct {
	*types.VirtualDisk
	backing *types.VirtualDiskFlatVer2BackingInfo
}

// disks returns the flat disks among the devices.
func disks(devices []types.BaseVirtualDevice) []flatDisk {
	var res []flatDisk
	for _, d := range devices {
		if disk, ok := d.(*types.VirtualDisk); ok {
			if b := chainOf(disk); b != nil {
				res = append(res, flatDisk{disk, b})
			}
		}
	}
	return res
}

// deltas returns the number of delta disks above the base disk.
func (d flatDisk) deltas() int {
	n := 0
	for b := d.backing; b.Parent != nil; b = b.Parent {
		n++
	}
	return n
}

// addDelta puts a new delta disk on top of the chain that ends with parent, and returns it. VMs share the chain, and
// nothing writes to it.
func (d flatDisk) addDelta(parent *types.VirtualDiskFlatVer2BackingInfo, file string, ds *simulator.Datastore) *types.VirtualDiskFlatVer2BackingInfo {
	top := *parent
	top.Parent = parent
	top.FileName = file
	top.Datastore = &ds.Self
	top.ContentId = randomContentID()
	top.DeltaDiskFormat = "redoLogFormat"
	d.Backing = &top
	if err := createDisk(ds, file, d.CapacityInBytes); err != nil {
		log.Print(err)
	}
	return &top
}

// createDisk creates the files of a disk.
func createDisk(ds *simulator.Datastore, file string, capacity int64) error {
	var p object.DatastorePath
	p.FromString(file)
	name := filepath.Join(ds.Summary.Url, p.Path)
	extent := simulator.VirtualDiskBackingFileName(name)
	if err := os.WriteFile(extent, nil, 0o600); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return vmdk.NewDescriptor(vmdk.Extent{Info: filepath.Base(extent), Size: capacity / vmdk.SectorSize}).Write(f)
}

var deltaSuffix = regexp.MustCompile(`(-\d{6})?\.vmdk$`)

// withCopiedDisks returns the devices with copies of the disks, because a reply that is being encoded may still refer
// to the old ones.
func withCopiedDisks(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	devices = slices.Clone(devices)
	for i, d := range devices {
		if disk, ok := d.(*types.VirtualDisk); ok {
			c := *disk
			devices[i] = &c
		}
	}
	return devices
}

// addDeltas puts a delta disk on top of each of a source's disks, as vCenter does when it clones a VM. change applies
// the quirks of the source to the devices.
func addDeltas(ctx *simulator.Context, vm *simulator.VirtualMachine, change func([]types.BaseVirtualDevice)) {
	devices := withCopiedDisks(vm.Config.Hardware.Device)
	for _, disk := range disks(devices) {
		ds := ctx.Map.Get(*disk.backing.Datastore).(*simulator.Datastore)
		base := deltaSuffix.ReplaceAllString(disk.backing.FileName, "")
		top := disk.addDelta(disk.backing, fmt.Sprintf("%s-%06d.vmdk", base, disk.deltas()+1), ds)
		if isFrozen(vm) {
			idleDeltas.Store(top.ContentId, true)
		}
	}
	change(devices)
	vm.Config.Hardware.Device = devices
	markChanged(vm.Config)
	setLayout(vm)
	publish(ctx, vm)
}

// setLayout sets layout and layoutEx, the descriptions of the VM's files. govmomi's function for this takes time cubic
// in the length of the disk chains, unless layoutEx already lists the files.
func setLayout(vm *simulator.VirtualMachine) {
	key := int32(0)
	files := slices.DeleteFunc(slices.Clone(vm.LayoutEx.File), func(f types.VirtualMachineFileLayoutExFileInfo) bool {
		key = max(key, f.Key+1)
		return path.Ext(f.Name) == ".vmdk"
	})
	add := func(name string, kind types.VirtualMachineFileLayoutExFileType, size int64) int32 {
		files = append(files, types.VirtualMachineFileLayoutExFileInfo{
			Key: key, Name: name, Type: string(kind), Size: size, UniqueSize: size, Accessible: on(),
		})
		key++
		return key - 1
	}
	vm.Layout.Disk, vm.LayoutEx.Disk = nil, nil
	for _, d := range vm.Config.Hardware.Device {
		disk, ok := d.(*types.VirtualDisk)
		if !ok {
			continue
		}
		plain := types.VirtualMachineFileLayoutDiskLayout{Key: disk.Key}
		extended := types.VirtualMachineFileLayoutExDiskLayout{Key: disk.Key}
		names := chainFiles(disk)
		for i, name := range names {
			size := int64(16 << 20)
			if i == len(names)-1 {
				size = disk.CapacityInBytes
			}
			extent := simulator.VirtualDiskBackingFileName(name)
			plain.DiskFile = append(plain.DiskFile, name)
			extended.Chain = append(extended.Chain, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{
				add(extent, types.VirtualMachineFileLayoutExFileTypeDiskExtent, size),
				add(name, types.VirtualMachineFileLayoutExFileTypeDiskDescriptor, 500),
			}})
		}
		vm.Layout.Disk = append(vm.Layout.Disk, plain)
		vm.LayoutEx.Disk = append(vm.LayoutEx.Disk, extended)
	}
	vm.LayoutEx.File = files
	vm.LayoutEx.Timestamp = time.Now()
}

// RefreshStorageInfo updates the description of the VM's files. govmomi follows only the chains that the disks report.
func (x *extension) RefreshStorageInfo(ctx *simulator.Context, req *types.RefreshStorageInfo) soap.HasFault {
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return &methods.RefreshStorageInfoBody{Fault_: notFound(req.This)}
	}
	var body soap.HasFault
	ctx.WithLock(vm, func() {
		body = vm.RefreshStorageInfo(ctx, req)
		setLayout(vm)
		ctx.Update(vm, []types.PropertyChange{{Name: "layoutEx", Val: *vm.LayoutEx}})
	})
	return body
}

// markChanged sets the time and the version of the last change of the configuration.
func markChanged(config *types.VirtualMachineConfigInfo) {
	config.Modified = time.Now()
	config.ChangeVersion = config.Modified.UTC().Format("2006-01-02T15:04:05.000000Z")
}
