package bots_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/component"
	"stanzahook/component/bots"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// With only the bots that have a profile, the others do not exist, whatever is sent to them.
func TestOnly(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	b := bots.New(bots.Options{})
	b.Set([]bots.Bot{bot("echo@bot.example.com", nil)})
	var passed []string
	srv.Connect(component.Options{Handler: component.Chain{b.Guard(), component.HandlerFunc(func(in *component.Incoming) bool {
		passed = append(passed, in.To.String()+" "+in.Kind.String()+" "+in.Type)
		in.Result("")
		return true
	})}})
	n := 0
	say := func(to string) (answers string) {
		t.Helper()
		n++
		header := fmt.Sprintf("from='u@example.com/r' to='%s'", to)
		srv.Send("<message type='chat' id='m' " + header + "><body>hi</body></message><message type='groupchat' " + header + "/><message type='error' " + header + "/>" +
			"<presence " + header + "/><presence type='subscribe' id='s' " + header + "/><presence type='probe' " + header + "/><presence type='unsubscribe' " + header + "/>" +
			"<iq type='set' id='q' " + header + "><x xmlns='urn:x'/></iq>" + fmt.Sprintf("<iq type='get' id='end%d' from='u@example.com/r' to='bot.example.com'><x xmlns='urn:x'/></iq>", n))
		srv.ExpectID(fmt.Sprint("end", n))
		var all []string
		for _, s := range srv.Received() {
			text := s.ID + " " + s.Kind.String() + " " + s.Type + " " + s.To.String()
			if e, failed := s.StanzaError(); failed {
				text += " " + string(e.Condition)
			}
			all = append(all, text)
		}
		for range all {
			srv.Expect("what was received", func(*stanza.Stanza) bool { return true })
		}
		return strings.Join(all, "\n")
	}
	say("other@bot.example.com")
	if len(passed) != 9 {
		t.Fatalf("passed %q", passed)
	}
	if !b.SetOnly(true) || b.SetOnly(true) {
		t.Error("SetOnly")
	}
	passed = nil
	if got, want := say("other@bot.example.com/x"), "m message error u@example.com/r service-unavailable\ns presence unsubscribed u@example.com\n presence unsubscribed u@example.com\nq iq error u@example.com/r service-unavailable"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(passed) != 1 {
		t.Errorf("passed on: %q", passed)
	}
	for _, to := range []string{"echo@bot.example.com", "echo@bot.example.com/r", "bot.example.com"} {
		if passed = nil; say(to) == "" || len(passed) != 9 {
			t.Errorf("of %s were passed on: %q", to, passed)
		}
	}
}
