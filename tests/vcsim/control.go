// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// control records the SOAP calls, disturbs them on request, and serves the control requests:
//
//	GET /ic?vm=NAME[&frozen=true]          returns the state of a VM; freezes or thaws its guest
//	GET /ic/calls?vm=NAME                  lists the calls that changed or tried to change a VM
//	GET /ic/requests[?reset=true]          returns the number of SOAP requests by method
//	GET /ic/fault?method=M&fault=F         makes the next call of M fail with F
//	    [&times=N][&vm=NAME][&at=call]     N times; only calls on, or creating, this VM; the call, not its task
//	GET /ic/drop?method=M&when=before      closes the connection before or after the call, without an answer
//	    [&times=N][&vm=NAME]
//	GET /ic/report?vm=NAME                 makes the guest's VMware Tools report now
//	GET /ic/sessions                       returns the number of sessions that are logged in
type control struct {
	svc    *simulator.Service
	quirks *quirks
	guests *guests
	holds  holds

	mu       sync.Mutex
	requests map[string]int
	calls    []call
	rules    []*rule
	slow     map[string]time.Duration // by method
}

// call is a call that may have changed a VM.
type call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Moref  string    `json:"moref"`
	VM     string    `json:"vm"`              // name at the time of the call
	Clone  string    `json:"clone,omitempty"` // name of the requested clone
}

// rule makes future calls of a method fail, or drops their connections.
type rule struct {
	Method string `json:"method"`
	VM     string `json:"vm,omitempty"`
	Fault  string `json:"fault,omitempty"`
	At     string `json:"at,omitempty"`
	When   string `json:"when,omitempty"`
	Times  int    `json:"times"`
	fault  types.BaseMethodFault
}

func (r *rule) isFault() bool { return r.fault != nil }
func (r *rule) isDrop() bool  { return r.When != "" }

func (c *control) handle(mux *http.ServeMux) {
	mux.HandleFunc("POST /sdk", c.serveSDK) // takes precedence over govmomi's "/sdk"
	mux.HandleFunc("POST /sdk/vimService", c.serveSDK)
	mux.HandleFunc("GET /ic", c.serveVM)
	mux.HandleFunc("GET /ic/calls", c.serveCalls)
	mux.HandleFunc("GET /ic/requests", c.serveRequests)
	mux.HandleFunc("GET /ic/fault", c.serveFault)
	mux.HandleFunc("GET /ic/drop", c.serveDrop)
	mux.HandleFunc("GET /ic/report", c.serveReport)
	mux.HandleFunc("GET /ic/sessions", c.serveSessions)
	c.handleQuirks(mux)
	c.holds.handle(mux)
}

func (c *control) serveSDK(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		c.svc.ServeSDK(w, r) // govmomi answers with a fault
		return
	}
	c.record(m)
	c.delayCall(m.Name)
	objects := c.svc.Context.Map
	if !c.holds.wait(r.Context(), c.holds.match(objects, m, atCall), m) {
		panic(http.ErrAbortHandler) // the client disconnected before the call reached vCenter
	}
	drop := c.take(objects, m, (*rule).isDrop)
	if drop != nil && drop.When == "before" {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	if drop != nil {
		c.svc.ServeSDK(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	if by := c.holds.match(objects, m, atAnswer); by != nil {
		c.answerLater(w, r, by, m)
		return
	}
	c.svc.ServeSDK(w, r)
}

// answerLater executes a call and sends the answer after the hold is released.
func (c *control) answerLater(w http.ResponseWriter, r *http.Request, by *hold, m *simulator.Method) {
	answer := httptest.NewRecorder()
	c.svc.ServeSDK(answer, r)
	if !c.holds.wait(r.Context(), by, m) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

var (
	readsVM = regexp.MustCompile(`^(Acquire|Check|Estimate|Export|Extract|Fetch|Query|Refresh|Reload|Retrieve)`)
	// changesVM are the methods of other objects that change a VM.
	changesVM = []string{"MoveIntoFolder_Task", "MoveIntoResourcePool", "PowerOnMultiVM_Task"}
)

// record counts a call. It also lists the call if the call may change a VM.
func (c *control) record(m *simulator.Method) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[m.Name]++
	if m.This.Type == "VirtualMachine" && readsVM.MatchString(m.Name) {
		return
	}
	if m.This.Type != "VirtualMachine" && !slices.Contains(changesVM, m.Name) {
		return
	}
	for _, ref := range mo.References(m.Body) {
		if vm, ok := c.svc.Context.Map.Get(ref).(*simulator.VirtualMachine); ok {
			c.calls = append(c.calls, call{time.Now(), m.Name, ref.Value, vm.Name, cloneName(m)})
		}
	}
}

// recordChange lists a call that changes this VM although no argument of the call names the VM.
func (c *control) recordChange(method string, vm *simulator.VirtualMachine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call{time.Now(), method, vm.Self.Value, vm.Name, ""})
}

// cloneName returns the name of the VM that a call creates, or "".
func cloneName(m *simulator.Method) string {
	switch req := m.Body.(type) {
	case *types.InstantClone_Task:
		return req.Spec.Name
	case *types.CheckInstantClone_Task:
		return req.Spec.Name
	case *types.CloneVM_Task:
		return req.Name
	}
	return ""
}

// take returns the first rule of this kind that matches the call, and decrements the count of the rule. It returns nil
// if no rule matches.
func (c *control) take(objects *simulator.Registry, m *simulator.Method, kind func(*rule) bool) *rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rules {
		if r.Times > 0 && r.Method == m.Name && kind(r) && matchesVM(objects, m, r.VM) {
			r.Times--
			return r
		}
	}
	return nil
}

// matchesVM reports whether a call names the VM or creates it. It returns true if name is empty.
func matchesVM(objects *simulator.Registry, m *simulator.Method, name string) bool {
	return name == "" || name == cloneName(m) || concerns(objects, m, name)
}

// concerns reports whether the call names the VM.
func concerns(objects *simulator.Registry, m *simulator.Method, name string) bool {
	return slices.ContainsFunc(mo.References(m.Body), func(ref types.ManagedObjectReference) bool {
		vm, ok := objects.Get(ref).(*simulator.VirtualMachine)
		return ok && (vm.Name == name || vm.Self.Value == name)
	})
}

func (c *control) serveVM(w http.ResponseWriter, r *http.Request) {
	ctx := *c.svc.Context
	vm := findVM(&ctx, r.FormValue("vm"))
	if vm == nil {
		http.Error(w, "vm: no VM has this name or managed object id", http.StatusNotFound)
		return
	}
	deltas := make(map[int32]int)
	ctx.WithLock(vm, func() {
		if v := r.FormValue("frozen"); v != "" {
			setFrozen(&ctx, vm, v == "true")
		}
		for _, d := range disks(vm.Config.Hardware.Device) {
			deltas[d.Key] = d.deltas()
		}
	})
	reply(w, map[string]any{
		"name": vm.Name, "moid": vm.Self.Value, "frozen": isFrozen(vm), "power": vm.Runtime.PowerState, "deltas": deltas,
	})
}

// serveReport makes the VMware Tools of a running VM report without the delay that follows a power on.
func (c *control) serveReport(w http.ResponseWriter, r *http.Request) {
	vm := findVM(c.svc.Context, r.FormValue("vm"))
	if vm == nil {
		http.Error(w, "vm: no VM has this name or managed object id", http.StatusNotFound)
		return
	}
	c.guests.report(vm.Self)
	c.serveVM(w, r)
}

func (c *control) serveCalls(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("vm")
	moref := name
	if vm := findVM(c.svc.Context, name); vm != nil {
		moref = vm.Self.Value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	res := []call{}
	for _, e := range c.calls {
		if name == "" || e.VM == name || e.Moref == moref {
			res = append(res, e)
		}
	}
	reply(w, res)
}

func (c *control) serveRequests(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reply(w, c.requests)
	if r.FormValue("reset") == "true" {
		c.requests = make(map[string]int)
	}
}

func (c *control) serveFault(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("fault")
	fault := newFault(name)
	if fault == nil {
		reason := fmt.Sprintf("fault: %q is not a fault of the API. Use a name such as TaskInProgress.", name)
		http.Error(w, reason, http.StatusBadRequest)
		return
	}
	c.addRule(w, r, &rule{Fault: name, At: r.FormValue("at"), fault: fault})
}

func (c *control) serveDrop(w http.ResponseWriter, r *http.Request) {
	when := r.FormValue("when")
	if when != "before" && when != "after" {
		http.Error(w, fmt.Sprintf("when: must be before or after, not %q.", when), http.StatusBadRequest)
		return
	}
	c.addRule(w, r, &rule{When: when})
}

// serveSessions returns the number of sessions of the SOAP API. In vCenter an idle session expires after 30 minutes.
// Here it expires only if the setting config.vmacore.soap.sessionTimeout has a value.
func (c *control) serveSessions(w http.ResponseWriter, _ *http.Request) {
	ref := *serviceContent(c.svc.Context).SessionManager
	manager := c.svc.Context.Session.Get(ref).(*simulator.SessionManager) // a copy with the list of sessions
	reply(w, map[string]int{"sessions": len(manager.SessionList)})
}

// addRule completes a rule with the parameters of the request and returns it as JSON.
func (c *control) addRule(w http.ResponseWriter, r *http.Request, to *rule) {
	to.Method, to.VM, to.Times = r.FormValue("method"), r.FormValue("vm"), 1
	if s := r.FormValue("times"); s != "" {
		to.Times, _ = strconv.Atoi(s)
	}
	if _, ok := types.TypeFunc()(to.Method); !ok || to.Times < 1 {
		reason := fmt.Sprintf("method must be a method of the SOAP API, not %q, and times a positive integer, not %q.",
			to.Method, r.FormValue("times"))
		http.Error(w, reason, http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = append(c.rules, to)
	reply(w, to)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
