//go:build integration

package main

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
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
		{"nothing", asXML, "", 400, ""},
		{"open element", asXML, "<message to='mallory@localhost'><body>x", 400, ""},
		{"wrong end tag", asXML, in("<a></b>"), 400, "b"},
		{"end of the stream", asXML, in("") + "</stream:stream>", 400, ""},
		{"two stanzas", asXML, in("") + in(""), 400, ""},
		{"text behind", asXML, in("") + "x", 400, ""},
		{"same attribute twice", asXML, in("<a b='1' b='2'/>"), 400, ""},
		{"DTD", asXML, "<!DOCTYPE m [<!ENTITY e 'x'>]>" + in("&e;"), 400, ""},
		{"unknown entity", asXML, in("&nbsp;"), 400, ""},
		{"processing instruction", asXML, in("<?php x?>"), 400, ""},
		{"comment", asXML, in("<!-- x -->"), 400, ""},
		{"control character", asXML, in("<a>\x01</a>"), 400, ""},
		{"control reference", asXML, in("<a>&#1;</a>"), 400, ""},
		{"noncharacter", asXML, in("<a>\uffff</a>"), 400, ""},
		{"not UTF-8", asXML, in("<a>\xff</a>"), 400, "UTF-8"},
		{"undeclared prefix", asXML, in("<a:b/>"), 400, "a"},
		{"undeclared prefix of an attribute", asXML, in("<b a:c='x'/>"), 400, "a"},
		{"200 deep", asXML, in(strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200)), 400, ""},
		{"no stanza", asXML, "<stream xmlns='jabber:client'/>", 422, "stream"},
		{"another namespace", asXML, "<message xmlns='urn:example:m' to='mallory@localhost'/>", 422, "urn:example:m"},
		{"no JID", asXML, "<message to='@localhost'><body>x</body></message>", 422, "@localhost"},
		{"iq with nothing in it", asXML, "<iq type='get' to='mallory@localhost/test'/>", 422, ""},
		{"iq of type result", asXML, "<iq type='result' id='1' to='mallory@localhost/test'/>", 422, "result"},
		{"broken JSON", asJSON, `{"to":`, 400, ""},
		{"no object", asJSON, `["to"]`, 400, "object"},
		{"JSON of another type", asJSON, `{"to":"mallory@localhost","body":1}`, 400, "body"},
		{"JSON with a control character", asJSON, `{"to":"mallory@localhost","body":"\u0001"}`, 400, "body"},
		{"JSON with an unknown key", asJSON, `{"to":"mallory@localhost","bodi":"x"}`, 400, "bodi"},
		{"JSON with no JID", asJSON, `{"to":"a b@localhost","body":"x"}`, 422, "to"},
		{"another media type", "application/yaml", "to: mallory@localhost", 415, asJSON},
		{"too large a body", asXML, in(strings.Repeat("x", 200_000)), 413, ""},
		{"too large a stanza", asJSON, `{"to":"mallory@localhost","body":"` + strings.Repeat("&", 150_000) + `"}`, 413, ""},
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		p := linked(t, oneComponent(s, "bad", newBot(t)))
		mallory := login(t, s, "mallory")
		for _, tc := range tests {
			r := p.post(tc.contentType, tc.body)
			if r.status != tc.status || !strings.Contains(r.body, tc.says) || len(r.body) < 20 || len(r.body) > 3000 {
				t.Errorf("%s: %d, want %d with %q: %.300s", tc.name, r.status, tc.status, tc.says, r.body)
			}
		}
		// The next best that is right, on the same connection.
		for i, right := range []string{
			"<message xmlns='jabber:client' to='mallory@localhost' type='chat'><body>%d</body></message>",
			"\n<message to='mallory@localhost' type='chat'><body>%d</body><a xmlns='x:' b=\"'&gt;\"><![CDATA[<&]]></a></message>\n",
			"<message to='mallory@localhost' type='chat'><body>%d</body>" + strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50) + "</message>",
			"<message to='mallory@localhost' type='chat'><body>%d</body><a>" + strings.Repeat("x", 150_000) + "</a></message>",
		} {
			if r := p.post(asXML, fmt.Sprintf(right, i)); r.status != 202 {
				t.Errorf("%.80s: %d %s", right, r.status, r.body)
				continue
			}
			m := mallory.next(right[:60], func(r lab.Received) bool { return r.Kind == "message" })
			if m.Body != fmt.Sprint(i) {
				t.Errorf("%.80s: the client got %.300s", right, m.Inner)
			}
		}
		mallory.echo("echo@bad.localhost", "still there")
		if n := p.connects(); n != 1 {
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
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		c := oneComponent(s, "large", b)
		c.Components[0].MaxStanzaBytes = 20000
		p := linked(t, c)
		trent := login(t, s, "trent")
		for i, inner := range []string{
			"<body>" + strings.Repeat("x", 30_000) + "</body>",
			"<body>" + strings.Repeat("x", 200_000) + "</body>",
			"<body>deep</body>" + strings.Repeat("<a xmlns='urn:example:a'>", 100) + strings.Repeat("</a>", 100),
		} {
			id := fmt.Sprintf("large-%d", i)
			trent.send("<message to='echo@large.localhost' type='chat' id='%s'>%s</message>", id, inner)
			trent.echo("echo@large.localhost", fmt.Sprintf("after %d", i))
			r := trent.next("the error", func(r lab.Received) bool { return r.Kind == "message" })
			if r.Type != "error" || r.ID != id || r.Error != "not-acceptable" || r.From != "echo@large.localhost" {
				t.Errorf("%.60s: the client got %+v", inner, r)
			}
		}
		trent.send("<iq to='large.localhost' type='get' id='iq'><query xmlns='jabber:iq:version'><a>%s</a></query></iq>", strings.Repeat("x", 30_000))
		if r := trent.next("the error of the iq", func(r lab.Received) bool { return r.Kind == "iq" }); r.Type != "error" || r.Error != "not-acceptable" || r.ID != "iq" {
			t.Errorf("a large iq: %+v", r)
		}
		if n := len(b.got()); n != 3 {
			t.Errorf("the bot got %d messages", n)
		}
		if n := p.connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
	})
}
