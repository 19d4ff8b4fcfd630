// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// options are the values of the command line flags. parseFlags describes each flag.
type options struct {
	listen, version      string
	password             string
	certificate          string
	load                 string // folder
	sources, off, frozen names
	opaque               names
	locale               string
	layouts              map[string]layout // by VM name
	vms, pools, hosts    int
	pods                 int
	chainLimit           int
	parallelLimit        int
	delay, tools         time.Duration
	strict, cdrom, trace bool
	untilEOF             bool
}

func parseFlags() *options {
	o := &options{
		sources: names{"golden-web"},
		off:     names{"golden-off"},
		layouts: make(map[string]layout),
	}
	flag.StringVar(&o.listen, "l", "127.0.0.1:0", "listen `address`; port 0 selects a free port")
	flag.StringVar(&o.version, "version", "7.0.3", "`version` of vCenter in about.version")
	flag.StringVar(&o.password, "password", "", "`password` that every login must give, with any user name; by default any password is accepted")
	flag.StringVar(&o.certificate, "certificate", "", "`file` to which the server's certificate is written (PEM)")
	flag.StringVar(&o.load, "load", "", "`folder` with an inventory that govc object.save wrote; it replaces the inventory of the flags")
	flag.Var(&o.sources, "source", "comma separated `names` of powered on source VMs")
	flag.Var(&o.off, "off", "comma separated `names` of powered off VMs")
	flag.Var(&o.frozen, "frozen", "comma separated `names` of VMs that start frozen")
	flag.Var(&o.opaque, "opaque", "comma separated `names` of opaque networks")
	flag.StringVar(&o.locale, "locale", english, "`language` of device labels: "+languageNames())
	flag.StringVar(&hardwareVersion, "hardware", hardwareVersion, "newest hardware `version`, and the version of all VMs of the inventory")
	flag.Func("layout", "`VM=LAYOUT` sets the hardware of a VM; repeatable. Layouts: "+layoutNames(), o.addLayout)
	flag.IntVar(&o.vms, "vm", 2, "`number` of additional powered on VMs: DC0_C0_RP0_VM0, ...")
	flag.IntVar(&o.pools, "pool", 2, "`number` of child resource pools of the cluster: DC0_C0_RP1, ...")
	flag.IntVar(&o.pods, "pods", 0, "`number` of datastore clusters: DC0_POD0, ...; the datastores are distributed among them")
	flag.IntVar(&o.hosts, "host", 3, "`number` of cluster hosts")
	flag.IntVar(&o.chainLimit, "chain-limit", 255, "maximum `number` of delta disks in a disk chain")
	flag.IntVar(&o.parallelLimit, "parallel-limit", 0,
		"maximum `number` of running clone tasks of a source; further tasks fail with TaskInProgress. 0 means no limit. "+
			"With a limit, a cluster also runs one reconfiguration at a time")
	flag.DurationVar(&o.delay, "delay", 0, "run time of an InstantClone_Task")
	flag.DurationVar(&o.tools, "tools", time.Second, "delay between power on and the report of VMware Tools")
	flag.BoolVar(&o.strict, "strict", false, "refuse the location fields that the API reference does not list for InstantClone_Task, such as host")
	flag.BoolVar(&o.cdrom, "cdrom", false, "add a client-mapped CD-ROM to each VM whose layout has no CD-ROM")
	flag.BoolVar(&o.trace, "trace", false, "write all SOAP messages to standard error")
	flag.BoolVar(&o.untilEOF, "until-eof", false, "stop at the end of standard input, which also comes when the parent process dies")
	flag.Parse()
	if name := o.conflict(); name != "" {
		log.Fatalf("-load: cannot be combined with -%s, because the saved inventory determines it. Remove one of the flags", name)
	}
	if languages[o.locale] == nil {
		log.Fatalf("-locale: must be one of %s, not %q", languageNames(), o.locale)
	}
	if _, err := types.ParseHardwareVersion(hardwareVersion); err != nil {
		log.Fatalf("-hardware: must be a hardware version such as vmx-19, not %q", hardwareVersion)
	}
	return o
}

// conflict returns the name of a flag that the command line combines with -load although it describes the inventory, or
// "".
func (o *options) conflict() string {
	name := ""
	flag.Visit(func(f *flag.Flag) {
		if o.load != "" && slices.Contains(inventoryFlags, f.Name) {
			name = f.Name
		}
	})
	return name
}

// addLayout parses a value of -layout.
func (o *options) addLayout(value string) error {
	vm, name, _ := strings.Cut(value, "=")
	build, ok := layouts[name]
	if vm == "" || !ok {
		return fmt.Errorf("must be VM=LAYOUT, where LAYOUT is one of %s", layoutNames())
	}
	o.layouts[vm] = build
	return nil
}

func layoutNames() string {
	return strings.Join(slices.Sorted(maps.Keys(layouts)), ", ")
}

// names is the value of a flag with a comma separated list.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(value string) error {
	*n = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
	return nil
}
