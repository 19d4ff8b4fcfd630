package main

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ReconfigVMTask lets govmomi reconfigure a VM as vCenter does.
func (x *extension) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	body := new(methods.ReconfigVM_TaskBody)
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	task := simulator.CreateTask(vm, "reconfigVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, reconfigure(ctx, vm, req.Spec)
	})
	body.Res = &types.ReconfigVM_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

// reconfigure changes a VM. The caller is a task of the VM, and so holds its lock.
func reconfigure(ctx *simulator.Context, vm *simulator.VirtualMachine, spec types.VirtualMachineConfigSpec) types.BaseMethodFault {
	completeSpec(&spec, vm.Config)
	inner := vm.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: vm.Self, Spec: spec})
	_, fault := await(ctx, inner.(*methods.ReconfigVM_TaskBody).Res.Returnval)
	if fault == nil && len(spec.DeviceChange) != 0 {
		linkDevices(ctx, vm)
	}
	return fault
}

// completeSpec fills in what a reconfiguration leaves unset: vCenter keeps it as it is, govmomi replaces flags, tools,
// boot options and allocations as a whole. What govmomi ignores is set here.
func completeSpec(spec *types.VirtualMachineConfigSpec, config *types.VirtualMachineConfigInfo) {
	fill(spec.Flags, &config.Flags)
	fill(spec.Tools, config.Tools)
	fill(spec.BootOptions, config.BootOptions)
	fill(spec.CpuAllocation, config.CpuAllocation)
	fill(spec.MemoryAllocation, config.MemoryAllocation)
	if spec.SwapPlacement != "" {
		config.SwapPlacement = spec.SwapPlacement
	}
	if spec.VPMCEnabled != nil {
		config.VPMCEnabled = spec.VPMCEnabled
	}
	spec.CpuAllocation = resized(spec.CpuAllocation, config.CpuAllocation, 1000*spec.NumCPUs)
	spec.MemoryAllocation = resized(spec.MemoryAllocation, config.MemoryAllocation, int32(10*spec.MemoryMB))
}

// fill copies the fields that a part of a specification leaves unset from what is there.
func fill[T any](part, current *T) {
	if part == nil || current == nil {
		return
	}
	to, from := reflect.ValueOf(part).Elem(), reflect.ValueOf(current).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// resized is an allocation with the number of normal shares that goes with a new size, 0 being none.
func resized(part, current *types.ResourceAllocationInfo, normal int32) *types.ResourceAllocationInfo {
	if normal == 0 {
		return part
	}
	if part == nil && current != nil {
		c := *current
		part = &c
	}
	if part != nil && part.Shares != nil && part.Shares.Level == types.SharesLevelNormal {
		part.Shares = &types.SharesInfo{Level: types.SharesLevelNormal, Shares: normal}
	}
	return part
}

// linkDevices lists devices that came or went at their controllers. It works on copies: an answer that is being
// written may still hold the devices.
func linkDevices(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	devices := make([]types.BaseVirtualDevice, len(vm.Config.Hardware.Device))
	for i, d := range vm.Config.Hardware.Device {
		if _, ok := d.(types.BaseVirtualController); ok {
			c := reflect.New(reflect.TypeOf(d).Elem())
			c.Elem().Set(reflect.ValueOf(d).Elem())
			d = c.Interface().(types.BaseVirtualDevice)
		}
		devices[i] = d
	}
	link(devices)
	ctx.Update(vm, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
}
