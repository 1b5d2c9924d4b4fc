package outbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/store"
)

// What an earlier process has removed, after this one has counted it, does not wait for ever: the first record of our own
// is behind all of theirs, and without one the store is asked.
func TestCountIsTooHigh(t *testing.T) {
	const domain = "bot.example.com"
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20, OutboxBytes: 1 << 20, OutboxCount: 30})
	require.NoError(t, err)
	defer s.Close()
	o := New(component.New(component.Options{Domain: jid.MustParse(domain), Addr: "127.0.0.1:1", Secret: secret.New("x")}), s, time.Second, time.Hour, zap.NewNop())
	counted := func(n, want int) {
		t.Helper()
		if o.Waiting() != want || o.left != n {
			t.Errorf("%d wait, %d of them of earlier processes, want %d, %d", o.Waiting(), o.left, want, n)
		}
	}
	record := func(id string) store.Outgoing {
		return store.Outgoing{ID: id, Component: domain, Queued: time.Now(), Stanza: "<message/>"}
	}
	o.mark, o.left = 10, 3
	o.change(3, 30)
	o.arrive(&store.OutgoingDelivery{Outgoing: record("theirs"), Place: 1})
	counted(2, 3)
	o.unread["own"] = true
	o.change(1, 10)
	o.arrive(&store.OutgoingDelivery{Outgoing: record("own"), Place: 11})
	counted(0, 2)
	o.arrive(&store.OutgoingDelivery{Outgoing: record("theirs"), Place: 1}) // again
	counted(0, 2)

	o.left = 2
	o.change(2, 20)
	require.NoError(t, s.Outbox().Put(t.Context(), record("one")))
	o.recount(t.Context())
	counted(2, 4)
	stop, err := s.Outbox().Consume(t.Context(), domain, func(d *store.OutgoingDelivery) { _ = d.Ack() })
	require.NoError(t, err)
	defer stop()
	require.Eventually(t, func() bool { n, err := s.Outbox().Count(t.Context(), domain); return n == 0 && err == nil }, time.Minute, time.Millisecond)
	o.recount(t.Context())
	counted(0, 2)
}
