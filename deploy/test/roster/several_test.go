//go:build integration

package roster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Several changes go to Prosody in one IQ. ejabberd refuses that, and gets them one by
// one. Whatever the server makes of it, the result is what it has.
func TestSeveralChanges(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.RosterOptions(kind, []string{"ann", "ben", "carl"}, harness.Privileged("several")))
		app := harness.NewContactsApp(t)
		setup := harness.RosterSetup{Component: "several", Backend: "privilege", More: "refresh_on_login: false\n    timeout: 1s"}
		file := setup.Write(t, t.TempDir(), s, app)
		w := &severalTest{t: t, app: app, p: harness.LaunchLinked(t, file)}
		if kind == lab.Prosody {
			w.onProsody()
			w.killed(s, file)
			return
		}
		w.onEjabberd(s)
	})
}

type severalTest struct {
	t   *testing.T
	app *harness.ContactsApp
	p   *harness.Program
}

// refresh makes a roster of contacts 0 to n-1, of a version, and returns the result and how
// many IQs it took.
func (w *severalTest) refresh(user string, want harness.Contacts) (harness.RosterResult, int) {
	w.t.Helper()
	w.app.WantAll(w.t, user, want)
	before := w.p.IQsSent()
	r := w.p.RefreshRoster(user, true)
	return r, w.p.IQsSent() - before
}

func numbered(n int, name string) harness.Contacts {
	all := make(harness.Contacts)
	for i := range n {
		all[fmt.Sprintf("c%d@localhost", i)] = harness.Contact{Name: name, Groups: []string{}, Subscription: "both"}
	}
	return all
}

func (w *severalTest) onProsody() {
	t := w.t
	expect := func(user string, want harness.Contacts, result, detail string, iqs int) {
		t.Helper()
		r, n := w.refresh(user, want)
		if r.Result != result || !strings.HasPrefix(r.Detail, detail) || n != iqs {
			t.Errorf("%d contacts: %+v with %d IQs, want %s (%s) with %d", len(want), r, n, result, detail, iqs)
		}
		if have := w.p.Roster(user).Actual; result == "applied" && have.String() != want.String() {
			t.Errorf("the server has %s, want %s", have, want)
		}
	}
	expect("ann", numbered(45, "A"), "applied", "45 added", 2+3)
	want := numbered(10, "B")
	want["new@localhost"] = harness.Contact{Name: "New", Subscription: "to"}
	expect("ann", want, "applied", "1 added, 10 renamed, 35 removed", 2+3)

	// Prosody fails at this address, without an answer, and with it at all that follows in
	// the IQ: the contacts are sent again, one by one.
	want = numbered(2, "C")
	const bad = "¨@localhost"
	want[bad] = harness.Contact{Name: "Bad", Subscription: "both"}
	expect("ben", numbered(1, "C"), "applied", "1 added", 2+1)
	want["d@localhost"] = harness.Contact{Name: "Dan", Subscription: "both"}
	delete(want, "c0@localhost")
	expect("ben", want, "timeout", "2 of 4 changes were made (3 added, 1 removed); "+bad+": the server did not answer", 2+1+3)
	if have := w.p.Roster("ben").Actual; len(have) != 3 {
		t.Errorf("the server has %s", have)
	}
	// That was one contact, not the server.
	delete(want, bad)
	want["e@localhost"] = harness.Contact{Name: "Eve", Subscription: "both"}
	expect("ben", want, "applied", "1 added, 1 removed", 2+1)
	if strings.Contains(w.p.Log.String(), oneByOne) {
		t.Error("the log says that the server does not take several contacts")
	}
}

// killed: stanzahook ends in the middle of a refresh. The next one makes what is left.
func (w *severalTest) killed(s *lab.Server, file string) {
	t := w.t
	carl := harness.Online(t, s, "carl")
	want := numbered(500, "K")
	w.app.WantAll(t, "carl", want)
	w.p.BeginRefresh("carl")
	harness.Eventually(t, "some contacts are there", func() bool { return carl.TakePushes() > 0 })
	w.p.Kill()
	carl.Settle()
	there := len(carl.Have)
	if there == 0 || there == len(want) {
		t.Fatalf("the kill should have come in the middle; %d contacts are there", there)
	}
	w.p = harness.LaunchLinked(t, file)
	there = len(w.p.Roster("carl").Actual) // what was on its way has arrived
	if r := w.p.RefreshRoster("carl", false); r.Result != "applied" || r.Detail != fmt.Sprintf("%d added", len(want)-there) {
		t.Errorf("%+v; %d contacts were there", r, there)
	}
	carl.AwaitRoster(want)
}

const oneByOne = "roster contacts sent one by one"

func (w *severalTest) onEjabberd(s *lab.Server) {
	t := w.t
	fails := false // before 23.10 at every set
	refresh := func(name string, said int) {
		t.Helper()
		for i, user := range []string{"ann", "ben"} {
			r, n := w.refresh(user, numbered(5, name))
			if fails = r.Result == "forbidden"; fails {
				if !strings.HasPrefix(r.Detail, "none of 5 changes was made") || n != 2+2 {
					t.Errorf("%+v with %d IQs", r, n)
				}
				continue
			}
			iqs := 2 + 5
			if i == 0 {
				iqs++ // to find out
			}
			if have := w.p.Roster(user).Actual; n != iqs || have.WithoutSubscriptions() != numbered(5, name).WithoutSubscriptions() {
				t.Errorf("%+v with %d IQs, want %d; the server has %s", r, n, iqs, have)
			}
		}
		if n := strings.Count(w.p.Log.String(), oneByOne); n != said && !fails {
			t.Errorf("the log says %d times that the contacts are sent one by one, want %d", n, said)
		}
	}
	refresh("A", 1)
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Restart(t.Context()))
	w.p.AwaitLinks(2)
	refresh("B", 2)
}
