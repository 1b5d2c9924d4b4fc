//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// part is a piece of an answer that is written bit by bit, and when the next piece comes.
type part struct{ text, then string }

// writings are the answers, by what the bot is asked.
var writings = map[string]struct {
	media string
	parts []part
}{
	"openai": {"text/event-stream", []part{{"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It is \"}}]}\n\n", "typing"}, {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"sunny.\"}}]}\n\ndata: [DONE]\n\n", ""}}},
	"deltas": {"application/x-ndjson", []part{{`{"delta":"one, "}` + "\n", "typing"}, {`{"delta":"two"}` + "\n" + `{"done":true}` + "\n", ""}}},
	"bodies": {"application/x-ndjson", []part{{`{"delta":"a draft"}` + "\n", "typing"}, {`{"body":"the text"}` + "\n" + `{"done":true}` + "\n", ""}}},
	"long":   {"text/event-stream", []part{{"data: {\"delta\":\"" + strings.Repeat("long ", 50) + "\"}\n\n", "shown"}, {"data: {\"delta\":\"and done\"}\n\ndata: {\"done\":true}\n\n", ""}}},
	"fails":  {"", nil},
}

// newWriter starts a bot that writes its answers bit by bit: its endpoint final sends what is
// whole, and edits corrects what was sent; more has others. sybil, who has slixmpp, asks them.
func newWriter(t *testing.T, kind lab.Kind, name string, said *harness.Transcript, answer func(w http.ResponseWriter, asked string), more string) (sybil *person, ask func(to, body string)) {
	t.Helper()
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct{ Data struct{ Body string } }
		if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
			t.Error(err)
		}
		answer(w, ev.Data.Body)
	}))
	t.Cleanup(bot.Close)
	domain := name + ".localhost"
	s := harness.StartServer(t, harness.ServerOptions(kind, name))
	harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: %[4]s, server: %[1]q, secret: %[2]q}]
endpoints:
  - {name: final, match: {to: final@%[4]s}, url: %[3]q}
  - {name: edits, match: {to: edits@%[4]s}, url: %[3]q, stream: edits}
`+more+`
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: store}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, bot.URL, domain)))
	sybil = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
	return sybil, func(to, body string) {
		t.Helper()
		said.Step(to + ": " + body)
		sybil.does("say", doing{"to": to + "@" + domain, "body": body, "plain": true})
	}
}

// writes writes a piece of an answer at once.
func writes(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text) // who reads may be gone
	w.(http.Flusher).Flush()
}

// A webhook writes its answer bit by bit. With stream: final people see that the bot types, and
// then one message; with stream: edits a long text is shown, and corrected at the end. Reactions
// say how far a message is. sybil has slixmpp. What is said for it is in testdata.
func TestPeopleSeeWriting(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		said := harness.NewTranscript(t, func(stanza string) bool {
			if strings.Contains(stanza, "edits@") && strings.Contains(stanza, "<composing") { // which may come before a text that is long at once, or after it
				return false
			}
			return strings.Contains(stanza, "@writing.localhost") && !strings.Contains(stanza, "jabber:iq:roster")
		}, "sybil")
		seen := make(chan string, 10) // what sybil has seen, so that the bot goes on
		sybil, ask := newWriter(t, kind, "writing", said, func(w http.ResponseWriter, asked string) {
			x, ok := writings[asked]
			if !ok || x.parts == nil {
				said.Got(asked + ", and answers 400")
				http.Error(w, "not that", http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", x.media)
			for _, p := range x.parts {
				said.Got(asked + ", and writes " + p.text)
				writes(w, p.text)
				if p.then != "" && <-seen != p.then {
					t.Errorf("%s: sybil has not seen %s", asked, p.then)
				}
			}
		}, `  - {name: states, match: {to: states@writing.localhost}, url: %[3]q, acknowledge: {received: 👀, done: ✅, failed: ❌}}`)
		t.Cleanup(func() { close(seen) })
		types := func(bot string) {
			t.Helper()
			sybil.gets("that it types", func(h heard) bool {
				return h.ChatState == "composing" && h.From == bot+"@writing.localhost"
			})
		}
		gets := func(body string) heard {
			t.Helper()
			return sybil.gets(body, func(h heard) bool { return h.Body == body })
		}
		for _, x := range []struct{ asks, answer string }{{"openai", "It is sunny."}, {"deltas", "one, two"}, {"bodies", "the text"}} {
			ask("final", x.asks)
			types("final")
			seen <- "typing"
			if h := gets(x.answer); h.Replace != "" {
				t.Errorf("%+v", h)
			}
		}
		ask("edits", "long")
		first := gets(strings.TrimSpace(strings.Repeat("long ", 50)))
		said.Step("edits: the end of it")
		seen <- "shown"
		if h := gets(strings.Repeat("long ", 50) + "and done"); h.Replace != first.ID {
			t.Errorf("%+v corrects another than %+v", h, first)
		}
		reaction := func(emoji string) {
			t.Helper()
			sybil.gets(emoji, func(h heard) bool { return h.React != nil && len(h.React.Emoji) == 1 && h.React.Emoji[0] == emoji })
		}
		ask("states", "deltas")
		reaction("👀")
		types("states")
		said.Step("states: the end of it")
		seen <- "typing"
		gets("one, two")
		reaction("✅")
		ask("states", "fails")
		reaction("❌")
		sybil.gets("the error", func(h heard) bool { return h.Type == "error" })
		said.Compare("writing", kind, *update)
	})
}
