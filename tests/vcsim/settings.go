// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// namedSettings are the fields of a ConfigSpec that the loop in applySettings skips, because other code applies them.
var namedSettings = []string{
	"DynamicData", "ChangeVersion", "Name", "Version", "CreateDate", "Files", "DeviceChange", "ExtraConfig", "VAppConfig",
	"Flags", "CpuFeatureMask", "NetworkShaper", "FtInfo", "TagSpecs", "Crypto",
}

// applySettings copies the fields of a ConfigSpec to a configuration. The caller has called completeSpec on the
// ConfigSpec. govmomi applies only some of the fields.
func applySettings(spec *types.VirtualMachineConfigSpec, config *types.VirtualMachineConfigInfo) {
	from, to := reflect.ValueOf(spec).Elem(), reflect.ValueOf(config).Elem()
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		field := to.FieldByName(name)
		if slices.Contains(namedSettings, name) || from.Field(i).IsZero() || !field.IsValid() || field.Type() != from.Field(i).Type() {
			continue
		}
		field.Set(from.Field(i))
	}
	if spec.Flags != nil {
		config.Flags = *spec.Flags
	}
	if spec.PowerOpInfo != nil {
		config.DefaultPowerOps = *spec.PowerOpInfo
	}
	if full, ok := guestNames[spec.GuestId]; ok {
		config.GuestFullName = full
	}
	applyHardware(spec, &config.Hardware)
	if numa := spec.VirtualNuma; numa != nil {
		info := types.VirtualMachineVirtualNumaInfo{AutoCoresPerNumaNode: on(), VnumaOnCpuHotaddExposed: off()}
		if config.NumaInfo != nil {
			info = *config.NumaInfo
		}
		if cores := numa.CoresPerNumaNode; cores != nil {
			info.CoresPerNumaNode, info.AutoCoresPerNumaNode = cores, types.NewBool(*cores == 0)
		}
		if numa.ExposeVnumaOnCpuHotadd != nil {
			info.VnumaOnCpuHotaddExposed = numa.ExposeVnumaOnCpuHotadd
		}
		config.NumaInfo = &info
	}
	if isTrue(config.MemoryReservationLockedToMax) && config.MemoryAllocation != nil {
		// API reference: "will always be equal to the virtual machine's memory size".
		locked := *config.MemoryAllocation
		locked.Reservation = types.NewInt64(int64(config.Hardware.MemoryMB))
		config.MemoryAllocation = &locked
	}
}

func applyHardware(spec *types.VirtualMachineConfigSpec, hardware *types.VirtualHardware) {
	if spec.NumCPUs != 0 {
		hardware.NumCPU = spec.NumCPUs
	}
	if cores := spec.NumCoresPerSocket; cores != nil {
		hardware.NumCoresPerSocket, hardware.AutoCoresPerSocket = cores, nil
		if *cores == 0 { // API reference: "Set with zero to remove any manual size"
			hardware.NumCoresPerSocket, hardware.AutoCoresPerSocket = types.NewInt32(1), on()
		}
	}
	if spec.MemoryMB != 0 {
		hardware.MemoryMB = int32(spec.MemoryMB)
	}
	if spec.VirtualICH7MPresent != nil {
		hardware.VirtualICH7MPresent = spec.VirtualICH7MPresent
	}
	if spec.VirtualSMCPresent != nil {
		hardware.VirtualSMCPresent = spec.VirtualSMCPresent
	}
	if spec.MotherboardLayout != "" {
		hardware.MotherboardLayout = spec.MotherboardLayout
	}
	if spec.SimultaneousThreads != 0 {
		hardware.SimultaneousThreads = spec.SimultaneousThreads
	}
}

// guestNames are the full names of some guest operating systems. Every other system is shown with its identifier.
var guestNames = map[string]string{
	"ubuntu64Guest":          "Ubuntu Linux (64-bit)",
	"debian11_64Guest":       "Debian GNU/Linux 11 (64-bit)",
	"rhel8_64Guest":          "Red Hat Enterprise Linux 8 (64-bit)",
	"other3xLinux64Guest":    "Other 3.x or later Linux (64-bit)",
	"windows9Server64Guest":  "Microsoft Windows Server 2016 (64-bit)",
	"windows2019srv_64Guest": "Microsoft Windows Server 2019 (64-bit)",
	"windows9_64Guest":       "Microsoft Windows 10 (64-bit)",
	"otherGuest64":           "Other (64-bit)",
}

// completeSpec fills in the fields that a reconfiguration leaves unset. vCenter keeps their current values. govmomi
// replaces flags, tools, boot options and allocations as a whole.
func completeSpec(spec *types.VirtualMachineConfigSpec, config *types.VirtualMachineConfigInfo) {
	fill(spec.Flags, &config.Flags)
	fill(spec.Tools, config.Tools)
	fill(spec.BootOptions, config.BootOptions)
	fill(spec.CpuAllocation, config.CpuAllocation)
	fill(spec.MemoryAllocation, config.MemoryAllocation)
	if spec.NumCPUs != 0 || spec.CpuAllocation != nil {
		spec.CpuAllocation = resized(spec.CpuAllocation, config.CpuAllocation, 1000*orElse(spec.NumCPUs, config.Hardware.NumCPU))
	}
	if spec.MemoryMB != 0 || spec.MemoryAllocation != nil {
		spec.MemoryAllocation = resized(spec.MemoryAllocation, config.MemoryAllocation,
			10*orElse(int32(spec.MemoryMB), config.Hardware.MemoryMB))
	}
}

func orElse(n, other int32) int32 {
	if n == 0 {
		return other
	}
	return n
}

func isTrue(b *bool) bool { return b != nil && *b }

// fill sets each unset field of part to the value of the same field of current. It does nothing if part or current is
// nil.
func fill[T any](part, current *T) {
	if part == nil || current == nil {
		return
	}
	to, from := reflect.ValueOf(part).Elem(), reflect.ValueOf(current).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// resized returns part, or a copy of current if part is nil, with the number of shares that its level stands for.
// normal is the number of shares at level normal.
func resized(part, current *types.ResourceAllocationInfo, normal int32) *types.ResourceAllocationInfo {
	if part == nil && current != nil {
		c := *current
		part = &c
	}
	if part != nil && part.Shares != nil {
		part.Shares = sharesFor(part.Shares, normal)
	}
	return part
}

// vApp returns the vApp configuration that results from a change, or the fault of an invalid change.
func vApp(spec types.BaseVmConfigSpec, current types.BaseVmConfigInfo) (types.BaseVmConfigInfo, types.BaseMethodFault) {
	info := types.VmConfigInfo{IpAssignment: types.VAppIPAssignmentInfo{
		IpAllocationPolicy: string(types.VAppIPAssignmentInfoIpAllocationPolicyFixedPolicy),
		IpProtocol:         string(types.VAppIPAssignmentInfoProtocolsIPv4),
	}}
	if current != nil {
		info = *current.GetVmConfigInfo()
	}
	change := spec.GetVmConfigSpec()
	bad := invalid("spec.vAppConfig")
	info.Property = slices.Clone(info.Property)
	for _, p := range change.Property {
		i := slices.IndexFunc(info.Property, func(is types.VAppPropertyInfo) bool {
			return p.Info != nil && is.Key == p.Info.Key || p.RemoveKey != nil && p.RemoveKey == is.Key
		})
		switch {
		case p.Operation == types.ArrayUpdateOperationAdd && i < 0 && p.Info != nil:
			info.Property = append(info.Property, *p.Info)
		case p.Operation == types.ArrayUpdateOperationEdit && i >= 0 && p.Info != nil:
			fill(p.Info, &info.Property[i])
			info.Property[i] = *p.Info
		case p.Operation == types.ArrayUpdateOperationRemove && i >= 0:
			info.Property = slices.Delete(info.Property, i, i+1)
		default:
			return nil, bad
		}
	}
	info.Product = slices.Clone(info.Product)
	for _, p := range change.Product {
		i := slices.IndexFunc(info.Product, func(is types.VAppProductInfo) bool {
			return p.Info != nil && is.Key == p.Info.Key || p.RemoveKey != nil && p.RemoveKey == is.Key
		})
		switch {
		case p.Operation == types.ArrayUpdateOperationAdd && i < 0 && p.Info != nil:
			info.Product = append(info.Product, *p.Info)
		case p.Operation == types.ArrayUpdateOperationEdit && i >= 0 && p.Info != nil:
			info.Product[i] = *p.Info
		case p.Operation == types.ArrayUpdateOperationRemove && i >= 0:
			info.Product = slices.Delete(info.Product, i, i+1)
		default:
			return nil, bad
		}
	}
	if change.IpAssignment != nil {
		info.IpAssignment = *change.IpAssignment
	}
	if change.Eula != nil {
		info.Eula = change.Eula
	}
	if change.OvfEnvironmentTransport != nil {
		info.OvfEnvironmentTransport = change.OvfEnvironmentTransport
	}
	if change.InstallBootRequired != nil {
		info.InstallBootRequired = *change.InstallBootRequired
	}
	if change.InstallBootStopDelay != 0 {
		info.InstallBootStopDelay = change.InstallBootStopDelay
	}
	return &info, nil
}
