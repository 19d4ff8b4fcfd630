// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// chainTooLong returns the fault of a clone whose disk chains are too long: VMware KB 67186 (Broadcom 320221), seen
// with vCenter 6.7. Assumed: CheckInstantClone_Task reports this fault too.
func chainTooLong() types.BaseMethodFault {
	const text = "Unable to prepare migration."
	cause := &types.GenericVmConfigFault{Reason: text}
	cause.FaultMessage = []types.LocalizableMessage{{Key: "msg.migrate.prepare.failed", Message: text}}
	fault := &types.SystemError{Reason: "Launch failure"}
	fault.FaultCause = &types.LocalizedMethodFault{Fault: cause, LocalizedMessage: text}
	return fault
}

// localized returns a fault with vCenter's message. For a fault whose message the simulator does not know,
// the message is the name of the Go type, as in govmomi.
func localized(fault types.BaseMethodFault) types.LocalizedMethodFault {
	var message string
	switch f := fault.(type) {
	case *types.GenericVmConfigFault:
		message = f.Reason
	case *types.SystemError:
		if f.Reason != "" {
			message = "A general system error occurred: " + f.Reason
		}
	case *types.DisallowedMigrationDeviceAttached:
		if f.Fault.LocalizedMessage != "" {
			message = "Virtual machine is configured to use a device that prevents the operation: " + f.Fault.LocalizedMessage
		}
	}
	return types.LocalizedMethodFault{Fault: fault, LocalizedMessage: cmp.Or(message, fmt.Sprintf("%T", fault))}
}

// newFault returns the fault of the API with this name and with its required fields set, or nil.
func newFault(name string) types.BaseMethodFault {
	placeholder := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-0"}
	switch name {
	case "TaskInProgress":
		return &types.TaskInProgress{Task: types.ManagedObjectReference{Type: "Task", Value: "task-0"}}
	case "InvalidPowerState":
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn,
			ExistingState:  types.VirtualMachinePowerStatePoweredOff,
		}
	case "InvalidDatastore":
		return &types.InvalidDatastore{Name: "LocalDS_0"}
	case "FileFault":
		return &types.FileFault{File: "[LocalDS_0] file.vmdk"}
	case "NoPermission":
		return &types.NoPermission{Object: &placeholder, PrivilegeId: "VirtualMachine.Inventory.CreateFromExisting"}
	case "DuplicateName":
		return &types.DuplicateName{Name: "name", Object: placeholder}
	case "ManagedObjectNotFound":
		return &types.ManagedObjectNotFound{Obj: placeholder}
	case "MethodNotFound":
		return &types.MethodNotFound{Receiver: placeholder, Method: "Method"}
	case "DisallowedMigrationDeviceAttached":
		return &types.DisallowedMigrationDeviceAttached{Fault: types.LocalizedMethodFault{
			Fault: &types.RemoteDeviceNotSupported{DeviceNotSupported: types.DeviceNotSupported{Device: "CD/DVD drive 1"}},
		}}
	}
	t, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	fault, _ := reflect.New(t).Interface().(types.BaseMethodFault)
	return fault
}
