// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// inventoryFlags are the flags that describe the inventory. With -load, the saved inventory determines what they set.
var inventoryFlags = []string{
	"source", "off", "layout", "vm", "pool", "host", "pods", "cdrom", "version", "hardware", "opaque",
}

// loadModel fills the model with the inventory that `govc object.save` wrote to a folder.
func loadModel(m *simulator.Model, dir string) (err error) {
	m.Service = simulator.New(simulator.NewContext(), nil) // Model.Remove needs a service, even if the load fails
	if err := checkSaved(dir); err != nil {
		return err
	}
	defer func() {
		if reason := recover(); reason != nil { // govmomi panics if an object lacks a property that it needs
			err = loadError(dir, "the inventory is incomplete: %v. %s", reason, saveAgain)
		}
	}()
	if err := m.Load(dir); err != nil {
		return loadError(dir, "%v", err)
	}
	return nil
}

const saveAgain = "Save the whole vCenter with: govc object.save -d FOLDER"

func loadError(path, format string, values ...any) error {
	return fmt.Errorf("-load: %s: %s", path, fmt.Sprintf(format, values...))
}

// checkSaved returns an error unless the folder has the ServiceInstance of a vCenter and all objects that it names.
// Model.Load creates a missing ServiceInstance, and panics later if a manager is missing.
func checkSaved(dir string) error {
	files, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return loadError(dir, "folder not found. Save an inventory with: govc object.save -d FOLDER")
	case err != nil:
		return loadError(dir, "cannot be read: %v", errors.Unwrap(err))
	}
	var content *types.ServiceContent
	saved := make(map[types.ManagedObjectReference]bool)
	for _, file := range files {
		if file.IsDir() || filepath.Ext(file.Name()) != ".xml" {
			continue
		}
		object, err := readObject(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		if len(saved) == 0 && object.Obj == vim25.ServiceInstance {
			content = contentOf(object)
		}
		if object.Obj.Type == "Datastore" && content != nil && (content.Setting == nil || !saved[*content.Setting]) {
			return loadError(dir, "the OptionManager must be saved before the datastores. %s", saveAgain)
		}
		saved[object.Obj] = true
	}
	if content == nil {
		return loadError(dir, "has no ServiceInstance. %s", saveAgain)
	}
	if content.About.ApiType != "VirtualCenter" {
		return loadError(dir, "is the inventory of an ESXi host (apiType %s), which has no instant clones. %s",
			content.About.ApiType, saveAgain)
	}
	for _, ref := range mo.References(*content) {
		if !saved[ref] {
			return loadError(dir, "the object %s %s is missing. %s", ref.Type, ref.Value, saveAgain)
		}
	}
	return nil
}

// readObject decodes one saved object.
func readObject(path string) (*types.ObjectContent, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, loadError(path, "cannot be read: %v", errors.Unwrap(err))
	}
	defer f.Close()
	decoder := xml.NewDecoder(f)
	decoder.TypeFunc = types.TypeFunc()
	object := new(types.ObjectContent)
	if err := decoder.Decode(object); err != nil {
		return nil, loadError(path, "is not an object that govc saved: %v", err)
	}
	if object.Obj.Type == "" || object.Obj.Value == "" {
		return nil, loadError(path, "is not an object that govc saved: it has no managed object id")
	}
	return object, nil
}

// contentOf returns the content of a saved ServiceInstance, or nil.
func contentOf(instance *types.ObjectContent) *types.ServiceContent {
	for _, p := range instance.PropSet {
		if content, ok := p.Val.(types.ServiceContent); ok {
			return &content
		}
	}
	return nil
}

// completeLoaded adds what the simulator needs and govc does not save: files, environment browsers, identities of the
// guests, unset properties.
func completeLoaded(ctx *simulator.Context, o *options, g *guests) error {
	ctx.Session.UserName = "vcsim"
	completeSettings(ctx)
	hardwareVersion = newestVersion(ctx)
	for _, cr := range computeResources(ctx) {
		completeBrowser(ctx, cr)
	}
	vms := ctx.Map.All("VirtualMachine")
	slices.SortFunc(vms, func(a, b mo.Entity) int { return cmp.Compare(a.Reference().Value, b.Reference().Value) })
	for _, e := range vms {
		vm := e.(*simulator.VirtualMachine)
		completeParent(ctx, vm)
		if reason := unusable(ctx, vm); reason != "" {
			log.Printf("-load: the VM %s is left out: %s.", vm.Name, reason)
			leaveOut(ctx, vm)
			continue
		}
		if err := completeLoadedVM(ctx, vm); err != nil {
			return err
		}
		g.restore(vm)
	}
	if err := ctx.Map.AlignCounter(); err != nil { // ids of new objects must differ from those of the snapshots
		return err
	}
	return freeze(ctx, o, "Use the name of a VM in "+o.load)
}

// completeSettings removes the saved values of settings that govmomi would apply: the folder of another simulator,
// session timeouts in another unit, and sessions of another vCenter.
func completeSettings(ctx *simulator.Context) {
	options := ctx.Map.OptionManager()
	isHome := func(o types.BaseOptionValue) bool { return o.GetOptionValue().Key == "vcsim.home" }
	last := len(options.Setting) - 1 // Model.Load has added the folder of this simulator at the end
	options.Setting = append(slices.DeleteFunc(slices.Clone(options.Setting[:last]), func(o types.BaseOptionValue) bool {
		return isHome(o) || o.GetOptionValue().Key == "config.vmacore.soap.sessionTimeout"
	}), options.Setting[last])
	sessions := ctx.Map.SessionManager()
	sessions.SessionList, sessions.CurrentSession = nil, nil
}

// computeResources returns the clusters and the standalone hosts' compute resources.
func computeResources(ctx *simulator.Context) []*mo.ComputeResource {
	var res []*mo.ComputeResource
	for _, e := range ctx.Map.All("") {
		switch cr := e.(type) {
		case *simulator.ClusterComputeResource:
			res = append(res, &cr.ComputeResource)
		case *mo.ComputeResource:
			res = append(res, cr)
		}
	}
	return res
}

// newestVersion returns the newest hardware version of a loaded inventory: the version that the compute resources'
// saved environment browsers describe, or else the newest version of the hosts. No VM has a newer version.
func newestVersion(ctx *simulator.Context) string {
	var newest types.HardwareVersion
	consider := func(version types.HardwareVersion, err error) {
		if err == nil {
			newest = max(newest, version)
		}
	}
	for _, cr := range computeResources(ctx) {
		if cr.EnvironmentBrowser == nil {
			continue
		}
		browser, ok := ctx.Map.Get(*cr.EnvironmentBrowser).(*simulator.EnvironmentBrowser)
		if ok && browser.QueryConfigOptionResponse.Returnval != nil {
			consider(types.ParseHardwareVersion(browser.QueryConfigOptionResponse.Returnval.Version))
		}
	}
	if newest == 0 {
		for _, e := range ctx.Map.All("HostSystem") {
			if product := e.(*simulator.HostSystem).Summary.Config.Product; product != nil {
				version, err := types.ParseESXiVersion(product.Version)
				consider(version.HardwareVersion(), err)
			}
		}
	}
	for _, e := range ctx.Map.All("VirtualMachine") {
		if config := e.(*simulator.VirtualMachine).Config; config != nil {
			consider(types.ParseHardwareVersion(config.Version))
		}
	}
	if newest == 0 {
		return hardwareVersion
	}
	return newest.String()
}

// completeBrowser makes the environment browser of a compute resource describe all hardware versions up to
// hardwareVersion. govc does not save the answer of QueryConfigOptionDescriptor.
func completeBrowser(ctx *simulator.Context, cr *mo.ComputeResource) {
	var browser *simulator.EnvironmentBrowser
	if cr.EnvironmentBrowser != nil {
		browser, _ = ctx.Map.Get(*cr.EnvironmentBrowser).(*simulator.EnvironmentBrowser)
	}
	if browser == nil {
		browser = new(simulator.EnvironmentBrowser)
		browser.Self = types.ManagedObjectReference{Type: "EnvironmentBrowser", Value: "envbrowser-" + cr.Self.Value}
		ctx.Map.Put(browser)
		cr.EnvironmentBrowser = &browser.Self
	}
	newest := types.MustParseHardwareVersion(hardwareVersion)
	descriptors := &browser.QueryConfigOptionDescriptorResponse.Returnval
	*descriptors = nil
	for _, version := range types.GetHardwareVersions() {
		if version <= newest {
			*descriptors = append(*descriptors, types.VirtualMachineConfigOptionDescriptor{
				Key: version.String(), Description: version.String(), Host: cr.Host, DefaultConfigOption: version == newest,
				CreateSupported: true, RunSupported: true, UpgradeSupported: true,
			})
		}
	}
}
