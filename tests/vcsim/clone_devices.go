// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// unsupportedDevice returns the fault of a source with a device that prevents instant clones, or nil. API reference,
// InstantClone_Task: the fault for an unsupported device is DisallowedMigrationDeviceAttached.
//
//   - A source with a serial port is refused with the message of deviceNotSupported:
//     vmware/ansible-vsphere-gos-validation, issue 416. The issue does not show the type of the fault.
//   - A file-backed port may be edited: API reference, InstantCloneSpec.location. Assumed: an edit or removal of the
//     port makes the source supported.
//   - Assumed: parallel ports are refused like serial ports.
//   - A virtual TPM is not supported: vmware/ansible-vsphere-gos-validation, test case vtpm_cold_add_remove. The fault
//     is assumed.
func (p *placement) unsupportedDevice(src *simulator.VirtualMachine) types.BaseMethodFault {
	for _, d := range src.Config.Hardware.Device {
		_, isTPM := d.(*types.VirtualTPM)
		key := d.GetVirtualDevice().Key
		if isTPM || isPort(d) && p.edits[key] == nil && !p.removed[key] {
			return deviceNotSupported(labelOf(d))
		}
	}
	return nil
}

// isPort reports whether a device is a serial or a parallel port.
func isPort(d types.BaseVirtualDevice) bool {
	switch d.(type) {
	case *types.VirtualSerialPort, *types.VirtualParallelPort:
		return true
	}
	return false
}

func deviceNotSupported(label string) types.BaseMethodFault {
	return &types.DisallowedMigrationDeviceAttached{Fault: types.LocalizedMethodFault{
		Fault:            &types.DeviceNotSupported{Device: label},
		LocalizedMessage: fmt.Sprintf("Device '%s' is not supported.", label),
	}}
}
