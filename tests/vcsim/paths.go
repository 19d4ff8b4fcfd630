// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// setAt sets a property of a configuration by its path. A path starts with "config", as in
// "config.memoryAllocation.reservation", or with a device and its index, as in "disk.0", "nic.1" and "cdrom.0". The
// value "unset" clears the property.
func setAt(config *types.VirtualMachineConfigInfo, path, value string) error {
	names := strings.Split(path, ".")
	at := reflect.ValueOf(config)
	if names[0] != "config" {
		if len(names) < 3 {
			return fmt.Errorf("path %s: must be config.NAME, disk.N.NAME, nic.N.NAME or cdrom.N.NAME", path)
		}
		device := nth(config.Hardware.Device, names[0], names[1])
		if device == nil {
			return nil // the VM has no such device
		}
		at, names = reflect.ValueOf(device), names[1:]
	}
	for _, name := range names[1:] {
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Interface {
			if at.IsNil() {
				if at.Kind() == reflect.Interface {
					return fmt.Errorf("path %s: %s is below an unset value of an abstract type", path, name)
				}
				at.Set(reflect.New(at.Type().Elem()))
			}
			at = at.Elem()
		}
		if at.Kind() == reflect.Slice {
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= at.Len() {
				return fmt.Errorf("path %s: the list has no element %s", path, name)
			}
			at = at.Index(i)
			continue
		}
		field, ok := property(at, name)
		if !ok {
			return fmt.Errorf("path %s: the API has no property %s", path, name)
		}
		at = field
	}
	return setValue(at, path, value)
}

// property returns the field of a struct with this name in the API.
func property(of reflect.Value, name string) (reflect.Value, bool) {
	if of.Kind() != reflect.Struct {
		return reflect.Value{}, false
	}
	for _, field := range reflect.VisibleFields(of.Type()) {
		tag, _, _ := strings.Cut(field.Tag.Get("xml"), ",")
		if tag == name && !field.Anonymous {
			return of.FieldByIndex(field.Index), true
		}
	}
	return reflect.Value{}, false
}

func setValue(at reflect.Value, path, value string) error {
	if value == "unset" {
		at.SetZero()
		return nil
	}
	if at.Kind() == reflect.Pointer {
		fresh := reflect.New(at.Type().Elem()) // other configurations may share the old value
		if err := setValue(fresh.Elem(), path, value); err != nil {
			return err
		}
		at.Set(fresh)
		return nil
	}
	switch at.Kind() {
	case reflect.String:
		at.SetString(value)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("path %s: the value must be true or false, not %q", path, value)
		}
		at.SetBool(b)
	case reflect.Int32, reflect.Int64, reflect.Int16:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || at.OverflowInt(n) {
			return fmt.Errorf("path %s: the value must be an integer of %d bits, not %q", path, at.Type().Bits(), value)
		}
		at.SetInt(n)
	default:
		return fmt.Errorf("path %s: a structure or list cannot be set. Name a single property", path)
	}
	return nil
}

// nth returns the device with this index among the devices of its kind, or nil.
func nth(devices []types.BaseVirtualDevice, kind, place string) types.BaseVirtualDevice {
	is := map[string]func(device, controller types.BaseVirtualDevice) bool{
		"disk": isA[*types.VirtualDisk], "nic": isA[types.BaseVirtualEthernetCard], "cdrom": isA[*types.VirtualCdrom],
	}[kind]
	n, err := strconv.Atoi(place)
	if is == nil || err != nil {
		return nil
	}
	for _, d := range devices {
		if !is(d, nil) {
			continue
		}
		if n == 0 {
			return d
		}
		n--
	}
	return nil
}
