package privilege_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/privilege"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// contacts are n edits, which set c0@example.com and so on.
func contacts(n int) (all []roster.Edit) {
	for i := range n {
		all = append(all, roster.Edit{Item: roster.Item{JID: jid.MustParse(fmt.Sprintf("c%d@example.com", i)), Subscription: roster.Both}})
	}
	return all
}

// items are the names in a roster set.
func items(x *stanza.Stanza) (all []string) {
	for _, part := range strings.Split(x.Inner(), "<item jid='")[1:] {
		name, _, _ := strings.Cut(part, "@")
		all = append(all, name)
	}
	return all
}

const (
	notAllowed = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	notThere   = "<error type='modify'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	badRequest = "<error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	noAccess   = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	noUser     = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
)

// answer is an answer to a roster set: a result, or an error.
func answer(x *stanza.Stanza, failure string) string {
	kind := "result"
	if failure != "" {
		kind = "error"
	}
	return fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", kind, x.ID, x.To, x.From, failure)
}

// like answers as a server does that handles the items in turn: by name, with the error
// that why has. For those in silent it ends with an error of its own, and answers no more.
func like(why map[string]string, silent ...string) func(x *stanza.Stanza) string {
	return func(x *stanza.Stanza) string {
		var all strings.Builder
		for _, name := range items(x) {
			if slices.Contains(silent, name) {
				break
			}
			all.WriteString(answer(x, why[name]))
		}
		return all.String()
	}
}

// manyRig is a backend with a server that counts the items of each IQ.
type manyRig struct {
	*privilege.Rosters
	srv  *componenttest.Server
	link *component.Link
	logs *observer.ObservedLogs
	iqs  chan int
}

func newManyRig(t *testing.T, timeout time.Duration, answers func(*stanza.Stanza) string) *manyRig {
	t.Helper()
	srv, l, _ := connected(t)
	core, logs := observer.New(zapcore.InfoLevel)
	r, err := privilege.NewRosters(l, stanza.Limits{}, timeout, zap.New(core))
	require.NoError(t, err)
	m := &manyRig{Rosters: r, srv: srv, link: l, logs: logs, iqs: make(chan int, 100)}
	m.answers(answers)
	return m
}

func (m *manyRig) answers(f func(*stanza.Stanza) string) {
	m.srv.Answer(func(x *stanza.Stanza) string {
		m.iqs <- len(items(x))
		return f(x)
	})
}

// change makes edits, and returns which of them failed, and the items of each IQ.
func (m *manyRig) change(t *testing.T, edits []roster.Edit) (results []error, failed string, iqs []int) {
	t.Helper()
	results = m.Change(t.Context(), john, edits)
	var names []string
	for i, err := range results {
		if err != nil {
			names = append(names, edits[i].JID.Local())
		}
	}
	for len(m.iqs) > 0 {
		iqs = append(iqs, <-m.iqs)
	}
	return results, strings.Join(names, " "), iqs
}

func (m *manyRig) expect(t *testing.T, what string, edits []roster.Edit, results int, failed string, iqs ...int) []error {
	t.Helper()
	got, names, sent := m.change(t, edits)
	if len(got) != results || names != failed || !slices.Equal(sent, iqs) {
		t.Errorf("%s: %d results, failed %q, IQs with %v; want %d, %q, %v (%v)", what, len(got), names, sent, results, failed, iqs, got)
	}
	return got
}

// A server that answers each item gets up to 20 in an IQ. Its answers count in order.
func TestManyItems(t *testing.T) {
	m := newManyRig(t, 10*time.Second, like(map[string]string{"c1": notAllowed, "c21": notAllowed, "c44": notThere, "c3": notThere}))
	edits := contacts(45)
	edits[44].Remove = true // who is not there: done
	got := m.expect(t, "45", edits, 45, "c1 c3 c21", 20, 20, 5)
	if !errors.Is(got[1], &stanza.Error{Condition: stanza.NotAllowed}) || !errors.Is(got[3], &stanza.Error{Condition: stanza.ItemNotFound}) {
		t.Errorf("%v, %v", got[1], got[3])
	}
	m.expect(t, "one", edits[:1], 1, "", 1)
	if m.logs.Len() > 0 {
		t.Errorf("%v", m.logs.All())
	}
}

// Servers that answer otherwise get the items one by one, on this connection. What one
// answer says of all is believed of none.
func TestOneByOne(t *testing.T) {
	for name, whole := range map[string]func(*stanza.Stanza) string{
		"ejabberd refuses several":                    func(x *stanza.Stanza) string { return answer(x, badRequest) },
		"the first is made, and answered":             func(x *stanza.Stanza) string { return answer(x, "") },
		"an error without a condition":                func(x *stanza.Stanza) string { return answer(x, "<error/>") },
		"one of several is answered not at all":       func(x *stanza.Stanza) string { return strings.Repeat(answer(x, ""), len(items(x))-1) },
		"an internal error, and another, for several": func(x *stanza.Stanza) string { return strings.Repeat(answer(x, badRequest), 2) },
	} {
		t.Run(name, func(t *testing.T) {
			single := like(map[string]string{"c1": notAllowed})
			m := newManyRig(t, 10*time.Second, func(x *stanza.Stanza) string {
				if len(items(x)) > 1 {
					return whole(x)
				}
				return single(x)
			})
			m.expect(t, "first", contacts(3), 3, "c1", 3, 1, 1, 1)
			m.expect(t, "again", contacts(3), 3, "c1", 1, 1, 1)
			if all := m.logs.FilterMessage("roster contacts sent one by one").All(); len(all) != 1 || all[0].ContextMap()["host"] != "example.com" {
				t.Errorf("%v", m.logs.All())
			}
			// The next connection may be to another server.
			reconnect(t, m.srv, m.link)
			m.expect(t, "the next connection", contacts(3), 3, "c1", 3, 1, 1, 1)
			if n := m.logs.Len(); n != 2 {
				t.Errorf("%d lines in the log, want 2", n)
			}
		})
	}
}

// One contact at which the server fails takes the others of its IQ along; sent alone,
// they are made. The next roster is sent together again.
func TestServerFailsAtOne(t *testing.T) {
	m := newManyRig(t, 50*time.Millisecond, like(nil, "c2"))
	got := m.expect(t, "c2", contacts(5), 3, "c2", 5, 1, 1, 1)
	if !errors.Is(got[2], roster.ErrTimeout) {
		t.Errorf("%v", got[2])
	}
	m.expect(t, "others", contacts(2), 2, "", 2)
	if m.logs.Len() > 0 {
		t.Errorf("%v", m.logs.All())
	}
}

// An answer that is about the whole roster ends it: there is no use in asking for each.
func TestWholeRefused(t *testing.T) {
	for failure, want := range map[string]error{noAccess: roster.ErrForbidden, noUser: roster.ErrNoSuchUser} {
		m := newManyRig(t, 10*time.Second, func(x *stanza.Stanza) string { return answer(x, failure) })
		if got := m.expect(t, failure, contacts(5), 1, "c0", 5); !errors.Is(got[0], want) {
			t.Errorf("%v", got)
		}
		if m.logs.Len() > 0 {
			t.Errorf("%v", m.logs.All())
		}
	}
}

// Only what was answered counts as made when the answers end early.
func TestAnswersEnd(t *testing.T) {
	m := newManyRig(t, 100*time.Millisecond, like(nil, "c3"))
	m.srv.SwallowMarkers(true) // the server is at c3 for ever
	if got := m.expect(t, "no more answers", contacts(5), 4, "c3", 5); !errors.Is(got[3], roster.ErrTimeout) {
		t.Errorf("%v", got)
	}
	m = newManyRig(t, 10*time.Second, like(nil, "c3"))
	m.srv.SwallowMarkers(true)
	cut := time.AfterFunc(50*time.Millisecond, m.srv.Drop)
	defer cut.Stop()
	if got := m.expect(t, "the link is lost", contacts(5), 4, "c3", 5); !errors.Is(got[3], gateway.ErrDown) {
		t.Errorf("%v", got)
	}
	m = newManyRig(t, 10*time.Second, like(nil, "c3"))
	m.srv.SwallowMarkers(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := m.Change(ctx, john, contacts(5)); len(got) != 4 || got[3] == nil {
		t.Errorf("we stop: %v", got)
	}
	if m.logs.Len() > 0 {
		t.Errorf("%v", m.logs.All())
	}
}

// Contacts with many groups share an IQ only while it stays well below the largest
// stanza.
func TestLargeItems(t *testing.T) {
	m := newManyRig(t, 10*time.Second, like(nil))
	edits := contacts(5)
	for i := range edits[:4] {
		edits[i].Groups = []string{strings.Repeat("g", 60_000)}
	}
	m.expect(t, "60 kB each", edits, 5, "", 2, 3)
	edits[1].Groups = []string{strings.Repeat("g", 300_000)}
	m.expect(t, "one is too large", edits, 5, "c1", 1, 3)
}

// However many rosters are refreshed, the server has two IQs with several contacts: it
// does nothing else meanwhile.
func TestSeveralAtATime(t *testing.T) {
	m := newManyRig(t, 10*time.Second, like(nil))
	m.srv.Answer(nil)
	m.srv.SwallowMarkers(true) // the server is at each IQ until it answers
	var done atomic.Int32
	for range 5 {
		go func() {
			m.Change(t.Context(), john, contacts(2))
			done.Add(1)
		}()
	}
	for i := range 5 {
		x := m.srv.Expect("a set", func(x *stanza.Stanza) bool { return x.Type == "set" })
		componenttest.Eventually(t, "two are on their way", func() bool { return i == 4 || len(m.srv.Received()) == 1 })
		if n := len(m.srv.Received()); n > 1 {
			t.Fatalf("%d besides one are on their way", n)
		}
		m.srv.Send(like(nil)(x))
	}
	componenttest.Eventually(t, "all are done", func() bool { return done.Load() == 5 })
}
