//go:build integration

package lab

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gosrc.io/xmpp/stanza"
)

// callAPI posts to ejabberd's API and returns the status and the body.
func callAPI(t *testing.T, ctx context.Context, s *Server, user, password, command, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.APIURL()+"/"+command, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user+"@"+s.Host(), password)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestAPI(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s := start(t, ctx, Options{
		Kind: Ejabberd, API: true, Admin: "admin",
		Users: map[string]string{"admin": "pw", "alice": "a"},
	})
	const alice = `{"user": "alice", "host": "localhost"}`
	for range 2 {
		for _, c := range []struct {
			user, password, command string
			status                  int
		}{
			{"admin", "pw", "get_roster", 200},
			{"admin", "pw", "unregister", 403},
			{"admin", "wrong", "get_roster", 401},
			{"alice", "a", "get_roster", 403},
			{"", "", "get_roster", 403},
		} {
			if status, text := callAPI(t, ctx, s, c.user, c.password, c.command, alice); status != c.status {
				t.Errorf("%s by %q: %d %s, want %d", c.command, c.user, status, text, c.status)
			}
		}
		if err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// A component's rights are those that the server was last started with.
func TestGrants(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		s := start(t, ctx, o)
		for _, right := range []string{RosterBoth, RosterGet, RosterNone} {
			c := Component{Domain: "gw.localhost", Secret: "new", Privileged: true, Roster: right}
			if err := s.Stop(ctx); err != nil {
				t.Fatal(err)
			}
			if err := s.SetComponents(c); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
			text := advertised(t, ctx, s, c)
			got := RosterNone
			for _, r := range []string{RosterBoth, RosterGet} {
				if strings.Contains(text, "'"+r+"'") || strings.Contains(text, `"`+r+`"`) {
					got = r
				}
			}
			if got != right || !strings.Contains(text, "managed_entity") || !strings.Contains(text, "outgoing") {
				t.Errorf("with %s the server says: %s", right, text)
			}
		}
		if err := s.SetComponents(Component{Domain: s.Host(), Secret: "x"}); err == nil {
			t.Error("the users' domain was taken for a component's")
		}
	})
}

// advertised connects as a component and returns what the server says of its
// rights.
func advertised(t *testing.T, ctx context.Context, s *Server, c Component) string {
	t.Helper()
	st, err := dialStream(ctx, s.ComponentAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer st.hangUp()
	defer st.until(ctx)()
	id, err := st.open("jabber:component:accept", c.Domain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(st.conn, "<handshake>"+handshake(id, c.Secret)+"</handshake>"); err != nil {
		t.Fatal(err)
	}
	if p, err := stanza.NextPacket(st.dec); err != nil || p.Name() != "component:handshake" {
		t.Fatalf("handshake: %v, %v", p, err)
	}
	var m struct {
		Inner string `xml:",innerxml"`
	}
	if err := st.dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m.Inner
}

// A module of Prosody's community, in a directory of its own.
func TestPluginPath(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	code := `module:add_feature("urn:example:lab");`
	if err := os.WriteFile(filepath.Join(dir, "mod_lab_example.lua"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Kind: Prosody, Users: map[string]string{"alice": "a"}, Modules: []string{"lab_example"}, PluginPath: dir}
	s := start(t, ctx, o)
	alice := login(t, ctx, s, "alice")
	defer alice.Close()
	if err := alice.SendRaw("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"); err != nil {
		t.Fatal(err)
	}
	r, err := alice.Next(ctx, func(r Received) bool { return r.ID == "d" })
	if err != nil || !strings.Contains(r.Inner, "urn:example:lab") {
		t.Errorf("the module is not there: %+v, error %v", r, err)
	}
	o.Modules = []string{"lab_missing"}
	if s, err := Start(ctx, o); err == nil {
		s.Close()
		t.Error("a module that is missing was not missed")
	} else if !strings.Contains(err.Error(), "lacks a module") {
		t.Error(err)
	}
}
