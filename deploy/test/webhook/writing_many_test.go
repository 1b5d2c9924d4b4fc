//go:build integration

package webhook

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A webhook writes its answer in sixty pieces in three seconds. With stream: final a person sees
// that the bot types, and then one message; with stream: edits a message and few corrections. The
// last one has all of the text. sybil has slixmpp. What is said for it is in testdata, without the
// corrections between, which depend on the time.
func TestPeopleSeeManyDeltas(t *testing.T) {
	const pieces, pause = 60, 50 * time.Millisecond
	first := strings.Repeat("a long beginning, ", 12) // shown at once
	piece := func(i int) string {
		switch i {
		case 0:
			return first
		case pieces - 1: // as the text ends, so that the end is not sent again when all was shown just before it
			return fmt.Sprint(i)
		}
		return fmt.Sprint(i, " ")
	}
	whole := ""
	for i := range pieces {
		whole += piece(i)
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		said := harness.NewTranscript(t, func(stanza string) bool {
			if !strings.Contains(stanza, "@many.localhost") || strings.Contains(stanza, "jabber:iq:roster") {
				return false
			}
			if !strings.Contains(stanza, "edits@") {
				return true
			}
			between := strings.Contains(stanza, "urn:xmpp:message-correct:0") && !strings.Contains(stanza, strings.TrimSpace(whole))
			return !between && !strings.Contains(stanza, "<composing") // which may come before a text that is long at once, or after it
		}, "sybil")
		seen := make(chan string, 10) // what sybil has seen, so that the bot goes on
		sybil, ask := newWriter(t, kind, "many", said, func(w http.ResponseWriter, asked string) {
			if asked != "count" {
				_, _ = io.WriteString(w, "the end")
				return
			}
			w.Header().Set("Content-Type", "application/x-ndjson")
			said.Got("count, and writes 60 pieces")
			for i := range pieces {
				line := fmt.Sprintf(`{"delta":%q}`+"\n", piece(i))
				if i == pieces-1 {
					line += `{"done":true}` + "\n"
				}
				writes(w, line)
				if i == 0 {
					<-seen
				}
				time.Sleep(pause) // this is how fast the bot writes
			}
		}, "")
		t.Cleanup(func() { close(seen) })
		// next is the next message of a bot that has a text.
		next := func(what, bot string) heard {
			t.Helper()
			return sybil.gets(what, func(h heard) bool { return h.From == bot+"@many.localhost" && h.Body != "" })
		}
		is := func(text string) bool { return text == whole || text == strings.TrimSpace(whole) }

		ask("final", "count")
		sybil.gets("that it types", func(h heard) bool { return h.From == "final@many.localhost" && h.ChatState == "composing" })
		seen <- "typing"
		if h := next("the message", "final"); !is(h.Body) || h.Replace != "" {
			t.Errorf("%+v", h)
		}
		ask("final", "and now?")
		if h := next("what comes next", "final"); h.Body != "the end" {
			t.Errorf("there is more: %+v", h)
		}

		began := time.Now()
		ask("edits", "count")
		shown := next("the first message", "edits")
		if strings.TrimSpace(shown.Body) != strings.TrimSpace(first) || shown.Replace != "" {
			t.Errorf("%+v", shown)
		}
		seen <- "shown"
		corrections := 0
		for last := ""; !is(last); corrections++ {
			h := next("a correction", "edits")
			if last = h.Body; h.Replace != shown.ID || !strings.HasPrefix(whole, strings.TrimSpace(last)) {
				t.Fatalf("%+v corrects another than %+v, or is another text", h, shown)
			}
		}
		if most := 1 + int(time.Since(began)/(2*time.Second)); corrections > most { // one every 2 s, and the end
			t.Errorf("%d corrections, want %d at most", corrections, most)
		}
		ask("edits", "and now?")
		if h := next("what comes next", "edits"); h.Body != "the end" {
			t.Errorf("there is more: %+v", h)
		}
		said.Compare("writing-many", kind, *update)
	})
}
