// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// guests simulates the guests and their VMware Tools. The Tools report after a delay that follows power on, and stop
// at power off.
type guests struct {
	svc   *simulator.Service
	delay time.Duration

	mu   sync.Mutex
	ids  map[types.ManagedObjectReference]identity
	last int             // number of addresses assigned
	used map[string]bool // addresses of loaded guests
}

// identity is the host name and address of a guest. A guest keeps it when it is rebooted or cloned.
type identity struct {
	host, ip string
	network  string // quirk guest-network: "never" reports no address, "source" always reports the source's address
}

func newGuests(svc *simulator.Service, delay time.Duration) *guests {
	return &guests{svc: svc, delay: delay, ids: make(map[types.ManagedObjectReference]identity), used: make(map[string]bool)}
}

func (g *guests) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	g.mu.Lock()
	delete(g.ids, ref)
	g.mu.Unlock()
}

// UpdateObject handles the power on and power off of VMs. It uses timers, because the caller holds locks.
func (g *guests) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	ref := obj.Reference()
	if ref.Type != "VirtualMachine" {
		return
	}
	for _, c := range changes {
		switch {
		case c.Name != "runtime.powerState":
		case c.Val == types.VirtualMachinePowerStatePoweredOn:
			time.AfterFunc(g.delay, func() { g.report(ref) })
		default:
			time.AfterFunc(0, func() { g.report(ref) })
		}
	}
}

// report updates the state of VMware Tools according to the power state.
func (g *guests) report(ref types.ManagedObjectReference) {
	ctx := *g.svc.Context // a separate context, because a context owns its locks
	vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	ctx.WithLock(vm, func() {
		on := vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
		running := vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
		switch {
		case on && !running:
			g.up(vm, vm.Guest.Net)
		case !on && running:
			g.down(vm)
			setFrozen(&ctx, vm, false)
			ctx.Update(vm, []types.PropertyChange{{Name: "summary.quickStats.sharedMemory", Val: int32(0)}})
		}
		publishGuest(&ctx, vm)
	})
}

// inherit gives a clone the identity of its source. The clone's VMware Tools have not reported yet. network is the
// value of the quirk guest-network.
func (g *guests) inherit(vm, src *simulator.VirtualMachine, network string) {
	id := g.identity(src)
	id.network = network
	g.mu.Lock()
	g.ids[vm.Self] = id
	g.mu.Unlock()
	g.renew(vm)
}

// renew resets the guest of a VM whose devices are new, as if VMware Tools had never reported.
func (g *guests) renew(vm *simulator.VirtualMachine) {
	vm.Guest = &types.GuestInfo{GuestFamily: vm.Guest.GuestFamily}
	for _, dev := range vm.Config.Hardware.Device {
		if card, ok := dev.(types.BaseVirtualEthernetCard); ok {
			vm.Guest.Net = append(vm.Guest.Net, types.GuestNicInfo{
				MacAddress:     card.GetVirtualEthernetCard().MacAddress,
				DeviceConfigId: dev.GetVirtualDevice().Key,
			})
		}
	}
	g.down(vm)
}

// identity returns the last identity of the guest. The values of guestinfo.ic.hostname and guestinfo.ic.ipaddress
// replace the host name and the address, as if a script in the guest had applied them. If the VM has the
// quirk guest-network, the address does not change.
func (g *guests) identity(vm *simulator.VirtualMachine) identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := g.ids[vm.Self]
	if id.host == "" {
		id.host = strings.ToLower(strings.ReplaceAll(vm.Name, "_", "-"))
	}
	if id.ip == "" {
		id.ip = g.nextAddress()
	}
	for _, o := range vm.Config.ExtraConfig {
		switch v := o.GetOptionValue(); v.Key {
		case "guestinfo.ic.hostname":
			id.host = fmt.Sprint(v.Value)
		case "guestinfo.ic.ipaddress":
			if id.network == "" {
				id.ip = fmt.Sprint(v.Value)
			}
		}
	}
	g.ids[vm.Self] = id
	return id
}

// nextAddress returns an address that no other guest has. The caller holds g.mu.
func (g *guests) nextAddress() string {
	for {
		g.last++
		n := 250000 + g.last
		ip := fmt.Sprintf("10.%d.%d.%d", 16+n/62500, n/250%250, n%250+2)
		if !g.used[ip] {
			return ip
		}
	}
}

// restore gives the guest of a loaded VM the host name and the IPv4 address that VMware Tools had reported.
func (g *guests) restore(vm *simulator.VirtualMachine) {
	id := identity{host: vm.Guest.HostName}
	addresses := []string{vm.Guest.IpAddress}
	for _, nic := range vm.Guest.Net {
		addresses = append(addresses, nic.IpAddress...)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, address := range addresses {
		if ip, err := netip.ParseAddr(address); err == nil && ip.Is4() {
			id.ip = cmp.Or(id.ip, address)
			g.used[address] = true
		}
	}
	g.ids[vm.Self] = id
}

// up sets the properties that VMware Tools report while they run.
func (g *guests) up(vm *simulator.VirtualMachine, nics []types.GuestNicInfo) {
	id := g.identity(vm)
	names := networkNames(g.svc.Context, vm.Config.Hardware.Device)
	for i := range nics {
		nics[i].Network = names[nics[i].DeviceConfigId]
		nics[i].Connected = true
	}
	if len(nics) > 0 {
		nics[0].IpAddress = []string{id.ip}
		nics[0].IpConfig = &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{
			{IpAddress: id.ip, PrefixLength: 24, State: string(types.NetIpConfigInfoIpAddressStatusPreferred)},
		}}
	}
	vm.Guest = &types.GuestInfo{
		ToolsStatus:         types.VirtualMachineToolsStatusToolsOk,
		ToolsVersionStatus:  string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged),
		ToolsVersionStatus2: string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged),
		ToolsRunningStatus:  string(types.VirtualMachineToolsRunningStatusGuestToolsRunning),
		ToolsVersion:        "11365",
		ToolsInstallType:    string(types.VirtualMachineToolsInstallTypeGuestToolsTypeOpenVMTools),
		GuestId:             vm.Config.GuestId,
		GuestFamily:         vm.Guest.GuestFamily,
		GuestFullName:       vm.Config.GuestFullName,
		HostName:            id.host,
		IpAddress:           id.ip,
		Net:                 nics,
		IpStack: []types.GuestStackInfo{{
			DnsConfig: &types.NetDnsConfigInfo{HostName: id.host, DomainName: "example.test", IpAddress: []string{"10.0.0.2"}},
			IpRouteConfig: &types.NetIpRouteConfigInfo{IpRoute: []types.NetIpRouteConfigInfoIpRoute{
				{Network: "0.0.0.0", Gateway: types.NetIpRouteConfigInfoGateway{IpAddress: gateway(id.ip), Device: "0"}},
			}},
		}},
		GuestState:           string(types.VirtualMachineGuestStateRunning),
		AppHeartbeatStatus:   string(types.VirtualMachineAppHeartbeatStatusTypeAppStatusGray),
		GuestOperationsReady: on(),
	}
	if id.network == "never" {
		vm.Guest.IpAddress, vm.Guest.IpStack = "", nil
		for i := range nics {
			nics[i].IpAddress, nics[i].IpConfig = nil, nil
		}
	}
	vm.GuestHeartbeatStatus = types.ManagedEntityStatusGreen
	summarize(vm)
}

// gateway returns the first address of an IPv4 address's /24 network. The stock provider waits for an address in the
// same network as its gateway.
func gateway(ip string) string {
	return ip[:strings.LastIndex(ip, ".")+1] + "1"
}

// down clears the properties that VMware Tools report only while they run.
func (g *guests) down(vm *simulator.VirtualMachine) {
	guest := *vm.Guest
	guest.ToolsStatus = types.VirtualMachineToolsStatusToolsNotRunning
	guest.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)
	guest.GuestState = string(types.VirtualMachineGuestStateNotRunning)
	guest.IpAddress, guest.IpStack, guest.GuestOperationsReady = "", nil, off()
	guest.Net = nil
	for _, nic := range vm.Guest.Net {
		nic.IpAddress, nic.IpConfig = nil, nil
		guest.Net = append(guest.Net, nic)
	}
	vm.Guest = &guest
	vm.GuestHeartbeatStatus = types.ManagedEntityStatusGray
	summarize(vm)
}

func summarize(vm *simulator.VirtualMachine) {
	g := vm.Guest
	vm.Summary.Guest = &types.VirtualMachineGuestSummary{
		GuestId: g.GuestId, GuestFullName: g.GuestFullName, ToolsStatus: g.ToolsStatus,
		ToolsVersionStatus: g.ToolsVersionStatus, ToolsVersionStatus2: g.ToolsVersionStatus2,
		ToolsRunningStatus: g.ToolsRunningStatus, HostName: g.HostName, IpAddress: g.IpAddress,
	}
	vm.Summary.QuickStats.GuestHeartbeatStatus = vm.GuestHeartbeatStatus
}

func publishGuest(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	g := vm.Guest
	ctx.Update(vm, []types.PropertyChange{
		{Name: "guest", Val: *g},
		{Name: "guest.toolsStatus", Val: g.ToolsStatus},
		{Name: "guest.toolsRunningStatus", Val: g.ToolsRunningStatus},
		{Name: "guest.hostName", Val: g.HostName},
		{Name: "guest.ipAddress", Val: g.IpAddress},
		{Name: "guest.ipStack", Val: g.IpStack},
		{Name: "guest.net", Val: g.Net},
		{Name: "guestHeartbeatStatus", Val: vm.GuestHeartbeatStatus},
		{Name: "summary.guest", Val: *vm.Summary.Guest},
	})
}
