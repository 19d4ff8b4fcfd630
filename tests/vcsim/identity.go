// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
)

// namespace is the UUID namespace for all UUIDs that the simulator derives from a name.
var namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("vcsim.instantclone.internal"))

// stableUUID returns the UUID of a part of an inventory VM. It is the same at each start, so that tests can contain
// it.
func stableUUID(vm, part string) string {
	return uuid.NewSHA1(namespace, []byte(vm+"/"+part)).String()
}

// stableContentID returns the contentId of an inventory VM's disk.
func stableContentID(vm, part string) string {
	return compact(stableUUID(vm, part+"/content"))
}

// randomContentID returns the contentId of a disk that is created while the simulator serves.
func randomContentID() string { return compact(uuid.NewString()) }

func compact(id string) string { return strings.ReplaceAll(id, "-", "") }

// setInstanceUUID replaces the random UUID that govmomi gives its vCenter at each start.
func setInstanceUUID(ctx *simulator.Context) {
	about := &ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.About
	about.InstanceUuid = stableUUID("vcenter", about.Version)
}

var macs atomic.Int32

// loadedMACs are the MAC addresses of the VMs of a loaded inventory, in lower case.
var loadedMACs = make(map[string]bool)

// nextMAC returns the next address of vCenter's range that no loaded VM has. govmomi's addresses repeat after about
// 4,096. Inventory VMs are created in the order of the flags, so that their addresses are the same at each start.
func nextMAC() string {
	for {
		n := macs.Add(1)
		mac := fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|n>>16&0x3f, n>>8&0xff, n&0xff)
		if !loadedMACs[mac] {
			return mac
		}
	}
}
