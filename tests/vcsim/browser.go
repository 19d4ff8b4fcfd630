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

// vmBrowser is the environment browser of one VM. If a request has no key, the browser describes the hardware version
// of this VM. In govmomi, VMs share the browser of their compute resource, which describes the newest version. The
// stock provider would then treat every configured version as wrong.
type vmBrowser struct {
	simulator.EnvironmentBrowser
	vm *simulator.VirtualMachine
}

// browse gives a VM a separate environment browser.
func browse(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	b := &vmBrowser{vm: vm}
	b.Self = browserReference(vm.Self)
	b.DatastoreBrowser = b.computeBrowser(ctx).DatastoreBrowser
	ctx.Map.Put(b)
	vm.EnvironmentBrowser = b.Self
}

func browserReference(vm types.ManagedObjectReference) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "EnvironmentBrowser", Value: "envbrowser-" + vm.Value}
}

// computeBrowser returns the browser of the VM's compute resource.
func (b *vmBrowser) computeBrowser(ctx *simulator.Context) *simulator.EnvironmentBrowser {
	return ctx.Map.Get(*computeResource(ctx, *b.vm.Runtime.Host).EnvironmentBrowser).(*simulator.EnvironmentBrowser)
}

// QueryConfigTarget forwards the call to the compute resource's browser.
func (b *vmBrowser) QueryConfigTarget(ctx *simulator.Context, req *types.QueryConfigTarget) soap.HasFault {
	return b.computeBrowser(ctx).QueryConfigTarget(ctx, req)
}

// QueryConfigOptionDescriptor forwards the call to the compute resource's browser.
func (b *vmBrowser) QueryConfigOptionDescriptor(ctx *simulator.Context, req *types.QueryConfigOptionDescriptor) soap.HasFault {
	return b.computeBrowser(ctx).QueryConfigOptionDescriptor(ctx, req)
}

// QueryTargetCapabilities forwards the call to the compute resource's browser.
func (b *vmBrowser) QueryTargetCapabilities(ctx *simulator.Context, req *types.QueryTargetCapabilities) soap.HasFault {
	return b.computeBrowser(ctx).QueryTargetCapabilities(ctx, req)
}

// browserOf returns the environment browser with this reference and its default hardware version. The browser
// describes this version if a request names none.
func browserOf(ctx *simulator.Context, ref types.ManagedObjectReference) (*simulator.EnvironmentBrowser, string) {
	switch b := ctx.Map.Get(ref).(type) {
	case *vmBrowser:
		return &b.EnvironmentBrowser, b.vm.Config.Version
	case *simulator.EnvironmentBrowser:
		return b, hardwareVersion
	}
	return nil, ""
}

// QueryConfigOption describes the options of VMs of a hardware version. govmomi leaves the version number unset, which
// makes the stock provider upgrade the VM.
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

// QueryConfigOptionEx returns the answer of QueryConfigOption with guest operating systems.
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
	answer := browser.QueryConfigOptionEx(req).(*methods.QueryConfigOptionExBody)
	option.GuestOSDescriptor = answer.Res.Returnval.GuestOSDescriptor
	for i := range option.GuestOSDescriptor { // pyvmomi fails without these fields
		d := &option.GuestOSDescriptor[i]
		d.SupportedDiskControllerList = []string{"ParaVirtualSCSIController"}
		d.RecommendedDiskController = "ParaVirtualSCSIController"
		d.RecommendedCdromController = "VirtualIDEController"
		d.SupportedEthernetCard = []string{"VirtualVmxnet3"}
	}
	body.Res = &types.QueryConfigOptionExResponse{Returnval: option}
	return body
}

// configOption returns a new value each time, because a reply that is being encoded may still refer to an earlier
// one.
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

// describeVersions makes hardwareVersion the newest version that the cluster's hosts support, and the default.
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
