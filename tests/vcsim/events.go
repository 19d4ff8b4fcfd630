// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// The ids, arguments and texts of the events are those of vCenter 8.0.1's event list, except the text of a failure,
// which is assumed. vCenter has these events since 7.0.

// instantCloneBegun returns the event of a source at the start of an instant clone.
func instantCloneBegun(ctx *simulator.Context, src *simulator.VirtualMachine, clone string) *types.EventEx {
	event := cloneEvent(ctx, src, *src.Runtime.Host, "VmBeginInstantCloneEvent", types.EventEventSeverityInfo)
	event.Arguments = []types.KeyAnyValue{{Key: "destVmName", Value: clone}}
	setMessage(event, fmt.Sprintf("Executing Instant Clone of %s on %s to %s", src.Name, event.Host.Name, clone))
	return event
}

// instantCloneFailed returns the event of a source whose instant clone failed.
func instantCloneFailed(ctx *simulator.Context, src *simulator.VirtualMachine, clone string, fault types.BaseMethodFault) *types.EventEx {
	reason := localized(fault)
	event := cloneEvent(ctx, src, *src.Runtime.Host, "VmInstantCloneFailedEvent", types.EventEventSeverityError)
	event.Arguments = []types.KeyAnyValue{{Key: "destVmName", Value: clone}}
	event.Fault = &reason
	setMessage(event, fmt.Sprintf("Instant Clone of %s on %s to %s has failed: %s",
		src.Name, event.Host.Name, clone, reason.LocalizedMessage))
	return event
}

// instantCloned returns the event of a clone that has been created.
func instantCloned(ctx *simulator.Context, vm, src *simulator.VirtualMachine, p *placement) *types.EventEx {
	event := cloneEvent(ctx, vm, p.host.Self, "VmInstantClonedEvent", types.EventEventSeverityInfo)
	event.Arguments = []types.KeyAnyValue{{Key: "srcVmName", Value: src.Name}}
	setMessage(event, fmt.Sprintf("Instant Clone of %s on %s has completed", src.Name, event.Host.Name))
	return event
}

func cloneEvent(ctx *simulator.Context, vm *simulator.VirtualMachine, host types.ManagedObjectReference, id string, severity types.EventEventSeverity) *types.EventEx {
	return &types.EventEx{
		Event: types.Event{
			Vm: &types.VmEventArgument{Vm: vm.Self, EntityEventArgument: types.EntityEventArgument{Name: vm.Name}},
			Host: &types.HostEventArgument{Host: host, EntityEventArgument: types.EntityEventArgument{
				Name: ctx.Map.Get(host).(*simulator.HostSystem).Name,
			}},
		},
		EventTypeId: "com.vmware.vc." + id,
		Severity:    string(severity),
		ObjectId:    vm.Self.Value,
		ObjectType:  vm.Self.Type,
		ObjectName:  vm.Name,
	}
}

func setMessage(event *types.EventEx, message string) {
	event.Message, event.FullFormattedMessage = message, message
}

func post(ctx *simulator.Context, event types.BaseEvent) {
	m := ctx.Map.EventManager()
	ctx.WithLock(m, func() { m.PostEvent(ctx, &types.PostEvent{EventToPost: event}) })
}
