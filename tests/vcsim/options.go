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

// options are the command line's; see parseFlags for their meaning.
type options struct {
	listen, version      string
	password             string
	certificate          string
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
	flag.StringVar(&o.listen, "l", "127.0.0.1:0", "listen `address`; port 0 is any free one")
	flag.StringVar(&o.version, "version", "7.0.3", "about.version")
	flag.StringVar(&o.password, "password", "", "the only `word` that logs in, with any user name; by default any word does")
	flag.StringVar(&o.certificate, "certificate", "", "`file` to write the server's certificate to (PEM)")
	flag.Var(&o.sources, "source", "comma separated `names` of powered on source VMs")
	flag.Var(&o.off, "off", "comma separated `names` of powered off VMs")
	flag.Var(&o.frozen, "frozen", "comma separated `names` of VMs that start frozen")
	flag.Var(&o.opaque, "opaque", "comma separated `names` of opaque networks")
	flag.StringVar(&o.locale, "locale", english, "`language` of device labels: "+languageNames())
	flag.StringVar(&hardwareVersion, "hardware", hardwareVersion, "newest hardware `version`, which all VMs have")
	flag.Func("layout", "`VM=LAYOUT`, the hardware of a VM; may be repeated. Layouts: "+layoutNames(), o.addLayout)
	flag.IntVar(&o.vms, "vm", 2, "`number` of powered on VMs DC0_C0_RP0_VM0, ... besides the sources")
	flag.IntVar(&o.pools, "pool", 2, "`number` of child resource pools of the cluster, DC0_C0_RP1, ...")
	flag.IntVar(&o.pods, "pods", 0, "`number` of datastore clusters DC0_POD0, ..., among which the datastores are dealt out")
	flag.IntVar(&o.hosts, "host", 3, "`number` of cluster hosts")
	flag.IntVar(&o.chainLimit, "chain-limit", 255, "maximum `number` of delta disks in a disk chain")
	flag.IntVar(&o.parallelLimit, "parallel-limit", 0,
		"maximum `number` of clones of a source in flight, beyond which TaskInProgress; 0 is any. A cluster is then reconfigured once at a time")
	flag.DurationVar(&o.delay, "delay", 0, "how long an InstantClone_Task runs")
	flag.DurationVar(&o.tools, "tools", time.Second, "how long after power on VMware Tools report")
	flag.BoolVar(&o.strict, "strict", false, "refuse the location fields that InstantClone's reference does not list (host included)")
	flag.BoolVar(&o.cdrom, "cdrom", false, "give each VM whose layout has no CD-ROM a client-mapped one")
	flag.BoolVar(&o.trace, "trace", false, "SOAP trace on stderr")
	flag.BoolVar(&o.untilEOF, "until-eof", false, "end when standard input does, as it does when the parent process dies")
	flag.Parse()
	if languages[o.locale] == nil {
		log.Fatalf("-locale is one of %s", languageNames())
	}
	if _, err := types.ParseHardwareVersion(hardwareVersion); err != nil {
		log.Fatal("-hardware is a version such as vmx-19")
	}
	return o
}

// addLayout takes a value of -layout.
func (o *options) addLayout(value string) error {
	vm, name, _ := strings.Cut(value, "=")
	build, ok := layouts[name]
	if vm == "" || !ok {
		return fmt.Errorf("expected VM=LAYOUT with one of the layouts %s", layoutNames())
	}
	o.layouts[vm] = build
	return nil
}

func layoutNames() string {
	return strings.Join(slices.Sorted(maps.Keys(layouts)), ", ")
}

// names is a comma separated list.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(value string) error {
	*n = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
	return nil
}
