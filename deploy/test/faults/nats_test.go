//go:build integration

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// The store is on a cluster of three NATS servers. We are killed, and each of them in turn,
// while messages flow in both directions: nothing that was accepted is lost.
func TestFaultsNATS(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		n := natsserver.Start(t, natsserver.Options{Nodes: 3})
		s := harness.StartServer(t, harness.ServerOptions(kind, "nats"))
		b, dir := load.NewTally(t), t.TempDir()
		c := load.TrafficConfig(s, "nats", b.URL())
		c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 3}}`, n.URL())
		p := harness.LaunchLinked(t, c.Write(t, dir))
		st := natsStatus(t, p)
		if st.Kind != "nats" || st.Replicas != 3 || !st.Connected || !strings.HasPrefix(st.Server, "nats://127.0.0.1:") {
			t.Errorf("%+v", st)
		}
		tr := load.StartTraffic(t, s, p, b, load.Moderate(), "echo@nats.localhost")
		tr.During("we are killed", load.LostUnstored, "", func() {
			tr.Kill()
			next := harness.LaunchIn(t, dir, c)
			tr.Runs(next)
			next.AwaitLinks(1)
		})
		nodes := n.Nodes
		if !harness.FullFaults() {
			nodes = nodes[:1]
		}
		for i, node := range nodes {
			tr.During(fmt.Sprintf("NATS server %d is killed", i+1), "", "", func() {
				node.Kill()
				awaitSaid(tr, 25)
				node.Start()
				awaitPosted(tr, 20)
			})
		}
		tr.During("two NATS servers of three are killed", "", "", func() {
			n.Nodes[0].Kill()
			n.Nodes[1].Kill()
			awaitSaid(tr, 20)
			if st := natsStatus(t, tr.Now()); st.Kind != "nats" || st.Unwritten == 0 {
				t.Errorf("without quorum: %+v", st)
			}
			n.Nodes[0].Start()
			n.Nodes[1].Start()
			awaitPosted(tr, 20)
			// Each stream elects a leader of its own. Until then it is answered that it is
			// too early.
			harness.Eventually(t, "dead letters are read again", func() bool {
				r, err := tr.Now().Call("GET", "/v1/dead-letters?limit=1", "token-admin", "", "")
				if err != nil || r.Status != 200 && r.Status != 503 {
					t.Fatalf("%+v %v", r, err)
				}
				return r.Status == 200
			})
		})
		tr.Close()
	})
}

// storeOnNATS is what /v1/status says of the store.
type storeOnNATS struct {
	Kind, Server string
	Replicas     int
	Connected    bool
	Unwritten    int
}

func natsStatus(t *testing.T, p *harness.Program) storeOnNATS {
	t.Helper()
	r, err := p.Call("GET", "/v1/status", "token-admin", "", "")
	if err != nil || r.Status != 200 {
		t.Fatalf("%+v %v", r, err)
	}
	var st struct{ Store storeOnNATS }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &st))
	return st.Store
}

// A NATS that is not there at the start is waited for: the process is healthy, not ready,
// and says why; it starts by itself when NATS is there.
func TestStartBeforeNATS(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		n := natsserver.Start(t, natsserver.Options{})
		n.Nodes[0].Kill()
		s := harness.StartServer(t, harness.ServerOptions(kind, "nats"))
		b := harness.NewBot(t)
		c := harness.OneComponent(s, "nats", b)
		c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}}`, n.URL())
		c.Listen = "127.0.0.1:" + harness.FreePort(t)
		file := c.Write(t, t.TempDir())
		p := harness.Command(t, "serve", "--config", file)
		p.Addr = c.Listen
		harness.Eventually(t, "it says what it waits for", func() bool {
			r, err := p.Call("GET", "/readyz", "", "", "")
			return err == nil && r.Status == 503 && strings.Contains(r.Body, "is NATS running")
		})
		if r, err := p.Call("GET", "/healthz", "", "", ""); err != nil || r.Status != 200 {
			t.Errorf("%+v %v", r, err)
		}
		n.Nodes[0].Start()
		p.Started().AwaitLinks(1)
		alice := harness.Login(t, s, "alice")
		alice.Send("<message to='echo@nats.localhost' type='chat' id='one'><body>one</body></message>")
		alice.Await("the bot's answer", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
		if r, err := p.Call("GET", "/readyz", "", "", ""); err != nil || r.Status != 200 {
			t.Errorf("%+v %v", r, err)
		}
		if out := natsCheck(t, file, "--api", "http://"+c.Listen); !strings.Contains(out, "NATS at nats://127.0.0.1") {
			t.Errorf("check of the running instance:\n%s", out)
		}
		p.Kill()
		var said string
		t.Cleanup(func() { t.Log(said) })
		harness.Eventually(t, "check sees that no instance runs", func() bool {
			said = natsCheck(t, file)
			return strings.Contains(said, "a stream with 1 replicas was made, written, read, consumed and removed")
		})
		n.Nodes[0].Kill()
		if out := natsCheck(t, file); !strings.Contains(out, "is NATS running") {
			t.Errorf("check without NATS:\n%s", out)
		}
		if waits := strings.Count(p.Log.String(), "store cannot be opened; waiting"); waits != 1 {
			t.Errorf("the log says %d times that it waits", waits)
		}
	})
}

// natsCheck runs check --live, and returns what it prints.
func natsCheck(t *testing.T, file string, more ...string) string {
	t.Helper()
	cmd := exec.Command(harness.Binary, append([]string{"check", "--live", "--config", file}, more...)...)
	cmd.Env = append(os.Environ(), "STANZAHOOK_TOKEN=token-admin")
	out, _ := cmd.CombinedOutput() // its code tells what it has found
	return string(out)
}
