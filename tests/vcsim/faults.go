// SPDX-License-Identifier: MPL-2.0

package main

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// newFault returns a fault of the API by its name, with the fields that it must have, or nil.
func newFault(name string) types.BaseMethodFault {
	nobody := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-0"}
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
		return &types.NoPermission{Object: &nobody, PrivilegeId: "VirtualMachine.Inventory.CreateFromExisting"}
	case "DuplicateName":
		return &types.DuplicateName{Name: "name", Object: nobody}
	case "ManagedObjectNotFound":
		return &types.ManagedObjectNotFound{Obj: nobody}
	case "MethodNotFound":
		return &types.MethodNotFound{Receiver: nobody, Method: "Method"}
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
