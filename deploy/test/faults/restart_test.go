//go:build integration

package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// poster sends messages to one user, one after the other, until it is stopped.
// Each is answered with 202, by which stanzahook takes the responsibility for it,
// or with 503 and the advice to come again.
type poster struct {
	mu       sync.Mutex
	taken    map[string]time.Time // by id: when the 202 came
	refused  int
	problems []string
	stop     context.CancelFunc
	done     chan struct{}
}

func post(p *harness.Program, to, prefix string) *poster {
	ctx, stop := context.WithCancel(p.T.Context())
	ps := &poster{taken: make(map[string]time.Time), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(ps.done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			id := fmt.Sprintf("%s-%d", prefix, i)
			r, err := p.Call("POST", "/rest", "token-all", harness.AsJSON, fmt.Sprintf(`{"to":%q,"type":"chat","id":%q,"body":"x"}`, to, id))
			ps.note(id, r, err)
		}
	}()
	return ps
}

func (ps *poster) note(id string, r harness.Reply, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch {
	case err == nil && r.Status == http.StatusAccepted:
		ps.taken[id] = time.Now()
	case err == nil && r.Status == http.StatusServiceUnavailable && r.Header.Get("Retry-After") != "":
		ps.refused++
	default:
		ps.problems = append(ps.problems, fmt.Sprintf("%s: %d %v %s %v", id, r.Status, r.Header, r.Body, err))
	}
}

func (ps *poster) counts() (taken, refused int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.taken), ps.refused
}

// The server goes away and comes back while messages flow in both directions. It
// is reached again when the users are back: a message that comes while its
// receiver logs in may stay in ejabberd's offline storage until the next login.
func TestServerRestart(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "away"))
		b := harness.NewBot(t)
		dir, c := t.TempDir(), harness.OneComponent(s, "away", b)
		way := harness.NewRelay(t, s.ComponentAddr())
		c.Components[0].Server = way.Addr()
		p := harness.LaunchIn(t, dir, c)
		p.AwaitLinks(1)
		t.Run("stop", func(t *testing.T) {
			throughOutage(t, s, p, b, way, "stop", func() error { return s.Stop(t.Context()) })
		})
		t.Run("kill", func(t *testing.T) { throughOutage(t, s, p, b, way, "kill", s.Kill) })
		if n := p.Connects(); n != 3 || p.Ended() {
			t.Errorf("%d connections, want 3; ended: %t", n, p.Ended())
		}
		t.Run("both", func(t *testing.T) { throughOwnEnd(t, s, p, way, dir, c) })
	})
}

func throughOutage(t *testing.T, s *lab.Server, p *harness.Program, b *harness.Bot, way *harness.Relay, mode string, end func() error) {
	const held = 5
	alice, carol := harness.Login(t, s, "alice"), harness.Login(t, s, "carol")
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	t.Cleanup(release)
	b.AnswerWith(func(h *harness.Hook) (int, string, string) {
		if strings.HasPrefix(h.Body, "hold") {
			<-open
		}
		return harness.EchoAnswer(h)
	})
	ps := post(p, "carol@localhost", mode)
	t.Cleanup(ps.stop)
	for i := range held {
		// Answered while there is no server to give the answers to.
		alice.Send("<message to='hold-%d@away.localhost' type='chat' id='%s-hold-%d'><body>hold %s %d</body></message>", i, mode, i, mode, i)
	}
	alice.Echo("echo@away.localhost", "before "+mode)
	harness.Eventually(t, "messages flow", func() bool { taken, _ := ps.counts(); return taken >= 20 })
	attempts := p.Connects()

	ending := time.Now()
	way.Shut.Store(true)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	p.AwaitNotReady("away.localhost")
	took, refused := ps.counts()
	harness.Eventually(t, "POST is answered without a server", func() bool {
		a, b := ps.counts()
		return a+b >= took+refused+10
	})
	iq := p.Post(harness.AsXML, "<iq type='get' to='alice@localhost/test'><ping xmlns='urn:xmpp:ping'/></iq>")
	if iq.Status != http.StatusServiceUnavailable || iq.Header.Get("Retry-After") == "" {
		t.Errorf("an iq without a server: %d %v %s", iq.Status, iq.Header, iq.Body)
	}
	release()
	harness.Eventually(t, "the bot has answered", func() bool { return answered(b, "hold "+mode) == held })
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	newAlice, newCarol := harness.Login(t, s, "alice"), harness.Login(t, s, "carol")
	way.Shut.Store(false)
	p.AwaitLinks(attempts + 1)
	p.AwaitReady()
	before, _ := ps.counts()
	harness.Eventually(t, "messages flow again", func() bool { taken, _ := ps.counts(); return taken >= before+20 })
	ps.stop()
	<-ps.done

	for range held {
		newAlice.Await("the answers of the time without a server", func(r lab.Received) bool {
			return r.Kind == "message" && strings.HasPrefix(r.Body, "hold "+mode)
		})
	}
	newAlice.Echo("echo@away.localhost", "after "+mode)
	for _, problem := range ps.problems {
		t.Errorf("POST: %s", problem)
	}
	checkTaken(t, p, ps, carol, newCarol, mode, ending)
}

// throughOwnEnd: what was taken while there was no server is kept, even if
// stanzahook is killed before there is one again.
func throughOwnEnd(t *testing.T, s *lab.Server, p *harness.Program, way *harness.Relay, dir string, c harness.Config) {
	way.Shut.Store(true)
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.AwaitNotReady("away.localhost")
	taken := 0
	for i := range 20 {
		r := p.Post(harness.AsJSON, fmt.Sprintf(`{"to":"dave@localhost","type":"chat","id":"both-%d","body":"%d"}`, i, taken))
		switch r.Status {
		case http.StatusAccepted:
			taken++
		case http.StatusServiceUnavailable:
		default:
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	p.Kill()
	p = harness.LaunchIn(t, dir, c)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	dave := harness.Login(t, s, "dave")
	way.Shut.Store(false)
	for i := range taken {
		r := dave.Await(fmt.Sprintf("message %d of %d", i, taken), func(r lab.Received) bool { return r.Kind == "message" })
		if r.Body != fmt.Sprint(i) {
			t.Fatalf("instead of message %d came %+v", i, r)
		}
	}
	p.AwaitReady()
	dave.Echo("echo@away.localhost", "after both")
	t.Logf("%d taken", taken)
}

// answered counts the texts with a prefix that the bot has answered.
func answered(b *harness.Bot, prefix string) int {
	texts := make(map[string]bool)
	for _, h := range b.Got() {
		if strings.HasPrefix(h.Body, prefix) {
			texts[h.Body] = true
		}
	}
	return len(texts)
}

// checkTaken checks that every message with a 202 has come to its receiver,
// before the outage or after it.
func checkTaken(t *testing.T, p *harness.Program, ps *poster, before, after harness.User, mode string, ending time.Time) {
	t.Helper()
	if r := p.Post(harness.AsJSON, fmt.Sprintf(`{"to":%q,"type":"chat","id":"%s-end"}`, after.JID(), mode)); r.Status != http.StatusAccepted {
		t.Fatalf("the last POST: %d %s", r.Status, r.Body)
	}
	came := make(map[string]int)
	for { // until the end of the connection that broke
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		r, err := before.Next(ctx, nil)
		cancel()
		if err != nil {
			break
		}
		came[r.ID]++
	}
	for {
		r := after.Await("the last message", func(r lab.Received) bool { return r.Kind == "message" })
		if r.ID == mode+"-end" {
			break
		}
		came[r.ID]++
	}
	lost := 0
	for id, at := range ps.taken {
		if came[id] > 0 {
			continue
		}
		age := ending.Sub(at)
		if mode == "kill" && age > -load.CrashLoss && age < load.CrashLoss {
			lost++
			continue
		}
		t.Errorf("%s was lost although its POST was answered with 202, %v before the server was to end", id, age)
	}
	t.Logf("%s: %d taken, %d refused, %d lost with the server", mode, len(ps.taken), ps.refused, lost)
}
