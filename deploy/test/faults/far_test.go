//go:build integration

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// farMachine is a network namespace: a machine with a cable to a switch, which this machine is at, too.
type farMachine struct {
	t      *testing.T
	here   string   // the address of this machine at the switch
	addr   string   // its own
	name   string   // of the namespace, and of the end of its cable at the switch
	within []string // what a command line begins with that runs there
}

// newFarMachine makes one; those that are there at the same time have numbers of their own.
func newFarMachine(t *testing.T, n int) *farMachine {
	t.Helper()
	id := fmt.Sprintf("%d-%d", n, os.Getpid()%10000)
	name, sw, net := "far"+id, "switch"+id, fmt.Sprintf("10.213.%d.", n)
	f := &farMachine{t: t, here: net + "1", addr: net + "2", name: name, within: []string{"ip", "netns", "exec", name}}
	f.ip("netns", "add", name)
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "delete", name).Run() // with it, both ends of the cable
		_ = exec.Command("ip", "link", "delete", sw).Run()
	})
	f.ip("link", "add", sw, "type", "bridge")
	f.ip("address", "add", f.here+"/24", "dev", sw)
	f.ip("link", "set", sw, "up")
	f.ip("link", "add", name, "type", "veth", "peer", "name", "cable", "netns", name)
	f.ip("link", "set", name, "master", sw)
	f.ip("link", "set", name, "up")
	f.ip("-n", name, "link", "set", "lo", "up")
	f.ip("-n", name, "address", "add", f.addr+"/24", "dev", "cable")
	f.ip("-n", name, "link", "set", "cable", "up")
	return f
}

// pull pulls the cable at the switch, or plugs it in. Neither side is told: what is sent gets lost, and what a
// kernel has not brought over it sends again later.
func (f *farMachine) pull(yes bool) {
	f.t.Helper()
	how := map[bool]string{true: "down", false: "up"}[yes]
	f.ip("link", "set", f.name, how)
}

// ip configures the network, which takes root.
func (f *farMachine) ip(args ...string) {
	f.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		f.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
