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

// MoveIntoFolderTask takes the locks of what is moved before those of the folders, as tasks of VMs do. govmomi's takes
// them the other way round, so that it and a clone of what it moves wait for each other for good.
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

// DestroyTask destroys a folder with all that is in it, unless a VM in it is powered on.
func (x *extension) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
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

// poweredOn is a VM below a folder that is not powered off, or nil.
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

// neutral stands for an object whose lock a task is not to hold while it runs. Each task gets one of its own: with a
// common one the tasks of an object would wait for one another.
type neutral struct {
	mo.Entity
	number int64
}

var neutrals atomic.Int64

func (n neutral) Reference() types.ManagedObjectReference {
	ref := n.Entity.Reference()
	return types.ManagedObjectReference{Type: ref.Type, Value: fmt.Sprintf("neutral-%d-%s", n.number, ref.Value)}
}

// doUnlocked runs a task without a result, and without the lock of its object.
func doUnlocked(ctx *simulator.Context, of mo.Entity, name string, run func() types.BaseMethodFault) types.ManagedObjectReference {
	return runUnlocked(ctx, of, name, func() (types.AnyType, types.BaseMethodFault) { return nil, run() })
}

// runUnlocked runs a task without the lock of its object, which can be read meanwhile.
func runUnlocked(ctx *simulator.Context, of mo.Entity, name string, run func() (types.AnyType, types.BaseMethodFault)) types.ManagedObjectReference {
	task := simulator.CreateTask(neutral{of, neutrals.Add(1)}, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return run()
	})
	ref := task.Run(ctx)
	ctx.Map.AtomicUpdate(ctx, task, []types.PropertyChange{
		{Name: "info.entity", Val: of.Reference()}, {Name: "info.entityName", Val: of.Entity().Name},
	})
	listTask(ctx, of, ref)
	return ref
}

// listTask puts a task on the list of its object, as govmomi does with tasks whose objects it knows.
func listTask(ctx *simulator.Context, of mo.Entity, ref types.ManagedObjectReference) {
	object := ctx.Map.Get(of.Reference())
	if object == nil { // the task has removed it
		return
	}
	caller := *ctx // the task itself holds the lock on behalf of ctx
	caller.WithLock(object, func() {
		recent := append(slices.Clone(of.Entity().RecentTask), ref)
		caller.Update(object, []types.PropertyChange{{Name: "recentTask", Val: recent[max(0, len(recent)-recentTasks):]}})
	})
}

// recentTasks is how many tasks an object lists, as in govmomi.
const recentTasks = 200
