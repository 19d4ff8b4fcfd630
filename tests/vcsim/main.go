// SPDX-License-Identifier: MPL-2.0

// Command vcsim runs govmomi's vCenter simulator with support for instant clones.
//
// It serves the inventory that its flags describe, or a saved inventory, until it receives SIGINT or SIGTERM.
// Operations that no vCenter API offers, such as freezing a guest or provoking a fault, are HTTP requests under /ic. See
// README.md.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"

	_ "github.com/vmware/govmomi/lookup/simulator"
	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/cluster/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

func main() {
	if err := run(parseFlags()); err != nil {
		log.Fatal(err)
	}
}

// run creates or loads the inventory and serves it until the process receives a signal or, with -until-eof, the end of
// standard input.
func run(o *options) error {
	start := time.Now()
	m := newModel(o)
	defer m.Remove()
	create, populate := func() error { return createModel(m) }, populate
	if o.load != "" {
		create, populate = func() error { return loadModel(m, o.load) }, completeLoaded
	}
	if err := create(); err != nil {
		return err
	}
	ctx := m.Service.Context

	g := newGuests(m.Service, o.tools)
	c := &control{svc: m.Service, requests: make(map[string]int), quirks: new(quirks), guests: g}
	x := &extension{options: o, guests: g, control: c, quirks: c.quirks}
	x.install(ctx)
	if err := populate(ctx, o, g); err != nil {
		return err
	}

	m.Service.ServeMux = http.NewServeMux()
	c.handle(m.Service.ServeMux)
	address, err := serve(m.Service, o)
	if err != nil {
		return err
	}
	fmt.Printf("https://%s/sdk ready in %.2fs pid %d\n", address, time.Since(start).Seconds(), os.Getpid())
	wait(o)
	return nil
}

// serve starts the HTTPS server and returns its host and port.
func serve(svc *simulator.Service, o *options) (string, error) {
	certificate, err := newCertificate()
	if err != nil {
		return "", err
	}
	if o.certificate != "" {
		if err := writeCertificate(o.certificate, certificate); err != nil {
			return "", err
		}
	}
	svc.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	svc.Listen = &url.URL{Host: o.listen}
	if o.password != "" {
		svc.Listen.User = url.User("any") // govmomi calls ValidLogin only if Listen.User is set
		svc.Context.Map.SessionManager().ValidLogin = func(req *types.Login) bool {
			return req.UserName != "" && req.Password == o.password
		}
	}
	svc.RegisterEndpoints = true
	return svc.NewServer().URL.Host, nil
}

// wait returns on SIGINT, on SIGTERM and, with -until-eof, at the end of standard input.
func wait(o *options) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	eof := make(chan struct{})
	if o.untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(eof)
		}()
	}
	select {
	case <-stop:
	case <-eof:
	}
}

// createModel creates the objects of the model.
func createModel(m *simulator.Model) error {
	if err := m.Create(); err != nil {
		return err
	}
	setInstanceUUID(m.Service.Context)
	return nil
}

// newModel returns a vCenter model without VMs. It also sets govmomi's switches, which are global variables.
func newModel(o *options) *simulator.Model {
	simulator.Trace = o.trace
	esx.HardwareVersion = hardwareVersion
	// A task takes the lock of its entity when it runs, not when it is called. The call therefore returns
	// immediately, and clients can read a source while -delay passes.
	simulator.TaskDelay.MethodDelay = map[string]int{
		"LockHandoff":       0,
		"InstantClone_Task": int(o.delay.Milliseconds()),
	}

	m := simulator.VPX()
	m.Machine = 0
	m.Datastore = 2
	m.Portgroup = 2
	m.Pool = o.pools
	m.Pod = o.pods
	m.ClusterHost = o.hosts
	about := &m.ServiceContent.About
	about.Version = o.version
	about.ApiVersion = o.version + ".0"
	about.Build = "20395099"
	about.FullName = fmt.Sprintf("VMware vCenter Server %s build-%s", about.Version, about.Build)
	major, _, _ := strings.Cut(o.version, ".")
	about.LicenseProductVersion = major + ".0"
	return m
}
