//go:build integration

package link

import (
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Attributes with a prefix reach the webhook, or are left out where the server
// has left out the declaration of the prefix (ejabberd); the stanza is delivered
// whatever becomes of them.
func TestPrefixesThatAServerLeavesUndeclared(t *testing.T) {
	stanzas := []string{
		"<message to='echo@undeclared.localhost' type='chat' id='u-0' xmlns:p='urn:example:p' p:x='1'><body>zero</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-1' xmlns:p='urn:example:p'><body p:x='1'>one</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-2'><a xmlns='urn:example:a' xmlns:p='urn:example:p'><b p:x='1'/></a><body>two</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-3'><a xmlns='urn:example:a' xmlns:p='urn:example:p' p:x='1' y='2'/><body>three</body></message>",
	}
	// Their prefix is declared by the client's stream alone.
	const ofTheStream = "<message s:x='1' to='echo@undeclared.localhost' type='chat' id='u-4'><a xmlns='urn:example:a' s:y='2'/><body s:z='3'>four</body></message>"
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		harness.LaunchConnected(t, harness.OneComponent(s, "undeclared", b))
		user, raw := harness.Login(t, s, "dave"), declaring(t, s, "frank", "xmlns:s='urn:example:s'")
		for i, x := range append(stanzas, ofTheStream) {
			if x == ofTheStream {
				if _, err := raw.Write([]byte(x)); err != nil {
					t.Fatal(err)
				}
			} else {
				user.Send("%s", x)
			}
			harness.Eventually(t, fmt.Sprintf("stanza %d reaches the webhook", i), func() bool { return len(b.Got()) > i })
			h := b.Got()[i]
			if h.Stanza != fmt.Sprintf("u-%d", i) || h.Body != [...]string{"zero", "one", "two", "three", "four"}[i] {
				t.Errorf("%s", h.Raw)
			}
			if _, err := parseTree(h.XML); err != nil || undeclared(h.XML, "p") || undeclared(h.XML, "s") {
				t.Errorf("data.stanza does not stand on its own: %v: %s", err, h.XML)
			}
		}
	})
}

// declaring is the connection of a user whose stream declares a prefix.
func declaring(t *testing.T, s *lab.Server, name, declaration string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.ClientAddr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Patience)))
	header := "<?xml version='1.0'?><stream:stream to='" + s.Host() + "' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' " + declaration + ">"
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + harness.Password))
	for _, step := range [][2]string{
		{header, "</stream:features>"},
		{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + "</auth>", "<success"},
		{header, "</stream:features>"},
		{"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>"},
	} {
		if _, err := conn.Write([]byte(step[0])); err != nil {
			t.Fatal(err)
		}
		for got, buf := "", make([]byte, 4096); !strings.Contains(got, step[1]); {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("instead of %s came %q: %v", step[1], got, err)
			}
			got += string(buf[:n])
		}
	}
	return conn
}

// undeclared reports whether an attribute has a prefix that is not declared.
func undeclared(xml, prefix string) bool {
	return strings.Contains(xml, " "+prefix+":") && !strings.Contains(xml, "xmlns:"+prefix+"=")
}

// The answer to an IQ has the id of the request, also if that is empty: a server
// that keeps account of them (ejabberd) delivers no other.
func TestAnIQWithAnEmptyID(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			return 200, "application/xmpp+xml", "<iq type='result'><query xmlns='urn:example:q'>ours</query></iq>"
		})
		c := harness.OneComponent(s, "emptyid", b)
		c.Endpoints[0].Stanzas = []string{"message", "iq"}
		harness.LaunchConnected(t, c)
		user := harness.Login(t, s, "erin")
		user.Send("<iq to='echo@emptyid.localhost' type='get' id=''><query xmlns='urn:example:q'/></iq>")
		r := user.Await("the webhook's answer", func(r lab.Received) bool { return r.Kind == "iq" && r.From == "echo@emptyid.localhost" })
		if r.ID != "" || r.Type != "result" || !strings.Contains(r.Inner, "ours") {
			t.Errorf("%+v", r)
		}
		b.AnswerWith(func(*harness.Hook) (int, string, string) { return 400, "", "" })
		user.Send("<iq to='echo@emptyid.localhost' type='get' id=''><query xmlns='urn:example:q'/></iq>")
		r = user.Await("an error", func(r lab.Received) bool { return r.Kind == "iq" && r.From == "echo@emptyid.localhost" })
		if r.ID != "" || r.Error != "bad-request" {
			t.Errorf("%+v", r)
		}
	})
}
