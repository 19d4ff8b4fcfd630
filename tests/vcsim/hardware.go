// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	pciController  = 100
	ideController  = 200
	firstPCIUnit   = 7 // unit of the first network interface
	firstPCISlot   = 192
	pciSlotSpacing = 32
)

// on and off return a new pointer each time, because govmomi's property updates write through such pointers.
func on() *bool  { return types.NewBool(true) }
func off() *bool { return types.NewBool(false) }

// hardware describes a VM before its creation. A layout adds devices to it and changes its settings.
type hardware struct {
	types.VirtualMachineConfigSpec
	inv     *inventory
	devices []types.BaseVirtualDevice
	files   []string // files on the first datastore that devices need
}

// bus is a controller for disks and CD-ROMs.
type bus struct {
	key      int32
	firstKey int32 // key of the device at unit 0
}

// ide is the first of the two IDE controllers that every VM has.
var ide = bus{key: ideController, firstKey: 3000}

// count returns the number of added devices of type T.
func count[T any](h *hardware) int32 {
	n := int32(0)
	for _, d := range h.devices {
		if _, ok := d.(T); ok {
			n++
		}
	}
	return n
}

// scsi adds a SCSI controller. Keys and units of all devices follow vCenter's numbering.
func (h *hardware) scsi(controller types.BaseVirtualSCSIController, summary string) bus {
	c := controller.GetVirtualSCSIController()
	c.BusNumber = count[types.BaseVirtualSCSIController](h)
	c.HotAddRemove = on()
	c.SharedBus = types.VirtualSCSISharingNoSharing
	c.ScsiCtlrUnitNumber = 7
	h.onPCI(&c.VirtualDevice, 1000+c.BusNumber, 3+c.BusNumber, fmt.Sprintf("SCSI controller %d", c.BusNumber), summary)
	h.devices = append(h.devices, controller.(types.BaseVirtualDevice))
	return bus{key: c.Key, firstKey: 2000 + 16*c.BusNumber}
}

// sata adds a SATA controller.
func (h *hardware) sata() bus {
	c := new(types.VirtualAHCIController)
	c.BusNumber = count[*types.VirtualAHCIController](h)
	h.onPCI(&c.VirtualDevice, 15000+c.BusNumber, 24+c.BusNumber, fmt.Sprintf("SATA controller %d", c.BusNumber), "AHCI")
	h.devices = append(h.devices, c)
	return bus{key: c.Key, firstKey: 16000 + 30*c.BusNumber}
}

// nvme adds an NVMe controller.
func (h *hardware) nvme() bus {
	c := new(types.VirtualNVMEController)
	c.BusNumber = count[*types.VirtualNVMEController](h)
	label := fmt.Sprintf("NVME controller %d", c.BusNumber)
	h.onPCI(&c.VirtualDevice, 31000+c.BusNumber, 30+c.BusNumber, label, label)
	h.devices = append(h.devices, c)
	return bus{key: c.Key, firstKey: 32000 + 64*c.BusNumber}
}

func (h *hardware) onPCI(d *types.VirtualDevice, key, unit int32, label, summary string) {
	d.Key, d.ControllerKey, d.UnitNumber = key, pciController, types.NewInt32(unit)
	d.DeviceInfo = &types.Description{Label: label, Summary: summary}
}

// thin, lazy and eager set the provisioning of a disk.
func thin(b *types.VirtualDiskFlatVer2BackingInfo)  { b.ThinProvisioned, b.EagerlyScrub = on(), off() }
func lazy(b *types.VirtualDiskFlatVer2BackingInfo)  { b.ThinProvisioned, b.EagerlyScrub = off(), off() }
func eager(b *types.VirtualDiskFlatVer2BackingInfo) { b.ThinProvisioned, b.EagerlyScrub = off(), on() }

// disk adds a disk of gib GiB.
func (h *hardware) disk(at bus, unit int32, gib int64, provision func(*types.VirtualDiskFlatVer2BackingInfo)) *types.VirtualDisk {
	n := count[*types.VirtualDisk](h)
	file := fmt.Sprintf("[LocalDS_0] %[1]s/%[1]s.vmdk", h.Name)
	if n > 0 {
		file = fmt.Sprintf("[LocalDS_0] %[1]s/%[1]s_%d.vmdk", h.Name, n)
	}
	part := fmt.Sprintf("disk %d", n)
	backing := &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file},
		DiskMode:                     string(types.VirtualDiskModePersistent),
		Sharing:                      string(types.VirtualDiskSharingSharingNone),
		WriteThrough:                 off(), Split: off(), DigestEnabled: off(),
		Uuid:      stableUUID(h.Name, part),
		ContentId: stableContentID(h.Name, part),
	}
	provision(backing)
	disk := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: at.firstKey + unit, ControllerKey: at.key, UnitNumber: types.NewInt32(unit),
			DeviceInfo: &types.Description{Label: fmt.Sprintf("Hard disk %d", n+1)},
			Backing:    backing,
		},
		CapacityInKB:    gib << 20,
		CapacityInBytes: gib << 30,
		StorageIOAllocation: &types.StorageIOAllocationInfo{
			Limit:       types.NewInt64(-1),
			Reservation: types.NewInt32(0),
			Shares:      &types.SharesInfo{Level: types.SharesLevelNormal, Shares: 1000},
		},
	}
	h.devices = append(h.devices, disk)
	return disk
}

// nic adds a network interface.
func (h *hardware) nic(card types.BaseVirtualEthernetCard, backing types.BaseVirtualDeviceBackingInfo) {
	n := count[types.BaseVirtualEthernetCard](h)
	c := card.GetVirtualEthernetCard()
	h.onPCI(&c.VirtualDevice, 4000+n, firstPCIUnit+n, fmt.Sprintf("Network adapter %d", n+1), "")
	c.Backing = backing
	c.Connectable = &types.VirtualDeviceConnectInfo{
		StartConnected: true, AllowGuestControl: true, Connected: true, Status: "ok", MigrateConnect: "unset",
	}
	c.SlotInfo = &types.VirtualDevicePciBusSlotInfo{PciSlotNumber: firstPCISlot + pciSlotSpacing*n}
	c.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
	c.MacAddress = nextMAC()
	c.WakeOnLanEnabled = on()
	c.UptCompatibilityEnabled = on()
	h.devices = append(h.devices, card.(types.BaseVirtualDevice))
}

// distributed returns a backing by the inventory's first distributed port group.
func (h *hardware) distributed() types.BaseVirtualDeviceBackingInfo {
	dvs := h.inv.ctx.Map.Get(*h.inv.portgroup.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
	return &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
		Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: h.inv.portgroup.Key, SwitchUuid: dvs.Uuid},
	}
}

// standard returns a backing by the network of the hosts' standard switches.
func (h *hardware) standard() types.BaseVirtualDeviceBackingInfo {
	backing := new(types.VirtualEthernetCardNetworkBackingInfo)
	backing.DeviceName = "VM Network"
	return backing
}

// clientCDROM adds a CD-ROM that is mapped to the client's drive.
func (h *hardware) clientCDROM(at bus, unit int32) {
	backing := new(types.VirtualCdromRemoteAtapiBackingInfo)
	backing.UseAutoDetect = off()
	h.cdrom(at, unit, "Remote device", backing, &types.VirtualDeviceConnectInfo{AllowGuestControl: true, Status: "untried"})
}

// imageCDROM adds a CD-ROM with an ISO image, and adds the image to the files on the first datastore.
func (h *hardware) imageCDROM(at bus, unit int32, path string) {
	h.files = append(h.files, path)
	backing := new(types.VirtualCdromIsoBackingInfo)
	backing.FileName = fmt.Sprintf("[%s] %s", h.inv.datastore.Name, path)
	backing.Datastore = &h.inv.datastore.Self
	h.cdrom(at, unit, "ISO "+backing.FileName, backing, &types.VirtualDeviceConnectInfo{
		StartConnected: true, AllowGuestControl: true, Connected: true, Status: "ok",
	})
}

func (h *hardware) cdrom(at bus, unit int32, summary string, backing types.BaseVirtualDeviceBackingInfo, connect *types.VirtualDeviceConnectInfo) {
	h.devices = append(h.devices, &types.VirtualCdrom{VirtualDevice: types.VirtualDevice{
		Key: at.firstKey + unit, ControllerKey: at.key, UnitNumber: types.NewInt32(unit),
		DeviceInfo:  &types.Description{Label: fmt.Sprintf("CD/DVD drive %d", count[*types.VirtualCdrom](h)+1), Summary: summary},
		Backing:     backing,
		Connectable: connect,
	}})
}

// spec returns the ConfigSpec that creates the VM.
func (h *hardware) spec() *types.VirtualMachineConfigSpec {
	h.DeviceChange = nil
	for _, d := range h.devices {
		s := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: d}
		if _, ok := d.(*types.VirtualDisk); ok {
			s.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
		}
		h.DeviceChange = append(h.DeviceChange, s)
	}
	return &h.VirtualMachineConfigSpec
}

// link lists each device at its controller.
func link(devices []types.BaseVirtualDevice) {
	controllers := make(map[int32]*types.VirtualController)
	for _, d := range devices {
		if c, ok := d.(types.BaseVirtualController); ok {
			controllers[d.GetVirtualDevice().Key] = c.GetVirtualController()
			c.GetVirtualController().Device = nil
		}
	}
	for _, d := range devices {
		if c, ok := controllers[d.GetVirtualDevice().ControllerKey]; ok {
			c.Device = append(c.Device, d.GetVirtualDevice().Key)
		}
	}
}
