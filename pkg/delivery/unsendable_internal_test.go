package delivery

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// A stanza that makes a request impossible is at fault itself: nothing is posted, and
// the state of the endpoint stays, over http and over https.
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
		e := &webhook.Endpoint{Format: webhook.FormatRestJSON}
		if secure {
			srv.StartTLS()
			roots := x509.NewCertPool()
			roots.AddCert(srv.Certificate())
			e.TLS = &tls.Config{RootCAs: roots}
		} else {
			srv.Start()
		}
		defer srv.Close()
		e.URL = srv.URL + "/{to}?from={from}"
		w := newWorker(t, e, &link{}, nil)
		for range 20 {
			v, _ := w.attempts.attempt(eventOf(t, "<message id='1' xml:lang='a\u007fb' from='u@example.com/r' to='bot.example.com'><body>x</body></message>"), 1, false)
			if v.Outcome != webhook.Done {
				t.Fatalf("secure %v: a language that is none: %+v", secure, v)
			}
		}
		long := eventOf(t, fmt.Sprintf("<message id='2' from='u@example.com/%s' to='bot.example.com/%s'/>", far[:1000], far))
		w.attempts.breaker.failed(time.Now(), failing{fault: webhook.OfSender}, Failure{}, 0)
		for range 20 {
			v, _ := w.attempts.attempt(long, 1, false)
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
			}, func(b *testbed) {
				if b.e.Format = webhook.FormatEvent; status == 0 {
					b.e.URL += "/?from={from}&to={to}&again={to}"
				}
			})
			b.put("u1")
			ev := eventOf(t, "<message id='1' type='chat' from='u1@example.com/"+strings.Repeat("ü", 500)+"' to='echo@bot.example.com/"+strings.Repeat("ü", 500)+"'><body>x</body></message>")
			if ev.ID = "evt_long"; !b.give(ev) {
				t.Fatal("not taken")
			}
			b.sent["u1"]++
			b.put("u1")
			b.empty()
			d, _, err := b.s.DeadLetters().Get(t.Context(), "evt_long")
			if err != nil || len(d.Attempts) != 1 || d.Attempts[0].Status != status {
				t.Errorf("dead letter %q %q %v, %v", d.ID, d.Reason, len(d.Attempts), err)
			}
			if c := b.link.errors["1"]; c != stanza.NotAcceptable {
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
		e := &webhook.Endpoint{Name: "echo", URL: srv.URL + "/users/{from}/in"}
		if proxied {
			e.Proxy, _ = url.Parse(srv.URL)
		}
		w := newWorker(t, e, &link{}, nil)
		v, _ := w.attempts.attempt(eventOf(t, "<message id='1' from='..' to='bot.example.com'><body>x</body></message>"), 1, false)
		if v.Outcome != webhook.Refused || v.Fault != webhook.OfMessage || v.Err == nil || v.Err.Condition != stanza.NotAcceptable || !strings.Contains(v.Reason, `".." as a segment`) || asked != 0 {
			t.Errorf("proxied %v: %+v, asked %d times", proxied, v, asked)
		}
	}
}
