// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CreateVMTask creates the VM that the ConfigSpec describes, with vCenter's defaults for unset fields.
func (x *extension) CreateVMTask(ctx *simulator.Context, req *types.CreateVM_Task) soap.HasFault {
	body := new(methods.CreateVM_TaskBody)
	folder, ok := ctx.Map.Get(req.This).(*simulator.Folder)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	task := simulator.CreateTask(folder, "createVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		host, fault := hostFor(ctx, req)
		if fault != nil {
			return nil, fault
		}
		spec := req.Config
		if spec.Uuid == "" {
			spec.Uuid = uuid.NewString() // govmomi derives its UUID from the file name
		}
		if spec.InstanceUuid == "" {
			spec.InstanceUuid = uuid.NewString()
		}
		vm, fault := newVM(ctx, folder, &spec, x.locale, req.Pool, host)
		if fault != nil {
			return nil, fault
		}
		return vm.Self, nil
	})
	body.Res = &types.CreateVM_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

// hostFor returns the host that the request names, or the first host of the pool.
func hostFor(ctx *simulator.Context, req *types.CreateVM_Task) (types.ManagedObjectReference, types.BaseMethodFault) {
	cr := computeResource(ctx, req.Pool)
	if cr == nil || len(cr.Host) == 0 {
		return types.ManagedObjectReference{}, invalid("pool")
	}
	if req.Host == nil {
		return cr.Host[0], nil
	}
	if simulator.FindReference(cr.Host, *req.Host) == nil {
		return types.ManagedObjectReference{}, invalid("host")
	}
	return *req.Host, nil
}

// newVM creates a powered off VM, or returns a fault and creates nothing. The caller holds the folder's lock or runs
// before the server starts.
func newVM(ctx *simulator.Context, folder *simulator.Folder, spec *types.VirtualMachineConfigSpec, language string, pool, host types.ManagedObjectReference) (*simulator.VirtualMachine, types.BaseMethodFault) {
	completeNew(spec)
	a := &assembly{
		ctx: ctx, dc: datacenter(ctx, folder), name: spec.Name, language: language,
		config:  &types.VirtualMachineConfigInfo{Firmware: spec.Firmware},
		devices: copyDevices(esx.VirtualDevice),
	}
	if fault := a.checkNew(folder, spec); fault != nil {
		return nil, fault
	}
	if fault := a.change(spec.DeviceChange); fault != nil { // a fault here has no side effects
		return nil, fault
	}
	var appConfig types.BaseVmConfigInfo
	if spec.VAppConfig != nil {
		var fault types.BaseMethodFault
		if appConfig, fault = vApp(spec.VAppConfig, nil); fault != nil {
			return nil, fault
		}
	}
	bare := *spec
	bare.DeviceChange, bare.VAppConfig, bare.ExtraConfig = nil, nil, additional(spec.ExtraConfig)
	vm, fault := createVM(ctx, folder, &bare, pool, host)
	if fault != nil {
		return nil, fault
	}
	ctx.WithLock(vm, func() {
		made := assemble(ctx, vm)
		made.language = language
		fault = made.change(spec.DeviceChange)
		completeSpec(spec, vm.Config)
		applySettings(spec, vm.Config)
		vm.Config.VAppConfig = appConfig
		vm.Capability = capability
		vm.Runtime.InstantCloneFrozen = off()
		vm.Summary.Runtime.InstantCloneFrozen = vm.Runtime.InstantCloneFrozen
		made.commit(vm)
	})
	return vm, fault
}

var capability = types.VirtualMachineCapability{
	SnapshotOperationsSupported: true, MultipleSnapshotsSupported: true, PoweredOffSnapshotsSupported: true,
	SnapshotConfigSupported: true, ConsolePreferencesSupported: true,
}

// checkNew checks the settings of a new VM, but not its devices, and sets the folder of its files.
func (a *assembly) checkNew(folder *simulator.Folder, spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	version, err := types.ParseHardwareVersion(spec.Version)
	switch {
	case spec.Name == "" || len(spec.Name) > 80:
		return &types.InvalidName{Name: spec.Name}
	case err != nil || version > types.MustParseHardwareVersion(hardwareVersion):
		return &types.VirtualHardwareVersionNotSupported{HostName: "hosts", Host: types.ManagedObjectReference{Type: "HostSystem", Value: "host"}}
	case spec.Files == nil || !a.home.FromString(spec.Files.VmPathName):
		return &types.InvalidVmConfig{Property: "configSpec.files.vmPathName"}
	}
	if _, ok := a.ctx.Map.FindByName(a.home.Datastore, a.dc.Datastore).(*simulator.Datastore); !ok {
		return &types.InvalidDatastorePath{DatastorePath: spec.Files.VmPathName}
	}
	if fault := nameTaken(a.ctx, folder, escaped(spec.Name)); fault != nil {
		return fault
	}
	a.home = object.DatastorePath{Datastore: a.home.Datastore, Path: plainName(spec.Name)}
	return invalidSettings(spec, a.config)
}

// escaped returns a name as vCenter stores it. It escapes slash, backslash and each percent sign that does not start
// an escape (API reference, VirtualMachineConfigInfo.name).
func escaped(name string) string {
	name = strings.NewReplacer("/", "%2f", `\`, "%5c").Replace(name)
	return percent.ReplaceAllStringFunc(name, func(found string) string {
		if found == "%" {
			return "%25"
		}
		return found
	})
}

// percent matches an escape, or a percent sign that does not start one.
var percent = regexp.MustCompile(`%(?i:25|2f|5c)?`)

// plainName returns a name that govmomi accepts for a VM and its folder.
func plainName(name string) string {
	return strings.NewReplacer("/", "_", `\`, "_", "%", "_").Replace(name)
}

// createVM calls govmomi's Folder.CreateVM_Task in process. That method fails for escaped names, so the VM gets its
// escaped name afterwards.
func createVM(ctx *simulator.Context, folder *simulator.Folder, spec *types.VirtualMachineConfigSpec, pool, host types.ManagedObjectReference) (*simulator.VirtualMachine, types.BaseMethodFault) {
	config := *spec
	config.Name = plainName(spec.Name)
	body := folder.CreateVMTask(ctx, &types.CreateVM_Task{This: folder.Self, Config: config, Pool: pool, Host: &host})
	res, fault := await(ctx, body.(*methods.CreateVM_TaskBody).Res.Returnval)
	if fault != nil {
		return nil, fault
	}
	vm := ctx.Map.Get(res.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
	browse(ctx, vm)
	ctx.WithLock(vm, func() { enterVApp(ctx, vm) })
	if name := escaped(spec.Name); name != config.Name {
		ctx.Map.AtomicUpdate(ctx, vm, []types.PropertyChange{
			{Name: "name", Val: name}, {Name: "config.name", Val: name}, {Name: "summary.config.name", Val: name},
		})
	}
	return vm, nil
}
