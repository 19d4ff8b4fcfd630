// SPDX-License-Identifier: MPL-2.0

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// In govmomi, no folder lists a vApp, and a VM in a vApp stays in its folder. In vCenter, the folder of a vApp lists
// the vApp, and a VM in a vApp has the property parentVApp instead of a parent (API reference, ManagedEntity.parent).

// CreateVApp creates a vApp in a resource pool or in another vApp.
func (x *extension) CreateVApp(ctx *simulator.Context, req *types.CreateVApp) soap.HasFault {
	body := new(methods.CreateVAppBody)
	outer := ctx.Map.Get(req.This)
	ctx.WithLock(outer, func() {
		switch outer := outer.(type) {
		case *simulator.ResourcePool:
			body = outer.CreateVApp(ctx, req).(*methods.CreateVAppBody)
		case *simulator.VirtualApp:
			body = outer.CreateVApp(ctx, req).(*methods.CreateVAppBody)
			if body.Res != nil { // govmomi adds the vApp to a copy of the outer vApp
				ctx.Map.AddReference(ctx, outer, &outer.ResourcePool.ResourcePool, body.Res.Returnval)
			}
		default:
			body.Fault_ = notFound(req.This)
		}
	})
	if body.Res == nil {
		return body
	}
	app := ctx.Map.Get(body.Res.Returnval).(*simulator.VirtualApp)
	if around := vAppAround(ctx, *app.Parent); around != nil {
		ctx.WithLock(app, func() { app.ParentFolder, app.ParentVApp = nil, &around.Self })
		return body
	}
	folder := ctx.Map.Get(*app.ParentFolder).(*simulator.Folder)
	ctx.Map.AddReference(ctx, folder, &folder.ChildEntity, app.Self)
	return body
}

// CreateResourcePool creates a resource pool in a vApp, which govmomi does not support.
func (x *extension) CreateResourcePool(ctx *simulator.Context, req *types.CreateResourcePool) soap.HasFault {
	app := ctx.Map.Get(req.This).(*simulator.VirtualApp)
	var body *methods.CreateResourcePoolBody
	ctx.WithLock(app, func() {
		pool := &simulator.ResourcePool{ResourcePool: app.ResourcePool}
		body = pool.CreateResourcePool(ctx, req).(*methods.CreateResourcePoolBody)
		if body.Res != nil {
			ctx.Map.AddReference(ctx, app, &app.ResourcePool.ResourcePool, body.Res.Returnval)
		}
	})
	return body
}

// CreateChildVMTask creates a VM in a vApp.
func (x *extension) CreateChildVMTask(ctx *simulator.Context, req *types.CreateChildVM_Task) soap.HasFault {
	body := new(methods.CreateChildVM_TaskBody)
	app := vAppAround(ctx, req.This)
	if app == nil {
		body.Fault_ = notFound(req.This)
		return body
	}
	made := x.CreateVMTask(ctx, &types.CreateVM_Task{
		This: folderOf(ctx, app).Self, Config: req.Config, Pool: req.This, Host: req.Host,
	}).(*methods.CreateVM_TaskBody)
	body.Res = &types.CreateChildVM_TaskResponse{Returnval: made.Res.Returnval}
	return body
}

// MoveIntoResourcePool moves VMs to another pool or vApp of the same compute resource.
func (x *extension) MoveIntoResourcePool(ctx *simulator.Context, req *types.MoveIntoResourcePool) soap.HasFault {
	body := new(methods.MoveIntoResourcePoolBody)
	if poolOf(ctx, req.This) == nil {
		body.Fault_ = notFound(req.This)
		return body
	}
	for _, ref := range req.List {
		vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
		if !ok || vm.ResourcePool == nil || computeResource(ctx, *vm.ResourcePool) != computeResource(ctx, req.This) {
			body.Fault_ = simulator.Fault("", invalid("list"))
			return body
		}
		ctx.WithLock(vm, func() { moveToPool(ctx, vm, req.This) })
	}
	body.Res = new(types.MoveIntoResourcePoolResponse)
	return body
}

// moveToPool moves a VM to another pool or vApp. The caller holds the VM's lock.
func moveToPool(ctx *simulator.Context, vm *simulator.VirtualMachine, to types.ManagedObjectReference) {
	if old := poolOf(ctx, *vm.ResourcePool); old != nil {
		ctx.Map.RemoveReference(ctx, old, &old.Vm, vm.Self)
	}
	pool := poolOf(ctx, to)
	ctx.Map.AddReference(ctx, pool, &pool.Vm, vm.Self)
	vm.ResourcePool = &to // a new reference, because govmomi's property updates write through the old one
	ctx.Update(vm, []types.PropertyChange{{Name: "resourcePool", Val: to}})
	enterVApp(ctx, vm)
}

// enterVApp makes the parent of a VM fit its resource pool. The caller holds the VM's lock.
func enterVApp(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	app := vAppAround(ctx, *vm.ResourcePool)
	switch {
	case app != nil:
		if vm.Parent != nil {
			folder := ctx.Map.Get(*vm.Parent).(*simulator.Folder)
			ctx.Map.RemoveReference(ctx, folder, &folder.ChildEntity, vm.Self)
		}
		vm.Parent, vm.ParentVApp = nil, &app.Self
	case vm.ParentVApp != nil:
		leaveVApp(ctx, vm)
	}
}

// leaveVApp moves a VM to the folder of its outermost vApp. The caller holds the VM's lock.
func leaveVApp(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	folder := folderOf(ctx, ctx.Map.Get(*vm.ParentVApp).(*simulator.VirtualApp))
	ctx.Map.AddReference(ctx, folder, &folder.ChildEntity, vm.Self)
	vm.Parent, vm.ParentVApp = &folder.Self, nil
}

// destroyInVApp destroys a VM that may be in a vApp. govmomi can destroy only a VM in a folder. A powered on VM stays in
// its vApp, because the task fails.
func destroyInVApp(ctx *simulator.Context, vm *simulator.VirtualMachine, req *types.Destroy_Task) soap.HasFault {
	var body soap.HasFault
	ctx.WithLock(vm, func() {
		if vm.ParentVApp == nil {
			body = vm.DestroyTask(ctx, req)
			return
		}
		if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
			leaveVApp(ctx, vm)
			body = vm.DestroyTask(ctx, req)
			return
		}
		task := simulator.CreateTask(vm, "destroy", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
			return nil, &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
			}
		})
		body = &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: task.Run(ctx)}}
	})
	return body
}

// destroyVApp destroys an empty vApp. govmomi would move the content into the pool around the vApp, and the folder would
// still list the vApp.
func destroyVApp(ctx *simulator.Context, app *simulator.VirtualApp) soap.HasFault {
	task := simulator.CreateTask(app, "destroy", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if len(app.Vm) > 0 || len(app.ResourcePool.ResourcePool) > 0 {
			return nil, new(types.NotSupported)
		}
		if app.ParentFolder != nil {
			folder := ctx.Map.Get(*app.ParentFolder).(*simulator.Folder)
			ctx.Map.RemoveReference(ctx, folder, &folder.ChildEntity, app.Self)
		}
		outer := ctx.Map.Get(*app.Parent)
		pool := poolOf(ctx, *app.Parent)
		ctx.Map.RemoveReference(ctx, outer, &pool.ResourcePool, app.Self)
		ctx.Map.Remove(ctx, app.Self)
		return nil, nil
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: task.Run(ctx)}}
}

// folderOf returns the folder that lists a vApp, or the vApp that surrounds it.
func folderOf(ctx *simulator.Context, app *simulator.VirtualApp) *simulator.Folder {
	for app.ParentVApp != nil {
		app = ctx.Map.Get(*app.ParentVApp).(*simulator.VirtualApp)
	}
	return ctx.Map.Get(*app.ParentFolder).(*simulator.Folder)
}

// poolOf returns the pool with this reference, or the part of a vApp that is a pool, or nil.
func poolOf(ctx *simulator.Context, ref types.ManagedObjectReference) *mo.ResourcePool {
	switch pool := ctx.Map.Get(ref).(type) {
	case *simulator.ResourcePool:
		return &pool.ResourcePool
	case *simulator.VirtualApp:
		return &pool.ResourcePool
	}
	return nil
}

// vAppAround returns the vApp that a pool is or is in, or nil.
func vAppAround(ctx *simulator.Context, pool types.ManagedObjectReference) *simulator.VirtualApp {
	app, _ := ancestor[*simulator.VirtualApp](ctx, pool)
	return app
}
