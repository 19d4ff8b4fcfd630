// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// handleQuirks serves the requests that make the simulator behave as some vCenter installations may behave:
//
//	GET /ic/quirk                          lists the active quirks
//	GET /ic/quirk?name=N[&value=V]         activates a quirk
//	    [&path=P][&vm=SOURCE]              for a property; for clones of this source only
//	GET /ic/quirk?[name=N&]reset=true      deactivates the quirks of a name, or all quirks
//	GET /ic/labels?vm=NAME&locale=L        translates the device labels of a VM
//	GET /ic/slow?method=M&ms=N             delays answers to M by N milliseconds until the next request for M
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
			err = c.checkPath(to)
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

// checkPath returns an error if the quirk's property does not exist. It sets the property in a copy of the source's
// configuration, or of any VM's configuration.
func (c *control) checkPath(of quirk) error {
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
		http.Error(w, "vm: no VM has this name or managed object id", http.StatusNotFound)
		return
	}
	if languages[locale] == nil {
		http.Error(w, fmt.Sprintf("locale: must be one of %s, not %q.", languageNames(), locale), http.StatusBadRequest)
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
		reason := fmt.Sprintf("method must be a method of the SOAP API, not %q, and ms a non-negative integer, not %q.",
			method, r.FormValue("ms"))
		http.Error(w, reason, http.StatusBadRequest)
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

// delayCall waits for the delay of a method. A change of the delay also applies to calls that already wait.
func (c *control) delayCall(method string) {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		longer := c.slow[method]
		c.mu.Unlock()
		if time.Since(start) >= longer {
			return
		}
	}
}
