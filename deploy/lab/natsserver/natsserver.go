// Package natsserver runs NATS servers, as processes of their own, for tests: one, or a
// cluster of several. They are built from the module that the store uses.
package natsserver

import (
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
	// Config is added to the configuration of each server: accounts, TLS.
	Config string
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
	c := &Cluster{o: o, t: t, bin: filepath.Join(dir, "nats-server")}
	if out, err := exec.Command("go", "build", "-o", c.bin, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, out)
	}
	var routes []string
	ports := freePorts(t, 2*o.Nodes)
	for i := range o.Nodes {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[o.Nodes+i]))
	}
	payload, room := o.MaxPayload, o.MaxStore
	if payload == "" {
		payload = "8MB"
	}
	if room == "" {
		room = "4GB"
	}
	for i := range o.Nodes {
		n := &Node{Port: ports[i], c: c, config: filepath.Join(dir, fmt.Sprintf("n%d.conf", i+1))}
		text := fmt.Sprintf("server_name: n%d\nlisten: 127.0.0.1:%d\nmax_payload: %s\njetstream {\n store_dir: %q\n max_file_store: %s\n max_memory_store: 256MB\n}\n",
			i+1, n.Port, payload, filepath.Join(dir, fmt.Sprintf("n%d", i+1)), room)
		if o.Nodes > 1 {
			text += fmt.Sprintf("cluster {\n name: lab\n listen: 127.0.0.1:%d\n routes: [%s]\n}\n", ports[o.Nodes+i], strings.Join(routes, ", "))
		}
		if err := os.WriteFile(n.config, []byte(text+o.Config), 0o600); err != nil {
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

// URL names all servers.
func (c *Cluster) URL() string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, fmt.Sprintf("nats://127.0.0.1:%d", n.Port))
	}
	return strings.Join(all, ",")
}

// CheckConfig returns what is wrong with a configuration of a server, or nil.
func (c *Cluster) CheckConfig(file string) error {
	if out, err := exec.Command(c.bin, "-t", "-c", file).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", file, err, out)
	}
	return nil
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
