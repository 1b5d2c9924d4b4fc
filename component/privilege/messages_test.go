package privilege_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/privilege"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

const domain = "bot.example.com"

// connected is a component with a keeper, connected to an in-process server.
func connected(t *testing.T, hosts ...string) (*componenttest.Server, *component.Link, *privilege.Keeper) {
	t.Helper()
	srv := componenttest.NewServer(t, domain, "secret")
	k := &privilege.Keeper{Log: zap.NewNop(), Hosts: hosts}
	l := srv.Connect(component.Options{Handler: k, Pace: component.Pace{First: time.Millisecond, Max: 5 * time.Millisecond}})
	return srv, l, k
}

// settled waits until the component has taken everything the server has sent.
func settled(t *testing.T, srv *componenttest.Server) {
	t.Helper()
	srv.Send("<iq type='get' from='example.com' to='" + domain + "' id='settled'><query xmlns='urn:example'/></iq>")
	srv.ExpectID("settled")
}

// reconnect makes the first connection end.
func reconnect(t *testing.T, srv *componenttest.Server, l *component.Link) {
	t.Helper()
	srv.Drop()
	srv.WaitConnected(2)
	require.NoError(t, l.WaitConnected(t.Context()))
}

func advert(host, namespace, perms string) string {
	return "<message from='" + host + "' to='" + domain + "'><privilege xmlns='" + namespace + "'>" + perms + "</privilege></message>"
}

func TestGranted(t *testing.T) {
	const v1, v2 = "urn:xmpp:privilege:1", "urn:xmpp:privilege:2"
	for _, tc := range []struct {
		name, advert, host, want string
		may                      bool
	}{
		{"nothing", "", "example.com", "none", false},
		{"all of Prosody", advert("example.com", v2, "<perm access='roster' type='both'/><perm access='message' type='outgoing'/><perm access='presence' type='managed_entity'/>"), "example.com", "roster=both message=outgoing presence=managed_entity", true},
		{"ejabberd 23", advert("example.com", v1, "<perm access='message' type='outgoing'/>"), "example.com", "message=outgoing", true},
		{"a later version", advert("example.com", "urn:xmpp:privilege:9", "<perm access='message' type='outgoing'/>"), "example.com", "message=outgoing", false},
		{"none", advert("example.com", v2, "<perm access='message' type='none'/><perm access='roster' type='none'/>"), "example.com", "none", false},
		{"another host", advert("example.com", v2, "<perm access='message' type='outgoing'/>"), "example.net", "none", false},
		{"a host that was named", advert("example.net", v2, "<perm access='message' type='outgoing'/>"), "example.net", "message=outgoing", true},
		{"a host that is not the server's", advert("example.org", v2, "<perm access='message' type='outgoing'/>"), "example.org", "none", false},
		{"a domain above the parent", advert("com", v2, "<perm access='message' type='outgoing'/>"), "com", "none", false},
		{"the component itself", advert(domain, v2, "<perm access='message' type='outgoing'/>"), domain, "none", false},
		{"a domain that ends like the parent", advert("e.com", v2, "<perm access='message' type='outgoing'/>"), "e.com", "none", false},
		{"a user", advert("juliet@example.com", v2, "<perm access='message' type='outgoing'/>"), "example.com", "none", false},
		{"a bounce of one", "<message type='error'" + strings.TrimPrefix(advert("example.com", v2, "<perm access='message' type='outgoing'/>"), "<message"), "example.com", "none", false},
		{"taken back", advert("example.com", v2, "<perm access='message' type='outgoing'/>") + advert("example.com", v2, "<perm access='roster' type='get'/>"), "example.com", "roster=get", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, _, k := connected(t, "example.net")
			if tc.advert != "" {
				srv.Send(tc.advert)
			}
			settled(t, srv)
			if g := k.Granted(tc.host); g.String() != tc.want || g.MaySend() != tc.may {
				t.Errorf("%v, may send: %v; want %s, %v", g, g.MaySend(), tc.want, tc.may)
			}
		})
	}
}

// Strangers fill no table for good: what they said on an earlier connection makes room.
func TestStrangers(t *testing.T) {
	srv, l, k := connected(t)
	perms := "<perm access='message' type='outgoing'/>"
	for i := range 20 {
		srv.Send(advert(fmt.Sprintf("s%d.example.org", i), "urn:xmpp:privilege:2", perms))
	}
	settled(t, srv)
	reconnect(t, srv, l)
	srv.Send(advert("example.net", "urn:xmpp:privilege:2", perms))
	settled(t, srv)
	if k.Granted("example.net").MaySend() {
		t.Error("believed before it is named")
	}
	k.SetHosts([]string{"example.net"})
	if !k.Granted("example.net").MaySend() {
		t.Error("what a host said before it was named is gone")
	}
}

func TestGrantedIQs(t *testing.T) {
	srv, _, k := connected(t)
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='iq'><namespace ns='a' type='get'><namespace ns='b' type='both'/></namespace><namespace ns='c' type='none'/></perm>"))
	settled(t, srv)
	if g := k.All()["example.com"]; len(g.IQ) != 2 || g.IQ["a"] != "get" || g.IQ["b"] != "both" {
		t.Errorf("%v", g.IQ)
	}
}

// Grants end with the connection they came on.
func TestGrantsEnd(t *testing.T) {
	srv, l, k := connected(t)
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='message' type='outgoing'/>"))
	settled(t, srv)
	if !k.Granted("example.com").MaySend() {
		t.Fatal("not granted")
	}
	reconnect(t, srv, l)
	settled(t, srv)
	if g := k.Granted("example.com"); g.MaySend() || len(k.All()) != 0 {
		t.Errorf("on the next connection: %v", g)
	}
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='message' type='outgoing'/>"))
	settled(t, srv)
	if !k.Granted("example.com").MaySend() {
		t.Error("not granted again")
	}
}

// deliver sends over a link and waits for the confirmation.
func deliver(l *component.Link) func(context.Context, *stanza.Stanza) error {
	return func(ctx context.Context, s *stanza.Stanza) error { return componenttest.Confirm(ctx, l, s) }
}

func chat(from, id string) *stanza.Stanza {
	return stanza.Must(stanza.Chat(jid.MustParse(from), jid.MustParse("romeo@example.org"), id, "hello"))
}

func TestSendAsUser(t *testing.T) {
	for _, namespace := range []string{"urn:xmpp:privilege:1", "urn:xmpp:privilege:2"} {
		srv, l, k := connected(t)
		m := &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: jid.MustParse(domain)}}, Deliver: deliver(l)}
		if done, err := m.Send(t.Context(), chat("juliet@example.com", "1")); done || !errors.Is(err, privilege.ErrNotGranted) {
			t.Errorf("before the grant: %v %v", done, err)
		}
		srv.Send(advert("example.com", namespace, "<perm access='message' type='outgoing'/>"))
		settled(t, srv)
		if !m.Granted("example.com") || m.Granted("example.net") {
			t.Error("what is granted is not what was")
		}
		if done, err := m.Send(t.Context(), chat("juliet@example.com", "2")); !done || err != nil {
			t.Fatal(done, err)
		}
		s := srv.Expect("the wrapping", func(s *stanza.Stanza) bool { return s.To == jid.MustParse("example.com") })
		want := "<privilege xmlns='" + namespace + "'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' id='2' from='juliet@example.com' to='romeo@example.org'><body>hello</body></message></forwarded></privilege>"
		if s.Inner() != want || s.From != jid.MustParse(domain) {
			t.Errorf("%s\nwant inside\n%s", s.XML(), want)
		}
	}
}

func TestSendAsUserIsRefused(t *testing.T) {
	srv, l, k := connected(t)
	m := &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: jid.MustParse(domain)}}, Deliver: deliver(l)}
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='message' type='outgoing'/>"))
	settled(t, srv)
	srv.SwallowMarkers(true)
	result := make(chan error)
	go func() {
		done, err := m.Send(t.Context(), chat("juliet@example.com", "1"))
		if done {
			err = errors.New("done")
		}
		result <- err
	}()
	s := srv.Expect("the wrapping", func(s *stanza.Stanza) bool { return s.To == jid.MustParse("example.com") })
	srv.Send("<message type='error' id='" + s.ID + "' from='com' to='" + domain + "'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	srv.Send("<message type='error' id='" + s.ID + "' from='example.com' to='" + domain + "'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	settled(t, srv)
	srv.SwallowMarkers(false)
	srv.Drop() // the next connection confirms what went before
	var refusal *stanza.Error
	if err := <-result; !errors.Is(err, privilege.ErrRefused) || !errors.As(err, &refusal) || refusal.Condition != stanza.Forbidden {
		t.Errorf("%v", err)
	}
}

func TestSendAsUserTooLarge(t *testing.T) {
	srv, l, k := connected(t)
	m := &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: jid.MustParse(domain), Limits: stanza.Limits{MaxBytes: 250}}}, Deliver: deliver(l)}
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='message' type='outgoing'/>"))
	settled(t, srv)
	if done, err := m.Send(t.Context(), chat("juliet@example.com", "1")); done || !errors.Is(err, privilege.ErrNotGranted) {
		t.Errorf("%v %v", done, err)
	}
}
