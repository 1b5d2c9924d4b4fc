//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
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
	speedUsers    = 100
	speedContacts = 50
	speedChanges  = 5
)

// contender is what refreshes rosters.
type contender struct {
	name          string
	refresh       func() (string, error)
	same, changed []float64 // users/s
}

func (r *contender) round(t testing.TB) float64 {
	t.Helper()
	began := time.Now()
	answer, err := r.refresh()
	// The module writes the keys in any order.
	if err != nil || !strings.Contains(answer, `"errors":0`) || !strings.Contains(answer, fmt.Sprintf(`"updated":%d`, speedUsers)) {
		t.Fatalf("%s: %.300s %v", r.name, answer, err)
	}
	return speedUsers / time.Since(began).Seconds()
}

// rosterSpeed refreshes the rosters of users who are online, on real servers:
// nothing has changed, and five contacts are others. Rounds take turns with the raw
// echo, and with mod_http_roster_admin on a Prosody of its own, which cannot have the
// server's rosters beside it. It fails if a refresh fails, and judges nothing else.
func rosterSpeed(t testing.TB, kind lab.Kind) {
	bin := filepath.Join(t.TempDir(), "rawecho")
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	users := harness.NumberedUsers(speedUsers)
	app := harness.NewContactsApp(t)
	var version atomic.Int64
	app.Rest(func(w http.ResponseWriter, _ *http.Request) {
		var b strings.Builder
		for i := range speedContacts {
			v := int64(0)
			if i < speedChanges {
				v = version.Load()
			}
			fmt.Fprintf(&b, `,"c%d-%d@example.com":{"name":"Contact %d","groups":{"Friends":true}}`, i, v, i)
		}
		_, _ = fmt.Fprint(w, "{"+b.String()[1:]+"}")
	})
	o := harness.RosterOptions(kind, append(users, harness.Users[:load.PathClients]...), harness.Privileged("speed"), lab.Component{Domain: "raw.localhost", Secret: harness.Secret})
	s := harness.StartServer(t, o)
	harness.Helper(t, bin, "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", harness.Secret)
	var clients []*load.PathClient
	for i := range load.PathClients {
		clients = append(clients, load.PathLogin(t, s, harness.Users[i]))
	}
	p := harness.RosterSetup{Component: "speed", API: kind == lab.Ejabberd, More: "refresh_on_login: false"}.Launch(t, s, app)
	askRosters(t, s, users)
	all := []*contender{{name: "stanzahook", refresh: func() (string, error) {
		return askRefresh(t, p.Addr, "", users)
	}}}
	if kind == lab.Prosody {
		if m := modulesAtHand(t); m != nil {
			m.rosters(&o, app.Server.URL+"/contacts/%s")
			askRosters(t, harness.StartServer(t, o), users)
			all = append(all, &contender{name: "mod_http_roster_admin", refresh: func() (string, error) { return askRefresh(t, "127.0.0.1:"+m.Port, "localhost", users) }})
		}
	}
	raw := &load.Walker{Name: "raw echo", Address: "echo@raw.localhost", Count: load.PathCount / 2}
	load.PathRound(t, clients, raw, load.PathWindow, raw.Count)
	for _, r := range all {
		r.round(t) // the first one fills the rosters
	}
	for range load.BenchRounds(t) {
		took, _ := load.PathRound(t, clients, raw, load.PathWindow, raw.Count)
		raw.Rates = append(raw.Rates, float64(raw.Count)/took.Seconds())
		for _, r := range all {
			r.same = append(r.same, r.round(t))
		}
		version.Add(1)
		for _, r := range all {
			r.changed = append(r.changed, r.round(t))
		}
	}
	var figures []load.Figure
	for _, r := range all {
		figures = append(figures, load.NewFigure(fmt.Sprintf("refresh, %d contacts, unchanged", speedContacts), string(kind), r.name, "users/s", r.same, raw.Rates))
	}
	for _, r := range all {
		figures = append(figures, load.NewFigure(fmt.Sprintf("refresh, %d contacts, %d others", speedContacts, speedChanges), string(kind), r.name, "users/s", r.changed, raw.Rates))
	}
	load.KeepFigures(t, "roster-"+string(kind), figures)
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
		go func() { _, _ = io.Copy(io.Discard, c.Conn) }() // until the test ends
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

// askRefresh asks for a refresh; host is for the Host header.
func askRefresh(t testing.TB, addr, host string, users []string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // some requests the module never answers
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/roster_admin/refresh", strings.NewReader(harness.JSONNames(users)))
	if err != nil {
		return "", err
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+harness.RosterToken)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.Status + " " + string(data), err
}
