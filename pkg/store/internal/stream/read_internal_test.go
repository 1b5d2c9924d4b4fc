package stream

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func openStream(t *testing.T, c Config) *Stream {
	t.Helper()
	srv, err := Start(Options{Dir: t.TempDir(), MaxBytes: 1 << 26, MaxRecordBytes: 1 << 10, Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(srv.Stop)
	st := srv.Stream(c)
	require.NoError(t, st.Open(t.Context()))
	return st
}

func put(t *testing.T, st *Stream, subject string) {
	t.Helper()
	if _, err := st.Put(t.Context(), &Message{Subject: subject, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
}

// Who asks for more records than there is room for gets fewer, and none is lost.
func TestLargePage(t *testing.T) {
	st := openStream(t, Config{Name: "X", Subjects: "x.*"})
	const all = maxPage + 50
	for i := range all {
		put(t, st, fmt.Sprint("x.", i))
	}
	next := uint64(1)
	for _, want := range []int{maxPage, all - maxPage, 0} {
		page, err := st.Page(t.Context(), "", next, 10*maxPage)
		if err != nil || len(page) != want {
			t.Fatalf("%d records, %v, want %d", len(page), err, want)
		}
		for i := range page {
			if page[i].Seq != next {
				t.Fatalf("place %d, want %d", page[i].Seq, next)
			}
			next++
		}
	}
}

// Many subjects are counted with few bytes of memory: the room for the answers to a
// request is made with each.
func TestCounts(t *testing.T) {
	st := openStream(t, Config{Name: "X", Subjects: "x.*.*"})
	const names = 3*countWindow + 7
	subjects := make([]string, names)
	for i := range names {
		subjects[i] = fmt.Sprintf("x.%d.*", i)
		for n := range i % 4 {
			put(t, st, fmt.Sprintf("x.%d.%d", i, n))
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	counts, err := st.Counts(t.Context(), subjects)
	runtime.ReadMemStats(&after)
	if err != nil || len(counts) != names {
		t.Fatal(counts, err)
	}
	for i, n := range counts {
		if n != i%4 {
			t.Errorf("%s has %d records, want %d", subjects[i], n, i%4)
		}
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / names; each > 50_000 {
		t.Errorf("a count takes %d bytes", each)
	}
}

// A reader of one record makes no room for thousands.
func TestPageTakesLittle(t *testing.T) {
	st := openStream(t, Config{Name: "X", Subjects: "x.*"})
	put(t, st, "x.1")
	const reads = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range reads {
		if page, err := st.Page(t.Context(), "", 1, 64); err != nil || len(page) != 1 {
			t.Fatal(page, err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / reads; each > 100_000 {
		t.Errorf("a page of one record takes %d bytes", each)
	}
}

// Records that go while all are read are not waited for.
func TestEachWhileRecordsGo(t *testing.T) {
	for _, c := range []struct{ purged, want int }{{0, 2*maxPage + 10}, {maxPage + 9, maxPage + 1}, {maxPage + 10, maxPage}} {
		t.Run(fmt.Sprint(c.purged), func(t *testing.T) {
			st := openStream(t, Config{Name: "X", Subjects: "x.*"})
			for i := range 2*maxPage + 10 {
				put(t, st, fmt.Sprint("x.", i))
			}
			n := 0
			err := st.Each(t.Context(), "", false, func(*Record, time.Time, int) error {
				if n++; n == maxPage {
					for i := range c.purged { // behind those that are being read
						if err := st.Purge(t.Context(), fmt.Sprint("x.", maxPage+i), 0); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil || n != c.want {
				t.Errorf("%d records, %v; want %d", n, err, c.want)
			}
		})
	}
}
