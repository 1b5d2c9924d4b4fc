//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/wrongbot"
)

// wrongStage is a stanzahook with wrong bots, and a user who writes to them.
type wrongStage struct {
	t     *testing.T
	bots  *wrongbot.Handler
	url   string // of the bots
	token string // a file
	p     *harness.Program
	u     harness.User
	took  []time.Duration // from the answer to its reason
}

func newWrongStage(t *testing.T, s *lab.Server, domain, user string) *wrongStage {
	x := &wrongStage{t: t, bots: &wrongbot.Handler{}, token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(x.token, []byte("token-admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(x.bots)
	t.Cleanup(web.Close)
	x.url = web.URL + "/hook"
	c := harness.OneComponent(s, domain, harness.NewBot(t))
	c.Endpoints[0].URL, c.Endpoints[0].Timeout = x.url, "1s"
	down := c.Endpoints[0]
	down.Name, down.To, down.URL = "down", "down@*", nowhere(t)
	c.Endpoints = []harness.Endpoint{down, c.Endpoints[0]}
	x.p = harness.LaunchConnected(t, c)
	x.u = harness.Login(t, s, user)
	t.Cleanup(x.figures)
	return x
}

// nowhere is a URL where no bot is.
func nowhere(t *testing.T) string { return "http://" + harness.FreeAddress(t) + "/hook" }

// run starts a command that asks the program.
func (x *wrongStage) run(args ...string) *harness.Program {
	return harness.Command(x.t, append(args, "--api", "http://"+x.p.Addr, "--token-file", x.token)...)
}

// says sends a message that a wrong bot answers.
func (x *wrongStage) says(to string, b *wrongbot.Bot) {
	x.t.Helper()
	x.u.Send("<message to='%s' type='chat'><body>%s</body></message>", to, b.Name)
}

// after notes how long after the answer of a bot its reason was there. A bot that does not run
// gives no answer.
func (x *wrongStage) after(b *wrongbot.Bot) {
	x.t.Helper()
	if seen := time.Now(); b.Runs() {
		harness.Eventually(x.t, b.Name+" has answered", func() bool { return !x.bots.Answered(b.Name).IsZero() })
		x.took = append(x.took, max(0, seen.Sub(x.bots.Answered(b.Name))))
	}
}

func (x *wrongStage) figures() {
	if len(x.took) > 0 {
		slices.Sort(x.took)
		x.t.Logf("the reason came after the answer of the bot by: median %v, at most %v (%d bots)", x.took[len(x.took)/2].Round(time.Millisecond), x.took[len(x.took)-1].Round(time.Millisecond), len(x.took))
	}
}

// Whoever runs "tail --json" reads what became of each answer of a wrong bot, and why. So does
// who asks for the delivery.
func TestWrongBotsInTail(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		x := newWrongStage(t, s, "wrong", "trudy")
		tail := x.run("tail", "--json", "--kinds", "delivery")
		harness.Eventually(t, "somebody reads the tail", func() bool {
			return strings.Contains(x.p.Get("/metrics").Body, "\nstanzahook_tail_readers 1\n")
		})
		for _, b := range wrongbot.All() {
			to := b.Name + "@wrong.localhost"
			x.says(to, &b)
			var all []tailed
			harness.Eventually(t, "the tail has an attempt of "+b.Name, func() bool {
				all = tailedOf(t, tail, to)
				return len(all) > 1
			})
			x.after(&b)
			queued, done := all[0], all[1]
			if queued.State != "queued" || queued.Attempt != nil || queued.ID != done.ID {
				t.Errorf("%s: first comes %+v", b.Name, queued)
			}
			a := done.Attempt
			if a == nil || done.State != b.State || a.N != 1 || a.Status != b.Status || !strings.Contains(a.Error+"\n"+a.Note+"\n"+done.Reason, b.Why) {
				t.Errorf("%s: %+v, attempt %+v; it is to be %s, %d, %q", b.Name, done, a, b.State, b.Status, b.Why)
			}
			if r := x.p.V1Raw("/v1/deliveries/"+done.ID, "", "Authorization", "Bearer token-admin"); r.Status != 200 || !strings.Contains(unescaped(r.Body), b.Why) {
				t.Errorf("%s: its delivery is %d %s", b.Name, r.Status, r.Body)
			}
		}
	})
}

// tailed is an event of the tail.
type tailed struct {
	ID, State, To, Reason string
	Attempt               *struct {
		N, Status   int
		Error, Note string
	}
}

// tailedOf are the events to an address so far, in order.
func tailedOf(t *testing.T, tail *harness.Program, to string) (all []tailed) {
	t.Helper()
	for line := range strings.Lines(tail.Log.String()) {
		var e struct{ Data tailed }
		if !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Data.To == to {
			all = append(all, e.Data)
		}
	}
	return all
}

// unescaped is JSON with the characters that its writers escape.
func unescaped(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\"`, `"`).Replace(s)
}

// Whoever listens reads what a wrong bot has answered, what became of that, and why; in this
// order.
func TestWrongBotsInListen(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		x := newWrongStage(t, s, "wrong", "wendy")
		listen := func(to, url string) *harness.Program {
			l := x.run("listen", "--to", to, "--forward", url)
			harness.Eventually(t, "it listens", func() bool { return strings.Contains(l.Log.String(), "comes here") })
			return l
		}
		up, down := listen("me@wrong.localhost", x.url), listen("nobody@wrong.localhost", nowhere(t))
		for _, b := range wrongbot.All() {
			l, to := up, "me@wrong.localhost"
			if !b.Runs() {
				l, to = down, "nobody@wrong.localhost"
			}
			before := len(l.Log.String())
			x.says(to, &b)
			wants := []string{fmt.Sprintf(`→ %s: %q (evt_`, to, b.Name), "  no answer: "}
			if b.Status != 0 {
				wants[1] = fmt.Sprintf("  answered %d ", b.Status)
			}
			// A status says by itself why there was no reply; the others stand beside what
			// became of the event.
			result := "  → " + b.State
			switch {
			case b.Status == 0:
				wants = append(wants, b.Why, result+"\n")
			case b.OnlyStatus():
				wants = append(wants, b.Quoted(), result+"\n")
			default:
				wants = append(wants, b.Quoted(), result+"; ", b.Why)
			}
			harness.Eventually(t, b.Name+" is told", func() bool { return inOrder(l.Log.String()[before:], wants) == "" })
			x.after(&b)
			if b.State == "retrying" && b.Runs() {
				harness.Eventually(t, b.Name+" is asked again", func() bool { return strings.Contains(l.Log.String()[before:], "  → delivered\n") })
			}
		}
	})
}

// inOrder returns the first of some texts that does not come behind the one before it; empty:
// all do.
func inOrder(text string, wants []string) string {
	for _, want := range wants {
		_, after, found := strings.Cut(text, want)
		if !found {
			return want
		}
		text = after
	}
	return ""
}
