//go:build integration

package http

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func TestRest(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		p := harness.LaunchConnected(t, harness.OneComponent(s, "rest", harness.NewBot(t)))
		olivia := harness.Login(t, s, "olivia")
		t.Run("messages", func(t *testing.T) { restMessages(t, p, harness.User{Client: olivia.Client, T: t}) })
		t.Run("queries", func(t *testing.T) { restQueries(t, p, harness.User{Client: olivia.Client, T: t}) })
		t.Run("refusals", func(t *testing.T) { restRefusals(t, p, harness.User{Client: olivia.Client, T: t}) })
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
	})
}

func restMessages(t *testing.T, p *harness.Program, u harness.User) {
	bare, _, _ := strings.Cut(u.JID(), "/")
	for _, tc := range []struct{ token, contentType, body, from, id, text string }{
		{"token-all", harness.AsXML, "<message to='" + bare + "' type='chat' id='x-1'><body>XML &lt;ü&gt;</body><x xmlns='urn:example:x'/></message>", "rest.localhost", "x-1", "XML <ü>"},
		{"token-all", harness.AsXML + "; charset=utf-8", "<message xmlns='jabber:client' from='any@rest.localhost/desk' to='" + u.JID() + "' type='chat' id='x-2'><body>client</body></message>", "any@rest.localhost/desk", "x-2", "client"},
		{"token-all", harness.AsJSON, `{"kind":"message","type":"chat","to":"` + bare + `","id":"j-1","body":"JSON <ü>","thread":"t"}`, "rest.localhost", "j-1", "JSON <ü>"},
		{"token-all", harness.AsJSON + "; charset=utf-8", `{"to":"` + bare + `","from":"any@rest.localhost","type":"chat","body":"no id"}`, "any@rest.localhost", "", "no id"},
		{"token-one", harness.AsJSON, `{"to":"` + bare + `","type":"chat","body":"default sender"}`, "one@rest.localhost", "", "default sender"},
	} {
		r, err := p.Call("POST", "/rest", tc.token, tc.contentType, tc.body)
		if err != nil || r.Status != http.StatusAccepted || r.Body != "" {
			t.Errorf("%s: %d %q %v", tc.text, r.Status, r.Body, err)
			continue
		}
		m := u.Await(tc.text, func(r lab.Received) bool { return r.Kind == "message" })
		if m.From != tc.from || m.Type != "chat" || m.Body != tc.text || m.ID == "" || tc.id != "" && m.ID != tc.id {
			t.Errorf("%s: the client got %+v", tc.text, m)
		}
		if tc.id == "x-1" && !strings.Contains(m.Inner, "urn:example:x") || tc.id == "j-1" && !strings.Contains(m.Inner, ">t</thread>") {
			t.Errorf("%s: not all has arrived: %s", tc.text, m.Inner)
		}
	}
}

func restQueries(t *testing.T, p *harness.Program, u harness.User) {
	bare, _, _ := strings.Cut(u.JID(), "/")
	for i, tc := range []struct{ to, typ, condition string }{
		{u.JID(), "result", ""},
		{bare + "/nobody", "error", "service-unavailable"},
	} {
		r := p.Post(harness.AsXML, fmt.Sprintf("<iq type='get' to='%s' id='ping-%d'><ping xmlns='urn:xmpp:ping'/></iq>", tc.to, i))
		var iq struct {
			XMLName xml.Name
			Type    string `xml:"type,attr"`
			From    string `xml:"from,attr"`
			ID      string `xml:"id,attr"`
		}
		if err := xml.Unmarshal([]byte(r.Body), &iq); err != nil || r.Status != http.StatusOK || iq.XMLName.Local != "iq" ||
			iq.Type != tc.typ || iq.From != tc.to || iq.ID != fmt.Sprintf("ping-%d", i) || !strings.Contains(r.Body, tc.condition) {
			t.Errorf("ping of %s: %d %s", tc.to, r.Status, r.Body)
		}
		if media := r.Header.Get("Content-Type"); !strings.HasPrefix(media, harness.AsXML) {
			t.Errorf("ping of %s: Content-Type %q", tc.to, media)
		}
	}
}

func restRefusals(t *testing.T, p *harness.Program, u harness.User) {
	good := `{"to":"` + u.JID() + `","type":"chat","body":"must not arrive"}`
	for _, tc := range []struct {
		name, token, contentType, body string
		status                         []int
		says                           string
	}{
		{"no token", "", harness.AsJSON, good, []int{401}, ""},
		{"wrong token", "token-wrong", harness.AsJSON, good, []int{401, 403}, ""},
		{"without the scope", "token-none", harness.AsJSON, good, []int{403}, "scope"},
		{"query without the scope", "token-one", harness.AsXML, "<iq type='get' to='" + u.JID() + "'><ping xmlns='urn:xmpp:ping'/></iq>", []int{403}, "query"},
		{"from another domain", "token-all", harness.AsXML, "<message from='me@elsewhere.localhost' to='" + u.JID() + "'><body>must not arrive</body></message>", []int{403}, "elsewhere.localhost"},
		{"from the server's domain", "token-all", harness.AsJSON, `{"from":"olivia@localhost","to":"` + u.JID() + `","body":"must not arrive"}`, []int{403}, "olivia@localhost"},
		{"from a subdomain", "token-all", harness.AsJSON, `{"from":"a@b.rest.localhost","to":"` + u.JID() + `","body":"must not arrive"}`, []int{403}, "b.rest.localhost"},
		{"from another JID than the token's", "token-one", harness.AsJSON, `{"from":"two@rest.localhost","to":"` + u.JID() + `","body":"must not arrive"}`, []int{403}, "two@rest.localhost"},
		{"XML without to", "token-all", harness.AsXML, "<message><body>must not arrive</body></message>", []int{422}, "to is missing"},
		{"JSON without to", "token-all", harness.AsJSON, `{"body":"must not arrive"}`, []int{422}, "to is missing"},
		{"with privileges", "token-all", harness.AsXML, "<message to='localhost'><privilege xmlns='urn:xmpp:privilege:2'/></message>", []int{403}, "privileges"},
		{"change of a roster", "token-all", harness.AsXML, "<iq type='set' to='olivia@localhost'><query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'/></query></iq>", []int{403}, "admin"},
		{"to a roster", "token-all", harness.AsXML, "<iq type='get' to='olivia@localhost'><query xmlns='jabber:iq:roster'/></iq>", []int{403}, ""},
	} {
		r, err := p.Call("POST", "/rest", tc.token, tc.contentType, tc.body)
		if err != nil {
			t.Fatal(err)
		}
		ok := false
		for _, status := range tc.status {
			ok = ok || r.Status == status
		}
		if !ok || !strings.Contains(r.Body, tc.says) {
			t.Errorf("%s: %d %s", tc.name, r.Status, r.Body)
		}
		if r.Status == 401 && r.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", tc.name)
		}
	}
	// Behind all of them on the same connection.
	u.Echo("echo@rest.localhost", "still there")
}
