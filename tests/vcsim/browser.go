// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// vmBrowser is the environment browser of a VM: without a key it tells of the hardware version that the VM has. In
// govmomi VMs share that of their compute resource, which tells of the newest, so that the stock provider takes every
// configured version for the wrong one.
type vmBrowser struct {
	simulator.EnvironmentBrowser
	vm *simulator.VirtualMachine
}

// browse gives a VM an environment browser of its own.
func browse(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	b := &vmBrowser{vm: vm}
	b.Self = browserReference(vm.Self)
	b.DatastoreBrowser = b.theirs(ctx).DatastoreBrowser
	ctx.Map.Put(b)
	vm.EnvironmentBrowser = b.Self
}

func browserReference(vm types.ManagedObjectReference) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "EnvironmentBrowser", Value: "envbrowser-" + vm.Value}
}

// theirs is the browser of the compute resource to which the VM belongs.
func (b *vmBrowser) theirs(ctx *simulator.Context) *simulator.EnvironmentBrowser {
	return ctx.Map.Get(*computeResource(ctx, *b.vm.Runtime.Host).EnvironmentBrowser).(*simulator.EnvironmentBrowser)
}

// QueryConfigTarget asks the compute resource.
func (b *vmBrowser) QueryConfigTarget(ctx *simulator.Context, req *types.QueryConfigTarget) soap.HasFault {
	return b.theirs(ctx).QueryConfigTarget(ctx, req)
}

// QueryConfigOptionDescriptor asks the compute resource.
func (b *vmBrowser) QueryConfigOptionDescriptor(ctx *simulator.Context, req *types.QueryConfigOptionDescriptor) soap.HasFault {
	return b.theirs(ctx).QueryConfigOptionDescriptor(ctx, req)
}

// QueryTargetCapabilities asks the compute resource.
func (b *vmBrowser) QueryTargetCapabilities(ctx *simulator.Context, req *types.QueryTargetCapabilities) soap.HasFault {
	return b.theirs(ctx).QueryTargetCapabilities(ctx, req)
}

// browserOf is the environment browser of that reference, with the version that it tells of when it is asked for none.
func browserOf(ctx *simulator.Context, ref types.ManagedObjectReference) (*simulator.EnvironmentBrowser, string) {
	switch b := ctx.Map.Get(ref).(type) {
	case *vmBrowser:
		return &b.EnvironmentBrowser, b.vm.Config.Version
	case *simulator.EnvironmentBrowser:
		return b, hardwareVersion
	}
	return nil, ""
}

// QueryConfigOption says what VMs of a hardware version can have. govmomi names no number, from which the stock provider
// concludes that the VM is to be upgraded.
func (x *extension) QueryConfigOption(ctx *simulator.Context, req *types.QueryConfigOption) soap.HasFault {
	body := new(methods.QueryConfigOptionBody)
	browser, version := browserOf(ctx, req.This)
	if browser == nil {
		body.Fault_ = notFound(req.This)
		return body
	}
	option, fault := configOption(cmp.Or(req.Key, version))
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.QueryConfigOptionResponse{Returnval: option}
	return body
}

// QueryConfigOptionEx is QueryConfigOption with guest operating systems.
func (x *extension) QueryConfigOptionEx(ctx *simulator.Context, req *types.QueryConfigOptionEx) soap.HasFault {
	body := new(methods.QueryConfigOptionExBody)
	browser, key := browserOf(ctx, req.This)
	if browser == nil {
		body.Fault_ = notFound(req.This)
		return body
	}
	if req.Spec != nil {
		key = cmp.Or(req.Spec.Key, key)
	}
	option, fault := configOption(key)
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	theirs := browser.QueryConfigOptionEx(req).(*methods.QueryConfigOptionExBody)
	option.GuestOSDescriptor = theirs.Res.Returnval.GuestOSDescriptor
	for i := range option.GuestOSDescriptor { // pyvmomi fails without
		d := &option.GuestOSDescriptor[i]
		d.SupportedDiskControllerList = []string{"ParaVirtualSCSIController"}
		d.RecommendedDiskController = "ParaVirtualSCSIController"
		d.RecommendedCdromController = "VirtualIDEController"
		d.SupportedEthernetCard = []string{"VirtualVmxnet3"}
	}
	body.Res = &types.QueryConfigOptionExResponse{Returnval: option}
	return body
}

// configOption is new each time: a reply that is being written may still hold an earlier one.
func configOption(key string) (*types.VirtualMachineConfigOption, types.BaseMethodFault) {
	version, err := types.ParseHardwareVersion(key)
	newest := types.MustParseHardwareVersion(hardwareVersion)
	if err != nil || version > newest {
		return nil, invalid("key")
	}
	// pyvmomi fails on an empty enumeration.
	shares := types.ResourceAllocationOption{SharesOption: types.SharesOption{DefaultLevel: types.SharesLevelNormal}}
	return &types.VirtualMachineConfigOption{
		Version:     key,
		Description: fmt.Sprintf("hardware version %d", version),
		HardwareOptions: types.VirtualHardwareOption{
			HwVersion: int32(version),
			ResourceConfigOption: types.ResourceConfigOption{
				CpuAllocationOption: shares, MemoryAllocationOption: shares,
			},
		},
		DefaultDevice: esx.VirtualDevice,
	}, nil
}

// describeVersions makes hardwareVersion the newest one that a cluster's hosts run, and the default.
func describeVersions(ctx *simulator.Context, cluster *simulator.ClusterComputeResource) {
	browser := ctx.Map.Get(*cluster.EnvironmentBrowser).(*simulator.EnvironmentBrowser)
	descriptors := browser.QueryConfigOptionDescriptorResponse.Returnval
	for i := range descriptors {
		isDefault := descriptors[i].Key == hardwareVersion
		descriptors[i].DefaultConfigOption = isDefault
		if isDefault {
			browser.QueryConfigOptionDescriptorResponse.Returnval = descriptors[:i+1]
			return
		}
	}
}
