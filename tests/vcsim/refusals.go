// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"
	"regexp"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type (
	configSpec = types.VirtualMachineConfigSpec
	configInfo = types.VirtualMachineConfigInfo
)

// Sources of the rules. A rule marked as assumed has no known statement by VMware: it follows the stock provider,
// which powers the VM off for this change.
const (
	apiReference = "vSphere Web Services API reference"
	automation   = "vSphere Automation API reference, vcenter/vm/hardware"
	guide        = "Web Services SDK Programming Guide, Configuring a Virtual Machine: properties that ReconfigVM_Task does not change while a VM is on"
	manual       = "vSphere Virtual Machine Administration: the VM must be powered off"
	security     = "vSphere Security, Securing Virtual Machines: the VM must be powered off"
	assumed      = "assumed: the stock provider powers the VM off"
)

// setting is a setting that cannot change while the VM is on. A request for another value is refused.
type setting struct {
	name      string
	source    string
	requested func(*configSpec) any
	current   func(*configInfo) any
}

// fixedSettings are the settings that ReconfigVM_Task does not change while a VM is on. The fault is
// InvalidPowerState.
var fixedSettings = []setting{
	{"firmware", manual, func(s *configSpec) any { return s.Firmware }, func(c *configInfo) any { return c.Firmware }},
	{"version", apiReference + ": used only while creating, then updated by UpgradeVM_Task",
		func(s *configSpec) any { return s.Version }, func(c *configInfo) any { return c.Version }},
	{"guestId", manual, func(s *configSpec) any { return s.GuestId }, func(c *configInfo) any { return c.GuestId }},
	{"alternateGuestName", manual, func(s *configSpec) any { return s.AlternateGuestName }, func(c *configInfo) any { return c.AlternateGuestName }},
	{"numCoresPerSocket", assumed, func(s *configSpec) any { return s.NumCoresPerSocket }, func(c *configInfo) any {
		if isTrue(c.Hardware.AutoCoresPerSocket) {
			return int32(0)
		}
		return c.Hardware.NumCoresPerSocket
	}},
	{"cpuHotAddEnabled", apiReference, func(s *configSpec) any { return s.CpuHotAddEnabled }, func(c *configInfo) any { return c.CpuHotAddEnabled }},
	{"cpuHotRemoveEnabled", apiReference, func(s *configSpec) any { return s.CpuHotRemoveEnabled }, func(c *configInfo) any { return c.CpuHotRemoveEnabled }},
	{"memoryHotAddEnabled", apiReference, func(s *configSpec) any { return s.MemoryHotAddEnabled }, func(c *configInfo) any { return c.MemoryHotAddEnabled }},
	{"fixedPassthruHotPlugEnabled", apiReference,
		func(s *configSpec) any { return s.FixedPassthruHotPlugEnabled }, func(c *configInfo) any { return c.FixedPassthruHotPlugEnabled }},
	{"vmxStatsCollectionEnabled", apiReference,
		func(s *configSpec) any { return s.VmxStatsCollectionEnabled }, func(c *configInfo) any { return c.VmxStatsCollectionEnabled }},
	{"nestedHVEnabled", manual, func(s *configSpec) any { return s.NestedHVEnabled }, func(c *configInfo) any { return c.NestedHVEnabled }},
	{"vPMCEnabled", manual, func(s *configSpec) any { return s.VPMCEnabled }, func(c *configInfo) any { return c.VPMCEnabled }},
	{"swapPlacement", manual, func(s *configSpec) any { return s.SwapPlacement }, func(c *configInfo) any { return c.SwapPlacement }},
	{"latencySensitivity", assumed, func(s *configSpec) any {
		if s.LatencySensitivity == nil {
			return nil
		}
		return string(s.LatencySensitivity.Level)
	}, func(c *configInfo) any {
		if c.LatencySensitivity == nil {
			return "normal"
		}
		return string(c.LatencySensitivity.Level)
	}},
	flagSetting("diskUuidEnabled", manual, func(f *types.VirtualMachineFlagInfo) any { return f.DiskUuidEnabled }),
	flagSetting("virtualExecUsage", manual, func(f *types.VirtualMachineFlagInfo) any { return f.VirtualExecUsage }),
	flagSetting("virtualMmuUsage", manual, func(f *types.VirtualMachineFlagInfo) any { return f.VirtualMmuUsage }),
	flagSetting("enableLogging", assumed, func(f *types.VirtualMachineFlagInfo) any { return f.EnableLogging }),
	flagSetting("vbsEnabled", security, func(f *types.VirtualMachineFlagInfo) any { return f.VbsEnabled }),
	flagSetting("vvtdEnabled", security, func(f *types.VirtualMachineFlagInfo) any { return f.VvtdEnabled }),
	{"bootOptions.efiSecureBootEnabled", security, func(s *configSpec) any {
		if s.BootOptions == nil {
			return nil
		}
		return s.BootOptions.EfiSecureBootEnabled
	}, func(c *configInfo) any { return c.BootOptions.EfiSecureBootEnabled }},
	numaSetting("coresPerNumaNode", func(n *types.VirtualMachineVirtualNuma) any { return n.CoresPerNumaNode },
		func(n *types.VirtualMachineVirtualNumaInfo) any {
			if isTrue(n.AutoCoresPerNumaNode) {
				return int32(0)
			}
			return n.CoresPerNumaNode
		}),
	numaSetting("exposeVnumaOnCpuHotadd", func(n *types.VirtualMachineVirtualNuma) any { return n.ExposeVnumaOnCpuHotadd },
		func(n *types.VirtualMachineVirtualNumaInfo) any { return n.VnumaOnCpuHotaddExposed }),
}

func flagSetting(name, source string, of func(*types.VirtualMachineFlagInfo) any) setting {
	return setting{"flags." + name, source, func(s *configSpec) any {
		if s.Flags == nil {
			return nil
		}
		return of(s.Flags)
	}, func(c *configInfo) any { return of(&c.Flags) }}
}

// numaSetting returns a rule for a virtual NUMA setting. vSphere Resource Management, Virtual NUMA Controls: the
// procedure changes these settings while the VM is powered off.
func numaSetting(name string, requested func(*types.VirtualMachineVirtualNuma) any, current func(*types.VirtualMachineVirtualNumaInfo) any) setting {
	return setting{"virtualNuma." + name, "vSphere Resource Management, Virtual NUMA Controls", func(s *configSpec) any {
		if s.VirtualNuma == nil {
			return nil
		}
		return requested(s.VirtualNuma)
	}, func(c *configInfo) any {
		if c.NumaInfo == nil {
			return nil
		}
		return current(c.NumaInfo)
	}}
}

// differs reports whether a requested value differs from the current one. An unset requested value asks for
// no change. An unset current value equals zero or false.
func differs(requested, current any) bool {
	a, h := reflect.ValueOf(requested), reflect.ValueOf(current)
	if a.Kind() == reflect.Pointer {
		if a.IsNil() {
			return false
		}
		a = a.Elem()
	} else if !a.IsValid() || a.IsZero() {
		return false
	}
	if h.Kind() == reflect.Pointer {
		h = h.Elem()
	}
	if !h.IsValid() {
		return !a.IsZero()
	}
	return !reflect.DeepEqual(a.Interface(), h.Interface())
}

// refuse returns vCenter's fault for a reconfiguration that it does not accept, or nil.
func refuse(vm *simulator.VirtualMachine, s *configSpec) types.BaseMethodFault {
	c := vm.Config
	if s.ChangeVersion != "" && s.ChangeVersion != c.ChangeVersion {
		return new(types.ConcurrentAccess) // API reference, VirtualMachineConfigSpec.changeVersion
	}
	if f := invalidSettings(s, c); f != nil {
		return f
	}
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
		return nil
	}
	if f := hotPlug(s, c); f != nil {
		return f
	}
	off := &types.InvalidPowerState{
		RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
	}
	for _, fixed := range fixedSettings {
		if differs(fixed.requested(s), fixed.current(c)) {
			return off
		}
	}
	if s.VAppConfig != nil && changesVApp(s.VAppConfig, c.VAppConfig) || isTrue(s.VAppConfigRemoved) && c.VAppConfig != nil {
		return off // vSphere Virtual Machine Administration, vApp options: the VM must be powered off
	}
	return refuseDevices(c, s.DeviceChange, off)
}

// hotPlug returns the fault of a change of CPUs or memory that a running VM does not support, or nil. Sources:
// Automation API reference, Cpu.UpdateSpec.count and Memory.UpdateSpec.size. The API reference lists the faults for
// ReconfigVM_Task.
func hotPlug(s *configSpec, c *configInfo) types.BaseMethodFault {
	cpus, memory := s.NumCPUs, int32(s.MemoryMB)
	switch {
	case cpus > c.Hardware.NumCPU && !isTrue(c.CpuHotAddEnabled), cpus != 0 && cpus < c.Hardware.NumCPU && !isTrue(c.CpuHotRemoveEnabled):
		return new(types.CpuHotPlugNotSupported)
	case memory > c.Hardware.MemoryMB && !isTrue(c.MemoryHotAddEnabled), memory != 0 && memory < c.Hardware.MemoryMB:
		return new(types.MemoryHotPlugNotSupported)
	}
	return nil
}

func changesVApp(requested types.BaseVmConfigSpec, current types.BaseVmConfigInfo) bool {
	after, f := vApp(requested, current)
	if f != nil {
		return false // reconfigure refuses it
	}
	return current == nil || !reflect.DeepEqual(after.GetVmConfigInfo(), current.GetVmConfigInfo())
}

// invalidSettings returns the fault of settings that no VM can have, whether it runs or not, or nil.
func invalidSettings(s *configSpec, c *configInfo) types.BaseMethodFault {
	firmware := s.Firmware
	if firmware == "" {
		firmware = c.Firmware
	}
	cpus, cores := orElse(s.NumCPUs, c.Hardware.NumCPU), c.Hardware.NumCoresPerSocket
	if s.NumCoresPerSocket != nil {
		cores = s.NumCoresPerSocket
	}
	known := types.VirtualMachineGuestOsIdentifier("").Values()
	switch {
	case s.GuestId != "" && !slices.Contains(known, types.VirtualMachineGuestOsIdentifier(s.GuestId)):
		return invalid("configSpec.guestId")
	case s.BootOptions != nil && isTrue(s.BootOptions.EfiSecureBootEnabled) && firmware != string(types.GuestOsDescriptorFirmwareTypeEfi):
		return &types.InvalidVmConfig{Property: "msg.hostd.configSpec.efi"}
	case cores != nil && *cores > 0 && cpus%*cores != 0: // Automation API reference, Cpu.UpdateSpec.count
		return invalid("configSpec.numCoresPerSocket")
	case !isValidAllocation(s.CpuAllocation):
		return invalid("configSpec.cpuAllocation")
	case !isValidAllocation(s.MemoryAllocation):
		return invalid("configSpec.memoryAllocation")
	}
	return nil
}

func isValidAllocation(a *types.ResourceAllocationInfo) bool {
	return a == nil || (a.Reservation == nil || *a.Reservation >= 0) && (a.Limit == nil || *a.Limit >= -1) &&
		(a.Reservation == nil || a.Limit == nil || *a.Limit == -1 || *a.Reservation <= *a.Limit)
}

// reservedKeys matches the keys of the .vmx file that fields of a ConfigSpec set.
var reservedKeys = regexp.MustCompile(`(?i)^(numvcpus|memsize|displayname|annotation|firmware|guestos|virtualhw\.version|uuid\.bios|` +
	`vc\.uuid|cpuid\.coresPerSocket|sched\.(cpu|mem)\.(min|max|shares)|vhv\.enable|vpmc\.enable|vcpu\.hotadd|mem\.hotadd|` +
	`uefi\.secureBoot\.enabled|tools\.syncTime|(scsi|sata|ide|nvme|ethernet|floppy|serial|parallel|vtpm)\d*(:\d+)?\.` +
	`(fileName|present|deviceType|mode|virtualDev|networkName|address|addressType|generatedAddress|sharedBus|writeThrough))$`)

// additional returns the options without those that vCenter ignores. API reference, extraConfig: options that "would
// conflict with parameters that are explicitly configurable through other fields in the ConfigSpec" are "silently
// ignored".
func additional(options []types.BaseOptionValue) []types.BaseOptionValue {
	return slices.DeleteFunc(slices.Clone(options), func(o types.BaseOptionValue) bool {
		return reservedKeys.MatchString(o.GetOptionValue().Key)
	})
}
