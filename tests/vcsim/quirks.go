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

// quirk is a behavior that a real vCenter may have. The simulator shows it on request.
type quirk struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Path  string `json:"path,omitempty"` // for clone-differs only
	VM    string `json:"vm,omitempty"`   // only for clones of this source
}

// quirkValues maps each quirk to its valid values. nil means any value.
var quirkValues = map[string][]string{
	"check":                {"accepts-datastore", "forbidden", "missing"},
	"clone-differs":        nil,
	"delta-fields":         {"unset", "other"},
	"delta-parents":        {"unset"},
	"device-keys":          {"renumbered"},
	"device-labels":        append([]string{"renumbered"}, slices.Sorted(maps.Keys(languages))...),
	"device-order":         {"reversed", "shuffled"},
	"disk-uuids":           {"kept"},
	"frozen-source-deltas": {"once"},
	"guest-network":        {"never", "source"},
	"location":             {"ignored", "only-devices"},
	"own-keys":             {"refused"},
	"se-sparse":            {"format", "backing"},
	"source-delta-fields":  {"unset", "other"},
	"source-delta-parents": {"unset"},
	"source-se-sparse":     {"format", "backing"},
}

// quirks are the active quirks.
type quirks struct {
	mu sync.Mutex
	on []quirk
}

// set activates a quirk. It replaces an active quirk with the same name, path and VM.
func (q *quirks) set(to quirk) error {
	values, ok := quirkValues[to.Name]
	switch {
	case !ok:
		return fmt.Errorf("name: there is no quirk %q. Use one of %s.", to.Name, strings.Join(slices.Sorted(maps.Keys(quirkValues)), ", "))
	case values != nil && !slices.Contains(values, to.Value):
		return fmt.Errorf("value: the value of quirk %s must be one of %s, not %q.", to.Name, strings.Join(values, ", "), to.Value)
	case to.Name == "clone-differs" && to.Path == "":
		return fmt.Errorf("path: quirk clone-differs needs a path. Use one such as config.annotation.")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.remove(to)
	q.on = append(q.on, to)
	return nil
}

// reset deactivates the quirks with this name, or all quirks if the name is empty.
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

// list returns a copy of the active quirks.
func (q *quirks) list() []quirk {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]quirk{}, q.on...)
}

// of returns the active quirks with this name that apply to a source.
func (q *quirks) of(name string, src *simulator.VirtualMachine) []quirk {
	return slices.DeleteFunc(q.list(), func(is quirk) bool {
		return is.Name != name || is.VM != "" && (src == nil || is.VM != src.Name && is.VM != src.Self.Value)
	})
}

// value returns the value of the last quirk with this name that applies to a source, or "".
func (q *quirks) value(name string, src *simulator.VirtualMachine) string {
	found := q.of(name, src)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1].Value
}

// check returns the fault that the quirk check sets for CheckInstantClone_Task, or nil. The method is missing before
// vSphere 6.7 (pyvmomi's version12).
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

// refusedLocation returns the fault of CheckInstantClone_Task for a location that only InstantClone_Task accepts, or
// nil.
func (q *quirks) refusedLocation(loc *types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	switch {
	case loc.Host != nil:
		return invalid("spec.location.host")
	case loc.Datastore != nil && q.value("check", nil) != "accepts-datastore":
		return invalid("spec.location.datastore")
	}
	return nil
}

// heededLocation returns the part of an instant clone's location that the simulator applies. The quirk location makes
// it ignore the whole location or all but the device changes.
func (q *quirks) heededLocation(loc *types.VirtualMachineRelocateSpec, src *simulator.VirtualMachine) *types.VirtualMachineRelocateSpec {
	switch q.value("location", src) {
	case "ignored":
		return new(types.VirtualMachineRelocateSpec)
	case "only-devices":
		return &types.VirtualMachineRelocateSpec{DeviceChange: loc.DeviceChange}
	}
	return loc
}

// reservedKeys returns the fault of a request whose extra config has a key that belongs to a field of the ConfigSpec,
// or nil. It returns a fault only if the quirk own-keys is active.
func (q *quirks) reservedKeys(req any) types.BaseMethodFault {
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

// changeClone applies the quirks to the configuration of a clone, before the clone's guest sees the devices.
func (q *quirks) changeClone(config *types.VirtualMachineConfigInfo, src *simulator.VirtualMachine) {
	devices := config.Hardware.Device
	overrideDeltaFields(devices, q.value("delta-fields", src))
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
	form := chainForm{q.value("se-sparse", src), q.value("delta-parents", src)}
	for _, disk := range disks(devices) {
		disk.report(form)
	}
}

// changeSource applies the quirks to the new delta disks of a source.
func (q *quirks) changeSource(devices []types.BaseVirtualDevice, src *simulator.VirtualMachine) {
	overrideDeltaFields(devices, q.value("source-delta-fields", src))
	form := chainForm{q.value("source-se-sparse", src), q.value("source-delta-parents", src)}
	for _, disk := range disks(devices) {
		disk.report(form)
	}
}

// changeRunningClone applies clone-differs to a clone that runs, because the property may be a connection state.
func (q *quirks) changeRunningClone(config *types.VirtualMachineConfigInfo, src *simulator.VirtualMachine) {
	for _, is := range q.of("clone-differs", src) {
		if err := setAt(config, is.Path, is.Value); err != nil {
			panic(err) // the task fails; checkPath has already refused most invalid paths
		}
	}
}
