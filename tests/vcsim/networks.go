// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// findNetwork completes an interface's backing, and reports whether the datacenter has the network. A nil backing is
// valid: the interface stays on its network.
func findNetwork(ctx *simulator.Context, dc *simulator.Datacenter, backing types.BaseVirtualDeviceBackingInfo) bool {
	switch b := backing.(type) {
	case nil:
		return true
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if b.DeviceName == "" && b.Network != nil {
			if n, ok := ctx.Map.Get(*b.Network).(*mo.Network); ok {
				b.DeviceName = n.Name
			}
		}
		n, ok := ctx.Map.FindByName(b.DeviceName, dc.Network).(*mo.Network)
		if !ok {
			return false
		}
		b.Network = types.NewReference(n.Reference())
		return true
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		pg, ok := ctx.Map.Get(portgroup(b)).(*simulator.DistributedVirtualPortgroup)
		if !ok || pg.Config.DistributedVirtualSwitch == nil {
			return false
		}
		s := ctx.Map.Get(*pg.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
		if b.Port.SwitchUuid == "" {
			b.Port.SwitchUuid = s.Uuid
		}
		return b.Port.SwitchUuid == s.Uuid
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		return opaqueNetwork(ctx, b) != nil
	}
	return false
}

func portgroup(b *types.VirtualEthernetCardDistributedVirtualPortBackingInfo) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: b.Port.PortgroupKey}
}

// opaqueNetwork returns the network with the id and type of the backing, or nil.
func opaqueNetwork(ctx *simulator.Context, b *types.VirtualEthernetCardOpaqueNetworkBackingInfo) *mo.OpaqueNetwork {
	for _, e := range ctx.Map.All("OpaqueNetwork") {
		n := e.(*mo.OpaqueNetwork)
		s, ok := n.Summary.(*types.OpaqueNetworkSummary)
		if ok && s.OpaqueNetworkId == b.OpaqueNetworkId && s.OpaqueNetworkType == b.OpaqueNetworkType {
			return n
		}
	}
	return nil
}

// networkRef returns the network of a device, and whether the device has one.
func networkRef(ctx *simulator.Context, device types.BaseVirtualDevice) (types.ManagedObjectReference, bool) {
	switch b := device.GetVirtualDevice().Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if b.Network != nil {
			return *b.Network, true
		}
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		return portgroup(b), true
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		if n := opaqueNetwork(ctx, b); n != nil {
			return n.Self, true
		}
	}
	return types.ManagedObjectReference{}, false
}

// networks returns the networks of a VM without duplicates.
func networks(ctx *simulator.Context, devices []types.BaseVirtualDevice) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, dev := range devices {
		if ref, ok := networkRef(ctx, dev); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// networkNames returns the networks' names by the interfaces' device keys.
func networkNames(ctx *simulator.Context, devices []types.BaseVirtualDevice) map[int32]string {
	names := make(map[int32]string)
	for _, dev := range devices {
		ref, ok := networkRef(ctx, dev)
		if !ok {
			continue
		}
		if n, ok := ctx.Map.Get(ref).(mo.Entity); ok {
			names[dev.GetVirtualDevice().Key] = n.Entity().Name
		}
	}
	return names
}

// networkSummary returns the description of an interface with this backing.
func networkSummary(backing types.BaseVirtualDeviceBackingInfo) string {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		return "DVSwitch: " + b.Port.SwitchUuid
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		return b.OpaqueNetworkType + ": " + b.OpaqueNetworkId
	}
	return ""
}

// addOpaqueNetworks creates the opaque networks that -opaque names, on all hosts of the cluster. Each id is
// derived from the name.
func addOpaqueNetworks(ctx *simulator.Context, dc *simulator.Datacenter, cluster *simulator.ClusterComputeResource, names []string) error {
	folder := ctx.Map.Get(dc.NetworkFolder).(*simulator.Folder)
	for _, name := range names {
		err := folder.AddOpaqueNetwork(ctx, types.OpaqueNetworkSummary{
			NetworkSummary:    types.NetworkSummary{Name: name},
			OpaqueNetworkId:   stableUUID(name, "opaque"),
			OpaqueNetworkType: "nsx.LogicalSwitch",
		})
		if err != nil {
			return err
		}
		network := ctx.Map.Get(folder.ChildEntity[len(folder.ChildEntity)-1]).(*mo.OpaqueNetwork)
		network.Host = cluster.Host
		dc.Network = append(dc.Network, network.Self)
		cluster.Network = append(cluster.Network, network.Self)
		for _, ref := range cluster.Host {
			host := ctx.Map.Get(ref).(*simulator.HostSystem)
			host.Network = append(host.Network, network.Self)
		}
	}
	return nil
}
