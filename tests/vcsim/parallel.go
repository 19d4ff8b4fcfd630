// SPDX-License-Identifier: MPL-2.0

package main

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// runningTasks counts the tasks of each object, from their calls to their ends.
type runningTasks struct {
	mu sync.Mutex
	of map[types.ManagedObjectReference]int
}

// start counts a task. It returns TaskInProgress if the object already has limit running tasks.
func (f *runningTasks) start(ref types.ManagedObjectReference, limit int) types.BaseMethodFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = make(map[types.ManagedObjectReference]int)
	}
	if limit > 0 && f.of[ref] >= limit {
		return newFault("TaskInProgress")
	}
	f.of[ref]++
	return nil
}

func (f *runningTasks) end(ref types.ManagedObjectReference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[ref]--; f.of[ref] == 0 {
		delete(f.of, ref)
	}
}

// ReconfigureComputeResourceTask runs one reconfiguration of a cluster at a time. Each one takes as long as a clone.
func (x *extension) ReconfigureComputeResourceTask(ctx *simulator.Context, req *types.ReconfigureComputeResource_Task) soap.HasFault {
	body := new(methods.ReconfigureComputeResource_TaskBody)
	cluster, ok := ctx.Map.Get(req.This).(*simulator.ClusterComputeResource)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	busy := x.runningTasks.start(cluster.Self, 1)
	held := func(work func()) { work() }
	if busy == nil {
		held = x.control.holds.task(ctx.Map, &simulator.Method{Name: "ReconfigureComputeResource_Task", Body: req})
	}
	ref := doUnlocked(ctx, cluster, "reconfigureCluster", func() (fault types.BaseMethodFault) {
		if busy != nil {
			return busy
		}
		defer x.runningTasks.end(cluster.Self)
		held(func() {
			time.Sleep(x.options.delay)
			inner := cluster.ReconfigureComputeResourceTask(ctx, req).(*methods.ReconfigureComputeResource_TaskBody)
			_, fault = await(ctx, inner.Res.Returnval)
		})
		return fault
	})
	body.Res = &types.ReconfigureComputeResource_TaskResponse{Returnval: ref}
	return body
}
