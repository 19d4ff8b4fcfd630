// SPDX-License-Identifier: MPL-2.0

package main

import (
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ReconfigVMTask implements VirtualMachine.ReconfigVM_Task with vCenter's checks and defaults.
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

// reconfigure changes a VM. If vCenter would refuse a part of the request, it changes nothing. The caller is a task
// of the VM and holds its lock.
func reconfigure(ctx *simulator.Context, vm *simulator.VirtualMachine, spec types.VirtualMachineConfigSpec) types.BaseMethodFault {
	completeSpec(&spec, vm.Config)
	if fault := refuse(vm, &spec); fault != nil {
		return fault
	}
	a := assemble(ctx, vm)
	if fault := a.change(spec.DeviceChange); fault != nil {
		return fault
	}
	appConfig := vm.Config.VAppConfig
	if spec.VAppConfig != nil {
		var fault types.BaseMethodFault
		if appConfig, fault = vApp(spec.VAppConfig, appConfig); fault != nil {
			return fault
		}
	}
	if isTrue(spec.VAppConfigRemoved) {
		appConfig = nil
	}

	rest := spec
	rest.DeviceChange, rest.VAppConfig = nil, nil
	rest.ExtraConfig = additional(spec.ExtraConfig)
	inner := vm.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: vm.Self, Spec: rest})
	if _, fault := await(ctx, inner.(*methods.ReconfigVM_TaskBody).Res.Returnval); fault != nil {
		return fault
	}
	applySettings(&spec, vm.Config)
	vm.Config.VAppConfig = appConfig
	a.commit(vm)
	return nil
}

// assemble returns an assembly with the VM's current devices.
func assemble(ctx *simulator.Context, vm *simulator.VirtualMachine) *assembly {
	a := &assembly{
		ctx: ctx, dc: datacenter(ctx, vm), config: vm.Config,
		running:  vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn,
		language: languageOf(vm.Config.Hardware.Device),
		devices:  copyDevices(vm.Config.Hardware.Device),
	}
	a.home.FromString(vm.Config.Files.VmPathName)
	a.home.Path = path.Dir(a.home.Path)
	a.name = path.Base(a.home.Path)
	return a
}
