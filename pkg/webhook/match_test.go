package webhook

import (
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func globs(t testing.TB, patterns ...string) []jid.Glob {
	t.Helper()
	var list []jid.Glob
	for _, p := range patterns {
		g, err := jid.ParseGlob(p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

func parsed(xml string) *stanza.Stanza {
	return stanza.Must(stanza.Parse(xml, stanza.Limits{}))
}

const receiptWanted = `<message type='chat' id='m1' from='u@example.com/r' to='Echo@bot.example.com/x'><body>hi</body><thread>t</thread><request xmlns='urn:xmpp:receipts'/></message>`

func TestMatch(t *testing.T) {
	const untyped, available, probe, ping = `<message from='u@h' to='b@c'><subject>s</subject></message>`, `<presence from='u@h/r' to='c'/>`,
		`<presence type='probe' from='u@h' to='c'/>`, `<iq type='get' id='1' from='u@h/r' to='c'><ping xmlns='urn:xmpp:ping'/></iq>`
	for _, tc := range []struct {
		name     string
		m        Match
		yes, not []string
	}{
		{"empty", Match{}, []string{receiptWanted, untyped, available, ping, `<message/>`}, nil},
		{"to, case folded, resource not counted", Match{To: globs(t, "ECHO@bot.example.com")}, []string{receiptWanted}, []string{untyped, `<message/>`}},
		{"to, one of several", Match{To: globs(t, "x@y", "e?ho@*")}, []string{receiptWanted}, []string{untyped}},
		{"from", Match{From: globs(t, "*@example.com")}, []string{receiptWanted}, []string{untyped, `<message to='b@c'/>`}},
		{"from, a domain", Match{From: globs(t, "h")}, []string{untyped, available, ping}, []string{receiptWanted}},
		{"type", Match{Types: []string{"chat", "probe"}}, []string{receiptWanted, probe}, []string{untyped, available, ping}},
		{"type normal", Match{Types: []string{"normal"}}, []string{untyped, `<message type='normal'/>`, `<message type='..'/>`}, []string{receiptWanted, available, `<iq/>`}},
		{"type that is not known", Match{Types: []string{".."}}, nil, []string{`<message type='..'/>`}},
		{"type available", Match{Types: []string{"available"}}, []string{available}, []string{untyped, probe, `<iq/>`}},
		{"payload, not the first child", Match{Payloads: []Payload{{"urn:xmpp:receipts", "request"}}}, []string{receiptWanted},
			[]string{untyped, `<message><received xmlns='urn:xmpp:receipts'/></message>`, `<message><x xmlns='urn:x'><request xmlns='urn:xmpp:receipts'/></x></message>`}},
		{"payload, any name", Match{Payloads: []Payload{{NS: "urn:x"}, {NS: "urn:xmpp:ping"}}}, []string{ping, `<message><y xmlns='urn:x'/></message>`}, []string{receiptWanted}},
		{"payload of the stream", Match{Payloads: []Payload{{"jabber:client", "subject"}}}, []string{untyped, `<message><subject xmlns='jabber:client'/></message>`}, []string{receiptWanted}},
		{"body", Match{Body: true}, []string{receiptWanted, `<message><body/></message>`}, []string{untyped, `<message><x xmlns='urn:x'><body/></x></message>`}},
		{"all keys", Match{To: globs(t, "echo@*"), Types: []string{"chat"}, Body: true}, []string{receiptWanted},
			[]string{`<message type='chat' to='echo@c'/>`, `<message to='echo@c'><body/></message>`, `<message type='chat' to='other@c'><body/></message>`}},
	} {
		for want, list := range map[bool][]string{true: tc.yes, false: tc.not} {
			for _, xml := range list {
				if got := tc.m.Matches(parsed(xml)); got != want {
					t.Errorf("%s: %s: %v", tc.name, xml, got)
				}
			}
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	s := parsed(receiptWanted)
	for _, m := range []Match{{}, fullMatch(t)} {
		if n := testing.AllocsPerRun(100, func() { m.Matches(s) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func fullMatch(t testing.TB) Match {
	return Match{To: globs(t, "other@bot.example.com", "echo@bot.example.com"), From: globs(t, "*@example.org", "*@example.com"),
		Types: []string{"normal", "chat"}, Payloads: []Payload{{"urn:xmpp:receipts", "request"}}, Body: true}
}

func BenchmarkMatch(b *testing.B) {
	s := parsed(receiptWanted)
	for name, m := range map[string]Match{"empty": {}, "full": fullMatch(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !m.Matches(s) {
					b.Fatal("it does not match")
				}
			}
		})
	}
}

func TestEndpointMatches(t *testing.T) {
	e := &Endpoint{Component: "bot.example.com", Kinds: []stanza.Kind{stanza.Message}, Match: Match{Types: []string{"chat"}}}
	for xml, want := range map[string]bool{receiptWanted: true, `<message/>`: false, `<presence/>`: false, `<iq type='get'/>`: false} {
		if got := e.Matches("bot.example.com", parsed(xml)); got != want {
			t.Errorf("%s: %v", xml, got)
		}
	}
	if e.Matches("other.example.com", parsed(receiptWanted)) {
		t.Error("another component's stanza")
	}
	e.Component, e.Kinds, e.Match = "", nil, Match{}
	iq := parsed(`<iq type='get' id='1' from='u@example.com/r' to='echo@bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>`)
	if !e.Matches("other.example.com", parsed(receiptWanted)) || e.Matches("other.example.com", iq) {
		t.Error("an endpoint without a URL gets all but IQs")
	}
	if e.URL = "http://127.0.0.1/"; !e.Matches("other.example.com", iq) {
		t.Error("an IQ is not for a webhook")
	}
}
