// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// overrideDeltaFields changes the fields of delta disks that describe how their base was created. The value "unset"
// clears these fields. The value "other" sets values that differ from the base. API reference: thinProvisioned and
// eagerlyScrub "may be unset", and deltaDiskFormat applies to delta disks only.
func overrideDeltaFields(devices []types.BaseVirtualDevice, value string) {
	for _, disk := range disks(devices) {
		if value == "" || disk.backing.Parent == nil {
			continue
		}
		b := disk.backing
		if value == "unset" {
			b.ThinProvisioned, b.EagerlyScrub, b.WriteThrough = nil, nil, nil
			b.DeltaDiskFormat = ""
			disk.CapacityInBytes = 0
			continue
		}
		base := b
		for base.Parent != nil {
			base = base.Parent
		}
		b.ThinProvisioned = types.NewBool(!isTrue(base.ThinProvisioned))
		b.EagerlyScrub = types.NewBool(!isTrue(base.EagerlyScrub))
		b.WriteThrough = types.NewBool(!isTrue(base.WriteThrough))
		b.DeltaDiskFormat = "seSparseFormat"
		disk.CapacityInBytes = disk.CapacityInKB<<10 + 1<<20
	}
}

// renumberLabels numbers the devices of each kind in reverse order.
func renumberLabels(devices []types.BaseVirtualDevice) {
	of := make(map[string][]types.BaseVirtualDevice)
	for _, d := range devices {
		if parts := numbered.FindStringSubmatch(labelOf(d)); parts != nil && controlled(d) {
			of[parts[1]] = append(of[parts[1]], d)
		}
	}
	for word, same := range of {
		for i, d := range same {
			setLabel(d, fmt.Sprintf("%s %d", strings.TrimSpace(word), len(same)-i))
		}
	}
}

// controlled reports whether a device is a disk, a CD-ROM or an interface.
func controlled(d types.BaseVirtualDevice) bool {
	switch d.(type) {
	case *types.VirtualDisk, *types.VirtualCdrom, types.BaseVirtualEthernetCard:
		return true
	}
	return false
}

// renumberKeys gives controllers, disks, CD-ROMs and interfaces other keys from vCenter's ranges.
func renumberKeys(devices []types.BaseVirtualDevice) {
	keys := make(map[int32]int32)
	for _, d := range devices {
		base := d.GetVirtualDevice()
		switch {
		case storageController(d) != nil:
			keys[base.Key] = base.Key + 10
		case controlled(d):
			keys[base.Key] = base.Key + 300
		}
	}
	for _, d := range devices {
		base := d.GetVirtualDevice()
		for _, key := range []*int32{&base.Key, &base.ControllerKey} {
			if other, ok := keys[*key]; ok {
				*key = other
			}
		}
	}
}

// shuffle reorders the devices: first every third one from index 2, then from index 1, then from index 0. The new
// order is the same each time.
func shuffle(devices []types.BaseVirtualDevice) {
	var dealt []types.BaseVirtualDevice
	for first := range 3 {
		for i := 2 - first; i < len(devices); i += 3 {
			dealt = append(dealt, devices[i])
		}
	}
	copy(devices, dealt)
}
