//go:build integration && bench

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
)

// What TestRosterSpeed refreshes.
const (
	speedUsers    = 100
	speedContacts = 50
	speedChanges  = 5
)

// TestRosterSpeed refreshes the rosters of users who are online, on real servers:
// nothing has changed, and five contacts are others. Rounds take turns with the raw
// echo, and with mod_http_roster_admin on a Prosody of its own, which cannot have the
// server's rosters beside it. It fails if a refresh fails, and judges nothing else.
func TestRosterSpeed(t *testing.T) {
	withoutRace(t)
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { rosterSpeed(t, kind) })
	}
}

// contender is what refreshes rosters.
type contender struct {
	name          string
	refresh       func() (string, error)
	same, changed []float64 // users/s
}

func (r *contender) round(t *testing.T) float64 {
	t.Helper()
	began := time.Now()
	answer, err := r.refresh()
	// The module writes the keys in any order.
	if err != nil || !strings.Contains(answer, `"errors":0`) || !strings.Contains(answer, fmt.Sprintf(`"updated":%d`, speedUsers)) {
		t.Fatalf("%s: %.300s %v", r.name, answer, err)
	}
	return speedUsers / time.Since(began).Seconds()
}

func rosterSpeed(t *testing.T, kind lab.Kind) {
	bin := filepath.Join(t.TempDir(), "rawecho")
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	users := numberedUsers(speedUsers)
	app := newContactsApp(t)
	var version atomic.Int64
	app.rest(func(w http.ResponseWriter, _ *http.Request) {
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
	o := rosterOptions(kind, append(users, testUsers[:pathClients]...), granted("speed"), lab.Component{Domain: "raw.localhost", Secret: testSecret})
	s := startServer(t, o)
	helper(t, bin, "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", testSecret)
	var clients []*pathClient
	for i := range pathClients {
		clients = append(clients, pathLogin(t, s, testUsers[i]))
	}
	p := rosterSetup{component: "speed", api: kind == lab.Ejabberd, more: "refresh_on_login: false"}.keeper(t, s, app)
	askRosters(t, s, users)
	all := []*contender{{name: "stanzahook", refresh: func() (string, error) {
		return askRefresh(t, p.addr, "", users)
	}}}
	if kind == lab.Prosody {
		if m := modulesAtHand(t); m != nil {
			m.rosters(&o, app.server.URL+"/contacts/%s")
			askRosters(t, startServer(t, o), users)
			all = append(all, &contender{name: "mod_http_roster_admin", refresh: func() (string, error) { return askRefresh(t, "127.0.0.1:"+m.port, "localhost", users) }})
		}
	}
	raw := &walker{name: "raw echo", address: "echo@raw.localhost", count: pathCount / 2}
	pathRound(t, clients, raw, pathWindow, raw.count)
	for _, r := range all {
		r.round(t) // the first one fills the rosters
	}
	for range benchRounds(t) {
		took, _ := pathRound(t, clients, raw, pathWindow, raw.count)
		raw.rates = append(raw.rates, float64(raw.count)/took.Seconds())
		for _, r := range all {
			r.same = append(r.same, r.round(t))
		}
		version.Add(1)
		for _, r := range all {
			r.changed = append(r.changed, r.round(t))
		}
	}
	var figures []figure
	for _, r := range all {
		figures = append(figures, newFigure(fmt.Sprintf("refresh, %d contacts, unchanged", speedContacts), string(kind), r.name, "users/s", r.same, raw.rates))
	}
	for _, r := range all {
		figures = append(figures, newFigure(fmt.Sprintf("refresh, %d contacts, %d others", speedContacts, speedChanges), string(kind), r.name, "users/s", r.changed, raw.rates))
	}
	keepFigures(t, "roster-"+string(kind), figures)
}

// askRosters logs users in, who ask for their rosters, and read what is pushed.
func askRosters(t *testing.T, s *lab.Server, users []string) {
	t.Helper()
	for _, u := range users {
		c := pathLogin(t, s, u)
		if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		c.ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", "jabber:iq:roster")
		if err := c.conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, c.conn) }() // until the test ends
	}
}

// rosters makes the rosters of a Prosody those of mod_http_roster_admin.
func (m *others) rosters(o *lab.Options, url string) {
	o.Components = nil
	o.Modules, o.PluginPath = []string{"http_roster_admin", "block_subscriptions"}, m.own
	o.Edit = func(config []byte) ([]byte, error) {
		text := strings.Replace(string(config), "http_ports = { }", fmt.Sprintf(`http_ports = { %s }; http_interfaces = { "127.0.0.1" }`, m.port), 1)
		text = strings.Replace(text, `"roster", "saslauth"`, `"saslauth"`, 1)
		host := fmt.Sprintf("VirtualHost %q\n", lab.DefaultHost)
		settings := fmt.Sprintf("\tmodules_disabled = { \"roster\" }\n\tstorage = { roster = \"memory\" }\n\thttp_roster_url = %q\n", url)
		return []byte(strings.Replace(text, host, host+settings, 1)), nil
	}
}

// askRefresh asks for a refresh; host is for the Host header.
func askRefresh(t *testing.T, addr, host string, users []string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // some requests the module never answers
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/roster_admin/refresh", strings.NewReader(jsonNames(users)))
	if err != nil {
		return "", err
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+rosterToken)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.Status + " " + string(data), err
}
