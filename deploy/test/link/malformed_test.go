//go:build integration

package link

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Nothing that is POSTed reaches the stream unless it is well-formed and small
// enough: the servers would close it.
func TestMalformed(t *testing.T) {
	in := func(inner string) string {
		return "<message to='mallory@localhost' type='chat'><body>must not arrive</body>" + inner + "</message>"
	}
	tests := []struct {
		name, contentType, body string
		status                  int
		says                    string
	}{
		{"nothing", harness.AsXML, "", 400, ""},
		{"open element", harness.AsXML, "<message to='mallory@localhost'><body>x", 400, ""},
		{"wrong end tag", harness.AsXML, in("<a></b>"), 400, "b"},
		{"end of the stream", harness.AsXML, in("") + "</stream:stream>", 400, ""},
		{"two stanzas", harness.AsXML, in("") + in(""), 400, ""},
		{"text behind", harness.AsXML, in("") + "x", 400, ""},
		{"same attribute twice", harness.AsXML, in("<a b='1' b='2'/>"), 400, ""},
		{"DTD", harness.AsXML, "<!DOCTYPE m [<!ENTITY e 'x'>]>" + in("&e;"), 400, ""},
		{"unknown entity", harness.AsXML, in("&nbsp;"), 400, ""},
		{"processing instruction", harness.AsXML, in("<?php x?>"), 400, ""},
		{"comment", harness.AsXML, in("<!-- x -->"), 400, ""},
		{"control character", harness.AsXML, in("<a>\x01</a>"), 400, ""},
		{"control reference", harness.AsXML, in("<a>&#1;</a>"), 400, ""},
		{"noncharacter", harness.AsXML, in("<a>\uffff</a>"), 400, ""},
		{"not UTF-8", harness.AsXML, in("<a>\xff</a>"), 400, "UTF-8"},
		{"undeclared prefix", harness.AsXML, in("<a:b/>"), 400, "a"},
		{"undeclared prefix of an attribute", harness.AsXML, in("<b a:c='x'/>"), 400, "a"},
		{"200 deep", harness.AsXML, in(strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200)), 400, ""},
		{"no stanza", harness.AsXML, "<stream xmlns='jabber:client'/>", 422, "stream"},
		{"another namespace", harness.AsXML, "<message xmlns='urn:example:m' to='mallory@localhost'/>", 422, "urn:example:m"},
		{"no JID", harness.AsXML, "<message to='@localhost'><body>x</body></message>", 422, "@localhost"},
		{"iq with nothing in it", harness.AsXML, "<iq type='get' to='mallory@localhost/test'/>", 422, ""},
		{"iq of type result", harness.AsXML, "<iq type='result' id='1' to='mallory@localhost/test'/>", 422, "result"},
		{"broken JSON", harness.AsJSON, `{"to":`, 400, ""},
		{"no object", harness.AsJSON, `["to"]`, 400, "object"},
		{"JSON of another type", harness.AsJSON, `{"to":"mallory@localhost","body":1}`, 400, "body"},
		{"JSON with a control character", harness.AsJSON, `{"to":"mallory@localhost","body":"\u0001"}`, 400, "body"},
		{"JSON with an unknown key", harness.AsJSON, `{"to":"mallory@localhost","bodi":"x"}`, 400, "bodi"},
		{"JSON with no JID", harness.AsJSON, `{"to":"a b@localhost","body":"x"}`, 422, "to"},
		{"another media type", "application/yaml", "to: mallory@localhost", 415, harness.AsJSON},
		{"too large a body", harness.AsXML, in(strings.Repeat("x", 200_000)), 413, ""},
		{"too large a stanza", harness.AsJSON, `{"to":"mallory@localhost","body":"` + strings.Repeat("&", 150_000) + `"}`, 413, ""},
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		p := harness.LaunchConnected(t, harness.OneComponent(s, "bad", harness.NewBot(t)))
		mallory := harness.Login(t, s, "mallory")
		for _, tc := range tests {
			r := p.Post(tc.contentType, tc.body)
			if r.Status != tc.status || !strings.Contains(r.Body, tc.says) || len(r.Body) < 20 || len(r.Body) > 3000 {
				t.Errorf("%s: %d, want %d with %q: %.300s", tc.name, r.Status, tc.status, tc.says, r.Body)
			}
		}
		// The next best that is right, on the same connection.
		for i, right := range []string{
			"<message xmlns='jabber:client' to='mallory@localhost' type='chat'><body>%d</body></message>",
			"\n<message to='mallory@localhost' type='chat'><body>%d</body><a xmlns='x:' b=\"'&gt;\"><![CDATA[<&]]></a></message>\n",
			"<message to='mallory@localhost' type='chat'><body>%d</body>" + strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50) + "</message>",
			"<message to='mallory@localhost' type='chat'><body>%d</body><a>" + strings.Repeat("x", 150_000) + "</a></message>",
		} {
			if r := p.Post(harness.AsXML, fmt.Sprintf(right, i)); r.Status != 202 {
				t.Errorf("%.80s: %d %s", right, r.Status, r.Body)
				continue
			}
			m := mallory.Await(right[:60], func(r lab.Received) bool { return r.Kind == "message" })
			if m.Body != fmt.Sprint(i) {
				t.Errorf("%.80s: the client got %.300s", right, m.Inner)
			}
		}
		mallory.Echo("echo@bad.localhost", "still there")
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
		if all, _ := complaints(p, ""); all != 0 {
			t.Errorf("%d complaints in the log", all)
		}
	})
}

// A stanza from the server that is too large or too deep is answered with an
// error; the stream and what follows are not harmed.
func TestLargeFromClient(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		c := harness.OneComponent(s, "large", b)
		c.Components[0].MaxStanzaBytes = 20000
		p := harness.LaunchConnected(t, c)
		trent := harness.Login(t, s, "trent")
		for i, inner := range []string{
			"<body>" + strings.Repeat("x", 30_000) + "</body>",
			"<body>" + strings.Repeat("x", 200_000) + "</body>",
			"<body>deep</body>" + strings.Repeat("<a xmlns='urn:example:a'>", 100) + strings.Repeat("</a>", 100),
		} {
			id := fmt.Sprintf("large-%d", i)
			trent.Send("<message to='echo@large.localhost' type='chat' id='%s'>%s</message>", id, inner)
			trent.Echo("echo@large.localhost", fmt.Sprintf("after %d", i))
			r := trent.Await("the error", func(r lab.Received) bool { return r.Kind == "message" })
			if r.Type != "error" || r.ID != id || r.Error != "not-acceptable" || r.From != "echo@large.localhost" {
				t.Errorf("%.60s: the client got %+v", inner, r)
			}
		}
		trent.Send("<iq to='large.localhost' type='get' id='iq'><query xmlns='jabber:iq:version'><a>%s</a></query></iq>", strings.Repeat("x", 30_000))
		if r := trent.Await("the error of the iq", func(r lab.Received) bool { return r.Kind == "iq" }); r.Type != "error" || r.Error != "not-acceptable" || r.ID != "iq" {
			t.Errorf("a large iq: %+v", r)
		}
		if n := len(b.Got()); n != 3 {
			t.Errorf("the bot got %d messages", n)
		}
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
	})
}
