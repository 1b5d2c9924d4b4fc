//go:build integration

package link

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A bot needs to do nothing to be seen as available.
func TestPresence(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		harness.LaunchConnected(t, harness.OneComponent(s, "auto", b))
		peggy := harness.Login(t, s, "peggy")
		presence := func(typ, from string) {
			t.Helper()
			peggy.Await(fmt.Sprintf("presence %q from %s", typ, from), func(r lab.Received) bool {
				return r.Kind == "presence" && r.Type == typ && r.From == from
			})
		}
		// Servers tell of subscriptions who has asked for the roster (RFC 6121, 2.2).
		peggy.Send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
		peggy.Await("the roster", func(r lab.Received) bool { return r.ID == "roster" })
		peggy.Send("<presence type='subscribe' to='echo@auto.localhost'/>")
		presence("subscribed", "echo@auto.localhost")
		presence("", "echo@auto.localhost/default")
		// The server asks again at the next login, because of the subscription.
		require.NoError(t, peggy.Close())
		peggy = harness.Login(t, s, "peggy")
		presence("", "echo@auto.localhost/default")
		peggy.Send("<presence type='unsubscribe' to='echo@auto.localhost'/>")
		presence("unavailable", "echo@auto.localhost/default")
		if n := len(b.Got()); n != 0 {
			t.Errorf("the bot got %d requests: %s", n, b.Got()[0].Raw)
		}
	})
}

// Presence, service discovery, pings and messages with a client that owes nothing to the
// code under test.
func TestSlixmpp(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		harness.LaunchConnected(t, harness.OneComponent(s, "slix", b))
		host, port, err := net.SplitHostPort(s.ClientAddr())
		require.NoError(t, err)
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/client.py", "sybil@localhost/slix", harness.Password, host, port, "echo@slix.localhost")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("the client failed: %v\n%s%s", err, stdout.String(), stderr.String())
		}
		var got struct {
			Identities                                  [][]string
			Features                                    []string
			Items                                       int
			Ping                                        bool
			Version, Time                               string
			Seconds                                     int
			Subscribed, Available, Receipt, Unavailable string
			Message                                     struct{ From, Type, Body, Thread string }
		}
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &got))
		if !reflect.DeepEqual(got.Identities, [][]string{{"component", "generic", "Bots"}}) || got.Items != 0 || !got.Ping ||
			!slices.Contains(got.Features, "urn:xmpp:ping") || got.Version != "stanzahook" || got.Seconds < 0 || got.Seconds > 60 {
			t.Errorf("disco and friends: %s", stdout.String())
		}
		if at, err := time.Parse("2006-01-02T15:04:05Z", got.Time); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("the time is %q", got.Time)
		}
		if got.Subscribed != "echo@slix.localhost" || got.Available != "echo@slix.localhost/default" || got.Unavailable != "echo@slix.localhost/default" {
			t.Errorf("presence: %s", stdout.String())
		}
		if m := got.Message; got.Receipt != "slix-1" || m.From != "echo@slix.localhost" || m.Type != "chat" || m.Body != "hello from slixmpp" || m.Thread != "thread-1" {
			t.Errorf("message and receipt: %s", stdout.String())
		}
	})
}
