package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// What a stanza makes impossible is a fault of that stanza: nothing is posted, and
// the endpoint stays what it was, over http and over https.
func TestImpossibleEvents(t *testing.T) {
	far := strings.Repeat("ü", 1000)
	for _, secure := range []bool{false, true} {
		asked := 0
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if v := r.Header.Values("Content-Language"); len(v) > 0 {
				t.Errorf("Content-Language %q", v)
			}
			w.WriteHeader(204)
		}))
		if srv.Start(); secure {
			srv.Close()
			srv = httptest.NewUnstartedServer(srv.Config.Handler)
			srv.StartTLS()
		}
		defer srv.Close()
		w := newWorker(t, &webhook.Endpoint{Name: "echo", URL: srv.URL + "/{to}?from={from}", Format: webhook.FormatRestJSON, Timeout: 5 * time.Second, Concurrency: 4, MaxAge: time.Hour, Schedule: []time.Duration{time.Second}}, &noted{}, zap.NewNop())
		defer w.Stop(context.Background())
		if secure {
			roots := x509.NewCertPool()
			roots.AddCert(srv.Certificate())
			e := *w.Endpoint()
			e.TLS = &tls.Config{RootCAs: roots}
			if err := w.Reconfigure(&e); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			v, _ := w.attempt(eventOf(t, "<message id='1' xml:lang='a\u007fb' from='u@example.com/r' to='bot.example.com'><body>x</body></message>"), false)
			if v.Outcome != webhook.Done {
				t.Fatalf("secure %v: a language that is none: %+v", secure, v)
			}
		}
		long := eventOf(t, fmt.Sprintf("<message id='2' from='u@example.com/%s' to='bot.example.com/%s'/>", far[:1000], far))
		w.breaker.failed(time.Now(), failing{fault: webhook.OfSender}, Failure{}, 0)
		for range 20 {
			v, _ := w.attempt(long, false)
			if v.Outcome != webhook.Refused || v.Fault != webhook.OfMessage || v.Err == nil || v.Err.Type != stanza.Modify || v.Err.Condition != stanza.NotAcceptable || !strings.HasPrefix(v.Reason, "not sent: the URL has ") {
				t.Fatalf("secure %v: a URL of more than 8000 bytes: %+v", secure, v)
			}
		}
		if st := w.Status(); !st.Failing || asked != 20 {
			t.Errorf("secure %v: what was not sent says something of the endpoint: %+v, asked %d times", secure, st, asked)
		}
	}
}

// A queued event that cannot be sent, or is too long for the bot's server, is a dead
// letter at once, and the next one of its conversation is delivered.
func TestUnsendableIsADeadLetter(t *testing.T) {
	for name, status := range map[string]int{"unsendable": 0, "414": 414, "431": 431} {
		t.Run(name, func(t *testing.T) {
			b := newTestbed(t, func(_ string, n int) int {
				if n == 1 {
					return status
				}
				return 0
			}, func(e *webhook.Endpoint) {
				if e.Format = webhook.FormatEvent; status == 0 {
					e.URL += "/?from={from}&to={to}&again={to}"
				}
			})
			b.put("u1")
			s := parsed(t, "<message id='1' type='chat' from='u1@example.com/"+strings.Repeat("ü", 500)+"' to='echo@bot.example.com/"+strings.Repeat("ü", 500)+"'><body>x</body></message>")
			if !b.w.Enqueue(&webhook.Event{ID: "evt_long", Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
				t.Fatal("not taken")
			}
			b.sent["u1"]++
			b.put("u1")
			b.empty()
			d, _, err := b.s.DeadLetter(t.Context(), "evt_long")
			if err != nil || len(d.Attempts) != 1 || d.Attempts[0].Status != status {
				t.Errorf("dead letter %q %q %v, %v", d.ID, d.Reason, len(d.Attempts), err)
			}
			if c := b.sink.errors["1"]; c != stanza.NotAcceptable {
				t.Errorf("the sender got %q", c)
			}
		})
	}
}

// A value that leads elsewhere in the path judges the event, too.
func TestDotsInTheURL(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		asked := 0
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
		defer srv.Close()
		e := &webhook.Endpoint{Name: "echo", URL: srv.URL + "/users/{from}/in", Timeout: 5 * time.Second, Concurrency: 4, MaxAge: time.Hour, Schedule: []time.Duration{time.Second}}
		if proxied {
			e.Proxy, _ = url.Parse(srv.URL)
		}
		w := newWorker(t, e, &noted{}, zap.NewNop())
		defer w.Stop(context.Background())
		v, _ := w.attempt(eventOf(t, "<message id='1' from='..' to='bot.example.com'><body>x</body></message>"), false)
		if v.Outcome != webhook.Refused || v.Fault != webhook.OfMessage || v.Err == nil || v.Err.Condition != stanza.NotAcceptable || !strings.Contains(v.Reason, `".." as a segment`) || asked != 0 {
			t.Errorf("proxied %v: %+v, asked %d times", proxied, v, asked)
		}
	}
}
