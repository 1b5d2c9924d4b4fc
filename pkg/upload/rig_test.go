package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
)

var bot = jid.MustParse("echo@bot.example.com")

// rig is an XMPP server that gives slots, and the HTTP server behind them.
type rig struct {
	*Uploads
	web     *httptest.Server
	service Service
	slot    func(ask *stanza.Stanza) string // the inner XML of the answer
	put     func(w http.ResponseWriter, r *http.Request) bool
	fails   int // of the first PUTs

	mu    sync.Mutex
	asked []*stanza.Stanza
	files map[string][]byte
	heads []http.Header
}

func newRig(t *testing.T, change func(*Settings)) *rig {
	t.Helper()
	r := &rig{files: make(map[string][]byte), service: Service{JID: jid.MustParse("upload.example.com"), Software: "Prosody"}}
	r.web = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.web.Close)
	client := outbound.NewClient(outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), outbound.ClientOptions{})
	s := Settings{MaxBytes: 1 << 20, Spool: 4 << 20, Timeout: 10 * time.Second, Concurrency: 8, Clients: Clients{client, client}}
	if change != nil {
		change(&s)
	}
	r.slot = func(*stanza.Stanza) string {
		return fmt.Sprintf("<slot xmlns='%s'><put url='%s/put/1'><header name='Authorization'>Bearer x</header><header name='authorization '>no</header><header name='X-Evil'>1</header><header name='Cookie'>a\nb</header></put><get url='https://files.example.com/1'/></slot>", Namespace, r.web.URL)
	}
	r.Uploads = New(Options{Components: map[string]Settings{"bot.example.com": s}, Dir: t.TempDir(),
		Service: func(context.Context, string) (Service, error) { return r.service, nil }, Request: r.answer})
	for _, c := range r.components {
		c.pauses = []time.Duration{time.Millisecond, time.Millisecond}
	}
	return r
}

func (r *rig) answer(_ context.Context, ask *stanza.Stanza) (*stanza.Stanza, error) {
	r.mu.Lock()
	r.asked = append(r.asked, ask)
	r.mu.Unlock()
	inner, typ := r.slot(ask), "result"
	if len(inner) > 6 && inner[:6] == "<error" {
		typ = "error"
	}
	return stanza.Parse(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", typ, ask.ID, ask.To, ask.From, inner), stanza.Limits{})
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	fail := r.fails > 0
	r.fails--
	r.mu.Unlock()
	if fail {
		_, _ = io.CopyN(io.Discard, q.Body, 100<<10)
		panic(http.ErrAbortHandler) // the connection breaks
	}
	if r.put != nil && r.put(w, q) {
		return
	}
	data, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.files[q.URL.Path] = data
	r.heads = append(r.heads, q.Header)
	r.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

// reasonOf returns the reason of an error.
func reasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}
