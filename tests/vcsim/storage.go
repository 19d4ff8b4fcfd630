// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// recommendations holds, by key, the reconfigurations and moves for which Storage DRS has recommended a datastore.
type recommendations struct {
	mu      sync.Mutex
	last    int
	pending map[string]*types.StoragePlacementSpec
}

// concernsVM reports whether a request asks Storage DRS to place new disks of an existing VM, or to place a VM that
// moves. govmomi implements neither.
func concernsVM(body any) bool {
	req, ok := body.(*types.RecommendDatastores)
	if !ok {
		return false
	}
	switch types.StoragePlacementSpecPlacementType(req.StorageSpec.Type) {
	case types.StoragePlacementSpecPlacementTypeReconfigure, types.StoragePlacementSpecPlacementTypeRelocate:
		return true
	}
	return false
}

// RecommendDatastores recommends the member of the datastore cluster that holds the VM's home. For a VM that moves
// into the cluster, it recommends the first member.
func (x *extension) RecommendDatastores(ctx *simulator.Context, req *types.RecommendDatastores) soap.HasFault {
	body := new(methods.RecommendDatastoresBody)
	spec := req.StorageSpec
	relocates := spec.Type == string(types.StoragePlacementSpecPlacementTypeRelocate)
	in := spec.PodSelectionSpec.StoragePod
	if initial := spec.PodSelectionSpec.InitialVmConfig; !relocates && len(initial) > 0 {
		in = &initial[0].StoragePod
	}
	if spec.Vm == nil || in == nil || relocates && spec.RelocateSpec == nil || !relocates && spec.ConfigSpec == nil {
		body.Fault_ = simulator.Fault("", invalid("storageSpec"))
		return body
	}
	vm, isVM := ctx.Map.Get(*spec.Vm).(*simulator.VirtualMachine)
	pod, isPod := ctx.Map.Get(*in).(*simulator.StoragePod)
	if !isVM || !isPod {
		body.Fault_ = simulator.Fault("", invalid("storageSpec.vm"))
		return body
	}
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	body.Res = new(types.RecommendDatastoresResponse)
	var ref types.ManagedObjectReference
	if store := ctx.Map.FindByName(home.Datastore, pod.ChildEntity); store != nil {
		ref = store.Reference()
	} else if relocates && len(pod.ChildEntity) > 0 {
		ref = pod.ChildEntity[0]
	} else {
		return body // no recommendation
	}
	if relocates {
		target := *spec.RelocateSpec
		target.Datastore = &ref
		spec.RelocateSpec = &target
	}
	body.Res.Returnval.Recommendations = []types.ClusterRecommendation{{
		Key: x.advice.add(&spec), Type: "V1", Time: time.Now(), Rating: 1, Reason: "storagePlacement", Target: &pod.Self,
		Action: []types.BaseClusterAction{&types.StoragePlacementAction{
			ClusterAction: types.ClusterAction{Type: "StoragePlacementV1"}, Vm: &vm.Self, Destination: ref,
			RelocateSpec: types.VirtualMachineRelocateSpec{Datastore: &ref},
		}},
	}}
	return body
}

// ApplyStorageDrsRecommendationTask reconfigures or moves the VM of a recommendation.
func (x *extension) ApplyStorageDrsRecommendationTask(ctx *simulator.Context, req *types.ApplyStorageDrsRecommendation_Task) soap.HasFault {
	body := new(methods.ApplyStorageDrsRecommendation_TaskBody)
	if len(req.Key) != 1 {
		body.Fault_ = simulator.Fault("", invalid("key"))
		return body
	}
	spec := x.advice.take(req.Key[0])
	if spec == nil {
		body.Fault_ = simulator.Fault("", invalid("key"))
		return body
	}
	vm, ok := ctx.Map.Get(*spec.Vm).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = notFound(*spec.Vm)
		return body
	}
	x.control.recordChange("ApplyStorageDrsRecommendation_Task", vm) // the call does not name the VM
	task := simulator.CreateTask(vm, "applyStorageDrsRecommendation", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		var fault types.BaseMethodFault
		if spec.ConfigSpec != nil {
			fault = reconfigure(ctx, vm, *spec.ConfigSpec)
		} else {
			fault = relocate(ctx, vm, spec.RelocateSpec)
		}
		if fault != nil {
			return nil, fault
		}
		return types.ApplyStorageRecommendationResult{Vm: &vm.Self}, nil
	})
	body.Res = &types.ApplyStorageDrsRecommendation_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

func (r *recommendations) add(spec *types.StoragePlacementSpec) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	key := fmt.Sprintf("advice-%d", r.last)
	if r.pending == nil {
		r.pending = make(map[string]*types.StoragePlacementSpec)
	}
	r.pending[key] = spec
	return key
}

func (r *recommendations) take(key string) *types.StoragePlacementSpec {
	r.mu.Lock()
	defer r.mu.Unlock()
	spec := r.pending[key]
	delete(r.pending, key)
	return spec
}

// clusterDatastores distributes the datastores among the datastore clusters.
func (inv *inventory) clusterDatastores(dc *simulator.Datacenter) error {
	if inv.pods == 0 {
		return nil
	}
	children := inv.ctx.Map.Get(dc.DatastoreFolder).(*simulator.Folder).ChildEntity
	datastores := slices.Clone(dc.Datastore)
	for i := range inv.pods {
		var members []types.ManagedObjectReference
		for j := i; j < len(datastores); j += inv.pods {
			members = append(members, datastores[j])
		}
		if len(members) == 0 {
			continue
		}
		name := fmt.Sprintf("DC0_POD%d", i)
		pod := inv.ctx.Map.FindByName(name, children).(*simulator.StoragePod)
		// One call moves all members: with each further call, govmomi lists the existing members again.
		body := pod.MoveIntoFolderTask(inv.ctx, &types.MoveIntoFolder_Task{This: pod.Self, List: members})
		if _, fault := await(inv.ctx, body.(*methods.MoveIntoFolder_TaskBody).Res.Returnval); fault != nil {
			return fmt.Errorf("move datastores into %s: %T %+v", name, fault, fault)
		}
	}
	return nil
}
