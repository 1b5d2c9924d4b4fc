package httpapi_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// logins lets everybody in, and sends as them.
type logins struct{ *gatewaytest.Network }

func (logins) Login(context.Context, jid.JID, secret.String, bool) error { return nil }
func (f logins) Send(ctx context.Context, who jid.JID, _ secret.String, s *stanza.Stanza) error {
	if s.From != who {
		return fmt.Errorf("%s sends as %s", who, s.From)
	}
	_, err := f.Network.Send(ctx, s, gateway.Sending{})
	return err
}

// The rule who may send from which address is the same for every API. Each row is asked
// of all APIs that can express it.
func TestWhoMaySendFromWhere(t *testing.T) {
	const bot, news = "bot.example.com", "news.example.com"
	both := []string{bot, news}
	ask := func(method, path, media, body, user, password string) *http.Request {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		if user != "" {
			r.SetBasicAuth(user, password)
		} else {
			r.Header.Set("Authorization", "Bearer x")
		}
		return r
	}
	object := func(from, rest string) string {
		if from != "" {
			rest += fmt.Sprintf(`,"from":%q`, from)
		}
		return `{"to":"u@example.org",` + rest + `}`
	}
	for _, c := range []struct {
		name    string
		scopes  string
		globs   []string
		own     string // the token's first address
		user    string // Basic, instead of a token
		domains []string
		from    string // as asked for
		want    string // the sender; empty: refused
	}{
		{"any address of a component", "send query", nil, "", "", both, "x@news.example.com/r", "x@news.example.com/r"},
		{"of no component", "send query", nil, "", "", both, "x@example.com", ""},
		{"of a domain that ends alike", "send query", nil, "", "", both, "x@abot.example.com", ""},
		{"of a domain below", "send query", nil, "", "", both, "x@sub.bot.example.com", ""},
		{"of the parent", "send query", nil, "", "", both, "example.com", ""},
		{"the only component", "send query", nil, "", "", both[:1], "", bot},
		{"one of two", "send query", nil, "", "", both, "", ""},
		{"the token's own", "send query", []string{"a@" + bot}, "a@" + bot, "", both, "", "a@" + bot},
		{"the token's, a resource", "send query", []string{"a@" + bot}, "a@" + bot, "", both, "a@bot.example.com/r", "a@bot.example.com/r"},
		{"not the token's", "send query", []string{"a@" + bot}, "a@" + bot, "", both, "b@bot.example.com", ""},
		{"the token's, of no component", "send query", []string{"a@example.com"}, "a@example.com", "", both, "a@example.com", ""},
		{"a wildcard", "send query", []string{"*@" + bot}, "", "", both, "b@bot.example.com", "b@bot.example.com"},
		{"outside of a wildcard", "send query", []string{"*@" + bot}, "", "", both, "b@news.example.com", ""},
		{"without the scopes", "roster", nil, "", "", both[:1], "", ""},
		{"the component itself", "", nil, "", bot, both, "", bot},
		{"the component, an address of its own", "", nil, "", bot, both, "b@bot.example.com", "b@bot.example.com"},
		{"the component, of another", "", nil, "", bot, both, "b@news.example.com", ""},
		{"an account", "", nil, "", "me@example.com", both, "", "me@example.com"},
		{"an account of another host", "", nil, "", "me@example.org", both, "", ""},
	} {
		var globs []jid.Glob
		for _, text := range c.globs {
			g, err := jid.ParseGlob(text)
			require.NoError(t, err)
			globs = append(globs, g)
		}
		n := &gatewaytest.Network{}
		for _, d := range c.domains {
			n.Components = append(n.Components, jid.MustParse(d))
		}
		token := httpapi.Token{Name: "t", Hash: sha256.Sum256([]byte("x")), Scopes: strings.Fields(c.scopes), From: globs}
		if c.own != "" {
			token.DefaultFrom = jid.MustParse(c.own)
		}
		api := httpapi.New(httpapi.Options{Tokens: []httpapi.Token{token}},
			rest.New(rest.Options{Sender: n, Secrets: map[string]secret.String{bot: secret.New("pw")}}),
			postmsg.New(postmsg.Options{Sender: n, Accounts: logins{n}, Hosts: []string{"example.com"}}),
			v1.New(v1.Options{Sender: n}),
		)
		requests := map[string]*http.Request{}
		if !strings.Contains(c.user, "@") {
			requests["/rest"] = ask("POST", "/rest", "application/json", object(c.from, `"body":"x"`), c.user, "pw")
			requests["/rest, an iq"] = ask("POST", "/rest", "application/json", object(c.from, `"ping":true,"kind":"iq","type":"get"`), c.user, "pw")
		}
		if c.user == "" {
			requests["/v1/messages"] = ask("POST", "/v1/messages", "application/json", object(c.from, `"body":"x"`), "", "")
			requests["/v1/messages, with wait"] = ask("POST", "/v1/messages?wait=5s", "application/json", object(c.from, `"body":"x"`), "", "")
			requests["/v1/presence"] = ask("POST", "/v1/presence", "application/json", object(c.from, `"status":"x"`), "", "")
			requests["/v1/iq"] = ask("POST", "/v1/iq", "application/json", object(c.from, `"ping":true`), "", "")
		}
		if c.from == "" && c.user != bot { // nobody can say there who it is from
			requests["/msg"] = ask("POST", "/msg/u@example.org", "text/plain", "x", c.user, "pw")
		}
		for name, r := range requests {
			before, from := len(n.Sent()), ""
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if all := n.Sent(); len(all) > before {
				from = all[before].From.String()
			}
			if from != c.want || (w.Code < 300) != (c.want != "") {
				t.Errorf("%s by %s: sent from %q, want %q: %d %s", c.name, name, from, c.want, w.Code, w.Body)
			}
		}
	}
}

// An endpoint replies from the addresses of the component that the event came over, and
// from no others.
func TestWhoMayReplyFromWhere(t *testing.T) {
	for from, may := range map[string]bool{
		"": true, "bot.example.com": true, "x@bot.example.com/r": true, "x@news.example.com": false, "u@example.org": false, "x@sub.bot.example.com": false,
	} {
		for format, answer := range map[webhook.Format]string{
			webhook.FormatComponentHTTP: `{"body":"x"%s}`,
			webhook.FormatEvent:         `{"body":"x"%s}`,
		} {
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				field := ""
				if from != "" {
					field = fmt.Sprintf(`,"from":%q`, from)
				}
				_, _ = io.WriteString(w, fmt.Sprintf(answer, field))
			}))
			s := stanza.Must(stanza.Parse(`<message from='u@example.org/r' to='echo@bot.example.com' type='chat' id='1'><body>hi</body></message>`, stanza.Limits{}))
			c, err := webhook.NewClient(&webhook.Endpoint{Name: "e", URL: endpoint.URL, Format: format, Timeout: 5 * time.Second, Kinds: []stanza.Kind{stanza.Message}})
			require.NoError(t, err)
			v := c.Post(t.Context(), &webhook.Event{ID: "evt_1", Component: "bot.example.com", Stanza: s})
			c.Close()
			endpoint.Close()
			for _, r := range v.Replies {
				if !gateway.InDomain(r.From, "bot.example.com") {
					t.Errorf("%s, from %q: a reply from %s", format, from, r.From)
				}
			}
			// The format event has no such field: its replies are from the addressee.
			if got := v.Outcome == webhook.Done && len(v.Replies) == 1; got != (may || format == webhook.FormatEvent) {
				t.Errorf("%s, from %q: %s, %d replies: %s; may: %v", format, from, v.Outcome, len(v.Replies), v.Reason, may)
			}
		}
	}
}
