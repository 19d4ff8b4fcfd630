// SPDX-License-Identifier: MPL-2.0

package main

import "github.com/vmware/govmomi/vim25/types"

// completeNew sets the unset fields of a new VM's ConfigSpec to vCenter's defaults.
func completeNew(spec *types.VirtualMachineConfigSpec) {
	fill(spec, &types.VirtualMachineConfigSpec{
		Version:                      hardwareVersion,
		GuestId:                      string(types.VirtualMachineGuestOsIdentifierOtherGuest64),
		NumCPUs:                      1,
		MemoryMB:                     128,
		NumCoresPerSocket:            types.NewInt32(1),
		CpuHotAddEnabled:             off(),
		CpuHotRemoveEnabled:          off(),
		MemoryHotAddEnabled:          off(),
		MemoryReservationLockedToMax: off(),
		ChangeTrackingEnabled:        off(),
		VPMCEnabled:                  off(),
		SwapPlacement:                string(types.VirtualMachineConfigInfoSwapPlacementTypeInherit),
		LatencySensitivity:           &types.LatencySensitivity{Level: types.LatencySensitivitySensitivityLevelNormal},
		CpuAllocation:                new(types.ResourceAllocationInfo),
		MemoryAllocation:             new(types.ResourceAllocationInfo),
		Flags:                        new(types.VirtualMachineFlagInfo),
		Tools:                        new(types.ToolsConfigInfo),
		BootOptions:                  new(types.VirtualMachineBootOptions),
	})
	if isTrue(spec.Flags.VbsEnabled) {
		// API reference, VirtualMachineFlagInfo.vbsEnabled: virtualization-based security also enables these settings.
		setUnset(&spec.Flags.VvtdEnabled)
		setUnset(&spec.NestedHVEnabled)
		setUnset(&spec.BootOptions.EfiSecureBootEnabled)
		if spec.Firmware == "" {
			spec.Firmware = string(types.GuestOsDescriptorFirmwareTypeEfi)
		}
	}
	fill(spec, &types.VirtualMachineConfigSpec{
		Firmware: string(types.GuestOsDescriptorFirmwareTypeBios), NestedHVEnabled: off(),
	})
	fill(spec.Flags, &types.VirtualMachineFlagInfo{
		DisableAcceleration: off(), EnableLogging: on(), UseToe: off(), RunWithDebugInfo: off(),
		MonitorType: "release", HtSharing: "any", SnapshotDisabled: off(), SnapshotLocked: off(),
		DiskUuidEnabled:          off(),
		SnapshotPowerOffBehavior: "powerOff", RecordReplayEnabled: off(), FaultToleranceType: "unset",
		CbrcCacheEnabled: off(), VvtdEnabled: off(), VbsEnabled: off(),
	})
	fill(spec.Tools, &types.ToolsConfigInfo{
		AfterPowerOn: on(), AfterResume: on(), BeforeGuestStandby: on(), BeforeGuestShutdown: on(),
		ToolsUpgradePolicy: string(types.UpgradePolicyManual), SyncTimeWithHostAllowed: on(), SyncTimeWithHost: off(),
	})
	fill(spec.BootOptions, &types.VirtualMachineBootOptions{
		EnterBIOSSetup: off(), EfiSecureBootEnabled: off(), BootRetryEnabled: off(), BootRetryDelay: 10000,
		NetworkBootProtocol: string(types.VirtualMachineBootOptionsNetworkBootProtocolTypeIpv4),
	})
	for _, part := range []*types.ResourceAllocationInfo{spec.CpuAllocation, spec.MemoryAllocation} {
		fill(part, allocation(0, -1, types.SharesInfo{Level: types.SharesLevelNormal}))
	}
}

func setUnset(flag **bool) {
	if *flag == nil {
		*flag = on()
	}
}
