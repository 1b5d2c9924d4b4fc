package upload

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"stanzahook/pkg/jid"
)

// The spool has a bound, and one caller has half of it.
func TestSpool(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.MaxBytes, s.Spool = 8<<20, 4<<20 })
	_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Size: -1, Body: io.LimitReader(rand.Reader, 3<<20)})
	if reasonOf(err) != NoRoom {
		t.Error(err)
	}
	if _, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Size: -1, Body: io.LimitReader(rand.Reader, 1<<20)}); err != nil {
		t.Error(err)
	}
}

// 100 MiB go through with less than 2 MiB of memory, all that is allocated counted; eight files at
// a time, with so much each.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		files int
		size  int64
	}{{1, 100 << 20}, {8, 13 << 20}} {
		r := newRig(t, func(s *Settings) { s.MaxBytes = c.size })
		var all, here sync.WaitGroup
		here.Add(c.files)
		r.put = func(w http.ResponseWriter, q *http.Request) bool {
			here.Done()
			here.Wait() // all are under way
			if n, err := io.Copy(io.Discard, q.Body); n != c.size || err != nil {
				t.Errorf("%d bytes arrived: %v", n, err)
			}
			w.WriteHeader(http.StatusCreated)
			return true
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range c.files {
			all.Go(func() {
				if _, err := r.Put(t.Context(), Upload{Bot: bot, Caller: fmt.Sprint(i), Type: "image/jpeg", Size: c.size, Body: zeros{}.limited(c.size)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(c.files)*2<<20 {
			t.Errorf("%d bytes were allocated for %d of %d", n, c.files, c.size)
		} else {
			t.Logf("%d bytes were allocated for %d of %d", n, c.files, c.size)
		}
	}
}

// A file that a killed process had no time to take the name from is removed at the next start,
// and nothing else is.
func TestSpooledAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"upload-123", "lock", "upload"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	New(Options{Dir: dir})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "lock" || left[1].Name() != "upload" {
		t.Errorf("%v %v", left, err)
	}
}

// A disk that takes no file is none of the caller's business: it may try again, and is not told
// where files are kept.
func TestSpoolWithoutDisk(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range r.components {
		c.o.Dir = filepath.Join(t.TempDir(), "gone")
	}
	_, err := r.Put(t.Context(), Upload{Bot: bot, Size: -1, Body: io.LimitReader(rand.Reader, 100)})
	if reasonOf(err) != NoRoom || strings.Contains(err.Error(), "gone") {
		t.Errorf("%s: %v", reasonOf(err), err)
	}
}

// An id is one of its caller: nobody can take those of another.
func TestIDOfCaller(t *testing.T) {
	r := newRig(t, nil)
	put := func(caller string) error {
		_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: caller, ID: "file_invoice-1", Size: 5, Body: strings.NewReader(caller)})
		return err
	}
	for _, caller := range []string{"one--", "two--"} {
		if err := put(caller); err != nil {
			t.Error(caller, err)
		}
		if v, ok := r.Get("file_invoice-1", caller); !ok || v.Caller != caller {
			t.Errorf("%s: %+v", caller, v)
		}
		if err := put(caller); reasonOf(err) != Taken {
			t.Error(err)
		}
	}
	if _, ok := r.Get("file_invoice-1", "three"); ok {
		t.Error("another one has it")
	}
	if _, ok := r.Get("file_invoice-1", ""); !ok {
		t.Error("an operator has not")
	}
}

// The answers of a bot's webhook take the files of that bot, and those that its own programs have
// uploaded in the name of the component: who guesses the id of another one gets nothing by it, and
// who uploads under it puts nothing into another's answers.
func TestIDOfBot(t *testing.T) {
	r := newRig(t, nil)
	component, other := jid.MustParse("bot.example.com"), jid.MustParse("other@bot.example.com")
	put := func(id, body string, from jid.JID, may ...jid.JID) {
		t.Helper()
		u := Upload{Bot: from, Caller: "caller " + body, ID: id, Size: int64(len(body)), Body: strings.NewReader(body), May: func(bot jid.JID) bool { return slices.Contains(may, bot) }}
		if _, err := r.Put(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	size := func(id string, of jid.JID) int64 {
		v, _ := r.Of(id, of)
		return v.File.Size
	}
	put("file_invoice-1", "1", bot, bot)
	put("file_invoice-1", "22", other, other)
	put("file_invoice-1", "333", component, component)
	put("file_invoice-2", "4444", component, bot, other, component)
	for _, c := range []struct {
		id   string
		of   jid.JID
		size int64
	}{{"file_invoice-1", bot, 1}, {"file_invoice-1", other, 2}, {"file_invoice-1", component, 3}, {"file_invoice-1", jid.MustParse("third@bot.example.com"), 0}, {"file_invoice-2", bot, 4}, {"file_invoice-2", jid.MustParse("bot@other.example.com"), 0}} {
		if got := size(c.id, c.of); got != c.size {
			t.Errorf("%s of %s: %d bytes, want %d", c.id, c.of, got, c.size)
		}
	}
}

// An id whose upload has failed can be used again.
func TestIDOfFailed(t *testing.T) {
	r := newRig(t, nil)
	put := func(body string) error {
		_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "one", ID: "file_invoice-1", Size: 5, Body: strings.NewReader(body)})
		return err
	}
	if err := put("bad"); reasonOf(err) != Broken {
		t.Error(err)
	}
	if err := put("whole"); err != nil {
		t.Error(err)
	}
	if v, ok := r.Get("file_invoice-1", "one"); !ok || v.State != Done || r.Records() != 1 {
		t.Errorf("%+v, %d records", v, r.Records())
	}
}
