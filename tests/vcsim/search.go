// SPDX-License-Identifier: MPL-2.0

package main

import (
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// In govmomi, a search locks only the search index, so the inventory can change meanwhile and the search can panic.
// govmomi then never releases the lock, and no further search ends. The methods here take no lock, and repeat a
// search that panicked.

const searches = 3

func (x *extension) FindAllByUuid(ctx *simulator.Context, req *types.FindAllByUuid) soap.HasFault {
	body := &methods.FindAllByUuidBody{Res: new(types.FindAllByUuidResponse)}
	search("FindAllByUuid", func() {
		body = ctx.Map.SearchIndex().FindAllByUuid(ctx, req).(*methods.FindAllByUuidBody)
	})
	return body
}

func (x *extension) FindByInventoryPath(ctx *simulator.Context, req *types.FindByInventoryPath) soap.HasFault {
	body := &methods.FindByInventoryPathBody{Res: new(types.FindByInventoryPathResponse)}
	search("FindByInventoryPath", func() {
		body = ctx.Map.SearchIndex().FindByInventoryPath(ctx, req).(*methods.FindByInventoryPathBody)
	})
	return body
}

func (x *extension) FindByUuid(ctx *simulator.Context, req *types.FindByUuid) soap.HasFault {
	body := &methods.FindByUuidBody{Res: new(types.FindByUuidResponse)}
	search("FindByUuid", func() {
		body = ctx.Map.SearchIndex().FindByUuid(ctx, req).(*methods.FindByUuidBody)
	})
	return body
}

// search calls a method until it ends without a panic, at most `searches` times.
func search(method string, find func()) {
	attempt := func() (ended bool) {
		defer func() {
			if reason := recover(); reason != nil {
				log.Printf("%s: %v", method, reason)
			}
		}()
		find()
		return true
	}
	for range searches {
		if attempt() {
			return
		}
	}
}
