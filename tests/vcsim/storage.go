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

// recommendations are the reconfigurations that Storage DRS has recommended a datastore for, by their keys.
type recommendations struct {
	mu      sync.Mutex
	last    int
	pending map[string]*types.StoragePlacementSpec
}

// reconfigures tells whether a placement is asked for what a VM is to get in addition, of which govmomi knows nothing.
func reconfigures(body any) bool {
	req, ok := body.(*types.RecommendDatastores)
	return ok && req.StorageSpec.Type == string(types.StoragePlacementSpecPlacementTypeReconfigure)
}

// RecommendDatastores recommends for a VM's new disks the member of the datastore cluster that holds its home.
func (x *extension) RecommendDatastores(ctx *simulator.Context, req *types.RecommendDatastores) soap.HasFault {
	body := new(methods.RecommendDatastoresBody)
	spec := &req.StorageSpec
	if spec.Vm == nil || spec.ConfigSpec == nil || len(spec.PodSelectionSpec.InitialVmConfig) == 0 {
		body.Fault_ = simulator.Fault("", invalid("storageSpec"))
		return body
	}
	vm, isVM := ctx.Map.Get(*spec.Vm).(*simulator.VirtualMachine)
	pod, isPod := ctx.Map.Get(spec.PodSelectionSpec.InitialVmConfig[0].StoragePod).(*simulator.StoragePod)
	if !isVM || !isPod {
		body.Fault_ = simulator.Fault("", invalid("storageSpec.vm"))
		return body
	}
	var home object.DatastorePath
	home.FromString(vm.Config.Files.VmPathName)
	store := ctx.Map.FindByName(home.Datastore, pod.ChildEntity)
	body.Res = new(types.RecommendDatastoresResponse)
	if store == nil {
		return body // nothing recommended
	}
	ref := store.Reference()
	body.Res.Returnval.Recommendations = []types.ClusterRecommendation{{
		Key: x.advice.add(spec), Type: "V1", Time: time.Now(), Rating: 1, Reason: "storagePlacement", Target: &pod.Self,
		Action: []types.BaseClusterAction{&types.StoragePlacementAction{
			ClusterAction: types.ClusterAction{Type: "StoragePlacementV1"}, Vm: &vm.Self, Destination: ref,
			RelocateSpec: types.VirtualMachineRelocateSpec{Datastore: &ref},
		}},
	}}
	return body
}

// ApplyStorageDrsRecommendationTask reconfigures the VM that a recommendation was asked for.
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
	task := simulator.CreateTask(vm, "applyStorageDrsRecommendation", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if fault := reconfigure(ctx, vm, *spec.ConfigSpec); fault != nil {
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
	key := fmt.Sprintf("reconfigure-%d", r.last)
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

// clusterDatastores deals the datastores out to the datastore clusters.
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
		// All at once: with each further move govmomi lists the members that are there once more.
		body := pod.MoveIntoFolderTask(inv.ctx, &types.MoveIntoFolder_Task{This: pod.Self, List: members})
		if _, fault := await(inv.ctx, body.(*methods.MoveIntoFolder_TaskBody).Res.Returnval); fault != nil {
			return fmt.Errorf("move datastores into %s: %T %+v", name, fault, fault)
		}
	}
	return nil
}
