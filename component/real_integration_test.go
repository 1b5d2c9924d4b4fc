//go:build integration

package component_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

const realDomain = "bot.localhost"

// onServers runs a test on a real Prosody, with Nagle's algorithm on as it is
// by default, and on a real ejabberd.
func onServers(t *testing.T, test func(t *testing.T, ctx context.Context, s *lab.Server)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} { // one after the other: goroutines are counted
		t.Run(string(kind), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			test(t, ctx, harness.StartServer(t, lab.Options{Kind: kind, Nagle: true, MaxStanzaBytes: 65536, Users: map[string]string{"juliet": "pw"}, Components: []lab.Component{{Domain: realDomain, Secret: "secret"}}}))
		})
	}
}

func realLink(t *testing.T, s *lab.Server) *component.Link {
	t.Helper()
	l := component.New(component.Options{Domain: jid.MustParse(realDomain), Addr: s.ComponentAddr(), Secret: secret.New("secret"), Keepalive: 2 * time.Second, Log: zaptest.NewLogger(t)})
	componenttest.Run(t, l)
	componenttest.Eventually(t, "connected", func() bool { return l.Status().State == component.Up })
	return l
}

func toJuliet(id string) *stanza.Stanza {
	return stanza.Must(stanza.Chat(jid.MustParse("echo@"+realDomain), jid.MustParse("juliet@localhost/test"), id, "body "+id))
}

// Markers come back on real servers, in order: what is confirmed has arrived
// at the client that is online, and in order.
func TestRealConfirmedSends(t *testing.T) {
	onServers(t, func(t *testing.T, ctx context.Context, s *lab.Server) {
		juliet := harness.Login(t, s, "juliet")
		l := realLink(t, s)
		for i := range 200 {
			require.NoError(t, componenttest.Confirm(ctx, l, toJuliet(fmt.Sprint(i))))
		}
		const n = 3000
		var wg sync.WaitGroup
		for i := 200; i < n; i++ {
			wg.Add(1)
			if err := l.Send(toJuliet(fmt.Sprint(i)), func(err error) {
				defer wg.Done()
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		for i := range n {
			got := juliet.Await("a message", func(r lab.Received) bool { return r.Type == "chat" })
			if got.ID != fmt.Sprint(i) || got.Body != "body "+got.ID {
				t.Fatalf("message %d: %+v", i, got)
			}
		}
		if m := l.Counters.Markers.Load(); m < 200 || m > 200+n/4 {
			t.Errorf("%d markers for 200 stanzas one by one and %d in a flood", m, n-200)
		}
	})
}

// The biggest stanza we may write is taken; what would close the stream is
// refused before.
func TestRealLimits(t *testing.T) {
	onServers(t, func(t *testing.T, ctx context.Context, s *lab.Server) {
		l := realLink(t, s)
		big := stanza.Must(stanza.Chat(jid.MustParse(realDomain), jid.MustParse("juliet@localhost"), "big", strings.Repeat("<&>", 5000)))
		if len(big.XML()) < 60_000 || len(big.XML()) > 65_536 {
			t.Fatalf("the test's stanza has %d bytes", len(big.XML()))
		}
		require.NoError(t, componenttest.Confirm(ctx, l, big))
		odd := stanza.Must(stanza.Parse("<message from='"+realDomain+"' to='juliet@localhost' xmlns='jabber:client' xmlns:a='urn:a'><body xmlns='jabber:client'>\u0085\U0001F600&#x9;</body><a:x a:y='&#10;'/><b xmlns='urn:b' xmlns:c='urn:c'><c:d/></b></message>", stanza.Limits{}))
		odd = stanza.Must(odd.With(odd.Header, stanza.Limits{}))
		require.NoError(t, componenttest.Confirm(ctx, l, odd))
		if n := l.Counters.Reconnects.Load(); n != 0 {
			t.Errorf("%d reconnects", n)
		}
	})
}

// The reconnects of TestAThousandReconnects, to real servers: what breaks is a relay on the
// way. STANZAHOOK_FAULTS=full, as "make faults" has it, does all of the thousand.
func TestRealReconnects(t *testing.T) {
	n := 100
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		n = 1000
	}
	onServers(t, func(t *testing.T, _ context.Context, s *lab.Server) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var mu sync.Mutex
		var current net.Conn
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				current = c
				mu.Unlock()
				wg.Go(func() { pipe(c, s.ComponentAddr()) })
			}
		})
		manyReconnects(t, n, realDomain, ln.Addr().String(), func() {
			mu.Lock()
			defer mu.Unlock()
			_ = current.Close()
		})
		_ = ln.Close()
		wg.Wait()
	})
}
