// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// languages maps each language of device labels to vCenter's words for the devices that it numbers.
var languages = map[string]map[string]string{
	"en": {
		"disk": "Hard disk", "nic": "Network adapter", "cdrom": "CD/DVD drive", "floppy": "Floppy drive",
		"serial": "Serial port", "parallel": "Parallel port", "scsi": "SCSI controller", "sata": "SATA controller",
		"nvme": "NVME controller", "ide": "IDE", "pci": "PCI device",
	},
	"de": {
		"disk": "Festplatte", "nic": "Netzwerkadapter", "cdrom": "CD/DVD-Laufwerk", "floppy": "Diskettenlaufwerk",
		"serial": "Serieller Port", "parallel": "Paralleler Port", "scsi": "SCSI-Controller", "sata": "SATA-Controller",
		"nvme": "NVME-Controller", "ide": "IDE", "pci": "PCI-Gerät",
	},
	"fr": {
		"disk": "Disque dur", "nic": "Adaptateur réseau", "cdrom": "Lecteur CD/DVD", "floppy": "Lecteur de disquettes",
		"serial": "Port série", "parallel": "Port parallèle", "scsi": "Contrôleur SCSI", "sata": "Contrôleur SATA",
		"nvme": "Contrôleur NVME", "ide": "IDE", "pci": "Périphérique PCI",
	},
}

const english = "en"

func languageNames() string {
	return strings.Join(slices.Sorted(maps.Keys(languages)), ", ")
}

var numbered = regexp.MustCompile(`^(.*\D) ?(\d+)$`)

// nextLabel returns the label of a new device. vCenter numbers devices in the order in which they are added,
// independent of their units, and reuses a number that became free.
func nextLabel(devices []types.BaseVirtualDevice, language, word string, first int32) string {
	for n := first; ; n++ {
		label := fmt.Sprintf("%s %d", languages[language][word], n)
		taken := slices.ContainsFunc(devices, func(d types.BaseVirtualDevice) bool { return labelOf(d) == label })
		if !taken {
			return label
		}
	}
}

func labelOf(d types.BaseVirtualDevice) string {
	if info := d.GetVirtualDevice().DeviceInfo; info != nil {
		return info.GetDescription().Label
	}
	return ""
}

// translate translates the labels of a VM's devices, as in a vCenter that was installed in this language.
func translate(ctx *simulator.Context, vm *simulator.VirtualMachine, language string) {
	devices := copyDevices(vm.Config.Hardware.Device)
	translateLabels(devices, language)
	setDevices(ctx, vm, devices)
}

func translateLabels(devices []types.BaseVirtualDevice, language string) {
	words := make(map[string]string)
	for _, of := range languages {
		for key, word := range of {
			words[word] = languages[language][key]
		}
	}
	for _, d := range devices {
		parts := numbered.FindStringSubmatch(labelOf(d))
		if parts == nil {
			continue
		}
		if word, ok := words[strings.TrimSpace(parts[1])]; ok {
			setLabel(d, word+" "+parts[2])
		}
	}
}

// setLabel replaces a device's description. It does not change the old description, because an answer that is being
// encoded may still refer to it.
func setLabel(d types.BaseVirtualDevice, label string) {
	base := d.GetVirtualDevice()
	info := types.Description{Label: label}
	if base.DeviceInfo != nil {
		info.Summary = base.DeviceInfo.GetDescription().Summary
	}
	base.DeviceInfo = &info
}

// copyDevices copies the devices, but not the values that they point to.
func copyDevices(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	res := make([]types.BaseVirtualDevice, len(devices))
	for i, d := range devices {
		res[i] = copyDevice(d)
	}
	return res
}

func copyDevice(d types.BaseVirtualDevice) types.BaseVirtualDevice {
	c := reflect.New(reflect.TypeOf(d).Elem())
	c.Elem().Set(reflect.ValueOf(d).Elem())
	return c.Interface().(types.BaseVirtualDevice)
}

// languageOf returns the language of a VM's labels.
func languageOf(devices []types.BaseVirtualDevice) string {
	for _, d := range devices {
		parts := numbered.FindStringSubmatch(labelOf(d))
		if parts == nil {
			continue
		}
		for _, kind := range []string{"disk", "nic", "cdrom"} {
			for language, words := range languages {
				if words[kind] == strings.TrimSpace(parts[1]) {
					return language
				}
			}
		}
	}
	return english
}
