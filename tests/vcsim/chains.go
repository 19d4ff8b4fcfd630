// SPDX-License-Identifier: MPL-2.0

package main

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// seSparse is the format of delta disks on VMFS6.
const seSparse = "seSparseFormat"

// hiddenChains maps the contentId of a delta disk to its chain, for disks that report another backing because of a
// quirk.
var hiddenChains sync.Map

// idleDeltas holds the contentIds of the delta disks that frozen sources received.
var idleDeltas sync.Map

// chainOf returns the top of a disk's chain of flat backings. It returns nil for other kinds of disks.
func chainOf(disk *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	var id, file string
	flat, _ := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	switch b := disk.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		id, file = b.ContentId, b.FileName
	case *types.VirtualDiskSeSparseBackingInfo:
		id, file = b.ContentId, b.FileName
	}
	if hidden, ok := hiddenChains.Load(id); ok {
		// A full clone of the disk has its contentId, but another file.
		if top := hidden.(*types.VirtualDiskFlatVer2BackingInfo); top.FileName == file {
			return top
		}
	}
	return flat
}

// chainFiles returns the names of the files of a disk's chain, child first.
func chainFiles(disk *types.VirtualDisk) []string {
	var names []string
	for b := chainOf(disk); b != nil; b = b.Parent {
		names = append(names, b.FileName)
	}
	if b, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok && names == nil {
		if name := b.GetVirtualDeviceFileBackingInfo().FileName; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// chainForm describes how a VM reports its delta disks.
type chainForm struct {
	seSparse string // value of the quirk se-sparse or source-se-sparse
	parents  string // value of the quirk delta-parents or source-delta-parents
}

// formOf returns the form in which a backing is reported. chain is the actual chain of the disk.
func formOf(backing types.BaseVirtualDeviceBackingInfo, chain *types.VirtualDiskFlatVer2BackingInfo) chainForm {
	var form chainForm
	switch b := backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		if b.Parent == nil && chain.Parent != nil {
			form.parents = "unset"
		}
	case *types.VirtualDiskSeSparseBackingInfo:
		form.seSparse = "backing"
		if b.Parent == nil {
			form.parents = "unset"
		}
	}
	return form
}

// report makes a delta disk report its chain in this form. It changes nothing for the zero form or a base disk.
func (d flatDisk) report(form chainForm) {
	if d.backing.Parent == nil || form == (chainForm{}) {
		return
	}
	top := *d.backing
	if form.seSparse != "" {
		top.DeltaDiskFormat = seSparse
	}
	d.Backing = &top
	if form.parents == "" && form.seSparse != "backing" {
		return
	}
	chain := top
	hiddenChains.Store(chain.ContentId, &chain)
	if form.parents != "" {
		top.Parent = nil
	}
	if form.seSparse == "backing" {
		d.Backing = sparseBacking(&top)
		if form.parents != "" {
			d.Backing.(*types.VirtualDiskSeSparseBackingInfo).DeltaDiskFormat = seSparse
		}
	}
}

// sparseBacking returns a chain with SEsparse backings. API reference, VirtualDiskSeSparseBackingInfo.parent: "the
// type of the backing is consistent throughout the chain".
func sparseBacking(flat *types.VirtualDiskFlatVer2BackingInfo) *types.VirtualDiskSeSparseBackingInfo {
	if flat == nil {
		return nil
	}
	res := &types.VirtualDiskSeSparseBackingInfo{
		VirtualDeviceFileBackingInfo: flat.VirtualDeviceFileBackingInfo,
		DiskMode:                     flat.DiskMode,
		WriteThrough:                 flat.WriteThrough,
		Uuid:                         flat.Uuid,
		ContentId:                    flat.ContentId,
		DigestEnabled:                flat.DigestEnabled,
		Parent:                       sparseBacking(flat.Parent),
	}
	if flat.Parent != nil {
		res.DeltaDiskFormat = seSparse
	}
	return res
}

// receivesDeltas reports whether a source gets a delta disk on each disk when it is cloned. A frozen source gets them
// only with the quirk frozen-source-deltas, and only at its first clone.
func (x *extension) receivesDeltas(src *simulator.VirtualMachine) bool {
	if !isFrozen(src) {
		return true
	}
	if x.quirks.value("frozen-source-deltas", src) == "" {
		return false
	}
	for _, disk := range disks(src.Config.Hardware.Device) {
		if disk.cloneParent(src) == disk.backing {
			return true
		}
	}
	return false
}

// cloneParent returns the parent of the clone's delta disk: the top of the source's chain. A delta disk that the
// source received while it was frozen is skipped as long as the source is frozen. Web Services SDK Programming Guide,
// How the Instant Clone Operation Works: the parent is the delta disk "that was the topmost delta disk when the stun
// operation was invoked".
func (d flatDisk) cloneParent(src *simulator.VirtualMachine) *types.VirtualDiskFlatVer2BackingInfo {
	if _, idle := idleDeltas.Load(d.backing.ContentId); idle && isFrozen(src) {
		return d.backing.Parent
	}
	return d.backing
}
