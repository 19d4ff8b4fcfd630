// SPDX-License-Identifier: MPL-2.0

package main

import "github.com/vmware/govmomi/vim25/types"

// layout adds devices to a VM without devices, and changes its settings.
type layout func(*hardware)

const defaultLayout = "default"

// layouts are the values of -layout. To add a layout, write its function and list it here. The methods of hardware
// number keys, units and labels.
var layouts = map[string]layout{
	defaultLayout:     defaultHardware,
	"minimal":         minimal,
	"two-controllers": twoControllers,
	"sata-nvme":       sataNVMe,
}

// defaultHardware is a common Linux server.
func defaultHardware(h *hardware) {
	scsi := h.scsi(new(types.ParaVirtualSCSIController), "VMware paravirtual SCSI")
	h.disk(scsi, 0, 16, thin)
	h.disk(scsi, 1, 8, thin)
	h.nic(new(types.VirtualVmxnet3), h.distributed())
}

// minimal has one disk, one interface and the smallest settings.
func minimal(h *hardware) {
	h.Firmware = string(types.GuestOsDescriptorFirmwareTypeBios)
	h.NumCPUs, h.NumCoresPerSocket = 1, types.NewInt32(1)
	h.MemoryMB = 1024
	scsi := h.scsi(new(types.ParaVirtualSCSIController), "VMware paravirtual SCSI")
	h.disk(scsi, 0, 8, thin)
	h.nic(new(types.VirtualVmxnet3), h.standard())
}

// twoControllers has disks on two controllers, with gaps between their units, and two kinds of interfaces.
func twoControllers(h *hardware) {
	first := h.scsi(new(types.ParaVirtualSCSIController), "VMware paravirtual SCSI")
	second := h.scsi(new(types.ParaVirtualSCSIController), "VMware paravirtual SCSI")
	h.disk(first, 0, 16, thin)
	h.disk(first, 1, 4, eager)
	h.disk(second, 0, 8, lazy)
	h.disk(second, 3, 2, thin)
	h.clientCDROM(ide, 0)
	h.nic(new(types.VirtualVmxnet3), h.distributed())
	h.nic(new(types.VirtualE1000e), h.standard())
}

// sataNVMe has a disk on each kind of controller, and allocations that differ from the defaults.
func sataNVMe(h *hardware) {
	h.NumCPUs, h.NumCoresPerSocket = 4, types.NewInt32(1)
	h.MemoryMB = 8192
	h.CpuHotAddEnabled, h.CpuHotRemoveEnabled, h.MemoryHotAddEnabled = off(), off(), off()
	h.CpuAllocation = allocation(500, 4000, types.SharesInfo{Level: types.SharesLevelCustom, Shares: 3000})
	h.MemoryAllocation = allocation(1024, 8192, types.SharesInfo{Level: types.SharesLevelCustom, Shares: 90000})

	scsi := h.scsi(new(types.VirtualLsiLogicSASController), "LSI Logic SAS")
	sata := h.sata()
	nvme := h.nvme()
	h.disk(scsi, 0, 16, thin).StorageIOAllocation = &types.StorageIOAllocationInfo{
		Reservation: types.NewInt32(100),
		Limit:       types.NewInt64(2000),
		Shares:      &types.SharesInfo{Level: types.SharesLevelCustom, Shares: 1500},
	}
	h.disk(sata, 0, 8, thin)
	h.disk(nvme, 0, 4, thin)
	h.imageCDROM(sata, 1, "iso/seed.iso")
	h.nic(new(types.VirtualVmxnet3), h.distributed())
}

// allocation returns an allocation of CPU in MHz or of memory in MB. A limit of -1 means no limit.
func allocation(reservation, limit int64, shares types.SharesInfo) *types.ResourceAllocationInfo {
	return &types.ResourceAllocationInfo{
		Reservation: types.NewInt64(reservation), Limit: types.NewInt64(limit), ExpandableReservation: off(), Shares: &shares,
	}
}
