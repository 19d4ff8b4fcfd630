// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vmdk"
)

// addDisk completes a new disk, and schedules the creation of its file.
func (a *assembly) addDisk(bad types.BaseMethodFault, disk *types.VirtualDisk, operation types.VirtualDeviceConfigSpecFileOperation) types.BaseMethodFault {
	completeIO(disk, new(types.StorageIOAllocationInfo))
	given, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if _, sparse := disk.Backing.(*types.VirtualDiskSparseVer2BackingInfo); sparse || disk.Backing == nil {
		return &types.DeviceUnsupportedForVmPlatform{InvalidDeviceSpec: types.InvalidDeviceSpec{
			InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.backing"},
		}}
	}
	if !ok { // a mapped LUN, or a kind that the simulator does not clone
		return setCapacity(bad, disk)
	}
	backing := *given
	disk.Backing = &backing
	ds, file, fault := a.diskFile(backing.FileName, operation == "")
	if fault != nil {
		return fault
	}
	backing.FileName, backing.Datastore = file, &ds.Self
	if disk.CapacityInBytes == 0 && disk.CapacityInKB == 0 && operation == "" {
		disk.CapacityInBytes = capacityOf(ds, file)
	}
	if fault := setCapacity(bad, disk); fault != nil {
		return fault
	}
	if operation != "" {
		a.created = append(a.created, newDisk{file, disk.CapacityInBytes})
	}
	for _, flag := range []**bool{
		&backing.ThinProvisioned, &backing.EagerlyScrub, &backing.WriteThrough, &backing.Split, &backing.DigestEnabled,
	} {
		if *flag == nil {
			*flag = off()
		}
	}
	if backing.DiskMode == "" {
		backing.DiskMode = string(types.VirtualDiskModePersistent)
	}
	if backing.Sharing == "" {
		backing.Sharing = string(types.VirtualDiskSharingSharingNone)
	}
	if backing.Uuid == "" {
		backing.Uuid = uuid.NewString()
	}
	if backing.ContentId == "" {
		backing.ContentId = randomContentID()
	}
	return nil
}

// setCapacity makes capacityInBytes and capacityInKB of a disk consistent. The capacity is a multiple of a SCSI sector.
func setCapacity(bad types.BaseMethodFault, disk *types.VirtualDisk) types.BaseMethodFault {
	if disk.CapacityInBytes == 0 {
		disk.CapacityInBytes = disk.CapacityInKB << 10
	}
	if disk.CapacityInBytes <= 0 || disk.CapacityInBytes%vmdk.SectorSize != 0 {
		return bad
	}
	disk.CapacityInKB = disk.CapacityInBytes >> 10
	disk.DeviceInfo.GetDescription().Summary = thousands(disk.CapacityInKB) + " KB"
	return nil
}

// thousands formats a number with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// completeIO sets the unset fields of a disk's I/O allocation.
func completeIO(disk *types.VirtualDisk, current *types.StorageIOAllocationInfo) {
	io := types.StorageIOAllocationInfo{}
	if disk.StorageIOAllocation != nil {
		io = *disk.StorageIOAllocation
	}
	fill(&io, current)
	fill(&io, &types.StorageIOAllocationInfo{
		Limit: types.NewInt64(-1), Reservation: types.NewInt32(0),
		Shares: &types.SharesInfo{Level: types.SharesLevelNormal},
	})
	io.Shares = sharesFor(io.Shares, 1000)
	disk.StorageIOAllocation = &io
}

// sharesFor returns shares with the number that their level stands for. normal is the number of shares at level
// normal. Level low has half as many, and level high has twice as many: vSphere Resource Management, Resource
// Allocation Shares.
func sharesFor(shares *types.SharesInfo, normal int32) *types.SharesInfo {
	switch shares.Level {
	case types.SharesLevelLow:
		return &types.SharesInfo{Level: shares.Level, Shares: normal / 2}
	case types.SharesLevelNormal:
		return &types.SharesInfo{Level: shares.Level, Shares: normal}
	case types.SharesLevelHigh:
		return &types.SharesInfo{Level: shares.Level, Shares: 2 * normal}
	}
	return shares
}

// diskFile returns the datastore and the file of a disk. If the request gives no path, the file is in the VM's
// folder. exists states whether the file must already exist.
func (a *assembly) diskFile(name string, exists bool) (*simulator.Datastore, string, types.BaseMethodFault) {
	var file object.DatastorePath
	if name != "" && !file.FromString(name) {
		return nil, "", &types.InvalidDatastorePath{DatastorePath: name}
	}
	if file.Datastore == "" {
		file.Datastore = a.home.Datastore
	}
	ds, ok := a.ctx.Map.FindByName(file.Datastore, a.dc.Datastore).(*simulator.Datastore)
	if !ok {
		return nil, "", &types.InvalidDatastorePath{DatastorePath: name}
	}
	if path.Ext(file.Path) != ".vmdk" {
		folder := a.home.Path
		if file.Path != "" {
			folder = file.Path
		}
		for n := 0; ; n++ {
			file.Path = path.Join(folder, a.name+".vmdk")
			if n > 0 {
				file.Path = path.Join(folder, fmt.Sprintf("%s_%d.vmdk", a.name, n))
			}
			if !a.taken(ds, file) {
				break
			}
		}
	}
	switch taken := a.taken(ds, file); {
	case exists && !taken:
		return nil, "", &types.FileNotFound{FileFault: types.FileFault{File: file.String()}}
	case !exists && taken:
		return nil, "", &types.FileAlreadyExists{FileFault: types.FileFault{File: file.String()}}
	}
	return ds, file.String(), nil
}

// taken reports whether the file exists or commit will create it.
func (a *assembly) taken(ds *simulator.Datastore, file object.DatastorePath) bool {
	if slices.ContainsFunc(a.created, func(d newDisk) bool { return d.file == file.String() }) {
		return true
	}
	_, err := os.Stat(filepath.Join(ds.Summary.Url, file.Path))
	return err == nil
}

// capacityOf returns the capacity of a disk's file in bytes, or 0 if it cannot read the disk descriptor.
func capacityOf(ds *simulator.Datastore, name string) int64 {
	var file object.DatastorePath
	file.FromString(name)
	f, err := os.Open(filepath.Join(ds.Summary.Url, file.Path))
	if err != nil {
		return 0
	}
	defer f.Close()
	descriptor, err := vmdk.ParseDescriptor(f)
	if err != nil {
		return 0
	}
	return descriptor.Capacity()
}

// completeCDROM sets the datastore and the summary of a CD-ROM.
func (a *assembly) completeCDROM(drive *types.VirtualCdrom) {
	summary := "Remote device"
	switch b := drive.Backing.(type) {
	case *types.VirtualCdromIsoBackingInfo:
		backing := *b
		var file object.DatastorePath
		file.FromString(backing.FileName)
		if ds, ok := a.ctx.Map.FindByName(file.Datastore, a.dc.Datastore).(*simulator.Datastore); ok {
			backing.Datastore = &ds.Self
		}
		drive.Backing = &backing
		summary = "ISO " + backing.FileName
	case *types.VirtualCdromAtapiBackingInfo:
		summary = "ATAPI " + b.DeviceName
	case *types.VirtualCdromPassthroughBackingInfo:
		summary = "Passthrough " + b.DeviceName
	}
	if drive.DeviceInfo != nil {
		drive.DeviceInfo = &types.Description{Label: drive.DeviceInfo.GetDescription().Label, Summary: summary}
	}
}

// completeNIC sets the MAC address and the other unset fields of an interface.
func (a *assembly) completeNIC(bad types.BaseMethodFault, device types.BaseVirtualDevice, card *types.VirtualEthernetCard) types.BaseMethodFault {
	if !findNetwork(a.ctx, a.dc, card.Backing) || card.Backing == nil {
		return bad
	}
	card.DeviceInfo.GetDescription().Summary = networkSummary(card.Backing)
	card.MacAddress = strings.ToLower(card.MacAddress)
	if card.MacAddress == "" || card.AddressType != string(types.VirtualEthernetCardMacTypeManual) && card.AddressType != "" {
		if card.MacAddress == "" {
			card.MacAddress = nextMAC()
		}
		card.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
	} else {
		card.AddressType = string(types.VirtualEthernetCardMacTypeManual)
	}
	if card.WakeOnLanEnabled == nil {
		card.WakeOnLanEnabled = on()
	}
	if _, ok := device.(types.BaseVirtualVmxnet3); ok && card.UptCompatibilityEnabled == nil {
		card.UptCompatibilityEnabled = on()
	}
	card.ResourceAllocation = bandwidth(card.ResourceAllocation)
	return nil
}

// bandwidth returns an interface's resource allocation with defaults for unset fields.
func bandwidth(given *types.VirtualEthernetCardResourceAllocation) *types.VirtualEthernetCardResourceAllocation {
	res := types.VirtualEthernetCardResourceAllocation{Share: types.SharesInfo{Level: types.SharesLevelNormal}}
	if given != nil {
		res = *given
	}
	if res.Reservation == nil {
		res.Reservation = types.NewInt64(0)
	}
	if res.Limit == nil {
		res.Limit = types.NewInt64(-1)
	}
	res.Share = *sharesFor(&res.Share, 50)
	return &res
}
