package delivery

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// said are the messages with a text that were sent: their bodies, and what they correct.
func said(l *link) (all []string) {
	for _, s := range l.all() {
		if body, ok := s.Body(); ok {
			all = append(all, corrected(s)+body)
		}
	}
	return all
}

// corrected returns the id of the message that a correction is of, before a colon.
func corrected(s *stanza.Stanza) string {
	c, ok := s.Child("urn:xmpp:message-correct:0", "replace")
	if !ok {
		return ""
	}
	id, _ := s.Element(c).Attr("id")
	return id + ":"
}

type writingBed struct {
	t   *testing.T
	out *link
	w   *Worker
	ev  *webhook.Event
}

func newWriting(t *testing.T, how string) *writingBed {
	e := endpoint("http://127.0.0.1:1/hook")
	e.Stream = how
	b := &writingBed{t: t, out: &link{}}
	var err error
	b.w, err = NewWorker(e, b.out, nil)
	require.NoError(t, err)
	b.ev = eventOf(t, "<message type='chat' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>")
	b.ev.Received = time.Now()
	return b
}

// done ends an answer with a text, and returns its reply.
func (b *writingBed) done(text string) *stanza.Stanza {
	b.t.Helper()
	s, err := b.w.Endpoint().Written(b.ev, text)
	require.NoError(b.t, err)
	v := webhook.Verdict{Outcome: webhook.Done, Replies: []*stanza.Stanza{s}}
	b.w.attempts.endWriting(b.ev, &v)
	return v.Replies[0]
}

// By default the sender sees that the bot types, at once, and then one message.
func TestWritingFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWriting(t, "")
		if b.w.attempts.onStream(b.ev) != nil {
			t.Error("the text is wanted")
		}
		synctest.Wait()
		time.Sleep(25 * time.Second)
		s := b.done("all of it")
		if body, _ := s.Body(); body != "all of it" || corrected(s) != "" || s.ID != b.ev.ID+"-1" {
			t.Errorf("%s", s.XML())
		}
		const composing = "composing chat echo@bot.example.com > u@example.com/r"
		wantShown(t, b.out, composing, composing)
		if n := b.w.attempts.writings.count.Load(); n != 0 || len(said(b.out)) != 0 {
			t.Errorf("%d %v", n, said(b.out))
		}
	})
}

// 60 deltas in 3 seconds make one message and at most two corrections; the last one has the
// whole text, and goes out as the reply.
func TestWritingEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWriting(t, webhook.StreamEdits)
		progress, text := b.w.attempts.onStream(b.ev), ""
		for i := range 60 {
			text += fmt.Sprint(i, " ")
			progress([]byte(text), 0)
			time.Sleep(50 * time.Millisecond)
		}
		s := b.done(text)
		synctest.Wait()
		all, first := said(b.out), b.ev.ID+"-1:"
		if len(all) < 1 || len(all) > 2 || corrected(s) != first || strings.Contains(all[0], ":") || !strings.HasPrefix(text, all[0]) {
			t.Errorf("%q, then %s", all, s.XML())
		}
		if body, _ := s.Body(); body != strings.TrimSpace(text) && body != text {
			t.Errorf("%q", body)
		}
		time.Sleep(time.Minute)
		if n := len(said(b.out)); n != len(all) {
			t.Errorf("%d messages after the end", n-len(all))
		}
	})
}

// A long text is shown before its time, and a long answer in 30 corrections at most.
func TestWritingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWriting(t, webhook.StreamEdits)
		progress := b.w.attempts.onStream(b.ev)
		progress([]byte(strings.Repeat("ä", firstText-1)), 0)
		if len(said(b.out)) != 0 {
			t.Error("a text of less than 200 characters does not wait")
		}
		progress([]byte(strings.Repeat("ä", firstText)), 0)
		if len(said(b.out)) != 1 {
			t.Error("a long text waits")
		}
		for i := range 300 {
			progress([]byte(fmt.Sprint(i)), 0)
			time.Sleep(time.Second)
		}
		if n := len(said(b.out)); n != 1+maxEdits {
			t.Errorf("%d messages", n)
		}
		if s := b.done("end"); corrected(s) != b.ev.ID+"-1:" {
			t.Errorf("%s", s.XML())
		}
	})
}

// After an answer that broke off, the next one goes on with corrections, also if it comes at
// once.
func TestWritingBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, again := range []bool{true, false} {
			b := newWriting(t, webhook.StreamEdits)
			b.w.attempts.onStream(b.ev)([]byte(strings.Repeat("x", firstText)), 0)
			b.w.attempts.endWriting(b.ev, &webhook.Verdict{Outcome: webhook.Again})
			if again {
				progress := b.w.attempts.onStream(b.ev)
				progress([]byte("second"), 0)
				time.Sleep(3 * time.Second)
				if all := said(b.out); len(all) != 2 || all[1] != b.ev.ID+"-1:second" {
					t.Errorf("%q", all)
				}
			}
			if s := b.done("end"); corrected(s) != b.ev.ID+"-1:" {
				t.Errorf("%v: %s", again, s.XML())
			}
			if n := b.w.attempts.writings.count.Load(); n != 0 {
				t.Errorf("%d are left", n)
			}
		}
	})
}

// An answer costs what it has, in however many parts it comes: also one that cannot be shown.
func TestWritingOfSmallParts(t *testing.T) {
	for name, part := range map[string]string{"a text": "x", "nothing to show": " "} {
		b := newWriting(t, webhook.StreamEdits)
		progress := b.w.attempts.onStream(b.ev)
		text := bytes.Repeat([]byte(part), 500_000)
		same := 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 2000 {
			text = append(text, part...)
			progress(text, same)
			same = len(text)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 100 { // 500 KB each time are 1 GB
			t.Errorf("%s: %d MiB", name, n)
		}
		b.w.attempts.endWriting(b.ev, &webhook.Verdict{Outcome: webhook.Again})
	}
}

// What is kept of answers that broke off is small, whatever they and their events have.
func TestWritingsThatBrokeOffAreSmall(t *testing.T) {
	b := newWriting(t, webhook.StreamEdits)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 100 {
		ev := eventOf(t, "<message type='chat' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body><thread>"+strings.Repeat("t", (i%2)*100_000)+"</thread></message>")
		ev.ID, ev.Received = fmt.Sprint("evt_", i), time.Now()
		progress := b.w.attempts.onStream(ev)
		progress(bytes.Repeat([]byte("x"), firstText), 0)
		progress(bytes.Repeat([]byte("x"), 1<<20), firstText)
		b.w.attempts.endWriting(ev, &webhook.Verdict{Outcome: webhook.Again})
	}
	b.out.mu.Lock()
	b.out.sent = nil
	b.out.mu.Unlock()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 10<<20 {
		t.Errorf("%d MiB", n>>20)
	}
	if n := b.w.attempts.writings.count.Load(); n != 50 {
		t.Errorf("%d are kept", n)
	}
	runtime.KeepAlive(b)
}
