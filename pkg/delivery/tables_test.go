package delivery

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
	"stanzahook/pkg/webhook/behaviour"
)

var update = flag.Bool("update", false, "rewrite what goes back in testdata/behaviour")

const tables = "../webhook/testdata/behaviour"

// Each case of the tables through HTTP and back.
func TestBehaviour(t *testing.T) {
	for format, least := range map[webhook.Format]int{webhook.FormatEvent: 40, webhook.FormatRestJSON: 45, webhook.FormatRestXML: 45, webhook.FormatComponentHTTP: 35} {
		t.Run(string(format), func(t *testing.T) {
			table, err := behaviour.Load(os.DirFS(tables), string(format))
			require.NoError(t, err)
			if len(table.Cases) < least {
				t.Errorf("%d cases, want %d", len(table.Cases), least)
			}
			titles := map[string]bool{}
			for i := range table.Cases {
				c := &table.Cases[i]
				if titles[c.Title] {
					t.Errorf("two cases %q", c.Title)
				}
				titles[c.Title] = true
				t.Run(c.Title, func(t *testing.T) { checkCase(t, format, c) })
			}
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join(tables, behaviour.File(string(format))), []byte(table.String()), 0o644))
			}
		})
	}
}

func checkCase(t *testing.T, format webhook.Format, c *behaviour.Case) {
	ev := eventOf(t, c.Received)
	e := endpoint("")
	e.Format = format
	got := behaviour.Case{}
	got.Direct.Stanzas, got.Request = atOnce(t, *e, ev, c.Answer)
	got.Queued = got.Direct
	queued, note := fromQueue(t, e, ev, c.Answer)
	if got.Note = note; !ev.Stanza.NeedsAnswer() {
		got.Queued = queued
	}
	if *update {
		if c.Note != "" {
			c.Note = got.Note
		}
		c.Direct, c.Queued = got.Direct, got.Queued
		if c.Request != nil {
			c.Request = got.Request
		}
		return
	}
	if c.Direct.String() != got.Direct.String() {
		t.Errorf("direct:\n%s\nwant\n%s", got.Direct, c.Direct)
	}
	if c.Queued.String() != got.Queued.String() {
		t.Errorf("queued:\n%s\nwant\n%s", got.Queued, c.Queued)
	}
	if c.Note != "" && c.Note != got.Note {
		t.Errorf("note: %s\nwant: %s", got.Note, c.Note)
	}
	if c.Request != nil && (c.Request.Body != got.Request.Body || len(c.Request.Header) != len(got.Request.Header)) {
		t.Errorf("request:\n%s\nwant\n%s", got.Request.Body, c.Request.Body)
	}
	for name := range got.Request.Header {
		if c.Request != nil && c.Request.Header.Get(name) != got.Request.Header.Get(name) {
			t.Errorf("request: %s: %s", name, got.Request.Header.Get(name))
		}
	}
}

// atOnce delivers an event directly and returns the stanzas for its sender.
func atOnce(t *testing.T, e webhook.Endpoint, ev *webhook.Event, a behaviour.Answer) ([]string, *behaviour.Request) {
	t.Helper()
	request := &behaviour.Request{Header: http.Header{}}
	srv := answering(t, a, request)
	defer srv.Close()
	if a.None {
		srv.Close()
	}
	e.URL = srv.URL
	sent := &link{}
	w := newWorker(t, &e, sent, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if ev.Stanza.NeedsAnswer() {
		verdict := make(chan webhook.Verdict, 1)
		if !w.Request(ev, func(v webhook.Verdict) { verdict <- v }) {
			t.Fatal("it was not taken")
		}
		return []string{iqAnswer(t, ev, <-verdict)}, request
	}
	if !w.Deliver(ev) {
		t.Fatal("it was not taken")
	}
	for w.Counters.Attempts.Load() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	w.Stop(ctx) // waits for the stanzas
	return xmlOf(sent.sent), request
}

// iqAnswer is the one answer that an IQ gets.
func iqAnswer(t *testing.T, ev *webhook.Event, v webhook.Verdict) string {
	t.Helper()
	if v.Outcome == webhook.Done && len(v.Replies) == 1 {
		return v.Replies[0].XML()
	}
	s, err := ev.Stanza.Result("", stanza.Limits{})
	if v.Outcome != webhook.Done {
		s, err = ev.Stanza.ErrorReply(v.Err, stanza.Limits{})
	}
	if err != nil || len(v.Replies) > 0 {
		t.Fatal(err, v)
	}
	return s.XML()
}

// fromQueue returns the effect of an attempt for a queued event, and the note on its
// answer.
func fromQueue(t *testing.T, e *webhook.Endpoint, ev *webhook.Event, a behaviour.Answer) (behaviour.Back, string) {
	t.Helper()
	if a.None {
		return behaviour.Back{Again: true}, ""
	}
	srv := answering(t, a, nil)
	defer srv.Close()
	at := *e
	at.URL, at.Queued = srv.URL, true
	c, err := webhook.NewClient(&at)
	require.NoError(t, err)
	defer c.Close()
	v := c.Post(t.Context(), ev)
	var out []*stanza.Stanza
	switch {
	case v.Outcome == webhook.Again:
		return behaviour.Back{Again: true, After: v.After, Disabled: v.Disable}, v.Note.String()
	case v.Outcome == webhook.Done:
		if r := webhook.Receipt(ev); r != nil {
			out = append(out, r)
		}
		out = append(out, v.Replies...)
	case ev.Stanza.MayBounce():
		s, err := ev.Stanza.ErrorReply(v.Err, stanza.Limits{})
		require.NoError(t, err)
		out = append(out, s)
	}
	return behaviour.Back{Stanzas: xmlOf(out)}, v.Note.String()
}

func xmlOf(list []*stanza.Stanza) (xml []string) {
	for _, s := range list {
		xml = append(xml, s.XML())
	}
	return xml
}

// answering is a bot that gives one answer, and notes the request if there is
// something to note it in.
func answering(t *testing.T, a behaviour.Answer, request *behaviour.Request) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if request != nil {
			request.Body = string(body)
			for _, name := range []string{"Content-Type", "Accept", "Content-Language"} {
				if v := r.Header.Get(name); v != "" {
					request.Header.Set(name, v)
				}
			}
		}
		w.Header()["Content-Type"] = nil
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Status)
		if a.Body != "" {
			_, _ = io.WriteString(w, a.Body) // a status without a body, or a client that has read enough
		}
	}))
}
