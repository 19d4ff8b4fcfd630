// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// handleQuirks serves what makes the simulator behave as some vCenter may:
//
//	GET /ic/quirk                          the quirks that are on
//	GET /ic/quirk?name=N[&value=V]         turns one on
//	    [&path=P][&vm=SOURCE]              for a property; for clones of that source
//	GET /ic/quirk?[name=N&]reset=true      turns one off, or all
//	GET /ic/labels?vm=NAME&locale=L        device labels of a VM in another language
//	GET /ic/slow?method=M&ms=N             answers to M take N milliseconds longer, until told otherwise
func (c *control) handleQuirks(mux *http.ServeMux) {
	mux.HandleFunc("GET /ic/quirk", c.serveQuirk)
	mux.HandleFunc("GET /ic/labels", c.serveLabels)
	mux.HandleFunc("GET /ic/slow", c.serveSlow)
}

func (c *control) serveQuirk(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	switch {
	case r.FormValue("reset") == "true":
		c.quirks.reset(name)
	case name != "":
		to := quirk{Name: name, Value: r.FormValue("value"), Path: r.FormValue("path"), VM: r.FormValue("vm")}
		err := c.quirks.set(to)
		if err == nil && to.Name == "clone-differs" {
			err = c.tryPath(to)
		}
		if err != nil {
			c.quirks.mu.Lock()
			c.quirks.remove(to)
			c.quirks.mu.Unlock()
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	reply(w, c.quirks.list())
}

// tryPath sets a property of a copy of the source's configuration, or of any VM's, to see whether there is one.
func (c *control) tryPath(of quirk) error {
	ctx := *c.svc.Context
	vm := findVM(&ctx, of.VM)
	if vm == nil {
		vm, _ = ctx.Map.Any("VirtualMachine").(*simulator.VirtualMachine)
	}
	if vm == nil {
		return nil
	}
	var config *types.VirtualMachineConfigInfo
	ctx.WithLock(vm, func() { config = copyConfig(vm.Config) })
	return setAt(config, of.Path, of.Value)
}

func (c *control) serveLabels(w http.ResponseWriter, r *http.Request) {
	ctx := *c.svc.Context
	vm := findVM(&ctx, r.FormValue("vm"))
	locale := r.FormValue("locale")
	if vm == nil {
		http.Error(w, "no such VM", http.StatusNotFound)
		return
	}
	if languages[locale] == nil {
		http.Error(w, "locale is one of "+languageNames(), http.StatusBadRequest)
		return
	}
	labels := make(map[int32]string)
	ctx.WithLock(vm, func() {
		translate(&ctx, vm, locale)
		for _, d := range vm.Config.Hardware.Device {
			labels[d.GetVirtualDevice().Key] = labelOf(d)
		}
	})
	reply(w, labels)
}

func (c *control) serveSlow(w http.ResponseWriter, r *http.Request) {
	method := r.FormValue("method")
	ms, err := strconv.Atoi(r.FormValue("ms"))
	if _, ok := types.TypeFunc()(method); !ok || err != nil || ms < 0 {
		http.Error(w, "no such method, or a bad number of milliseconds", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slow == nil {
		c.slow = make(map[string]time.Duration)
	}
	c.slow[method] = time.Duration(ms) * time.Millisecond
	reply(w, c.slow)
}

// linger waits for as long as a method is to take longer; it is told of changes meanwhile.
func (c *control) linger(method string) {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		longer := c.slow[method]
		c.mu.Unlock()
		if time.Since(start) >= longer {
			return
		}
	}
}
