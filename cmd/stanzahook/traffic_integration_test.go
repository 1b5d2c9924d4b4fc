//go:build integration

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// trafficUsers are who the load of the fault tests comes from and goes to.
var trafficUsers = []string{"alice", "bob", "carol", "dave"}

// trafficPace is how often each of them writes, and is written to.
const trafficPace = 10 * time.Millisecond

// traffic is load in both directions: users of a real server write numbered
// messages to a bot, which answers with their text, and programs post numbered
// messages to the users. It goes on, whatever happens, until it is stopped.
type traffic struct {
	t      *testing.T
	server *lab.Server
	bot    *tally
	people []*person
	stop   func() // returns when nothing more is sent

	killed time.Time     // when we were, of the mishap that is under way
	stalls time.Duration // how long the disk may hold a write

	mu       sync.Mutex
	program  *program
	troubles []mishap
}

// unstored is the age up to which a message may be lost that had not been stored when
// we were killed.
const unstored = 500 * time.Millisecond

// kill kills the program.
func (tr *traffic) kill() {
	tr.t.Helper()
	tr.killed = time.Now()
	tr.now().kill()
}

// mishap is a time in which something may get lost, and why.
type mishap struct {
	users, callers string // the reasons, by the way; empty: nothing may
	from, to       time.Time
}

// person is one of the users.
type person struct {
	*traffic
	name string
	to   []string // addresses of the bot, which the messages go to in turn

	mu      sync.Mutex
	client  user
	back    chan struct{} // closed when the client is a new one
	said    []time.Time   // by number, when
	echoes  arrivals
	errors  map[int]string // by number: the condition
	posted  []posting      // by number
	arrived arrivals
	strange []string
}

// posting is one message of a caller.
type posting struct {
	at     time.Time
	status int // 0: the connection broke
}

// trafficConfig is a component whose bot may fail as often as it likes.
func trafficConfig(s *lab.Server, name, url string) testConfig {
	domain := name + ".localhost"
	return testConfig{
		Components: []testComponent{{Domain: domain, Server: s.ComponentAddr(), Secret: testSecret}},
		Endpoints:  []testEndpoint{{Name: "echo", URL: url, Component: domain, Schedule: manySteps}},
	}
}

// startTraffic logs the users in and lets the load begin.
func startTraffic(t *testing.T, s *lab.Server, p *program, b *tally, to ...string) *traffic {
	t.Helper()
	tr := &traffic{t: t, server: s, bot: b, program: p}
	for _, name := range trafficUsers {
		tr.people = append(tr.people, &person{
			traffic: tr, name: name, to: to, back: make(chan struct{}),
			echoes: newArrivals(len(to)), errors: make(map[int]string), arrived: newArrivals(1),
		})
	}
	tr.login()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, k := range tr.people {
		wg.Go(func() { k.write(ctx) })
		wg.Go(func() { k.receive(ctx) })
	}
	tr.stop = func() { cancel(); wg.Wait() }
	t.Cleanup(tr.stop)
	return tr
}

// login logs everybody in, again if need be.
func (tr *traffic) login() {
	tr.t.Helper()
	for _, k := range tr.people {
		c := login(tr.t, tr.server, k.name)
		k.mu.Lock()
		k.client = c
		close(k.back)
		k.back = make(chan struct{})
		k.mu.Unlock()
		go k.read(c)
	}
}

func (tr *traffic) now() *program {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.program
}

// runs says which program it is now.
func (tr *traffic) runs(p *program) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.program = p
}

// read notes what comes, until the connection ends.
func (k *person) read(c user) {
	for {
		r, err := c.Next(k.t.Context(), func(r lab.Received) bool { return r.Kind == "message" })
		if err != nil {
			return
		}
		k.note(r)
	}
}

func (k *person) note(r lab.Received) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, post := strings.CutPrefix(r.Body, "post-")
	if r.Type == "error" {
		text, post = r.ID, false
	}
	name, n, ok := readNumbered(text)
	switch {
	case !ok || name != k.name:
		k.strange = append(k.strange, fmt.Sprintf("came unasked: %+v", r))
	case r.Type == "error":
		k.errors[n] = r.Error
	case post:
		k.arrived.came(n, r.ID)
	default:
		k.echoes.came(n, r.ID)
	}
}

// slowly is at every how many ticks a user writes who waits for trafficWindow answers.
// So on a machine that is busy with other things the load is what it can carry. Some
// of these answers may never come, and so he must go on.
const (
	slowly        = 10
	trafficWindow = 50
)

// hopeful reports whether the user has an answer to one of his latest messages.
func (k *person) hopeful() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := len(k.said) - 1; n >= 0 && n >= len(k.said)-trafficWindow; n-- {
		if _, failed := k.errors[n]; failed || k.echoes.has(n) {
			return true
		}
	}
	return len(k.said) < trafficWindow
}

// write sends to the bot. What the client's own connection does not take is not
// sent.
func (k *person) write(ctx context.Context) {
	tick := time.NewTicker(trafficPace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n%slowly != 0 && !k.hopeful() {
			continue
		}
		if back := k.say(); back != nil {
			select {
			case <-back:
			case <-ctx.Done():
				return
			}
		}
	}
}

// say sends the next message. If there is no connection, what is returned is
// closed when there is one.
func (k *person) say() (back <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, to := numberedText(k.name, len(k.said)), k.to[len(k.said)%len(k.to)]
	at := time.Now()
	if k.client.SendRaw("<message to='"+to+"' type='chat' id='"+text+"'><body>"+text+"</body></message>") != nil {
		return k.back
	}
	k.said = append(k.said, at)
	return nil
}

// receive posts to the user.
func (k *person) receive(ctx context.Context) {
	tick := time.NewTicker(trafficPace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		k.post()
	}
}

// post sends the next message to the user, once, and returns the status.
func (k *person) post() int {
	k.mu.Lock()
	text := "post-" + numberedText(k.name, len(k.posted))
	k.mu.Unlock()
	r, err := k.now().call("POST", "/rest", "token-all", asJSON, fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":%q,"body":%q}`, k.name, text, text))
	if err != nil {
		r.status = 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch r.status {
	case 0, http.StatusAccepted:
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if r.header.Get("Retry-After") == "" {
			k.strange = append(k.strange, fmt.Sprintf("%s: %d without Retry-After", text, r.status))
		}
	default:
		k.strange = append(k.strange, fmt.Sprintf("%s: %d %s", text, r.status, r.body))
	}
	k.posted = append(k.posted, posting{time.Now(), r.status})
	return r.status
}

// flows waits until what is sent from now on arrives, both ways, and returns when
// that was: what was sent before, and still has not come, does not come.
func (tr *traffic) flows() time.Time {
	tr.t.Helper()
	at := time.Now()
	for _, k := range tr.people {
		k.mu.Lock()
		said, posted := len(k.said), len(k.posted)+1 // one may be under way
		k.mu.Unlock()
		awaitProgress(tr.t, "the echoes of "+k.name, func() (int, bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.echoes.ids) + len(k.errors), k.echoes.reached(said)
		})
		awaitProgress(tr.t, "the posts for "+k.name, func() (int, bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.arrived.ids), k.arrived.reached(posted)
		})
	}
	return at
}

// awaitProgress waits until something is done, however long that takes, as long
// as it goes on.
func awaitProgress(t *testing.T, what string, holds func() (count int, done bool)) {
	t.Helper()
	count, done := holds()
	for !done {
		before := count
		await(t, fmt.Sprintf("%s: more than %d", what, before), 90*time.Second, func() bool {
			count, done = holds()
			return done || count > before
		})
	}
}

// during lets something happen in which messages may get lost for these reasons.
func (tr *traffic) during(what, users, callers string, happens func()) {
	tr.t.Helper()
	began := tr.flows()
	from := began
	tr.killed = time.Time{}
	happens()
	tr.flows()
	if at := tr.killed.Add(-unstored - tr.stalls); at.After(from) {
		from = at // what was taken before is stored
	}
	tr.troubles = append(tr.troubles, mishap{users, callers, from, time.Now()})
	tr.t.Logf("%s: it took %v until messages flowed again", what, time.Since(began).Round(time.Millisecond))
}

// reason returns why something may be lost that was sent at a time.
func (tr *traffic) reason(at time.Time, way way) string {
	for _, x := range tr.troubles {
		if at.Before(x.from) || at.After(x.to) {
			continue
		}
		if why := map[bool]string{true: x.users, false: x.callers}[way == fromUsers]; why != "" {
			return why
		}
	}
	return ""
}
