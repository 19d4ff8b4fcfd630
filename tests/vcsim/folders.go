// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// MoveIntoFolderTask locks the moved objects before the folders, as tasks of VMs do. govmomi locks the folders first,
// so that a move and a clone of the moved VM can deadlock. The task refuses a VM in a vApp.
func (x *extension) MoveIntoFolderTask(ctx *simulator.Context, req *types.MoveIntoFolder_Task) soap.HasFault {
	body := new(methods.MoveIntoFolder_TaskBody)
	folder, ok := ctx.Map.Get(req.This).(*simulator.Folder)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	ref := doUnlocked(ctx, folder, "moveIntoFolder", func() types.BaseMethodFault {
		for _, child := range req.List {
			if ctx.Map.Get(child) == nil {
				return &types.ManagedObjectNotFound{Obj: child}
			}
			var fault types.BaseMethodFault
			ctx.WithLock(ctx.Map.Get(child), func() {
				if vm, ok := ctx.Map.Get(child).(*simulator.VirtualMachine); ok && vm.ParentVApp != nil {
					fault = new(types.NotSupported)
					return
				}
				one := &types.MoveIntoFolder_Task{This: folder.Self, List: []types.ManagedObjectReference{child}}
				moved := folder.MoveIntoFolderTask(ctx, one).(*methods.MoveIntoFolder_TaskBody)
				_, fault = await(ctx, moved.Res.Returnval)
			})
			if fault != nil {
				return fault
			}
		}
		return nil
	})
	body.Res = &types.MoveIntoFolder_TaskResponse{Returnval: ref}
	return body
}

// DestroyTask destroys a VM, an empty vApp, or a folder with its content. It fails if the folder contains a powered on
// VM.
func (x *extension) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	if vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine); ok {
		return destroyInVApp(ctx, vm, req)
	}
	if app, ok := ctx.Map.Get(req.This).(*simulator.VirtualApp); ok {
		return destroyVApp(ctx, app)
	}
	body := new(methods.Destroy_TaskBody)
	folder, ok := ctx.Map.Get(req.This).(*simulator.Folder)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	ref := doUnlocked(ctx, folder, "destroy", func() types.BaseMethodFault {
		if on := poweredOn(ctx, folder); on != nil {
			return &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: on.Runtime.PowerState,
			}
		}
		return destroyFolder(ctx, folder)
	})
	body.Res = &types.Destroy_TaskResponse{Returnval: ref}
	return body
}

// poweredOn returns a VM that is not powered off from the folder or its subfolders, or nil.
func poweredOn(ctx *simulator.Context, folder *simulator.Folder) *simulator.VirtualMachine {
	for _, ref := range folder.ChildEntity {
		switch child := ctx.Map.Get(ref).(type) {
		case *simulator.VirtualMachine:
			if child.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
				return child
			}
		case *simulator.Folder:
			if on := poweredOn(ctx, child); on != nil {
				return on
			}
		}
	}
	return nil
}

func destroyFolder(ctx *simulator.Context, folder *simulator.Folder) types.BaseMethodFault {
	for _, ref := range append([]types.ManagedObjectReference(nil), folder.ChildEntity...) {
		var fault types.BaseMethodFault
		switch child := ctx.Map.Get(ref).(type) {
		case *simulator.VirtualMachine:
			destroyed := child.DestroyTask(ctx, &types.Destroy_Task{This: ref}).(*methods.Destroy_TaskBody)
			_, fault = await(ctx, destroyed.Res.Returnval)
		case *simulator.Folder:
			fault = destroyFolder(ctx, child)
		}
		if fault != nil {
			return fault
		}
	}
	destroyed := folder.DestroyTask(ctx, &types.Destroy_Task{This: folder.Self}).(*methods.Destroy_TaskBody)
	_, fault := await(ctx, destroyed.Res.Returnval)
	return fault
}

// unlockedEntity is the entity of a task that must not hold the lock of its object. Each task gets a new
// unlockedEntity: if tasks of one object shared an unlockedEntity, they would wait for each other.
type unlockedEntity struct {
	mo.Entity
	number int64
}

var unlockedEntities atomic.Int64

func (n unlockedEntity) Reference() types.ManagedObjectReference {
	ref := n.Entity.Reference()
	return types.ManagedObjectReference{Type: ref.Type, Value: fmt.Sprintf("neutral-%d-%s", n.number, ref.Value)}
}

// doUnlocked runs a task without a result, and without the lock of its object.
func doUnlocked(ctx *simulator.Context, of mo.Entity, name string, run func() types.BaseMethodFault) types.ManagedObjectReference {
	return runUnlocked(ctx, of, name, func() (types.AnyType, types.BaseMethodFault) { return nil, run() })
}

// runUnlocked runs a task without the lock of its object, so that clients can read the object meanwhile.
func runUnlocked(ctx *simulator.Context, of mo.Entity, name string, run func() (types.AnyType, types.BaseMethodFault)) types.ManagedObjectReference {
	task := simulator.CreateTask(unlockedEntity{of, unlockedEntities.Add(1)}, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return run()
	})
	ref := task.Run(ctx)
	ctx.Map.AtomicUpdate(ctx, task, []types.PropertyChange{
		{Name: "info.entity", Val: of.Reference()}, {Name: "info.entityName", Val: of.Entity().Name},
	})
	listTask(ctx, of, ref)
	return ref
}

// listTask adds a task to the recent tasks of its object. govmomi does this only for objects whose
// types it knows.
func listTask(ctx *simulator.Context, of mo.Entity, ref types.ManagedObjectReference) {
	object := ctx.Map.Get(of.Reference())
	if object == nil { // the task has removed the object
		return
	}
	caller := *ctx // the task holds the lock on behalf of ctx
	caller.WithLock(object, func() {
		recent := append(slices.Clone(of.Entity().RecentTask), ref)
		caller.Update(object, []types.PropertyChange{{Name: "recentTask", Val: recent[max(0, len(recent)-recentTasks):]}})
	})
}

// recentTasks is the maximum number of tasks that an object lists, as in govmomi.
const recentTasks = 200
