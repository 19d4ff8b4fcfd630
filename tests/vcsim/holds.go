// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Points at which a call of a method is held.
const (
	atCall   = "call"   // before the call is carried out
	atAnswer = "answer" // after the call was carried out, before its answer is sent
	atTask   = "task"   // the call is answered, its task runs and has done nothing yet
	atEnd    = "end"    // the task has done its work and still runs
)

// taskHolds are the methods whose tasks can be held. A task of govmomi's holds the lock of its object while it runs,
// so that nobody could read the object of a held task.
var taskHolds = []string{"InstantClone_Task", "ReconfigureComputeResource_Task"}

// holds stop calls and tasks at a chosen point until a release. Tests use them to act while something is under way,
// whatever the speed of the machine:
//
//	GET /ic/hold?method=M                  holds every call of M
//	    [&at=POINT][&after=N][&vm=NAME]    at call, answer, task or end; lets N calls pass; on that VM, or making it
//	GET /ic/held[?method=M]                what is held, in the order in which it came
//	GET /ic/release[?method=M]             removes the holds on M, or all, and lets go what is held
//	    [&times=N]                         keeps the holds, and lets go the first N
type holds struct {
	mu    sync.Mutex
	rules []*hold
	held  []*held
}

// hold is a request to stop calls.
type hold struct {
	Method string `json:"method"`
	At     string `json:"at"`
	VM     string `json:"vm,omitempty"`
	After  int    `json:"after"` // number of calls that still pass
	over   bool
}

// held is a call, or its task, that a hold has stopped.
type held struct {
	Method string `json:"method"`
	At     string `json:"at"`
	Clone  string `json:"clone"` // name that the call asks for
	let    chan struct{}
}

func (h *holds) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /ic/hold", h.serveHold)
	mux.HandleFunc("GET /ic/held", h.serveHeld)
	mux.HandleFunc("GET /ic/release", h.serveRelease)
}

// meet counts a call at a point, and returns the hold that is to stop it there, if any. Holds on a task count its call:
// calls come in an order, and tasks may overtake one another.
func (h *holds) meet(objects *simulator.Registry, m *simulator.Method, at string) *hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rules {
		switch {
		case r.Method != m.Name || r.At != at || !meetsVM(objects, m, r.VM):
		case r.After > 0:
			r.After--
		default:
			return r
		}
	}
	return nil
}

// wait stops the caller if a hold is to, until its release. It returns false if the context has ended before.
func (h *holds) wait(ctx context.Context, by *hold, m *simulator.Method) bool {
	if by == nil {
		return true
	}
	one := &held{Method: by.Method, At: by.At, Clone: cloneName(m), let: make(chan struct{})}
	h.mu.Lock()
	if by.over { // a hold on a task may be removed before the task gets there
		h.mu.Unlock()
		return true
	}
	h.held = append(h.held, one)
	h.mu.Unlock()
	select {
	case <-one.let:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = slices.DeleteFunc(h.held, func(other *held) bool { return other == one })
	return ctx.Err() == nil
}

// task runs the work of a call's task between the points atTask and atEnd. Nobody cancels it: a vCenter that has
// accepted a task carries it out, be its client there or not.
func (h *holds) task(objects *simulator.Registry, m *simulator.Method) func(work func()) {
	before, end := h.meet(objects, m, atTask), h.meet(objects, m, atEnd)
	return func(work func()) {
		h.wait(context.Background(), before, m)
		work()
		h.wait(context.Background(), end, m)
	}
}

// release lets go what is held of a method, or of all: the first ones, if times is positive.
func (h *holds) release(method string, times int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	let := 0
	h.held = slices.DeleteFunc(h.held, func(one *held) bool {
		if method != "" && one.Method != method || times > 0 && let == times {
			return false
		}
		let++
		close(one.let)
		return true
	})
	if times > 0 {
		return
	}
	h.rules = slices.DeleteFunc(h.rules, func(r *hold) bool {
		r.over = method == "" || r.Method == method
		return r.over
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
		http.Error(w, "no such method, or a bad number of calls to pass", http.StatusBadRequest)
		return
	}
	switch to.At {
	case atCall, atAnswer:
	case atTask, atEnd:
		if !slices.Contains(taskHolds, to.Method) {
			http.Error(w, "a task of this method cannot be held", http.StatusBadRequest)
			return
		}
	default:
		http.Error(w, "at is call, answer, task or end", http.StatusBadRequest)
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
		http.Error(w, "a bad number of times", http.StatusBadRequest)
		return
	}
	h.release(r.FormValue("method"), times)
	h.serveHeld(w, r)
}

// number is a parameter that is a number from 0 on, or 0 without it.
func number(r *http.Request, name string) (int, bool) {
	s := r.FormValue(name)
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}
