// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

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
