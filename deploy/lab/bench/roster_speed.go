//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// What rosterSpeed refreshes.
const (
	speedUsers     = 100
	speedContacts  = 50
	speedChanges   = 5
	speedUnchanged = 5 // refreshes without a change in a round: each is over in half a second
)

// rosterEdit is a change of a contact.
type rosterEdit struct {
	contact, name string
	remove        bool
}

// speedContact is a contact, of the version that the web application has.
func speedContact(i int, version int64) rosterEdit {
	if i >= speedChanges {
		version = 0
	}
	return rosterEdit{contact: fmt.Sprintf("c%d-%d@example.com", i, version), name: fmt.Sprintf("Contact %d", i)}
}

// speedEdits are the changes between two versions; before the first one nobody is there.
func speedEdits(from, to int64) (edits []rosterEdit) {
	n := speedChanges
	switch {
	case from < 0:
		n = speedContacts
	case from == to:
		return nil
	}
	for i := range n {
		edits = append(edits, speedContact(i, to))
	}
	for i := range n {
		if gone := speedContact(i, from); from >= 0 {
			gone.remove = true
			edits = append(edits, gone)
		}
	}
	return edits
}

// contender is what refreshes rosters.
type contender struct {
	name          string
	refresh       func(edits []rosterEdit) error
	program       *harness.Program // nil: none of ours
	same, changed []float64        // users/s
	iqs, own      []float64        // of a user whose roster changed: IQs, and ms of CPU
}

// round refreshes all rosters, and returns the users/s.
func (r *contender) round(t testing.TB, edits []rosterEdit) float64 {
	t.Helper()
	var iqs int
	var cpu time.Duration
	if r.program != nil {
		iqs, cpu = r.program.IQsSent(), r.program.CPUTime()
	}
	began := time.Now()
	if err := r.refresh(edits); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	took := time.Since(began)
	if r.program != nil && len(edits) > 0 {
		r.iqs = append(r.iqs, float64(r.program.IQsSent()-iqs)/speedUsers)
		r.own = append(r.own, float64((r.program.CPUTime()-cpu).Microseconds())/1e3/speedUsers)
	}
	return speedUsers / took.Seconds()
}

// rosterSpeed refreshes the rosters of users who are online, on real servers: nothing
// has changed, and five contacts are others. Each of those that take turns has users of
// its own: a raw component with the same IQs (on ejabberd a caller of its API), which is
// the best that the server can do; stanzahook; with OTHER, another build of it; and
// mod_http_roster_admin, on a Prosody of its own, which cannot have the server's rosters
// beside it. It fails if a refresh fails, and judges nothing else.
func rosterSpeed(t testing.TB, kind lab.Kind) {
	users := harness.NumberedUsers(3 * speedUsers)
	app := harness.NewContactsApp(t)
	var version atomic.Int64
	app.Rest(func(w http.ResponseWriter, _ *http.Request) {
		var b strings.Builder
		for i := range speedContacts {
			c := speedContact(i, version.Load())
			fmt.Fprintf(&b, `,%q:{"name":%q,"groups":{"Friends":true}}`, c.contact, c.name)
		}
		_, _ = fmt.Fprint(w, "{"+b.String()[1:]+"}")
	})
	o := harness.RosterOptions(kind, users, harness.Privileged("speed"), harness.Privileged("raw"), harness.Privileged("other"))
	s := harness.StartServer(t, o)
	theirs := func(n int) []string { return users[n*speedUsers:][:speedUsers] }
	raw := rawRosterOf(t, s, theirs(0))
	all := []*contender{raw, rosterProgram(t, s, app, "stanzahook", "speed", theirs(1))}
	if other := os.Getenv("OTHER"); other != "" {
		was := harness.Binary
		harness.Binary = other
		all = append(all, rosterProgram(t, s, app, "OTHER, stanzahook", "other", theirs(2)))
		harness.Binary = was
	}
	askRosters(t, s, users[:len(all)*speedUsers])
	if m := modulesAtHand(t); kind == lab.Prosody && m != nil {
		m.rosters(&o, app.Server.URL+"/contacts/%s")
		askRosters(t, harness.StartServer(t, o), theirs(0))
		all = append(all, &contender{name: "mod_http_roster_admin", refresh: func([]rosterEdit) error { return askRefresh(t, "127.0.0.1:"+m.Port, "localhost", theirs(0)) }})
	}
	for _, r := range all {
		r.round(t, speedEdits(-1, 0)) // the first one fills the rosters
	}
	turn := 0
	inTurn := func(refresh func(*contender)) { // each is the first as often as the last
		for i := range all {
			refresh(all[(turn+i)%len(all)])
		}
		turn++
	}
	for range load.BenchRounds(t) {
		for range speedUnchanged {
			inTurn(func(r *contender) { r.same = append(r.same, r.round(t, nil)) })
		}
		to := version.Add(1)
		inTurn(func(r *contender) { r.changed = append(r.changed, r.round(t, speedEdits(to-1, to))) })
	}
	var figures []load.Figure
	for _, r := range all {
		figures = append(figures, load.NewFigure(fmt.Sprintf("refresh, %d contacts, unchanged", speedContacts), string(kind), r.name, "users/s", r.same, raw.same))
	}
	for _, r := range all {
		f := load.NewFigure(fmt.Sprintf("refresh, %d contacts, %d others", speedContacts, speedChanges), string(kind), r.name, "users/s", r.changed, raw.changed)
		if r.program != nil {
			f.Others = map[string]float64{"IQs a user": harness.Median(r.iqs), "ms of CPU a user, own": harness.Median(r.own)}
		}
		figures = append(figures, f)
	}
	load.KeepFigures(t, "roster-"+string(kind), figures)
}

// rosterProgram is stanzahook with a component, and the rosters of these users.
func rosterProgram(t testing.TB, s *lab.Server, app *harness.ContactsApp, name, component string, users []string) *contender {
	t.Helper()
	p := harness.RosterSetup{Component: component, API: s.Kind() == lab.Ejabberd, More: "refresh_on_login: false"}.Launch(t, s, app)
	return &contender{name: name, program: p, refresh: func([]rosterEdit) error { return askRefresh(t, p.Addr, "", users) }}
}

// rawRosterOf makes the same requests as stanzahook.
func rawRosterOf(t testing.TB, s *lab.Server, users []string) *contender {
	t.Helper()
	r := &contender{name: "raw component"}
	var rosters *rawRosters
	if s.Kind() == lab.Ejabberd {
		r.name, rosters = "raw caller of the API", rawAPI(s.APIURL())
	} else {
		var err error
		var conn net.Conn
		if rosters, conn, err = rawRosterComponent(s, "raw.localhost"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	r.refresh = func(edits []rosterEdit) error { return rosters.refresh(users, edits) }
	return r
}

// askRosters logs users in, who ask for their rosters, and read what is pushed.
func askRosters(t testing.TB, s *lab.Server, users []string) {
	t.Helper()
	for _, u := range users {
		c := load.PathLogin(t, s, u)
		if err := c.Conn.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
			t.Fatal(err)
		}
		c.Ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", "jabber:iq:roster")
		if err := c.Conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		conn := c.Conn                                   // without its buffer
		go func() { _, _ = io.Copy(io.Discard, conn) }() // until the test ends
	}
}

// rosters makes the rosters of a Prosody those of mod_http_roster_admin.
func (m *others) rosters(o *lab.Options, url string) {
	o.Components = nil
	o.Modules, o.PluginPath = []string{"http_roster_admin", "block_subscriptions"}, m.Own
	o.Edit = func(config []byte) ([]byte, error) {
		text := m.WithHTTP(config, "")
		text = strings.Replace(text, `"roster", "saslauth"`, `"saslauth"`, 1)
		host := fmt.Sprintf("VirtualHost %q\n", lab.DefaultHost)
		settings := fmt.Sprintf("\tmodules_disabled = { \"roster\" }\n\tstorage = { roster = \"memory\" }\n\thttp_roster_url = %q\n", url)
		return []byte(strings.Replace(text, host, host+settings, 1)), nil
	}
}

// askRefresh asks for a refresh of users, all of whom must be updated; host is for the
// Host header.
func askRefresh(t testing.TB, addr, host string, users []string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // some requests the module never answers
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/roster_admin/refresh", strings.NewReader(harness.JSONNames(users)))
	if err != nil {
		return err
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+harness.RosterToken)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	// The module writes the keys in any order.
	if answer := string(data); err != nil || !strings.Contains(answer, `"errors":0`) || !strings.Contains(answer, fmt.Sprintf(`"updated":%d`, len(users))) {
		return fmt.Errorf("%s %.300s %w", resp.Status, answer, err)
	}
	return nil
}
