package rest_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
)

const (
	ping  = `<iq type='get' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`
	hello = `<message to='u@example.com'><body>x</body></message>`
)

// TestRefusals has refusals that are not in testdata/conformance: status, condition, and
// a part of the text, which names the field and says what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, token, contentType, body string
		status                         int
		condition, text                string
	}{
		{"stanza too large", "all", xmlType, "<message to='u@example.com'><body>" + strings.Repeat("x", 3000) + "</body></message>", 413, "resource-constraint", "3000"},
		{"xml, empty", "all", xmlType, "", 400, "not-well-formed", "Failed to parse payload"},
		{"xml, entity", "all", xmlType, "<message to='u@example.com'><body>&x;</body></message>", 400, "not-well-formed", ""},
		{"xml, invalid UTF-8", "all", xmlType, "<message to='u@example.com'><body>\xff</body></message>", 400, "not-well-formed", "UTF-8"},
		{"xml, control character", "all", xmlType, "<message to='u@example.com'><body>\x01</body></message>", 400, "not-well-formed", ""},
		{"xml, too deep", "all", xmlType, "<message to='u@example.com'>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</message>", 400, "not-well-formed", "deeper"},
		{"json, two", "all", jsonType, `{"to":"u@example.com"} {}`, 400, "not-well-formed", "follows"},
		{"json, key twice", "all", jsonType, `{"to":"u@example.com","body":"x","body":"y"}`, 400, "not-well-formed", "twice"},
		{"json, invalid UTF-8", "all", jsonType, "{\"to\":\"u@example.com\",\"body\":\"\xff\"}", 400, "not-well-formed", "UTF-8"},
		{"json, control character", "all", jsonType, `{"to":"u@example.com","body":"\u0001"}`, 400, "not-well-formed", "body"},
		{"json, too deep", "all", jsonType, `{"to":` + strings.Repeat("[", 3900), 400, "not-well-formed", ""},
		{"json, error of a chat", "all", jsonType, `{"type":"chat","to":"u@example.com","error":{}}`, 400, "not-well-formed", "error: goes with"},
		{"namespace of another element", "all", xmlType, `<foo xmlns='urn:x'/>`, 422, "invalid-namespace", "jabber:client"},
		{"json, bad from", "all", jsonType, `{"to":"u@example.com","from":""}`, 422, "invalid-from", "from: "},
		{"default from outside the token", "bots", xmlType, hello, 403, "not-authorized", "allowed are *@bot.example.com"},
		{"privilege", "all", xmlType, `<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>`, 403, "not-authorized", `"admin"`},
		{"roster of a user", "all", xmlType, `<iq type='get' to='u@example.com'><query xmlns='jabber:iq:roster'/></iq>`, 403, "not-authorized", `"admin"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &gatewaytest.Network{}
			w := post(surface(n), c.contentType, c.body, "Authorization", "Bearer "+c.token, "Accept", jsonType)
			checkError(t, w, c.status, c.condition, c.text)
			if len(n.Sent()) > 0 {
				t.Errorf("sent all the same: %s", n.Sent()[0].XML())
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

// Without from, a token for several components has no sender; and what acts with the
// privileges of the component needs the scope admin.
func TestSenderAndPrivilege(t *testing.T) {
	two := &gatewaytest.Network{Components: []jid.JID{jid.MustParse("bot.example.com"), jid.MustParse("muc.example.com")}}
	checkError(t, post(surface(two), xmlType, hello, "Accept", jsonType), 422, "invalid-from", "from is missing")
	body := `<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>`
	if w := post(surface(&gatewaytest.Network{}), xmlType, body, "Authorization", "Bearer admin"); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
