//go:build linux

package harness

import (
	"context"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
)

// Every test has a component and users of its own on the server it shares with
// the others.
const (
	Secret   = "a secret"
	Password = "pass word"
)

var (
	testDomains = []string{"event", "direct", "xml", "rest", "secret", "twice", "large", "auto", "slix", "term", "over", "table", "example", "format", "hand", "kill", "v1", "reload", "alert", "from", "net", "net2", "bots", "many", "flood", "slow", "clock", "undeclared", "emptyid", "lost", "batch", "notify", "alertmanager", "wrong", "line", "traces", "asked"}
	Users       = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "olivia", "peggy", "rupert", "sybil", "trent", "victor", "walter", "wendy", "xavier", "yolanda", "trudy"}
)

// ServerLimit is what the servers take of a component in one stanza. A larger
// one makes them close its stream.
const ServerLimit = 300_000

// ServerOptions describe a server with the components of these names.
func ServerOptions(kind lab.Kind, domains ...string) lab.Options {
	o := lab.Options{Kind: kind, Users: make(map[string]string), MaxStanzaBytes: ServerLimit}
	for _, u := range Users {
		o.Users[u] = Password
	}
	for _, d := range domains {
		o.Components = append(o.Components, lab.Component{Domain: d + ".localhost", Secret: Secret})
	}
	return o
}

type sharedServer struct {
	once   sync.Once
	server *lab.Server
	err    error
}

var sharedServers = map[lab.Kind]*sharedServer{lab.Prosody: {}, lab.Ejabberd: {}}

// OnSharedServers runs a test against both servers, side by side.
func OnSharedServers(t *testing.T, test func(t *testing.T, s *lab.Server)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			shared := sharedServers[kind]
			shared.once.Do(func() {
				shared.server, shared.err = lab.Start(context.Background(), ServerOptions(kind, testDomains...))
			})
			if shared.err != nil {
				t.Fatal(shared.err)
			}
			ShowLog(t, string(kind), shared.server.Logs)
			test(t, shared.server)
		})
	}
}

// ShowLog prints the end of a log if the test fails.
func ShowLog(t testing.TB, name string, text func() string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		lines := strings.Split(strings.TrimSpace(text()), "\n")
		t.Logf("%s, the last lines of its log:\n%s", name, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	})
}

// edited adds a change of the server's configuration to those that options have.
func edited(o lab.Options, edit func(config []byte) ([]byte, error)) lab.Options {
	before := o.Edit
	o.Edit = func(config []byte) ([]byte, error) {
		if before != nil {
			var err error
			if config, err = before(config); err != nil {
				return nil, err
			}
		}
		return edit(config)
	}
	return o
}

// WithRooms adds a service for rooms (XEP-0045), rooms.localhost, to a server.
func WithRooms(o lab.Options) lab.Options {
	return edited(o, func(config []byte) ([]byte, error) {
		if o.Kind == lab.Prosody {
			return append(config, "\nComponent \"rooms.localhost\" \"muc\"\n"...), nil
		}
		return AddYAML(config, map[string]any{"modules": map[string]any{"mod_muc": map[string]any{"host": "rooms.localhost"}}})
	})
}

// WithManyRooms is WithRooms for bots in many rooms, as the operator guide advises, and whose
// rooms can have archives (XEP-0313): that is asked for with ArchivedRoom.
func WithManyRooms(o lab.Options) lab.Options {
	return edited(o, func(config []byte) ([]byte, error) {
		if o.Kind == lab.Prosody {
			return append(config, "\nComponent \"rooms.localhost\" \"muc\"\n\tmodules_enabled = { \"muc_mam\" }\n\tmuc_log_by_default = false\n\tmuc_room_cache_size = 2000\n"...), nil
		}
		return AddYAML(config, map[string]any{"modules": map[string]any{"mod_mam": map[string]any{},
			"mod_muc": map[string]any{"host": "rooms.localhost", "max_user_conferences": 2000}}})
	})
}

// ArchivedRoom is what the owner of a room submits to let it have an archive.
func ArchivedRoom(kind lab.Kind) string {
	name := "muc#roomconfig_enablearchiving"
	if kind == lab.Ejabberd {
		name = "mam"
	}
	return "<field var='" + name + "'><value>1</value></field>"
}

// StartServer starts a server for this test alone.
func StartServer(t testing.TB, o lab.Options) *lab.Server {
	t.Helper()
	s, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ShowLog(t, string(o.Kind), s.Logs)
	return s
}

// OnServers runs a test for each kind of server, side by side.
func OnServers(t *testing.T, test func(t *testing.T, kind lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}
