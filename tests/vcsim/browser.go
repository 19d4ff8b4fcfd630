package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// QueryConfigOption says what VMs of a hardware version can have; without a version it is the newest, which all VMs of
// the inventory have. govmomi names no number, from which the stock provider concludes that the VM is to be upgraded.
func (x *extension) QueryConfigOption(ctx *simulator.Context, req *types.QueryConfigOption) soap.HasFault {
	body := new(methods.QueryConfigOptionBody)
	if _, ok := ctx.Map.Get(req.This).(*simulator.EnvironmentBrowser); !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	option, fault := configOption(req.Key)
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
	browser, ok := ctx.Map.Get(req.This).(*simulator.EnvironmentBrowser)
	if !ok {
		body.Fault_ = notFound(req.This)
		return body
	}
	key := ""
	if req.Spec != nil {
		key = req.Spec.Key
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
	if key == "" {
		key = hardwareVersion
	}
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
