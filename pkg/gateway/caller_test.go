package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func TestSender(t *testing.T) {
	g, err := jid.ParseGlob("*@bot.example.com")
	if err != nil {
		t.Fatal(err)
	}
	bot, news := jid.MustParse("bot.example.com"), jid.MustParse("news.example.com")
	free := gateway.Caller{Name: "free", Scopes: []string{"send"}}
	bound := gateway.Caller{Name: "bound", Scopes: []string{"send"}, From: []jid.Glob{g}}
	own := gateway.Caller{Name: "own", DefaultFrom: jid.MustParse("a@bot.example.com"), Scopes: []string{"send"}, From: []jid.Glob{g}}
	account := gateway.Caller{Name: "account", Scopes: []string{"send"}, Account: jid.MustParse("me@example.com")}
	for _, c := range []struct {
		who     gateway.Caller
		from    string
		domains []jid.JID
		want    string
		missing bool // else, without want, it is refused
	}{
		{free, "", []jid.JID{bot}, "bot.example.com", false},
		{free, "", []jid.JID{bot, news}, "", true},
		{free, "", nil, "", true},
		{free, "x@news.example.com/r", []jid.JID{bot, news}, "x@news.example.com/r", false},
		{free, "x@example.com", []jid.JID{bot}, "", false},
		{bound, "b@bot.example.com/r", []jid.JID{bot}, "b@bot.example.com/r", false},
		{bound, "", []jid.JID{news}, "", false},
		{own, "", []jid.JID{bot, news}, "a@bot.example.com", false},
		{own, "x@news.example.com", []jid.JID{bot, news}, "", false},
		{account, "", nil, "me@example.com", false},
		{account, "me@example.com/desk", []jid.JID{bot}, "me@example.com/desk", false},
		{account, "you@example.com", []jid.JID{bot}, "", false},
		{account, "bot.example.com", []jid.JID{bot}, "", false},
	} {
		from := jid.JID{}
		if c.from != "" {
			from = jid.MustParse(c.from)
		}
		got, err := c.who.Sender(from, c.domains)
		if c.want == "" {
			r, ok := errors.AsType[*gateway.Refusal](err)
			if !ok || !r.Address || r.Missing != c.missing || !strings.HasPrefix(err.Error(), "from: ") {
				t.Errorf("%s %q: %v", c.who.Name, c.from, err)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s %q: %s %v", c.who.Name, c.from, got, err)
		}
	}
}

func TestMaySend(t *testing.T) {
	const privileged = "<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>"
	for _, c := range []struct {
		scopes, xml string
		ok          bool
	}{
		{"send", "<message />", true}, {"query", "<message />", false}, {"send", "<presence />", true},
		{"send", "<iq type='get'/>", false}, {"query", "<iq type='get'/>", true},
		{"send", privileged, false}, {"admin", privileged, false}, {"send admin", privileged, true},
	} {
		s := stanza.Must(stanza.Parse(strings.Replace(c.xml, " ", " from='bot.example.com' ", 1), stanza.Limits{}))
		who := gateway.Caller{Name: "x", Scopes: strings.Fields(c.scopes)}
		if err := who.MaySend(s, []jid.JID{jid.MustParse("bot.example.com")}); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.scopes, c.xml, err)
		}
	}
}
