package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	chat      = `<message type='chat' id='m1' from='u@example.com/r' to='echo@bot.example.com' xml:lang='en'><body>hi</body><thread>t1</thread></message>`
	groupchat = `<message type='groupchat' id='m1' from='room@muc.example.com/nick' to='echo@bot.example.com'><body>hi</body></message>`
	failed    = `<message type='error' id='m1' from='u@example.com/r' to='echo@bot.example.com'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`
	receipts  = `<message type='chat' id='m1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body><request xmlns='urn:xmpp:receipts'/></message>`
	errorOf   = `<message type='error' id='m1' from='echo@bot.example.com' to='u@example.com/r'><error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>%s</error></message>`
)

func bounce(typ, condition, text string) string {
	if text != "" {
		text = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>" + text + "</text>"
	}
	return fmt.Sprintf(errorOf, typ, condition, text)
}

var unreadable = bounce("wait", "internal-server-error", "the answer of the service could not be read")

type answerCase struct {
	name, in    string
	status      int
	contentType string
	body        string
	want        []string
}

func runAnswers(t *testing.T, format webhook.Format, cases []answerCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if tc.contentType != "" {
					w.Header().Set("Content-Type", tc.contentType)
				}
				w.WriteHeader(tc.status)
				if tc.status != 204 {
					fmt.Fprint(w, tc.body)
				}
			})
			got := direct(t, endpoint(b.URL, func(e *webhook.Endpoint) { e.Format = format }), tc.in)
			var xml []string
			for _, s := range got {
				xml = append(xml, s.XML())
			}
			if strings.Join(xml, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("sent\n%s\nwant\n%s", strings.Join(xml, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestEventAnswers(t *testing.T) {
	reply := func(n int, content string) string {
		return fmt.Sprintf(`<message type='chat' id='evt_1-%d' from='echo@bot.example.com' to='u@example.com/r'>%s<thread>t1</thread></message>`, n, content)
	}
	json := "application/json; charset=utf-8"
	runAnswers(t, webhook.FormatEvent, []answerCase{
		{"text", chat, 200, "text/plain; charset=utf-8", "a <b> & ü\n", []string{reply(1, "<body>a &lt;b&gt; &amp; ü</body>")}},
		{"json body", chat, 200, json, `{"body":"x"}`, []string{reply(1, "<body>x</body>")}},
		{"json with foreign keys", chat, 200, json, `{"body":"x","foo":{"bar":1}}`, []string{reply(1, "<body>x</body>")}},
		{"json addresses do not count", chat, 200, json, `{"body":"x","to":"other@example.com","from":"admin@example.com"}`, []string{reply(1, "<body>x</body>")}},
		{"json id, type, thread", chat, 200, json, `{"body":"x","id":"own","type":"headline","thread":"t2"}`,
			[]string{`<message type='headline' id='own' from='echo@bot.example.com' to='u@example.com/r'><body>x</body><thread>t2</thread></message>`}},
		{"json error", chat, 200, json, `{"type":"error","error":{"type":"auth","condition":"forbidden","text":"no"}}`,
			[]string{`<message type='error' id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error><thread>t1</thread></message>`}},
		{"json stanza", chat, 200, json, `{"stanza":"<message xmlns='jabber:client' to='a@b'><body>x</body><x xmlns='urn:x'/></message>"}`,
			[]string{`<message type='chat' id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'><body>x</body><x xmlns='urn:x'/><thread>t1</thread></message>`}},
		{"several", chat, 200, json, `[{"body":"1"},{},null,{"body":"2"}]`, []string{reply(1, "<body>1</body>"), reply(2, "<body>2</body>")}},
		{"xml", chat, 200, "application/xmpp+xml", "\n<message><body>x</body></message>\n", []string{reply(1, "<body>x</body>")}},
		{"presence", chat, 200, "application/xml", `<presence type='available'><show>away</show></presence>`,
			[]string{`<presence id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'><show>away</show></presence>`}},
		{"groupchat goes to the room", groupchat, 200, "text/plain", "x", []string{`<message type='groupchat' id='evt_1-1' from='echo@bot.example.com' to='room@muc.example.com'><body>x</body></message>`}},
		{"error messages are not answered", failed, 200, "text/plain", "x", nil},
		{"nor bounced", failed, 400, "text/plain", "x", nil},
		{"groupchat is not bounced", groupchat, 400, "text/plain", "x", nil},
		{"202", chat, 202, "text/plain", "x", nil},
		{"204", chat, 204, "", "", nil},
		{"empty", chat, 200, "text/plain", " \n", nil},
		{"null", chat, 200, json, "null", nil},
		{"{}", chat, 200, json, "{}", nil},
		{"[]", chat, 200, json, "[]", nil},
		{"nothing to say", chat, 200, json, `{"ok":true}`, nil},
		{"html", chat, 200, "text/html", "<p>x</p>", nil},
		{"no content type", chat, 200, "", "x", nil},
		{"receipt", receipts, 204, "", "", []string{`<message type='chat' id='evt_1-receipt' from='echo@bot.example.com' to='u@example.com/r'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`}},
		{"receipt before the reply", receipts, 200, "text/plain", "x", []string{
			`<message type='chat' id='evt_1-receipt' from='echo@bot.example.com' to='u@example.com/r'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`,
			`<message type='chat' id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'><body>x</body></message>`}},
		{"no receipt for what was refused", receipts, 400, "", "", []string{bounce("modify", "bad-request", "400 Bad Request")}},
		{"broken json", chat, 200, json, `{"body":`, []string{unreadable}},
		{"wrong type", chat, 200, json, `{"body":1}`, []string{unreadable}},
		{"broken xml", chat, 200, "application/xml", `<message><body></message>`, []string{unreadable}},
		{"control character", chat, 200, "text/plain", "a\x01", []string{unreadable}},
		{"not utf-8", chat, 200, "text/plain", "a\xff", []string{unreadable}},
		{"an iq for a message", chat, 200, "application/xml", `<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>`, []string{unreadable}},
		{"privileges", chat, 200, "application/xml", `<message><privilege xmlns='urn:xmpp:privilege:2'/></message>`, []string{unreadable}},
		{"400", chat, 400, "text/plain", "not a chat message", []string{bounce("modify", "bad-request", "400 Bad Request")}},
		{"413", chat, 413, "", "", []string{bounce("modify", "resource-constraint", "413 Request Entity Too Large")}},
		{"422", chat, 422, "", "", []string{bounce("modify", "bad-request", "422 Unprocessable Entity")}},
		{"500 when not queued", chat, 500, "", "", []string{bounce("wait", "internal-server-error", "500 Internal Server Error")}},
		{"an answer without end", chat, 200, "text/plain", strings.Repeat("x", 1<<20+1), []string{unreadable}},
	})
}

func TestComponentHTTPAnswers(t *testing.T) {
	reply := func(to, content string) string {
		return fmt.Sprintf(`<message type='chat' id='evt_1-1' from='echo@bot.example.com' to='%s'>%s</message>`, to, content)
	}
	json := "application/json"
	runAnswers(t, webhook.FormatComponentHTTP, []answerCase{
		{"body", chat, 200, json, `{"body":"Did you say hi?"}`, []string{reply("u@example.com/r", "<body>Did you say hi?</body>")}},
		{"with charset", chat, 200, "Application/JSON; charset=utf-8", `{"body":"x"}`, []string{reply("u@example.com/r", "<body>x</body>")}},
		{"to and from count", chat, 200, json, `{"body":"x","to":"v@example.com","from":"other@bot.example.com"}`,
			[]string{`<message type='chat' id='evt_1-1' from='other@bot.example.com' to='v@example.com'><body>x</body></message>`}},
		{"from outside", chat, 200, json, `{"body":"x","from":"u@example.com"}`, []string{unreadable}},
		{"stanza", chat, 200, json, `{"stanza":"<message to='v@example.com' id='7'><x xmlns='urn:x'/></message>","body":"ignored"}`,
			[]string{`<message id='7' from='echo@bot.example.com' to='v@example.com'><x xmlns='urn:x'/></message>`}},
		{"broken stanza", chat, 200, json, `{"stanza":"<message>"}`, []string{unreadable}},
		{"presence", chat, 200, json, `{"kind":"presence","type":"unavailable"}`, []string{`<presence type='unavailable' id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'/>`}},
		{"error is not answered", failed, 200, json, `{"body":"x"}`, nil},
		{"{}", chat, 200, json, `{}`, nil},
		{"[] of PHP", chat, 200, json, `[]`, nil},
		{"text is no reply", chat, 200, "text/plain", "x", nil},
		{"201", chat, 201, json, `{"body":"x"}`, nil},
		{"204", chat, 204, "", "", nil},
		{"broken json", chat, 200, json, `{"body"`, []string{unreadable}},
		{"400", chat, 400, json, `{"body":"x"}`, []string{bounce("modify", "bad-request", "")}},
		{"401", chat, 401, "", "", []string{bounce("auth", "not-authorized", "")}},
		{"402", chat, 402, "", "", []string{bounce("auth", "forbidden", "Payment required")}},
		{"403", chat, 403, "", "", []string{bounce("auth", "forbidden", "")}},
		{"404", chat, 404, "", "", []string{bounce("cancel", "item-not-found", "")}},
		{"410", chat, 410, "", "", []string{bounce("cancel", "gone", "")}},
		{"418", chat, 418, "", "", []string{bounce("cancel", "service-unavailable", "")}},
		{"302", chat, 302, "", "", []string{bounce("cancel", "service-unavailable", "")}},
		{"500", chat, 500, "", "", []string{bounce("cancel", "internal-server-error", "")}},
		{"501", chat, 501, "", "", []string{bounce("cancel", "feature-not-implemented", "")}},
		{"502", chat, 502, "", "", []string{bounce("cancel", "remote-server-timeout", "Bad gateway")}},
		{"503", chat, 503, "", "", []string{bounce("wait", "remote-server-timeout", "Service temporarily unavailable")}},
		{"504", chat, 504, "", "", []string{bounce("wait", "remote-server-timeout", "Gateway timeout")}},
	})
}

func TestComponentHTTPRequest(t *testing.T) {
	for in, want := range map[string]string{
		chat: `{"to":"echo@bot.example.com","from":"u@example.com/r","kind":"message","stanza":"` + strings.ReplaceAll(chat, `"`, `\"`) + `","body":"hi"}`,
		`<presence from='u@example.com/r' to='bot.example.com'/>`: `{"to":"bot.example.com","from":"u@example.com/r","kind":"presence","stanza":"<presence from='u@example.com/r' to='bot.example.com'/>"}`,
	} {
		b := newBot(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
		w := webhook.NewWorker(endpoint(b.URL, func(e *webhook.Endpoint) { e.Format = webhook.FormatComponentHTTP }), newLink(), noLog())
		w.Direct(event(t, "1", in))
		waitFor(t, func() bool { return len(b.seen()) == 1 })
		w.Stop(t.Context())
		if got := b.seen()[0].body; got != want {
			t.Errorf("body %s\nwant %s", got, want)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	b := newBot(t, nil)
	b.Close()
	for format, want := range map[webhook.Format]string{
		webhook.FormatEvent:         bounce("wait", "recipient-unavailable", "the service cannot be reached"),
		webhook.FormatComponentHTTP: bounce("cancel", "remote-server-timeout", "Connection failure"),
	} {
		got := direct(t, endpoint(b.URL, func(e *webhook.Endpoint) { e.Format = format }), chat)
		if len(got) != 1 || got[0].XML() != want {
			t.Errorf("%s: %v, want %s", format, got, want)
		}
	}
}

func TestIQAnswers(t *testing.T) {
	iq := `<iq type='get' id='q1' from='u@example.com/r' to='echo@bot.example.com'><query xmlns='urn:x'/></iq>`
	result := func(inner string) string {
		if inner == "" {
			return `<iq type='result' id='q1' from='echo@bot.example.com' to='u@example.com/r'/>`
		}
		return `<iq type='result' id='q1' from='echo@bot.example.com' to='u@example.com/r'>` + inner + `</iq>`
	}
	for _, tc := range []struct {
		format            webhook.Format
		status            int
		contentType, body string
		want              string
	}{
		{webhook.FormatEvent, 204, "", "", "none"},
		{webhook.FormatEvent, 200, "application/xml", `<iq id='wrong' to='x@y'><query xmlns='urn:x'><a/></query></iq>`, result(`<query xmlns='urn:x'><a/></query>`)},
		{webhook.FormatEvent, 200, "application/json", `{"kind":"iq"}`, result("")},
		{webhook.FormatEvent, 200, "application/json", `{"kind":"iq","type":"error","error":{"condition":"gone"}}`, `<iq type='error' id='q1' from='echo@bot.example.com' to='u@example.com/r'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`},
		{webhook.FormatEvent, 200, "application/xml", `<message><body>x</body></message>`, "internal-server-error"},
		{webhook.FormatEvent, 404, "", "", "item-not-found"},
		{webhook.FormatComponentHTTP, 200, "application/json", `{"stanza":"<iq type='result'><query xmlns='urn:x'/></iq>"}`, result(`<query xmlns='urn:x'/>`)},
		{webhook.FormatComponentHTTP, 200, "application/json", `{"kind":"iq","to":"other@example.com"}`, result("")},
		{webhook.FormatComponentHTTP, 503, "", "", "remote-server-timeout"},
	} {
		b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.contentType)
			w.WriteHeader(tc.status)
			if tc.status != 204 {
				fmt.Fprint(w, tc.body)
			}
		})
		w := webhook.NewWorker(endpoint(b.URL, func(e *webhook.Endpoint) { e.Format = tc.format }), newLink(), noLog())
		verdict := make(chan webhook.Verdict, 1)
		if !w.Ask(event(t, "1", iq), func(v webhook.Verdict) { verdict <- v }) {
			t.Fatal("refused")
		}
		v := <-verdict
		got := "none"
		switch {
		case v.Outcome != webhook.Done:
			got = string(v.Err.Condition)
		case len(v.Replies) > 0:
			got = v.Replies[0].XML()
		}
		if got != tc.want {
			t.Errorf("%s %d %s: %s, want %s", tc.format, tc.status, tc.body, got, tc.want)
		}
		w.Stop(t.Context())
	}
}

func TestMatches(t *testing.T) {
	e := endpoint("http://x")
	e.Component = domain
	for xml, want := range map[string]bool{chat: true, `<presence/>`: false, `<iq type='get'/>`: false} {
		if got := e.Matches(domain, parse(t, xml)); got != want {
			t.Errorf("%s: %v", xml, got)
		}
	}
	if e.Matches("other.example.com", parse(t, chat)) {
		t.Error("another component's stanza")
	}
	e.Component, e.Kinds = "", []stanza.Kind{stanza.IQ}
	if !e.Matches("other.example.com", parse(t, `<iq type='get'/>`)) {
		t.Error("all components")
	}
}

func TestURLPlaceholders(t *testing.T) {
	paths := make(chan string, 1)
	b := newBot(t, func(w http.ResponseWriter, r *http.Request) {
		paths <- r.RequestURI
		w.WriteHeader(204)
	})
	direct(t, endpoint(b.URL+"/{kind}/{type}?to={to}&from={from}"), `<message from='ü &amp;/@example.com/a b?c' to='echo@bot.example.com'><body>{to}</body></message>`)
	if got, want := <-paths, "/message/normal?to=echo%40bot.example.com&from=%C3%BC%20%26%2F%40example.com%2Fa%20b%3Fc"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}
