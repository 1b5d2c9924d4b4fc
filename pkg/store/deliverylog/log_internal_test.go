package deliverylog

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/fields"
	"stanzahook/pkg/store/internal/stream"
)

// openLog opens a log in a server of its own, which refuses while refused says so.
func openLog(t testing.TB, refused *atomic.Bool) (*Log, *stream.Server) {
	srv, err := stream.Start(stream.Options{Dir: t.TempDir(), MaxBytes: 1 << 30, MaxRecordBytes: 2 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(srv.Stop)
	l, err := Open(t.Context(), srv, Options{Keep: time.Hour, Count: 100_000, MaxBytes: 128 << 20, Log: zap.NewNop(), Refuses: func() error {
		if refused.Load() {
			return stream.ErrBroken
		}
		return nil
	}})
	require.NoError(t, err)
	return l, srv
}

// While nothing can be written, entries wait as far as there is room, are dropped and
// counted beyond it, and are written when the server was started again.
func TestLogOutlivesItsServer(t *testing.T) {
	var refused atomic.Bool
	l, srv := openLog(t, &refused)
	refused.Store(true)
	const n = 1000
	for range n {
		l.Add(&Entry{ID: "evt_" + ulid.Make().String(), Endpoint: "echo", State: Delivered, Received: time.Now(), Stanza: strings.Repeat("x", 16<<10)})
	}
	dropped := int(l.Dropped())
	if kept := (n - dropped) * (16 << 10); kept > maxUnwritten+maxBatch || kept < maxUnwritten/2 {
		t.Errorf("%d bytes are kept", kept)
	}
	ctx := t.Context()
	if err := l.Flush(ctx); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("while nothing can be written: %v", err)
	}
	require.NoError(t, srv.Restart())
	require.NoError(t, l.Reopen(ctx))
	require.NoError(t, srv.Resume(ctx))
	refused.Store(false)
	require.NoError(t, l.Flush(ctx))
	list, next, err := l.List(ctx, Filter{Limit: MaxLimit})
	total := len(list)
	for err == nil && next != "" {
		list, next, err = l.List(ctx, Filter{Limit: MaxLimit, Cursor: next})
		total += len(list)
	}
	if err != nil || total != n-dropped || int(l.Dropped()) != dropped {
		t.Errorf("%d are in the log, want %d (%v)", total, n-dropped, err)
	}
}

// A damaged batch costs itself, and says nothing wrong.
func TestDamagedEntries(t *testing.T) {
	e := Entry{ID: "evt_1", Endpoint: "echo", From: "a", To: "b", State: Dead, Received: time.UnixMilli(5), Attempt: &Attempt{Status: 500, Error: "e", ContentType: "text/html", Note: "n"}, Stanza: "<a/>"}
	whole := appendEntry(nil, &e)
	for n := range whole {
		if entry, _, err := nextEntry(whole[:n]); err == nil {
			t.Errorf("cut at %d: %q", n, entry)
		}
		if n >= 4 {
			if got, err := readEntry(whole[4:n], false); err == nil {
				t.Errorf("cut at %d: %+v", n, got)
			}
		}
	}
}

// BenchmarkDeliveries searches a full log to its end.
func BenchmarkDeliveries(b *testing.B) {
	l, _ := openLog(b, new(atomic.Bool))
	for i := range 90_000 {
		l.Add(&Entry{ID: "evt_" + ulid.Make().String(), Endpoint: "echo", From: fmt.Sprintf("user%d@example.com/x", i), To: "echo@bot.example.com", State: Delivered, Received: time.Now(),
			Attempt: &Attempt{Time: time.Now(), Status: 200}, Stanza: "<message>" + ulid.Make().String() + strings.Repeat("x", 400) + "</message>"})
		if i%5000 == 0 {
			_ = l.Flush(b.Context())
		}
	}
	_ = l.Flush(b.Context())
	for _, c := range []struct {
		name string
		f    Filter
	}{{"first page", Filter{}}, {"nothing found", Filter{State: Dead}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, _, err := l.List(b.Context(), c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// An attempt that was written before it had a content type and a note is read
// as it was.
func TestAttemptsWithoutMore(t *testing.T) {
	short := Attempt{Time: time.UnixMilli(5), Status: 200, Duration: time.Millisecond}
	long := short
	long.ContentType, long.Note = "text/html", "no reply"
	for _, want := range []Attempt{short, long} {
		f := fields.Reader{Rest: want.AppendTo(nil)}
		if got := ReadAttempt(&f); got != want || f.Damaged || len(f.Rest) != 0 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	old := []byte{10, 200, 1, 232, 7, 0, 0} // time, status, microseconds, no error, no answer
	if f := (fields.Reader{Rest: old}); ReadAttempt(&f) != short || f.Damaged {
		t.Error("what was written before is not read")
	}
}
