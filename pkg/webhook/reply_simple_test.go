package webhook

import (
	"testing"

	"stanzahook/pkg/stanza"
)

// sameReply fails if the short way makes another reply than the long one.
func sameReply(t *testing.T, data []byte) (short bool) {
	t.Helper()
	_, _, short = simple(data)
	for _, xml := range []string{
		"<message type='chat' id='m1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>",
		"<message from='room@example.com/r' to='echo@bot.example.com' type='groupchat'><body>hi</body></message>",
		"<iq type='get' id='q1' from='u@example.com/r' to='echo@bot.example.com'><query xmlns='urn:x'/></iq>",
	} {
		ev := &Event{ID: "evt_1", Component: "bot.example.com", Stanza: parsed(xml)}
		for _, fill := range []func(*replier, stanza.Header) stanza.Header{fillEvent, fillRest} {
			e := &Endpoint{Name: "echo"}
			one, err1 := (&replier{e: e, ev: ev, fill: fill, note: new(Note)}).object(data)
			two, err2 := (&replier{e: e, ev: ev, fill: fill, note: new(Note)}).anyObject(data)
			switch {
			case (err1 == nil) != (err2 == nil), (one == nil) != (two == nil):
				t.Fatalf("%q: %v %v, the long way %v %v", data, one, err1, two, err2)
			case one != nil && one.XML() != two.XML():
				t.Fatalf("%q:\n%s\nthe long way\n%s", data, one.XML(), two.XML())
			}
		}
	}
	return short
}

func TestSimpleReplies(t *testing.T) {
	for data, want := range map[string]bool{
		`{"body":"pong"}`: true,
		` { "body" : "a \"b\" \u00e4 <>&\n" , "id":"7"} `: true,
		`{"type":"headline","body":"x"}`:                  true,
		`{"type":"error","body":"x"}`:                     false,
		`{"body":"x","body":"y"}`:                         false,
		`{"body":"\u0000"}`:                               false,
		`{"body":"\ud800"}`:                               true,
		`{"body":1}`:                                      false,
		`{"body":"x","thread":"t"}`:                       false,
		`{"body":"x",}`:                                   false,
		`{"body":"x"}}`:                                   false,
		`{"body":""}`:                                     false,
		`{"id":"1"}`:                                      false,
		"{\"body\":\"a\nb\"}":                             false,
		`{}`:                                              false,
		`{"body":"x"`:                                     false,
		`{"body":"x\"}`:                                   false,
	} {
		if got := sameReply(t, []byte(data)); got != want {
			t.Errorf("%s: the short way %v, want %v", data, got, want)
		}
	}
}

func FuzzSimpleReply(f *testing.F) {
	f.Add([]byte(`{"body":"x","id":"1","type":"chat"}`))
	f.Add([]byte(`{"body":"\u00e4\\"}`))
	f.Fuzz(func(t *testing.T, data []byte) { sameReply(t, data) })
}
