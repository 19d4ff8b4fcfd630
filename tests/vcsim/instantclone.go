// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"log"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// InstantCloneTask implements VirtualMachine.InstantClone_Task.
func (x *extension) InstantCloneTask(ctx *simulator.Context, req *types.InstantClone_Task) soap.HasFault {
	body := new(methods.InstantClone_TaskBody)
	src, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	busy := x.runningTasks.start(src.Self, x.parallelLimit)
	if busy != nil {
		task := simulator.CreateTask(src, "instantClone", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
			return nil, busy
		})
		body.Res = &types.InstantClone_TaskResponse{Returnval: task.Run(ctx)}
		return body
	}
	held := x.control.holds.task(ctx.Map, &simulator.Method{Name: "InstantClone_Task", Body: req})
	// The task runs without the source's lock, so that clients can read the source while the task is held.
	ref := runUnlocked(ctx, src, "instantClone", func() (result types.AnyType, fault types.BaseMethodFault) {
		defer x.runningTasks.end(src.Self)
		held(func() {
			ctx.WithLock(src, func() { result, fault = x.cloneInPlace(ctx, src, &req.Spec) })
		})
		return result, fault
	})
	body.Res = &types.InstantClone_TaskResponse{Returnval: ref}
	return body
}

// cloneInPlace creates the clone at the requested location, and posts the source's events. It fails if the folder or
// vApp already has an object with this name.
func (x *extension) cloneInPlace(ctx *simulator.Context, src *simulator.VirtualMachine, spec *types.VirtualMachineInstantCloneSpec) (_ types.AnyType, fault types.BaseMethodFault) {
	post(ctx, instantCloneBegun(ctx, src, spec.Name))
	defer func() {
		if fault != nil {
			post(ctx, instantCloneFailed(ctx, src, spec.Name, fault))
		}
	}()
	p, fault := x.check(ctx, src, spec)
	if fault != nil {
		return nil, fault
	}
	var vm *simulator.VirtualMachine
	ctx.WithLock(p.folder, func() { // another task must not use the name meanwhile
		if fault = p.nameTaken(ctx, escaped(spec.Name)); fault == nil {
			vm, fault = x.instantClone(ctx, src, spec, p)
		}
	})
	if fault != nil {
		return nil, fault
	}
	return vm.Self, nil
}

// instantClone creates the clone, and adds delta disks to the source.
func (x *extension) instantClone(ctx *simulator.Context, src *simulator.VirtualMachine, spec *types.VirtualMachineInstantCloneSpec, p *placement) (*simulator.VirtualMachine, types.BaseMethodFault) {
	id := strings.ToLower(spec.BiosUuid)
	if id == "" {
		id = uuid.NewString()
	}
	vm, fault := createVM(ctx, p.folder, &types.VirtualMachineConfigSpec{
		Name:         spec.Name,
		GuestId:      src.Config.GuestId,
		Version:      src.Config.Version,
		Uuid:         id,
		InstanceUuid: uuid.NewString(),
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s]", p.datastore.Name)},
	}, p.pool, p.host.Self)
	if fault != nil {
		return nil, fault
	}
	ctx.WithLock(vm, func() {
		config := copyConfig(src.Config)
		config.ExtraConfig = mergeOptions(config.ExtraConfig, additional(spec.Config))
		cloneDisks(config, src, vm, p.datastore, x.quirks.value("disk-uuids", src) == "kept")
		cloneDevices(config, p)
		x.quirks.changeClone(config, src)
		setConfig(vm, config)

		vm.Capability = src.Capability
		vm.Network = networks(ctx, config.Hardware.Device)
		for _, ref := range src.Datastore { // the disks' parents stay on the source's datastores
			if simulator.FindReference(vm.Datastore, ref) == nil {
				vm.Datastore = append(vm.Datastore, ref)
				ds := ctx.Map.Get(ref).(*simulator.Datastore)
				ctx.Map.AddReference(ctx, ds, &ds.Vm, vm.Self)
			}
		}
		setLayout(vm)
		x.inherit(vm, src, x.quirks.value("guest-network", src))
		powerOn(vm)
		x.quirks.changeRunningClone(config, src)
		summarizeHardware(vm)
		publish(ctx, vm)
		ctx.Update(vm, []types.PropertyChange{{Name: "runtime.powerState", Val: vm.Runtime.PowerState}})
	})
	share(ctx, src)
	share(ctx, vm)
	if x.receivesDeltas(src) {
		addDeltas(ctx, src, func(devices []types.BaseVirtualDevice) { x.quirks.changeSource(devices, src) })
	}
	post(ctx, instantCloned(ctx, vm, src, p))
	return vm, nil
}

// cloneDisks adds a new delta disk for the clone on top of each of the source's disks. keepUUIDs states whether the
// clone's disk keeps the UUID of the source's disk.
func cloneDisks(config *types.VirtualMachineConfigInfo, src, vm *simulator.VirtualMachine, ds *simulator.Datastore, keepUUIDs bool) {
	dir := path.Dir(vm.Config.Files.VmPathName)
	parents := disks(src.Config.Hardware.Device)
	for i, disk := range disks(config.Hardware.Device) {
		name := vm.Name
		if i > 0 {
			name = fmt.Sprintf("%s_%d", vm.Name, i)
		}
		top := disk.addDelta(parents[i].cloneParent(src), path.Join(dir, name+".vmdk"), ds)
		if !keepUUIDs {
			top.Uuid = uuid.NewString()
		}
	}
}

// cloneDevices gives the NICs new addresses and ports, and applies the edits and removals.
func cloneDevices(config *types.VirtualMachineConfigInfo, p *placement) {
	config.Hardware.Device = slices.DeleteFunc(config.Hardware.Device, func(d types.BaseVirtualDevice) bool {
		return p.removed[d.GetVirtualDevice().Key]
	})
	for _, dev := range config.Hardware.Device {
		d := dev.GetVirtualDevice()
		edit := p.edits[d.Key]
		if edit != nil && edit.GetVirtualDevice().Backing != nil {
			d.Backing = edit.GetVirtualDevice().Backing
		}
		nic, ok := dev.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		card := nic.GetVirtualEthernetCard()
		card.MacAddress = nextMAC()
		card.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
		if edit != nil {
			e := edit.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
			if e.AddressType == string(types.VirtualEthernetCardMacTypeManual) && e.MacAddress != "" {
				card.AddressType, card.MacAddress = e.AddressType, strings.ToLower(e.MacAddress)
			}
			if e.Connectable != nil {
				card.Connectable = e.Connectable
			}
			if e.ResourceAllocation != nil {
				card.ResourceAllocation = e.ResourceAllocation
			}
		}
		if b, ok := card.Backing.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo); ok {
			b.Port.PortKey, b.Port.ConnectionCookie = "", 0
		}
		if edit != nil {
			card.DeviceInfo.GetDescription().Summary = networkSummary(card.Backing)
		}
	}
}

// setConfig sets a configuration that was copied from another VM. The VM keeps its names, ids, files and creation
// time.
func setConfig(vm *simulator.VirtualMachine, config *types.VirtualMachineConfigInfo) {
	current := vm.Config
	config.Name, config.Uuid, config.InstanceUuid = current.Name, current.Uuid, current.InstanceUuid
	config.Files, config.LocationId, config.CreateDate = current.Files, current.LocationId, current.CreateDate
	markChanged(config)
	vm.Config = config

	summarizeHardware(vm)
}

// copyConfig copies a configuration. The copied disks lack their parents.
func copyConfig(config *types.VirtualMachineConfigInfo) *types.VirtualMachineConfigInfo {
	flat := *config
	flat.Hardware.Device = nil
	for _, d := range config.Hardware.Device {
		if l := disks([]types.BaseVirtualDevice{d}); len(l) == 1 {
			disk, backing := *l[0].VirtualDisk, *l[0].backing
			backing.Parent = nil
			disk.Backing = &backing
			d = &disk
		}
		flat.Hardware.Device = append(flat.Hardware.Device, d)
	}
	b, err := xml.Marshal(&flat)
	if err != nil {
		log.Panic(err)
	}
	res := new(types.VirtualMachineConfigInfo)
	dec := xml.NewDecoder(bytes.NewReader(b))
	dec.TypeFunc = types.TypeFunc()
	if err := dec.Decode(res); err != nil {
		log.Panic(err)
	}
	return res
}

// mergeOptions concatenates lists of options. The last value of a key wins.
func mergeOptions(lists ...[]types.BaseOptionValue) []types.BaseOptionValue {
	var res []types.BaseOptionValue
	at := make(map[string]int)
	for _, list := range lists {
		for _, o := range list {
			v := *o.GetOptionValue()
			if i, ok := at[v.Key]; ok {
				res[i] = &v
				continue
			}
			at[v.Key] = len(res)
			res = append(res, &v)
		}
	}
	return res
}

// powerOn sets the power state without the task and the events of PowerOnVM_Task.
func powerOn(vm *simulator.VirtualMachine) {
	now := time.Now()
	vm.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOn
	vm.Runtime.BootTime = &now
	vm.Runtime.InstantCloneFrozen = off()
	vm.Summary.Runtime = vm.Runtime
	for _, d := range vm.Config.Hardware.Device {
		if c := d.GetVirtualDevice().Connectable; c != nil {
			c.Connected = c.StartConnected
		}
	}
}

func isFrozen(vm *simulator.VirtualMachine) bool {
	return vm.Runtime.InstantCloneFrozen != nil && *vm.Runtime.InstantCloneFrozen
}

func setFrozen(ctx *simulator.Context, vm *simulator.VirtualMachine, frozen bool) {
	ctx.Update(vm, []types.PropertyChange{
		{Name: "runtime.instantCloneFrozen", Val: frozen},
		{Name: "summary.runtime.instantCloneFrozen", Val: frozen},
	})
}

// share reports the VM's memory as shared until the VM is powered off.
func share(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	ctx.Map.AtomicUpdate(ctx, vm, []types.PropertyChange{
		{Name: "summary.quickStats.sharedMemory", Val: vm.Config.Hardware.MemoryMB},
	})
}

// publish notifies the property collectors of changes that were written directly to the VM. It names nested paths too,
// because a filter on config.hardware.device does not match a change of its parent path config.
func publish(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	ctx.Update(vm, []types.PropertyChange{
		{Name: "config", Val: *vm.Config},
		{Name: "config.hardware.device", Val: vm.Config.Hardware.Device},
		{Name: "config.extraConfig", Val: vm.Config.ExtraConfig},
		{Name: "config.changeVersion", Val: vm.Config.ChangeVersion},
		{Name: "layoutEx", Val: *vm.LayoutEx},
		{Name: "summary", Val: vm.Summary},
	})
}
