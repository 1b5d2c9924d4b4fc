//go:build linux

package load

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// trafficUsers are who the load of the fault tests comes from and goes to.
var trafficUsers = []string{"alice", "bob", "carol", "dave"}

// Dense is how often each of them writes, and is written to, where something has to happen
// many times.
const Dense = 10 * time.Millisecond

// Moderate is Dense in the full form of the tests. In the small form, with the race
// detector and others beside them, it is what the machine can carry: what is more only
// waits, and takes the time of others.
func Moderate() time.Duration {
	if harness.FullFaults() {
		return Dense
	}
	return 80 * time.Millisecond
}

// Traffic is load in both directions: users of a real server write numbered
// messages to a bot, which answers with their text, and programs post numbered
// messages to the users. It goes on, whatever happens, until it is stopped.
type Traffic struct {
	T      testing.TB
	server *lab.Server
	Bot    *tally
	People []*Person
	pace   time.Duration
	stop   func() // returns when nothing more is sent

	killed time.Time     // when we were, of the mishap that is under way
	Stalls time.Duration // how long the disk may hold a write

	mu       sync.Mutex
	program  *harness.Program
	troubles []mishap
}

// Unstored is the age up to which a message may be lost that had not been stored when
// we were killed. In the small form, with the race detector and other tests beside it, a
// busy machine lets the program be a second behind what is written.
func Unstored() time.Duration {
	if harness.FullFaults() {
		return 500 * time.Millisecond
	}
	return 2 * time.Second
}

// Kill kills the program.
func (tr *Traffic) Kill() {
	tr.T.Helper()
	tr.killed = time.Now()
	tr.Now().Kill()
}

// mishap is a time in which something may get lost, and why.
type mishap struct {
	users, callers string // the reasons, by the way; empty: nothing may
	from, to       time.Time
}

// Person is one of the users.
type Person struct {
	*Traffic
	Name string
	to   []string // addresses of the bot, which the messages go to in turn

	Mu      sync.Mutex
	client  harness.User
	back    chan struct{} // closed when the client is a new one
	reads   chan struct{} // closed when everything from the client is noted
	Said    []time.Time   // by number, when
	echoes  arrivals
	Errors  map[int]string // by number: the condition
	Posted  []posting      // by number
	arrived arrivals
	strange []string
}

// posting is one message of a caller.
type posting struct {
	at     time.Time
	status int // 0: the connection broke, that of a standby too, or nobody knows
}

// TrafficConfig is a component whose bot may fail as often as it likes.
func TrafficConfig(s *lab.Server, name, url string) harness.Config {
	domain := name + ".localhost"
	return harness.Config{
		Components: []harness.Component{{Domain: domain, Server: s.ComponentAddr(), Secret: harness.Secret}},
		Endpoints:  []harness.Endpoint{{Name: "echo", URL: url, Component: domain, Schedule: ManySteps}},
	}
}

// StartTraffic logs the users in and lets the load begin: Dense or Moderate.
func StartTraffic(t testing.TB, s *lab.Server, p *harness.Program, b *tally, pace time.Duration, to ...string) *Traffic {
	t.Helper()
	tr := &Traffic{T: t, server: s, Bot: b, program: p, pace: pace}
	for _, name := range trafficUsers {
		tr.People = append(tr.People, &Person{
			Traffic: tr, Name: name, to: to, back: make(chan struct{}),
			echoes: newArrivals(len(to)), Errors: make(map[int]string), arrived: newArrivals(1),
		})
	}
	tr.Login()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, k := range tr.People {
		wg.Go(func() { k.write(ctx) })
		wg.Go(func() { k.receive(ctx) })
	}
	tr.stop = func() { cancel(); wg.Wait() }
	t.Cleanup(tr.stop)
	return tr
}

// Login logs everybody in, again if need be.
func (tr *Traffic) Login() {
	tr.T.Helper()
	for _, k := range tr.People {
		c := harness.Login(tr.T, tr.server, k.Name)
		k.Mu.Lock()
		k.client = c
		close(k.back)
		k.back = make(chan struct{})
		before, reads := k.reads, make(chan struct{})
		k.reads = reads
		k.Mu.Unlock()
		go func() {
			defer close(reads)
			if before != nil {
				<-before // what came by the old connection came first
			}
			k.read(c)
		}()
	}
}

func (tr *Traffic) Now() *harness.Program {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.program
}

// Runs says which program it is now.
func (tr *Traffic) Runs(p *harness.Program) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.program = p
}

// read notes what comes, until the connection ends.
func (k *Person) read(c harness.User) {
	for {
		r, err := c.Next(k.T.Context(), func(r lab.Received) bool { return r.Kind == "message" })
		if err != nil {
			return
		}
		k.note(r)
	}
}

func (k *Person) note(r lab.Received) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	text, post := strings.CutPrefix(r.Body, "post-")
	if r.Type == "error" {
		text, post = r.ID, false
	}
	name, n, ok := ReadNumbered(text)
	switch {
	case !ok || name != k.Name:
		k.strange = append(k.strange, fmt.Sprintf("came unasked: %+v", r))
	case r.Type == "error":
		k.Errors[n] = r.Error
	case post:
		k.arrived.came(n, r.ID)
	default:
		k.echoes.came(n, r.ID)
	}
}

// slowly is how often a user writes who waits for trafficWindow answers.
// So on a machine that is busy with other things the load is what it can carry. Some
// of these answers may never come, and so he must go on.
const (
	slowly        = 100 * time.Millisecond
	trafficWindow = 50
)

// hopeful reports whether the user has an answer to one of his latest messages.
func (k *Person) hopeful() bool {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	for n := len(k.Said) - 1; n >= 0 && n >= len(k.Said)-trafficWindow; n-- {
		if _, failed := k.Errors[n]; failed || k.echoes.has(n) {
			return true
		}
	}
	return len(k.Said) < trafficWindow
}

// write sends to the bot. What the client's own connection does not take is not
// sent.
func (k *Person) write(ctx context.Context) {
	tick := time.NewTicker(k.pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n%int(slowly/k.pace) != 0 && !k.hopeful() {
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
func (k *Person) say() (back <-chan struct{}) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	text, to := NumberedText(k.Name, len(k.Said)), k.to[len(k.Said)%len(k.to)]
	at := time.Now()
	if k.client.SendRaw("<message to='"+to+"' type='chat' id='"+text+"'><body>"+text+"</body></message>") != nil {
		return k.back
	}
	k.Said = append(k.Said, at)
	return nil
}

// receive posts to the user.
func (k *Person) receive(ctx context.Context) {
	tick := time.NewTicker(k.pace)
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

// unknown are the words of 503 where nobody knows.
var unknown = regexp.MustCompile("may or may not arrive|may be sent or not")

// post sends the next message to the user, once, and returns the status.
func (k *Person) post() int {
	k.Mu.Lock()
	text := "post-" + NumberedText(k.Name, len(k.Posted))
	k.Mu.Unlock()
	r, err := k.Now().Call("POST", "/rest", "token-all", harness.AsJSON, fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":%q,"body":%q}`, k.Name, text, text))
	if err != nil || r.Status == http.StatusBadGateway || r.Status == http.StatusServiceUnavailable && unknown.MatchString(r.Body) { // it may have been done
		r.Status = 0
	}
	k.Mu.Lock()
	defer k.Mu.Unlock()
	switch r.Status {
	case 0, http.StatusAccepted:
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInsufficientStorage: // the last if the disk is too slow
		if r.Header.Get("Retry-After") == "" {
			k.strange = append(k.strange, fmt.Sprintf("%s: %d without Retry-After", text, r.Status))
		}
	default:
		k.strange = append(k.strange, fmt.Sprintf("%s: %d %s", text, r.Status, r.Body))
	}
	k.Posted = append(k.Posted, posting{time.Now(), r.Status})
	return r.Status
}

// Flows waits until what is sent from now on arrives, both ways, and returns when
// that was: what was sent before, and still has not come, does not come.
func (tr *Traffic) Flows() time.Time {
	tr.T.Helper()
	at := time.Now()
	for _, k := range tr.People {
		k.Mu.Lock()
		said, posted := len(k.Said), len(k.Posted)+1 // one may be under way
		k.Mu.Unlock()
		AwaitProgress(tr.T, "the echoes of "+k.Name, func() (int, bool) {
			k.Mu.Lock()
			defer k.Mu.Unlock()
			return len(k.echoes.ids) + len(k.Errors), k.echoes.reached(said)
		})
		AwaitProgress(tr.T, "the posts for "+k.Name, func() (int, bool) {
			k.Mu.Lock()
			defer k.Mu.Unlock()
			return len(k.arrived.ids), k.arrived.reached(posted)
		})
	}
	return at
}

// AwaitProgress waits until something is done, however long that takes, as long
// as it goes on.
func AwaitProgress(t testing.TB, what string, holds func() (count int, done bool)) {
	t.Helper()
	count, done := holds()
	for !done {
		before := count
		harness.Await(t, fmt.Sprintf("%s: more than %d", what, before), 90*time.Second, func() bool {
			count, done = holds()
			return done || count > before
		})
	}
}

// During lets something happen in which messages may get lost for these reasons.
func (tr *Traffic) During(what, users, callers string, happens func()) {
	tr.T.Helper()
	began := tr.Flows()
	from := began
	tr.killed = time.Time{}
	happens()
	tr.Flows()
	if at := tr.killed.Add(-Unstored() - tr.Stalls); at.After(from) {
		from = at // what was taken before is stored
	}
	tr.troubles = append(tr.troubles, mishap{users, callers, from, time.Now()})
	tr.T.Logf("%s: it took %v until messages flowed again", what, time.Since(began).Round(time.Millisecond))
}

// reason returns why something may be lost that was sent at a time.
func (tr *Traffic) reason(at time.Time, way way) string {
	for _, x := range tr.troubles {
		if at.Before(x.from) || at.After(x.to) {
			continue
		}
		if why := map[bool]string{true: x.users, false: x.callers}[way == FromUsers]; why != "" {
			return why
		}
	}
	return ""
}
