// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"log"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

const (
	pollInterval = 20 * time.Millisecond
	keptVersions = 256
)

// propertyCollector replaces govmomi's property collector. govmomi sends each update to only one of several requests
// that wait on one collector, and uses one reference for all sessions. The stock provider waits for all its tasks on
// its session's collector, so that parallel destroys hang with govmomi's collector.
//
// As in vCenter, the answer depends on the version in the request, not on the answers to other requests. The
// collector keeps the state that its filters saw at each version. A request waits until the current state differs
// from the state of its version.
type propertyCollector struct {
	simulator.PropertyCollector

	mu       sync.Mutex
	filters  []*propertyFilter
	states   map[string]filterState
	versions []string
	last     int
	canceled chan struct{}
}

// propertyFilter is a filter of one collector.
type propertyFilter struct {
	mo.PropertyFilter
	collector *propertyCollector
}

// filterState holds the serialized properties by filter, object and property name.
type filterState map[types.ManagedObjectReference]map[types.ManagedObjectReference]map[string][]byte

func newPropertyCollector() *propertyCollector {
	pc := new(propertyCollector)
	pc.Self.Type = "PropertyCollector"
	return pc
}

func (pc *propertyCollector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{
		Returnval: ctx.Session.Put(newPropertyCollector()).Reference(),
	}}
}

func (pc *propertyCollector) DestroyPropertyCollector(ctx *simulator.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	pc.cancel()
	pc.mu.Lock()
	filters := pc.filters
	pc.filters = nil
	pc.mu.Unlock()
	for _, f := range filters {
		ctx.Session.Remove(ctx, f.Self)
	}
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}

func (pc *propertyCollector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	f := &propertyFilter{collector: pc}
	f.Self.Type = "PropertyFilter"
	f.Spec, f.PartialUpdates = req.Spec, req.PartialUpdates
	ref := ctx.Session.Put(f).Reference()
	pc.mu.Lock()
	pc.filters = append(pc.filters, f)
	pc.mu.Unlock()
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: ref}}
}

func (f *propertyFilter) DestroyPropertyFilter(ctx *simulator.Context, req *types.DestroyPropertyFilter) soap.HasFault {
	pc := f.collector
	pc.mu.Lock()
	pc.filters = slices.DeleteFunc(pc.filters, func(g *propertyFilter) bool { return g == f })
	pc.mu.Unlock()
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyFilterBody{Res: new(types.DestroyPropertyFilterResponse)}
}

func (pc *propertyCollector) CancelWaitForUpdates(*types.CancelWaitForUpdates) soap.HasFault {
	pc.cancel()
	return &methods.CancelWaitForUpdatesBody{Res: new(types.CancelWaitForUpdatesResponse)}
}

// cancel ends all waiting requests.
func (pc *propertyCollector) cancel() {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.canceled != nil {
		close(pc.canceled)
		pc.canceled = nil
	}
}

// stateOf returns the state of a version, whether the version is known, and a channel that cancel closes.
func (pc *propertyCollector) stateOf(version string) (filterState, bool, <-chan struct{}) {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.canceled == nil {
		pc.canceled = make(chan struct{})
	}
	old, ok := pc.states[version]
	return old, ok || version == "", pc.canceled
}

// remember stores a state and returns its version. It deletes the oldest state if there are more than keptVersions.
func (pc *propertyCollector) remember(p filterState) string {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.last++
	version := fmt.Sprint(pc.last)
	if pc.states == nil {
		pc.states = make(map[string]filterState)
	}
	pc.states[version] = p
	pc.versions = append(pc.versions, version)
	if len(pc.versions) > keptVersions {
		delete(pc.states, pc.versions[0])
		pc.versions = pc.versions[1:]
	}
	return version
}

func (pc *propertyCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	body := &methods.WaitForUpdatesExBody{Res: new(types.WaitForUpdatesExResponse)}
	fail := func(fault types.BaseMethodFault) soap.HasFault {
		return &methods.WaitForUpdatesExBody{Fault_: simulator.Fault("", fault)}
	}
	old, ok, canceled := pc.stateOf(req.Version)
	if !ok {
		return fail(new(types.InvalidCollectorVersion))
	}
	var deadline <-chan time.Time
	once := false
	if req.Options != nil && req.Options.MaxWaitSeconds != nil {
		once = *req.Options.MaxWaitSeconds == 0
		deadline = time.After(time.Duration(*req.Options.MaxWaitSeconds) * time.Second)
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		now, updates := pc.compare(ctx, old)
		if len(updates) != 0 || req.Version == "" {
			body.Res.Returnval = &types.UpdateSet{Version: pc.remember(now), FilterSet: updates}
			return body
		}
		if once {
			return body
		}
		select {
		case <-canceled:
			return fail(new(types.RequestCanceled))
		case <-deadline:
			return body
		case <-ticker.C:
		}
	}
}

func (pc *propertyCollector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	res := pc.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{This: req.This, Version: req.Version}).(*methods.WaitForUpdatesExBody)
	if res.Fault_ != nil {
		return &methods.WaitForUpdatesBody{Fault_: res.Fault_}
	}
	return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{Returnval: *res.Res.Returnval}}
}

// compare returns the state that the filters see now, and the differences between this state and an older one.
func (pc *propertyCollector) compare(ctx *simulator.Context, old filterState) (filterState, []types.PropertyFilterUpdate) {
	pc.mu.Lock()
	filters := slices.Clone(pc.filters)
	pc.mu.Unlock()
	now := make(filterState)
	var all []types.PropertyFilterUpdate
	for _, f := range filters {
		seen := make(map[types.ManagedObjectReference]map[string][]byte)
		now[f.Self] = seen
		update := types.PropertyFilterUpdate{Filter: f.Self}
		for _, obj := range pc.collect(ctx, f.Spec) {
			before, known := old[f.Self][obj.Obj]
			props := make(map[string][]byte, len(obj.PropSet))
			seen[obj.Obj] = props
			u := types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: obj.Obj}
			if known {
				u.Kind = types.ObjectUpdateKindModify
			} else {
				u.MissingSet = obj.MissingSet
			}
			// Sorted by name: the stock provider understands guest.net only if it has received guest.ipStack before.
			slices.SortFunc(obj.PropSet, func(a, b types.DynamicProperty) int { return strings.Compare(a.Name, b.Name) })
			for _, p := range obj.PropSet {
				props[p.Name] = serialized(p.Val)
				if !bytes.Equal(props[p.Name], before[p.Name]) {
					u.ChangeSet = append(u.ChangeSet, types.PropertyChange{Name: p.Name, Op: types.PropertyChangeOpAssign, Val: p.Val})
				}
			}
			for name := range before {
				if _, ok := props[name]; !ok {
					u.ChangeSet = append(u.ChangeSet, types.PropertyChange{Name: name, Op: types.PropertyChangeOpAssign})
				}
			}
			if !known || len(u.ChangeSet) != 0 {
				update.ObjectSet = append(update.ObjectSet, u)
			}
		}
		for ref := range old[f.Self] {
			if _, ok := seen[ref]; !ok {
				update.ObjectSet = append(update.ObjectSet, types.ObjectUpdate{Kind: types.ObjectUpdateKindLeave, Obj: ref})
			}
		}
		if len(update.ObjectSet) != 0 {
			all = append(all, update)
		}
	}
	return now, all
}

// collect returns the objects that a filter sees. It skips objects that no longer exist.
func (pc *propertyCollector) collect(ctx *simulator.Context, spec types.PropertyFilterSpec) []types.ObjectContent {
	var found []types.ObjectContent
	for _, object := range spec.ObjectSet {
		res := pc.RetrieveProperties(ctx, &types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
			PropSet:   spec.PropSet,
			ObjectSet: []types.ObjectSpec{object},
		}}}).(*methods.RetrievePropertiesBody)
		if res.Res != nil {
			found = append(found, res.Res.Returnval...)
		}
	}
	return found
}

// value wraps a property so that the XML encoder encodes it as in an update. The encoder cannot encode an anonymous
// struct.
type value struct {
	Val types.AnyType `xml:"val,typeattr"`
}

// serialized returns the encoded form of a value, for comparison. The value itself cannot be compared, because its
// pointers differ each time it is collected.
func serialized(val types.AnyType) []byte {
	b, err := xml.Marshal(value{val})
	if err != nil {
		log.Panic(err)
	}
	return b
}

// fetch is the request with which pyvmomi reads one property.
type fetch struct {
	This types.ManagedObjectReference `xml:"_this"`
	Prop string                       `xml:"prop"`
}

type fetchBody struct {
	Res    *fetchResponse `xml:"FetchResponse,omitempty"`
	Fault_ *soap.Fault
}

type fetchResponse struct {
	Returnval types.AnyType `xml:"returnval,omitempty,typeattr"`
}

func (b *fetchBody) Fault() *soap.Fault { return b.Fault_ }

func init() {
	types.Add("Fetch", reflect.TypeFor[fetch]())
}

// Fetch returns the value of a property. For an unset property, govmomi's Fetch returns the response of another
// method.
func (pc *propertyCollector) Fetch(ctx *simulator.Context, req *fetch) soap.HasFault {
	res := pc.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{SpecSet: []types.PropertyFilterSpec{{
		PropSet:   []types.PropertySpec{{Type: req.This.Type, PathSet: []string{req.Prop}}},
		ObjectSet: []types.ObjectSpec{{Obj: req.This}},
	}}}).(*methods.RetrievePropertiesExBody)
	body := &fetchBody{Res: new(fetchResponse), Fault_: res.Fault_}
	if res.Fault_ != nil {
		return body
	}
	for _, obj := range res.Res.Returnval.Objects {
		for _, missing := range obj.MissingSet {
			body.Fault_ = simulator.Fault(missing.Fault.LocalizedMessage, missing.Fault.Fault)
		}
		for _, prop := range obj.PropSet {
			body.Res.Returnval = prop.Val
		}
	}
	return body
}
