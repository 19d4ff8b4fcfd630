// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// hardwareVersion is the newest hardware version, and the version of all VMs of the inventory. The flag -hardware
// sets it.
var hardwareVersion = "vmx-19" // vSphere 7.0.2 and later

// inventory adds VMs to the model.
type inventory struct {
	*options
	ctx       *simulator.Context
	guests    *guests
	folder    *simulator.Folder
	cluster   *simulator.ClusterComputeResource
	portgroup *simulator.DistributedVirtualPortgroup
	datastore *simulator.Datastore
	n         int // number of VMs added
}

// populate creates the VMs that the flags name, and distributes them over the hosts of the cluster.
func populate(ctx *simulator.Context, o *options, g *guests) error {
	ctx.Session.UserName = "vcsim"
	dc := ctx.Map.Any("Datacenter").(*simulator.Datacenter)
	inv := &inventory{options: o, ctx: ctx, guests: g}
	inv.folder = ctx.Map.Get(dc.VmFolder).(*simulator.Folder)
	inv.cluster = ctx.Map.Any("ClusterComputeResource").(*simulator.ClusterComputeResource)
	inv.portgroup = ctx.Map.FindByName("DC0_DVPG0", dc.Network).(*simulator.DistributedVirtualPortgroup)
	inv.datastore = ctx.Map.FindByName("LocalDS_0", dc.Datastore).(*simulator.Datastore)

	drs := &inv.cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig
	drs.Enabled = on()
	drs.DefaultVmBehavior = types.DrsBehaviorFullyAutomated
	drs.VmotionRate = 3
	for _, ref := range dc.Datastore {
		ds := ctx.Map.Get(ref).(*simulator.Datastore)
		ds.Summary.Capacity = 1 << 50
		ds.Summary.FreeSpace = 1 << 50
		ds.Info.GetDatastoreInfo().FreeSpace = 1 << 50
	}

	describeVersions(ctx, inv.cluster)
	if err := addOpaqueNetworks(ctx, dc, inv.cluster, o.opaque); err != nil {
		return err
	}

	for _, name := range o.sources {
		if err := inv.add(name, true); err != nil {
			return err
		}
	}
	for _, name := range o.off {
		if err := inv.add(name, false); err != nil {
			return err
		}
	}
	for i := range o.vms {
		if err := inv.add(fmt.Sprintf("DC0_C0_RP0_VM%d", i), true); err != nil {
			return err
		}
	}
	if err := inv.clusterDatastores(dc); err != nil {
		return err
	}
	for name := range o.layouts {
		if findVM(ctx, name) == nil {
			return fmt.Errorf("-layout: the inventory has no VM %q. Add it with -source or -off", name)
		}
	}
	return freeze(ctx, o, "Add it with -source")
}

// freeze freezes the guests that -frozen names. advice ends the error for a VM that does not exist.
func freeze(ctx *simulator.Context, o *options, advice string) error {
	for _, name := range o.frozen {
		vm := findVM(ctx, name)
		if vm == nil {
			return fmt.Errorf("-frozen: the inventory has no VM %q. %s", name, advice)
		}
		setFrozen(ctx, vm, true)
	}
	return nil
}

// add creates a VM with all properties that terraform-provider-vsphere and pyvmomi programs read.
func (inv *inventory) add(name string, running bool) error {
	h := inv.hardware(name)
	for _, path := range h.files {
		if err := inv.addFile(path); err != nil {
			return err
		}
	}
	host := inv.cluster.Host[inv.n%len(inv.cluster.Host)]
	inv.n++
	vm, fault := newVM(inv.ctx, inv.folder, h.spec(), inv.locale, *inv.cluster.ResourcePool, host)
	if fault != nil {
		return fmt.Errorf("create VM %s: %T %+v", name, fault, fault)
	}
	if running {
		powerOn(vm)
		inv.guests.up(vm, vm.Guest.Net)
	}
	return nil
}

// hardware returns the hardware of a VM according to its layout.
func (inv *inventory) hardware(name string) *hardware {
	h := &hardware{inv: inv, VirtualMachineConfigSpec: types.VirtualMachineConfigSpec{
		Name:                name,
		Uuid:                stableUUID(name, "bios"),
		InstanceUuid:        stableUUID(name, "instance"),
		GuestId:             string(types.VirtualMachineGuestOsIdentifierUbuntu64Guest),
		Version:             hardwareVersion,
		Firmware:            string(types.GuestOsDescriptorFirmwareTypeEfi),
		Annotation:          "made by vcsim",
		Files:               &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[LocalDS_0] %[1]s/%[1]s.vmx", name)},
		NumCPUs:             2,
		NumCoresPerSocket:   types.NewInt32(2),
		MemoryMB:            4096,
		CpuHotAddEnabled:    on(),
		CpuHotRemoveEnabled: on(),
		MemoryHotAddEnabled: on(),
		Flags:               &types.VirtualMachineFlagInfo{DiskUuidEnabled: on()},
		Tools: &types.ToolsConfigInfo{
			ToolsVersion: 11365, ToolsInstallType: string(types.VirtualMachineToolsInstallTypeGuestToolsTypeOpenVMTools),
		},
	}}
	build, ok := inv.layouts[name]
	if !ok {
		build = layouts[defaultLayout]
	}
	build(h)
	if inv.cdrom && count[*types.VirtualCdrom](h) == 0 {
		h.clientCDROM(ide, 0)
	}
	return h
}

// addFile creates an empty file on the first datastore.
func (inv *inventory) addFile(path string) error {
	file := filepath.Join(inv.datastore.Summary.Url, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, nil, 0o600)
}

// findVM returns the VM with this name or managed object id, or nil.
func findVM(ctx *simulator.Context, name string) *simulator.VirtualMachine {
	for _, e := range ctx.Map.All("VirtualMachine") {
		if vm := e.(*simulator.VirtualMachine); vm.Name == name || vm.Self.Value == name {
			return vm
		}
	}
	return nil
}
