//go:build integration

package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// kickOld lets a Prosody take the newer one of two connections of a name.
func kickOld(o lab.Options) lab.Options {
	if o.Kind == lab.Prosody {
		o.Edit = func(config []byte) ([]byte, error) {
			return append([]byte("component_conflict_resolve = \"kick_old\"\n"), config...), nil
		}
	}
	return o
}

// pair is two replicas of one installation.
type pair struct {
	t       *testing.T
	configs map[string]harness.Config
	active  string
	now     map[string]*harness.Program
}

func startPair(t *testing.T, s *lab.Server, n *natsserver.Cluster, url string) *pair {
	p := &pair{t: t, configs: make(map[string]harness.Config), now: make(map[string]*harness.Program), active: "a"}
	for _, name := range []string{"a", "b"} {
		c := load.TrafficConfig(s, "replicas", url)
		c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: %d}}`, n.URL(), len(n.Nodes))
		c.Replica, c.Listen = fmt.Sprintf("{name: %s}", name), "127.0.0.1:"+harness.FreePort(t)
		p.configs[name] = c
		p.start(name)
		if name == "a" {
			p.now[name].Started().AwaitLinks(1)
		}
	}
	p.standsBy("b", "a")
	return p
}

// start starts a replica, which is a standby unless there is none.
func (p *pair) start(name string) {
	c := p.configs[name]
	p.now[name] = harness.Command(p.t, "serve", "--config", c.Write(p.t, p.t.TempDir()))
	p.now[name].Addr = c.Listen
}

// standsBy waits until a replica could take over from another.
func (p *pair) standsBy(name, from string) {
	p.t.Helper()
	harness.Eventually(p.t, name+" stands by", func() bool {
		r, err := p.now[name].Call("GET", "/readyz", "", "", "")
		return err == nil && r.Status == 200 && r.Body == "standby, active is "+from+"\n"
	})
}

// takes waits until the other replica is active, and returns it.
func (p *pair) takes(links int) *harness.Program {
	p.t.Helper()
	before := p.active
	p.active = map[string]string{"a": "b", "b": "a"}[before]
	next := p.now[p.active]
	next.AwaitLinks(links)
	return next
}

func (p *pair) signal(name string, signal syscall.Signal) {
	p.t.Helper()
	if err := p.now[name].Cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// Two replicas: the active one is killed, is stopped and is frozen, while messages flow in both
// directions. The other one goes on; nothing that was stored is lost, and each conversation keeps its
// order. STANZAHOOK_FAULTS=full, as "make faults" has it, kills ten times.
func TestFaultsReplicas(t *testing.T) {
	n := natsserver.Start(t, natsserver.Options{})
	s := harness.StartServer(t, kickOld(harness.ServerOptions(lab.Prosody, "replicas")))
	b := load.NewTally(t)
	p := startPair(t, s, n, b.URL())
	tr := load.StartTraffic(t, s, p.now["a"], b, load.Moderate(), "echo@replicas.localhost")
	kills := 1
	if harness.FullFaults() {
		kills = 10
	}
	for i := range kills {
		tr.During(fmt.Sprintf("the active replica is killed, %d", i+1), load.LostUnstored, "", func() {
			before := p.active
			tr.Kill()
			began := time.Now()
			tr.Runs(p.takes(1))
			t.Logf("%s is connected %v after the death of %s", p.active, time.Since(began).Round(time.Millisecond), before)
			p.start(before)
			p.standsBy(before, p.active)
		})
	}
	tr.During("the active replica is stopped", "", "", func() {
		before := p.active
		tr.Now().Terminate()
		tr.Runs(p.takes(1))
		if code := p.now[before].Wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if log := p.now[p.active].Log.String(); !strings.Contains(log, `"because":"bye"`) {
			t.Errorf("it was not handed over:\n%s", log)
		}
		p.start(before)
		p.standsBy(before, p.active)
	})
	tr.During("the active replica is frozen", load.LostUnstored, "", func() {
		before := p.active
		p.signal(before, syscall.SIGSTOP)
		next := p.takes(1)
		p.signal(before, syscall.SIGCONT)
		tr.Runs(next)
		p.standsBy(before, p.active)
	})
	users, callers := tr.Finish()
	users.Close(t)
	callers.Close(t)
}

// Processes of one name: the second with the name of a replica that runs ends, and says why;
// with a name of its own it stands by, as long as the first one lives, which goes on undisturbed.
func TestSecondProcess(t *testing.T) {
	n := natsserver.Start(t, natsserver.Options{})
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, "second"))
	b := harness.NewBot(t)
	c := harness.OneComponent(s, "second", b)
	c.Store, c.Replica = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}}`, n.URL()), "{name: one, failover: 1s}"
	first := harness.LaunchLinked(t, c.Write(t, t.TempDir()))
	twin := harness.Command(t, "serve", "--config", c.Write(t, t.TempDir()))
	if code := twin.Wait(); code != 1 || !strings.Contains(twin.Log.String(), "replica.name") {
		t.Errorf("exit code %d\n%s", code, twin.Log)
	}
	c.Replica, c.Listen = "{name: two, failover: 1s}", "127.0.0.1:"+harness.FreePort(t)
	second := harness.Command(t, "serve", "--config", c.Write(t, t.TempDir()))
	second.Addr = c.Listen
	harness.Eventually(t, "the second one stands by", func() bool {
		r, err := second.Call("GET", "/readyz", "", "", "")
		return err == nil && r.Status == 200 && strings.Contains(r.Body, "active is one")
	})
	r, err := second.Call("POST", "/rest", "token-all", harness.AsJSON, `{"to":"alice@localhost","type":"chat","body":"x"}`)
	if err != nil || r.Status != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(r.Body, "the active one is one") {
		t.Errorf("%+v %v", r, err)
	}
	alice := harness.Login(t, s, "alice")
	alice.Send("<message to='echo@second.localhost' type='chat' id='one'><body>one</body></message>")
	alice.Await("the bot's answer", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
	if first.Connects() != 1 || second.Connects() != 0 {
		t.Errorf("%d and %d connections", first.Connects(), second.Connects())
	}
	for _, p := range []*harness.Program{second, first} {
		p.StopWell()
	}
}
