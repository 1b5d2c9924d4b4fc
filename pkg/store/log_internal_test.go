package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
)

func openInternal(t testing.TB) *Store {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), Sync: SyncInterval, MaxBytes: 1 << 30, MaxStanzaBytes: 1 << 18, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// While nothing can be written, entries wait as far as there is room, are
// dropped and counted beyond it, and are written by the next engine.
func TestLogOutlivesItsEngine(t *testing.T) {
	s := openInternal(t)
	// The engine is replaced at a time of its own choice. Nothing is written before all
	// is counted, nor is the new engine open: the token is ours.
	s.o.journal.writing <- struct{}{}
	s.eng.Load().fail()
	const n = 1000
	for range n {
		s.Log(Entry{ID: "evt_" + ulid.Make().String(), Endpoint: "echo", State: Delivered, Received: time.Now(), Stanza: strings.Repeat("x", 16<<10)})
	}
	dropped := int(s.LogDropped())
	if kept := (n - dropped) * (16 << 10); kept > logUnwritten+logBatch || kept < logUnwritten/2 {
		t.Errorf("%d bytes are kept", kept)
	}
	<-s.o.journal.writing
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for err := s.LogFlush(ctx); err != nil; err = s.LogFlush(ctx) {
		if !errors.Is(err, ErrFull) || ctx.Err() != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	list, next, err := s.Deliveries(ctx, Filter{Limit: MaxLimit})
	total := len(list)
	for err == nil && next != "" {
		list, next, err = s.Deliveries(ctx, Filter{Limit: MaxLimit, Cursor: next})
		total += len(list)
	}
	if err != nil || total != n-dropped || int(s.LogDropped()) != dropped {
		t.Errorf("%d are in the log, want %d (%v)", total, n-dropped, err)
	}
}

// A damaged batch costs itself, and says nothing wrong.
func TestDamagedEntries(t *testing.T) {
	e := Entry{ID: "evt_1", Endpoint: "echo", From: "a", To: "b", State: DeadState, Received: time.UnixMilli(5), Attempt: &Attempt{Status: 500, Error: "e", ContentType: "text/html", Note: "n"}, Stanza: "<a/>"}
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
	d := Dead{Record: Record{ID: "1", Stanza: "<a/>"}, Attempts: []Attempt{*e.Attempt}}
	for n := range d.data() {
		if got, err := readDead(d.data()[:n], false); err == nil {
			t.Errorf("cut at %d: %+v", n, got)
		}
	}
}

// BenchmarkDeliveries searches a full log to its end.
func BenchmarkDeliveries(b *testing.B) {
	s := openInternal(b)
	for i := range 90_000 {
		s.Log(Entry{ID: "evt_" + ulid.Make().String(), Endpoint: "echo", From: fmt.Sprintf("user%d@example.com/x", i), To: "echo@bot.example.com", State: Delivered, Received: time.Now(),
			Attempt: &Attempt{Time: time.Now(), Status: 200}, Stanza: "<message>" + ulid.Make().String() + strings.Repeat("x", 400) + "</message>"})
		if i%5000 == 0 {
			_ = s.LogFlush(b.Context())
		}
	}
	_ = s.LogFlush(b.Context())
	for _, c := range []struct {
		name string
		f    Filter
	}{{"first page", Filter{}}, {"nothing found", Filter{State: DeadState}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, _, err := s.Deliveries(b.Context(), c.f); err != nil {
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
		f := fields{b: appendAttempt(nil, &want)}
		if got := f.attempt(); got != want || f.bad || len(f.b) != 0 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	old := []byte{10, 200, 1, 232, 7, 0, 0} // time, status, microseconds, no error, no answer
	if f := (fields{b: old}); f.attempt() != short || f.bad {
		t.Error("what was written before is not read")
	}
}
