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

// propertyCollector replaces govmomi's, which hands each update to only one of several requests that wait on
// one collector, and listens under one reference for all sessions. The stock provider waits for all its tasks
// on its session's collector: with govmomi's, parallel destroys hang. As in vCenter, what a request is told
// depends on the version that it brings, not on what others were told: each version is a picture of what the
// filters saw, and a request waits until the present differs from its picture.
type propertyCollector struct {
	simulator.PropertyCollector

	mu       sync.Mutex
	filters  []*propertyFilter
	pictures map[string]picture
	versions []string
	last     int
	canceled chan struct{}
}

// propertyFilter is a filter of one collector.
type propertyFilter struct {
	mo.PropertyFilter
	collector *propertyCollector
}

// picture holds, per filter and object, the properties as serialized.
type picture map[types.ManagedObjectReference]map[types.ManagedObjectReference]map[string][]byte

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

// cancel ends all requests that wait.
func (pc *propertyCollector) cancel() {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.canceled != nil {
		close(pc.canceled)
		pc.canceled = nil
	}
}

// known returns the picture of a version, and what tells of a cancel.
func (pc *propertyCollector) known(version string) (picture, bool, <-chan struct{}) {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.canceled == nil {
		pc.canceled = make(chan struct{})
	}
	old, ok := pc.pictures[version]
	return old, ok || version == "", pc.canceled
}

// remember names a picture; the oldest is forgotten.
func (pc *propertyCollector) remember(p picture) string {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	pc.last++
	version := fmt.Sprint(pc.last)
	if pc.pictures == nil {
		pc.pictures = make(map[string]picture)
	}
	pc.pictures[version] = p
	pc.versions = append(pc.versions, version)
	if len(pc.versions) > keptVersions {
		delete(pc.pictures, pc.versions[0])
		pc.versions = pc.versions[1:]
	}
	return version
}

func (pc *propertyCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	body := &methods.WaitForUpdatesExBody{Res: new(types.WaitForUpdatesExResponse)}
	fail := func(fault types.BaseMethodFault) soap.HasFault {
		return &methods.WaitForUpdatesExBody{Fault_: simulator.Fault("", fault)}
	}
	old, ok, canceled := pc.known(req.Version)
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

// compare takes a picture of what the filters see, and tells in what it differs from an older one.
func (pc *propertyCollector) compare(ctx *simulator.Context, old picture) (picture, []types.PropertyFilterUpdate) {
	pc.mu.Lock()
	filters := slices.Clone(pc.filters)
	pc.mu.Unlock()
	now := make(picture)
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
			// In the order of their names: the stock provider understands guest.net only if it has seen guest.ipStack.
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

// collect returns what a filter sees; an object that is gone is not seen.
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

// value is a property's, as it stands in an update; a struct without a name cannot be encoded.
type value struct {
	Val types.AnyType `xml:"val,typeattr"`
}

// serialized is what a value is compared by. Its pointers differ each time it is collected.
func serialized(val types.AnyType) []byte {
	b, err := xml.Marshal(value{val})
	if err != nil {
		log.Panic(err)
	}
	return b
}

// fetch is the request by which pyvmomi reads one property.
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

// Fetch returns a property's value; govmomi's own answers in another method's shape if it is unset.
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
