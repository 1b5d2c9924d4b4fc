package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	ping  = `<iq type='get' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`
	hello = `<message to='u@example.com'><body>x</body></message>`
)

// TestRefusals has the table of mod_rest's errors: status, condition, and a part
// of the text, which names the field and says what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, token, contentType, body string
		status                         int
		condition, text                string
	}{
		{"no content type", "all", "", hello, 415, "bad-format", "Content-Type"},
		{"unknown content type", "all", "text/html", hello, 415, "bad-format", "Unsupported media type"},
		{"too large", "all", xmlType, hello + strings.Repeat(" ", 4000), 413, "resource-constraint", "Payload too large"},
		{"stanza too large", "all", xmlType, "<message to='u@example.com'><body>" + strings.Repeat("x", 3000) + "</body></message>", 413, "resource-constraint", "3000"},
		{"stanza too large once escaped", "all", jsonType, `{"to":"u@example.com","body":"` + strings.Repeat("<", 1000) + `"}`, 413, "resource-constraint", "3000"},

		{"xml, empty", "all", xmlType, "", 400, "not-well-formed", "Failed to parse payload"},
		{"xml, not closed", "all", xmlType, "<message to='u@example.com'>", 400, "not-well-formed", "not closed"},
		{"xml, two stanzas", "all", xmlType, hello + hello, 400, "not-well-formed", "after the end"},
		{"xml, dtd", "all", xmlType, "<!DOCTYPE x>" + hello, 400, "not-well-formed", "document type"},
		{"xml, entity", "all", xmlType, "<message to='u@example.com'><body>&x;</body></message>", 400, "not-well-formed", ""},
		{"xml, comment", "all", xmlType, "<message to='u@example.com'><!-- x --></message>", 400, "not-well-formed", "comments"},
		{"xml, processing instruction", "all", xmlType, "<message to='u@example.com'><?x y?></message>", 400, "not-well-formed", "processing"},
		{"xml, declaration of another encoding", "all", xmlType, "<?xml version='1.0' encoding='koi8-r'?>" + hello, 400, "not-well-formed", "koi8-r"},
		{"xml, invalid UTF-8", "all", xmlType, "<message to='u@example.com'><body>\xff</body></message>", 400, "not-well-formed", "UTF-8"},
		{"xml, control character", "all", xmlType, "<message to='u@example.com'><body>\x01</body></message>", 400, "not-well-formed", ""},
		{"xml, too deep", "all", xmlType, "<message to='u@example.com'>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</message>", 400, "not-well-formed", "deeper"},
		{"json, no object", "all", jsonType, `[]`, 400, "not-well-formed", "object"},
		{"json, empty", "all", jsonType, `{}`, 400, "not-well-formed", "empty"},
		{"json, cut off", "all", jsonType, `{"to":`, 400, "not-well-formed", "object"},
		{"json, two", "all", jsonType, `{"to":"u@example.com"} {}`, 400, "not-well-formed", "follows"},
		{"json, unknown key", "all", jsonType, `{"to":"u@example.com","boddy":"x"}`, 400, "not-well-formed", "boddy"},
		{"json, unknown kind", "all", jsonType, `{"to":"u@example.com","kind":"stream"}`, 400, "not-well-formed", "kind"},
		{"json, wrong type", "all", jsonType, `{"to":"u@example.com","body":1}`, 400, "not-well-formed", "body: a string"},
		{"json, key twice", "all", jsonType, `{"to":"u@example.com","body":"x","body":"y"}`, 400, "not-well-formed", "twice"},
		{"json, invalid UTF-8", "all", jsonType, "{\"to\":\"u@example.com\",\"body\":\"\xff\"}", 400, "not-well-formed", "UTF-8"},
		{"json, control character", "all", jsonType, `{"to":"u@example.com","body":"\u0001"}`, 400, "not-well-formed", "body"},
		{"json, too deep", "all", jsonType, `{"to":` + strings.Repeat("[", 3900), 400, "not-well-formed", ""},
		{"json, body of a presence", "all", jsonType, `{"kind":"presence","to":"u@example.com","body":"x"}`, 400, "not-well-formed", "body: goes with"},
		{"json, error of a chat", "all", jsonType, `{"type":"chat","to":"u@example.com","error":{}}`, 400, "not-well-formed", "error: goes with"},

		{"namespace", "all", xmlType, `<message xmlns='urn:x' to='u@example.com'/>`, 422, "invalid-namespace", "jabber:client"},
		{"namespace of another element", "all", xmlType, `<foo xmlns='urn:x'/>`, 422, "invalid-namespace", "jabber:client"},
		{"kind", "all", xmlType, `<foo to='u@example.com'/>`, 422, "unsupported-stanza-type", "message, presence or iq"},
		{"xml, bad to", "all", xmlType, `<message to='a b@example.com'/>`, 422, "improper-addressing", "space"},
		{"xml, no to", "all", xmlType, `<message/>`, 422, "improper-addressing", "to is missing"},
		{"json, bad to", "all", jsonType, `{"to":"@example.com","body":"x"}`, 422, "improper-addressing", "to: "},
		{"json, no to", "all", jsonType, `{"body":"x"}`, 422, "improper-addressing", "to is missing"},
		{"xml, bad from", "all", xmlType, `<message to='u@example.com' from='@bot.example.com'/>`, 422, "invalid-from", "localpart"},
		{"json, bad from", "all", jsonType, `{"to":"u@example.com","from":""}`, 422, "invalid-from", "from: "},
		{"from another domain", "all", xmlType, `<message to='u@example.com' from='u@example.com'/>`, 403, "not-authorized", "allowed are addresses at bot.example.com"},
		{"from a subdomain", "all", xmlType, `<message to='u@example.com' from='u@x.bot.example.com'/>`, 403, "not-authorized", "allowed are"},
		{"from outside the token", "echo", xmlType, `<message to='u@example.com' from='x@bot.example.com'/>`, 403, "not-authorized", "allowed are *-bot@bot.example.com, echo@bot.example.com"},
		{"default from outside the token", "bots", xmlType, hello, 403, "not-authorized", "allowed are *@bot.example.com"},
		{"no scope send", "asker", xmlType, hello, 403, "not-authorized", `"send"`},
		{"no scope query", "sender", xmlType, ping, 403, "not-authorized", `"query"`},
		{"privilege", "all", xmlType, `<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>`, 403, "not-authorized", `"admin"`},
		{"roster of a user", "all", xmlType, `<iq type='get' to='u@example.com'><query xmlns='jabber:iq:roster'/></iq>`, 403, "not-authorized", `"admin"`},
		{"iq result", "all", xmlType, `<iq type='result' to='example.com' id='1'/>`, 422, "invalid-xml", "result"},
		{"iq without type", "all", xmlType, `<iq to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`, 422, "invalid-xml", "type"},
		{"iq without child", "all", xmlType, `<iq type='get' to='example.com'/>`, 422, "bad-format", "there are 0"},
		{"iq with two children", "all", xmlType, `<iq type='get' to='example.com'><a/><b/></iq>`, 422, "bad-format", "there are 2"},
		{"json iq", "all", jsonType, `{"kind":"iq","to":"example.com"}`, 422, "bad-format", "exactly one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &network{}
			w := post(surface(n), c.contentType, c.body, "Authorization", "Bearer "+c.token, "Accept", jsonType)
			checkError(t, w, c.status, c.condition, c.text)
			if len(n.sent) > 0 {
				t.Errorf("sent all the same: %s", n.sent[0].XML())
			}
		})
	}
}

func checkError(t *testing.T, w *httptest.ResponseRecorder, status int, condition, text string) {
	t.Helper()
	var got struct {
		Type  string
		Code  int
		Error struct {
			Type, Condition, Text, Source string
			Code                          int
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d, no JSON: %s", w.Code, w.Body)
	}
	if w.Code != status || got.Code != status || got.Error.Code != status || got.Error.Condition != condition ||
		!strings.Contains(got.Error.Text, text) || got.Type != "error" || got.Error.Type == "" || got.Error.Source != "mod_rest" {
		t.Errorf("%d %s\nwant %d %s …%s…", w.Code, w.Body, status, condition, text)
	}
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		name, authorization string
		status              int
	}{
		{"none", "", 401},
		{"unknown scheme", "Digest x", 401},
		{"unknown token", "Bearer nobody", 403},
		{"empty token", "Bearer", 403},
		{"malformed basic", "Basic ???", 403},
	} {
		w := post(surface(&network{}), xmlType, hello, "Authorization", c.authorization, "Accept", jsonType)
		if c.authorization == "" {
			r := httptest.NewRequest(http.MethodPost, "/rest", strings.NewReader(hello))
			r.Header.Set("Accept", jsonType)
			w = httptest.NewRecorder()
			surface(&network{}).ServeHTTP(w, r)
		}
		t.Run(c.name, func(t *testing.T) { checkError(t, w, c.status, "not-authorized", "") })
	}
}

func TestErrorAsXML(t *testing.T) {
	w := post(surface(&network{}), xmlType, `<message to='a&lt; b@example.com'/>`)
	got := w.Body.String()
	if w.Header().Get("Content-Type") != xmlType ||
		!strings.HasPrefix(got, "<error xmlns='http://etherx.jabber.org/streams'><improper-addressing xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"+
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Invalid destination JID: ") || strings.Contains(got, "a< b") {
		t.Errorf("%s: %s", w.Header(), got)
	}
}

func TestWrongMethodInTheSurfacesFormat(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "/rest", nil)
	r.Header.Set("Accept", jsonType)
	w := httptest.NewRecorder()
	surface(&network{}).ServeHTTP(w, r)
	checkError(t, w, http.StatusMethodNotAllowed, "not-allowed", "POST")
	if w.Header().Get("Allow") != "POST" {
		t.Errorf("Allow: %q", w.Header().Get("Allow"))
	}
}

func TestFrom(t *testing.T) {
	two := []string{"bot.example.com", "muc.example.com"}
	for _, c := range []struct {
		name, token, from string
		domains           []string
		want              string // the sender; "" if refused with status
		status            int
	}{
		{"absent, one component", "all", "", nil, "bot.example.com", 202},
		{"absent, two components", "all", "", two, "", 422},
		{"absent, the token has one", "echo", "", two, "echo@bot.example.com", 202},
		{"any of the second component", "all", "x@muc.example.com/r", two, "x@muc.example.com/r", 202},
		{"a pattern of the token", "echo", "Time-Bot@bot.example.com/r", two, "time-bot@bot.example.com/r", 202},
		{"outside of the token", "echo", "time@bot.example.com", two, "", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &network{}
			body := `{"to":"u@example.com","body":"x"}`
			if c.from != "" {
				body = `{"from":"` + c.from + `","to":"u@example.com","body":"x"}`
			}
			w := post(surface(n, c.domains...), jsonType, body, "Authorization", "Bearer "+c.token)
			if w.Code != c.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if c.want != "" && n.last(t).From.String() != c.want {
				t.Errorf("from %s, want %s", n.last(t).From, c.want)
			}
		})
	}
}

func TestPrivilegeNeedsAdmin(t *testing.T) {
	n := &network{}
	body := `<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>`
	if w := post(surface(n), xmlType, body, "Authorization", "Bearer admin"); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
