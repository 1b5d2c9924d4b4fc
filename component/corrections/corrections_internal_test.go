package corrections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// bed has corrections over a store; what they send is noted, and may be refused.
type bed struct {
	*testing.T
	dir string
	s   *store.Store
	c   *Corrections

	mu     sync.Mutex
	sent   []string
	states map[string]store.SentState
	errs   []error       // of the next sends
	held   chan struct{} // sending waits for it; nil: it does not
}

func newBed(t *testing.T) *bed {
	b := &bed{T: t, dir: t.TempDir(), states: make(map[string]store.SentState)}
	b.open()
	t.Cleanup(func() { b.s.Close() })
	return b
}

func (b *bed) open() {
	b.Helper()
	var err error
	if b.s, err = store.Open(b.Context(), store.Options{Dir: b.dir}); err != nil {
		b.Fatal(err)
	}
	b.c = New(Options{Store: b.s.Corrections(), Send: b.send, Record: func(_ context.Context, m store.SentMessage) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.states[m.ID] = m.State
	}})
	b.c.every, b.c.slow, b.c.again = time.Hour, 10*time.Hour, time.Millisecond
}

func (b *bed) start() (stop func()) {
	b.Helper()
	stop, err := b.c.Start(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return stop
}

// kill is what a kill leaves: the store is opened again, and nothing else.
func (b *bed) kill() {
	b.Helper()
	b.mu.Lock()
	b.sent = nil
	b.mu.Unlock()
	b.s.Close()
	b.open()
}

func (b *bed) send(_ context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	b.mu.Lock()
	held := b.held
	b.mu.Unlock()
	if held != nil {
		<-held
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errs) > 0 {
		err := b.errs[0]
		b.errs = b.errs[1:]
		return "", err
	}
	b.sent = append(b.sent, s.ID)
	return gateway.Confirmed, nil
}

// wants compares what was sent.
func (b *bed) wants(ids ...string) {
	b.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		b.mu.Lock()
		got := slices.Clone(b.sent)
		b.mu.Unlock()
		if slices.Equal(got, ids) {
			return
		}
		if len(got) >= len(ids) || time.Now().After(deadline) {
			b.Fatalf("%q were sent, want %q", got, ids)
		}
		time.Sleep(time.Millisecond)
	}
}

func (b *bed) hold(held chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = held
}

func (b *bed) state(id string) store.SentState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states[id]
}

const (
	replace = "<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='%s'/>"
	retract = "<body>gone</body><retract xmlns='urn:xmpp:message-retract:1' id='%s'/>"
)

func messageOf(id, to, inner string, values ...any) *stanza.Stanza {
	return stanza.Must(stanza.Parse(fmt.Sprintf("<message type='chat' id='%s' from='bot@bot.example.com' to='%s'>%s</message>", id, to, fmt.Sprintf(inner, values...)), stanza.Limits{}))
}

// correct corrects the message m of the conversation with u, or another message and conversation.
func (b *bed) correct(id string, more ...string) (gateway.State, error) {
	b.Helper()
	of, to := "m", "u@example.com"
	if len(more) > 0 {
		of, to = more[0], more[1]
	}
	return b.c.Send(b.Context(), messageOf(id, to, replace, of), gateway.Sending{Caller: "agent", Edits: of})
}

func (b *bed) corrects(want gateway.State, id string, more ...string) {
	b.Helper()
	if got, err := b.correct(id, more...); got != want || err != nil {
		b.Fatalf("%s: %s %v, want %s", id, got, err, want)
	}
}

// The first correction goes out at once; of those that follow, the last one, before the next
// message of the conversation.
func TestPace(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	b.corrects(gateway.Confirmed, "c1")
	for _, id := range []string{"c2", "c3", "c4"} {
		b.corrects(gateway.Queued, id)
	}
	b.corrects(gateway.Confirmed, "other", "m2", "u@example.com")
	b.corrects(gateway.Confirmed, "another", "m", "v@example.com")
	b.wants("c1", "other", "another")
	if b.state("c2") != store.SentReplaced || b.state("c3") != store.SentReplaced || b.state("c4") != store.SentQueued || b.c.Counters.Replaced.Load() != 2 || b.c.Count() != 1 {
		t.Errorf("%v", b.states)
	}
	b.c.Before(t.Context(), messageOf("typing", "u@example.com", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"))
	b.c.Before(t.Context(), messageOf("next", "v@example.com", "<body>next</body>"))
	b.wants("c1", "other", "another")
	b.c.Before(t.Context(), messageOf("next", "u@example.com/phone", "<body>next</body>"))
	b.wants("c1", "other", "another", "c4")
	if b.c.Count() != 0 || b.s.Corrections().Count() != 0 || len(b.c.edited) != 0 {
		t.Errorf("%d wait, %d are on disk", b.c.Count(), b.s.Corrections().Count())
	}
	b.corrects(gateway.Queued, "c5")
}

// What an endpoint answers does not overtake a correction, and does not wait long for one either.
func TestBeforeAnswer(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	b.c.answerWait = time.Hour
	b.corrects(gateway.Confirmed, "c1")
	b.corrects(gateway.Queued, "c2")
	for _, other := range []*stanza.Stanza{
		messageOf("typing", "u@example.com", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"),
		messageOf("answer", "v@example.com", "<body>next</body>"),
		stanza.Must(stanza.Parse("<message type='error' id='e' from='bot@bot.example.com' to='u@example.com'><body>x</body></message>", stanza.Limits{})),
	} {
		b.c.BeforeAnswer(other)
	}
	b.wants("c1")
	answer := messageOf("answer", "u@example.com/phone", "<body>next</body>")
	b.c.BeforeAnswer(answer)
	b.wants("c1", "c2")
	b.corrects(gateway.Queued, "c3")
	held := make(chan struct{})
	b.hold(held)
	b.c.answerWait = time.Millisecond
	b.c.BeforeAnswer(answer)
	b.wants("c1", "c2")
	close(held)
	b.wants("c1", "c2", "c3")
}

// What waits goes out by itself, and after so many corrections it waits longer.
func TestTime(t *testing.T) {
	b := newBed(t)
	b.c.every, b.c.burst = time.Millisecond, 3
	defer b.start()()
	for i, want := range []gateway.State{gateway.Confirmed, gateway.Queued} {
		b.corrects(want, fmt.Sprint("c", i))
	}
	b.wants("c0", "c1")
	if _, err := b.correct("c2"); err != nil { // at once, or a millisecond later
		t.Fatal(err)
	}
	b.wants("c0", "c1", "c2")
	b.corrects(gateway.Queued, "c3") // for hours
	time.Sleep(20 * time.Millisecond)
	b.wants("c0", "c1", "c2")
}

// A retraction takes back what waits.
func TestRetraction(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	b.corrects(gateway.Confirmed, "c1")
	b.corrects(gateway.Queued, "c2")
	if got, err := b.c.Send(t.Context(), messageOf("r", "u@example.com", retract, "m"), gateway.Sending{Edits: "m"}); got != gateway.Confirmed || err != nil {
		t.Errorf("%s %v", got, err)
	}
	b.wants("c1", "r")
	if b.state("c2") != store.SentReplaced || b.s.Corrections().Count() != 0 || b.c.Count() != 0 {
		t.Errorf("%v", b.states)
	}
}

// Killed while one waits: it is sent after the restart, in the latest version, and so is one
// that was being sent.
func TestKilled(t *testing.T) {
	b := newBed(t)
	b.start()
	b.corrects(gateway.Confirmed, "c1")
	b.corrects(gateway.Queued, "c2")
	b.corrects(gateway.Queued, "c3")
	b.kill()
	held := make(chan struct{})
	b.hold(held)
	b.start()
	b.kill()
	b.hold(nil)
	close(held) // of the process before, which is dead
	defer b.start()()
	deadline := time.Now().Add(time.Minute)
	for b.s.Corrections().Count() > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.s.Corrections().Count(); n != 0 || !slices.Contains(b.sent, "c3") || slices.ContainsFunc(b.sent, func(id string) bool { return id != "c3" }) {
		t.Errorf("%d are left, sent: %q", n, b.sent)
	}
}

// A caller that waits gets what has become of its correction.
func TestWait(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	b.corrects(gateway.Confirmed, "c1")
	type result struct {
		state gateway.State
		err   error
	}
	begin := func(id string, wait time.Duration) <-chan result {
		done, before := make(chan result, 1), b.c.Counters.Replaced.Load()+int64(b.c.Count())
		go func() {
			state, err := b.c.Send(t.Context(), messageOf(id, "u@example.com", replace, "m"), gateway.Sending{Caller: "agent", Edits: "m", Wait: wait, ReportBounce: true})
			done <- result{state, err}
		}()
		for b.c.Counters.Replaced.Load()+int64(b.c.Count()) == before && wait > time.Second {
			time.Sleep(time.Millisecond)
		}
		return done
	}
	if got := <-begin("c2", time.Millisecond); got.state != gateway.Queued || got.err != nil {
		t.Errorf("%v", got)
	}
	c3 := begin("c3", time.Hour)
	c4 := begin("c4", time.Hour)
	if got := <-c3; got.state != gateway.Replaced || got.err != nil {
		t.Errorf("%v", got)
	}
	b.errs = []error{&gateway.Bounced{Stanza: messageOf("c4", "bot@bot.example.com", "")}}
	b.c.Before(t.Context(), messageOf("next", "u@example.com", "<body>next</body>"))
	if _, back := errors.AsType[*gateway.Bounced]((<-c4).err); !back {
		t.Error("the caller does not get the error")
	}
	b.wants("c1")
}

// What cannot be sent now is sent later, unless a newer one waits; what can never be is not.
func TestErrors(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	b.corrects(gateway.Confirmed, "c1")
	b.corrects(gateway.Queued, "c2")
	b.errs = []error{gateway.ErrBusy, gateway.ErrFull}
	b.c.Before(t.Context(), messageOf("next", "u@example.com", "<body>next</body>"))
	b.wants("c1", "c2")
	b.corrects(gateway.Queued, "c3")
	b.errs = []error{errors.New("too large")}
	b.c.Before(t.Context(), messageOf("next", "u@example.com", "<body>next</body>"))
	b.wants("c1", "c2")
	if b.state("c3") != store.SentRejected || b.s.Corrections().Count() != 0 {
		t.Errorf("%v", b.states)
	}
}

// One caller cannot have all places.
func TestShare(t *testing.T) {
	b := newBed(t)
	defer b.start()()
	n := 0
	for ; n < store.MaxCorrections; n++ {
		of := fmt.Sprint("m", n)
		b.corrects(gateway.Confirmed, "a"+of, of, "u@example.com")
		if _, err := b.correct("b"+of, of, "u@example.com"); errors.Is(err, gateway.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n != store.MaxCorrections/4 {
		t.Errorf("a caller has %d", n)
	}
	s := messageOf("c", "v@example.com", replace, "m")
	for _, want := range []gateway.State{gateway.Confirmed, gateway.Queued} {
		if got, err := b.c.Send(t.Context(), s, gateway.Sending{Caller: "other", Edits: "m"}); got != want || err != nil {
			t.Errorf("another caller: %s %v", got, err)
		}
	}
}
