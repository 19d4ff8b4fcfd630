// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Points at which a call of a method can be held.
const (
	atCall   = "call"   // before the call is executed
	atAnswer = "answer" // after the call was executed, before its answer is sent
	atTask   = "task"   // the call is answered, its task runs and has not started its work
	atEnd    = "end"    // the task has finished its work and still runs
)

// taskHolds are the methods with tasks that can be held. govmomi's own tasks hold the lock of their object while
// they run. If such a task were held, no client could read its object.
var taskHolds = []string{"InstantClone_Task", "ReconfigureComputeResource_Task"}

// holds stops calls and tasks at a chosen point until a release. Tests use holds to act during an operation,
// independent of the speed of the machine:
//
//	GET /ic/hold?method=M                  holds every call of M
//	    [&at=POINT][&after=N][&vm=NAME]    at call, answer, task or end; after N calls; on, or creating, this VM
//	GET /ic/held[?method=M]                lists the held calls and tasks in the order of arrival
//	GET /ic/release[?method=M]             removes the holds on M, or all holds, and releases the held calls
//	    [&times=N]                         keeps the holds, and releases the first N held calls
type holds struct {
	mu    sync.Mutex
	rules []*hold
	held  []*held
}

// hold is a request to stop calls of a method.
type hold struct {
	Method  string `json:"method"`
	At      string `json:"at"`
	VM      string `json:"vm,omitempty"`
	After   int    `json:"after"` // number of calls that pass before the first one is held
	removed bool
}

// held is a call or task that waits at a hold.
type held struct {
	Method   string `json:"method"`
	At       string `json:"at"`
	Clone    string `json:"clone"` // name of the requested clone
	released chan struct{}
}

func (h *holds) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /ic/hold", h.serveHold)
	mux.HandleFunc("GET /ic/held", h.serveHeld)
	mux.HandleFunc("GET /ic/release", h.serveRelease)
}

// match returns the hold that stops a call at this point, or nil. It counts the call for holds with after=N. A hold at
// task or end also counts calls, not tasks, because calls arrive in order but tasks may overtake each other.
func (h *holds) match(objects *simulator.Registry, m *simulator.Method, at string) *hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rules {
		switch {
		case r.Method != m.Name || r.At != at || !matchesVM(objects, m, r.VM):
		case r.After > 0:
			r.After--
		default:
			return r
		}
	}
	return nil
}

// wait blocks until the hold is released. It returns immediately if by is nil, and returns false if the context ends
// first.
func (h *holds) wait(ctx context.Context, by *hold, m *simulator.Method) bool {
	if by == nil {
		return true
	}
	one := &held{Method: by.Method, At: by.At, Clone: cloneName(m), released: make(chan struct{})}
	h.mu.Lock()
	if by.removed { // a hold on a task may be removed before the task reaches it
		h.mu.Unlock()
		return true
	}
	h.held = append(h.held, one)
	h.mu.Unlock()
	select {
	case <-one.released:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = slices.DeleteFunc(h.held, func(other *held) bool { return other == one })
	return ctx.Err() == nil
}

// task returns a function that runs the work of a call's task between the points atTask and atEnd. The wait has no
// cancellation, because vCenter completes an accepted task even if the client disconnects.
func (h *holds) task(objects *simulator.Registry, m *simulator.Method) func(work func()) {
	before, end := h.match(objects, m, atTask), h.match(objects, m, atEnd)
	return func(work func()) {
		h.wait(context.Background(), before, m)
		work()
		h.wait(context.Background(), end, m)
	}
}

// release releases the held calls of a method, or all held calls. If times is positive, it releases only the first
// ones and keeps the holds.
func (h *holds) release(method string, times int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := 0
	h.held = slices.DeleteFunc(h.held, func(one *held) bool {
		if method != "" && one.Method != method || times > 0 && count == times {
			return false
		}
		count++
		close(one.released)
		return true
	})
	if times > 0 {
		return
	}
	h.rules = slices.DeleteFunc(h.rules, func(r *hold) bool {
		r.removed = method == "" || r.Method == method
		return r.removed
	})
}

func (h *holds) serveHold(w http.ResponseWriter, r *http.Request) {
	to := &hold{Method: r.FormValue("method"), At: r.FormValue("at"), VM: r.FormValue("vm")}
	if to.At == "" {
		to.At = atCall
	}
	after, ok := number(r, "after")
	to.After = after
	if _, known := types.TypeFunc()(to.Method); !known || !ok {
		reason := fmt.Sprintf("method must be a method of the SOAP API, not %q, and after a non-negative integer, not %q.",
			to.Method, r.FormValue("after"))
		http.Error(w, reason, http.StatusBadRequest)
		return
	}
	switch to.At {
	case atCall, atAnswer:
	case atTask, atEnd:
		if !slices.Contains(taskHolds, to.Method) {
			reason := fmt.Sprintf("method: a task of %s cannot be held. Hold a task of %s.",
				to.Method, strings.Join(taskHolds, " or "))
			http.Error(w, reason, http.StatusBadRequest)
			return
		}
	default:
		http.Error(w, fmt.Sprintf("at: must be call, answer, task or end, not %q.", to.At), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = append(h.rules, to)
	reply(w, to)
}

func (h *holds) serveHeld(w http.ResponseWriter, r *http.Request) {
	method := r.FormValue("method")
	h.mu.Lock()
	defer h.mu.Unlock()
	res := []*held{}
	for _, one := range h.held {
		if method == "" || one.Method == method {
			res = append(res, one)
		}
	}
	reply(w, res)
}

func (h *holds) serveRelease(w http.ResponseWriter, r *http.Request) {
	times, ok := number(r, "times")
	if !ok {
		http.Error(w, fmt.Sprintf("times: must be a non-negative integer, not %q.", r.FormValue("times")), http.StatusBadRequest)
		return
	}
	h.release(r.FormValue("method"), times)
	h.serveHeld(w, r)
}

// number returns the value of a request parameter, which must be a non-negative integer, and whether the value is
// valid. A missing parameter is valid and counts as 0.
func number(r *http.Request, name string) (int, bool) {
	s := r.FormValue(name)
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}
