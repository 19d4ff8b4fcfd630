// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// quirk is something that a real vCenter may do and that the simulator does when it is told to.
type quirk struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Path  string `json:"path,omitempty"` // of clone-differs
	VM    string `json:"vm,omitempty"`   // only with this source
}

// quirkValues are the quirks, with the values that each may have; nil stands for any.
var quirkValues = map[string][]string{
	"check":               {"accepts-datastore", "forbidden", "missing"},
	"clone-differs":       nil,
	"delta-fields":        {"unset", "other"},
	"device-keys":         {"renumbered"},
	"device-labels":       append([]string{"renumbered"}, slices.Sorted(maps.Keys(languages))...),
	"device-order":        {"reversed", "shuffled"},
	"guest-network":       {"never", "source"},
	"own-keys":            {"refused"},
	"source-delta-fields": {"unset", "other"},
}

// quirks are those that are on.
type quirks struct {
	mu sync.Mutex
	on []quirk
}

// set turns a quirk on, in place of an earlier one of its name, path and VM.
func (q *quirks) set(to quirk) error {
	values, ok := quirkValues[to.Name]
	switch {
	case !ok:
		return fmt.Errorf("no such quirk; there are %s", strings.Join(slices.Sorted(maps.Keys(quirkValues)), ", "))
	case values != nil && !slices.Contains(values, to.Value):
		return fmt.Errorf("the value of %s is one of %s", to.Name, strings.Join(values, ", "))
	case to.Name == "clone-differs" && to.Path == "":
		return fmt.Errorf("clone-differs needs a path")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.remove(to)
	q.on = append(q.on, to)
	return nil
}

// reset turns off the quirks of a name, or all.
func (q *quirks) reset(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.on = slices.DeleteFunc(q.on, func(is quirk) bool { return name == "" || is.Name == name })
}

func (q *quirks) remove(of quirk) {
	q.on = slices.DeleteFunc(q.on, func(is quirk) bool {
		return is.Name == of.Name && is.Path == of.Path && is.VM == of.VM
	})
}

// list is a copy of those that are on.
func (q *quirks) list() []quirk {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]quirk{}, q.on...)
}

// of are the quirks of a name for a source.
func (q *quirks) of(name string, src *simulator.VirtualMachine) []quirk {
	return slices.DeleteFunc(q.list(), func(is quirk) bool {
		return is.Name != name || is.VM != "" && (src == nil || is.VM != src.Name && is.VM != src.Self.Value)
	})
}

// value is the value of the quirk of a name for a source, or "".
func (q *quirks) value(name string, src *simulator.VirtualMachine) string {
	found := q.of(name, src)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1].Value
}

// check is the fault of CheckInstantClone_Task where it is missing, as before vSphere 6.7 (pyvmomi's version12), or forbidden.
func (q *quirks) check(req any) types.BaseMethodFault {
	call, ok := req.(*types.CheckInstantClone_Task)
	if !ok {
		return nil
	}
	switch q.value("check", nil) {
	case "missing":
		return &types.MethodNotFound{Receiver: call.This, Method: "CheckInstantClone_Task"}
	case "forbidden":
		return &types.NoPermission{Object: &call.Vm, PrivilegeId: "System.View"}
	}
	return nil
}

// uncheckable is the fault of CheckInstantClone_Task for a location that only InstantClone_Task takes.
func (q *quirks) uncheckable(loc *types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	switch {
	case loc.Host != nil:
		return invalid("spec.location.host")
	case loc.Datastore != nil && q.value("check", nil) != "accepts-datastore":
		return invalid("spec.location.datastore")
	}
	return nil
}

// ownKeys is the fault of a task with options that fields of the specification stand for, where they are not ignored.
func (q *quirks) ownKeys(req any) types.BaseMethodFault {
	var options []types.BaseOptionValue
	switch call := req.(type) {
	case *types.CreateVM_Task:
		options = call.Config.ExtraConfig
	case *types.ReconfigVM_Task:
		options = call.Spec.ExtraConfig
	case *types.InstantClone_Task:
		options = call.Spec.Config
	}
	if len(additional(options)) == len(options) || q.value("own-keys", nil) == "" {
		return nil
	}
	return invalid("configSpec.extraConfig")
}

// onClone bends the configuration of a clone, before the guest sees its devices.
func (q *quirks) onClone(config *types.VirtualMachineConfigInfo, src *simulator.VirtualMachine) {
	devices := config.Hardware.Device
	bendDeltas(devices, q.value("delta-fields", src))
	switch language := q.value("device-labels", src); language {
	case "":
	case "renumbered":
		renumberLabels(devices)
	default:
		translateLabels(devices, language)
	}
	if q.value("device-keys", src) != "" {
		renumberKeys(devices)
	}
	switch q.value("device-order", src) {
	case "reversed":
		slices.Reverse(devices)
	case "shuffled":
		shuffle(devices)
	}
	link(devices)
}

// onRunning bends a clone that runs: what differs from the source's may be connections, too.
func (q *quirks) onRunning(config *types.VirtualMachineConfigInfo, src *simulator.VirtualMachine) {
	for _, is := range q.of("clone-differs", src) {
		if err := setAt(config, is.Path, is.Value); err != nil {
			panic(err) // the task fails; setting the quirk has found most of what may be wrong
		}
	}
}
