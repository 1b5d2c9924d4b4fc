// Package natsserver runs NATS servers, as processes of their own, for tests: one, or a
// cluster of several. They are built from the module that the store uses.
package natsserver

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options configure servers.
type Options struct {
	Nodes      int    // 0: one
	MaxPayload string // as NATS writes it; empty: 8MB
	MaxStore   string // of each server; empty: 4GB
	Host       string // that clients connect to; empty: 127.0.0.1
	// Config is added to the configuration of each server: accounts, TLS.
	Config string
	// Whole returns the whole configuration of a server (from 0 on), in the place of all of the
	// above but Nodes; nil: it is made here. It has to be that of a server that listens at
	// 127.0.0.1 on ports[i], and for the others on ports[Nodes+i].
	Whole func(i int, dir string, ports []int) string
	// User and Password are for the servers' URL, if Config has users.
	User, Password string
}

// Cluster is servers that know each other.
type Cluster struct {
	Nodes []*Node
	o     Options
	t     testing.TB
	bin   string
}

// Node is one server.
type Node struct {
	Port    int
	c       *Cluster
	config  string
	cmd     *exec.Cmd
	stopped bool
}

// Start builds and starts servers. They end with the test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	o.Nodes = max(1, o.Nodes)
	dir := t.TempDir()
	c := &Cluster{o: o, t: t, bin: build(t)}
	ports := freePorts(t, 2*o.Nodes)
	for i := range o.Nodes {
		n := &Node{Port: ports[i], c: c, config: filepath.Join(dir, fmt.Sprintf("n%d.conf", i+1))}
		text := ""
		if o.Whole != nil {
			text = o.Whole(i, dir, ports)
		} else {
			text = o.text(i, dir, ports)
		}
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, n)
		n.Start()
	}
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Kill()
		}
	})
	return c
}

// text is the configuration of a server.
func (o *Options) text(i int, dir string, ports []int) string {
	text := fmt.Sprintf("server_name: n%d\nlisten: %s:%d\nmax_payload: %s\njetstream {\n store_dir: %q\n max_file_store: %s\n max_memory_store: 256MB\n}\n",
		i+1, cmp.Or(o.Host, "127.0.0.1"), ports[i], cmp.Or(o.MaxPayload, "8MB"), filepath.Join(dir, fmt.Sprintf("n%d", i+1)), cmp.Or(o.MaxStore, "4GB"))
	if o.Nodes > 1 {
		var routes []string
		for _, port := range ports[o.Nodes:] {
			routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", port))
		}
		text += fmt.Sprintf("cluster {\n name: lab\n no_advertise: true\n listen: 127.0.0.1:%d\n routes: [%s]\n}\n", ports[o.Nodes+i], strings.Join(routes, ", "))
	}
	return text + o.Config
}

// URL names all servers.
func (c *Cluster) URL() string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, fmt.Sprintf("nats://127.0.0.1:%d", n.Port))
	}
	return strings.Join(all, ",")
}

// Start starts a server that does not run, and waits until it listens.
func (n *Node) Start() {
	t := n.c.t
	t.Helper()
	log, err := os.OpenFile(n.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = exec.Command(n.c.bin, "-c", n.config)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.stopped = false
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.Port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Since(began) > time.Minute {
			text, _ := os.ReadFile(n.config + ".log")
			t.Fatalf("nats-server does not listen: %v\n%s", err, text)
		}
	}
}

// Kill kills a server with SIGKILL. It need not run.
func (n *Node) Kill() {
	if n.cmd == nil || n.stopped {
		return
	}
	n.stopped = true
	_ = n.cmd.Process.Kill() // it may have ended
	_ = n.cmd.Wait()         // that it was killed is no error
}

// Freeze and Thaw stop a server and let it go on.
func (n *Node) Freeze() { _ = n.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (n *Node) Thaw() { _ = n.cmd.Process.Signal(syscall.SIGCONT) }

// freePorts returns ports that nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after all are chosen
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
