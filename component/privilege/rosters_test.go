package privilege_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component/privilege"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

var john = jid.MustParse("john@example.com")

// edit makes one edit of john's roster.
func edit(t *testing.T, r *privilege.Rosters, e roster.Edit) error {
	t.Helper()
	results := r.Change(t.Context(), john, []roster.Edit{e})
	if len(results) != 1 {
		t.Fatalf("%d results of one edit", len(results))
	}
	return results[0]
}

func gone(name string) roster.Edit {
	return roster.Edit{Item: roster.Item{JID: jid.MustParse(name + "@example.com")}, Remove: true}
}

// The IQs are those of RFC 6121, one contact each, from an address that
// Prosody's mod_remote_roster leaves alone.
func TestRosterIQs(t *testing.T) {
	srv, l, _ := connected(t)
	r, err := privilege.NewRosters(l, stanza.Limits{}, 10*time.Second, zap.NewNop())
	require.NoError(t, err)
	var asked []string
	srv.Answer(func(x *stanza.Stanza) string {
		asked = append(asked, fmt.Sprintf("%s %s to %s: %s", x.From, x.Type, x.To, x.Inner()))
		payload := ""
		if x.Type == "get" {
			payload = `<query xmlns='jabber:iq:roster' ver='7'><item jid='Marie@Example.com' name='M &amp; "m"' subscription='to' ask='subscribe'><group>B</group><group>A</group><group>B</group></item><item jid='zoe@example.com'/><item subscription='weird' jid='a b@example.com'/></query>`
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'>%s</iq>", x.ID, x.To, x.From, payload)
	})
	have, err := r.Get(t.Context(), john)
	require.NoError(t, err)
	odd := jid.FromServer("a b@example.com")
	want := roster.Roster{
		jid.MustParse("marie@example.com"): {JID: jid.MustParse("marie@example.com"), Name: `M & "m"`, Groups: []string{"A", "B"}, Subscription: roster.To},
		jid.MustParse("zoe@example.com"):   {JID: jid.MustParse("zoe@example.com"), Subscription: roster.None},
		odd:                                {JID: odd, Subscription: roster.None},
	}
	if !have.Equal(want) {
		t.Errorf("got  %v\nwant %v", have, want)
	}
	if err := edit(t, r, roster.Edit{Item: roster.NewItem(jid.MustParse("marie@example.com"), `<&'">`, []string{"B&", "A"}, roster.Both)}); err != nil {
		t.Error(err)
	}
	if err := edit(t, r, roster.Edit{Item: roster.Item{JID: jid.MustParse("bot.example.com"), Subscription: roster.None}}); err != nil {
		t.Error(err)
	}
	if err := edit(t, r, gone("marie")); err != nil {
		t.Error(err)
	}
	got, expect := strings.Join(asked, "\n"), `bot.example.com/roster get to john@example.com: <query xmlns='jabber:iq:roster'/>
bot.example.com/roster set to john@example.com: <query xmlns='jabber:iq:roster'><item jid='marie@example.com' name='&lt;&amp;&apos;&quot;&gt;' subscription='both'><group>A</group><group>B&amp;</group></item></query>
bot.example.com/roster set to john@example.com: <query xmlns='jabber:iq:roster'><item jid='bot.example.com' subscription='none'></item></query>
bot.example.com/roster set to john@example.com: <query xmlns='jabber:iq:roster'><item jid='marie@example.com' subscription='remove'/></query>`
	if got != expect {
		t.Errorf("asked\n%s\nwant\n%s", got, expect)
	}
}

// What servers answer, in the words of package roster.
func TestRosterErrors(t *testing.T) {
	srv, l, _ := connected(t)
	r, err := privilege.NewRosters(l, stanza.Limits{}, 10*time.Second, zap.NewNop())
	require.NoError(t, err)
	item := roster.Item{JID: jid.MustParse("marie@example.com"), Subscription: roster.Both}
	do := map[string]func() error{
		"get":    func() error { _, err := r.Get(t.Context(), john); return err },
		"set":    func() error { return edit(t, r, roster.Edit{Item: item}) },
		"remove": func() error { return edit(t, r, gone("marie")) },
	}
	for _, tc := range []struct {
		what, error string
		want        error
	}{
		{"get", "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrForbidden},
		{"set", "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrForbidden},
		{"get", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrForbidden},
		{"set", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrNoSuchUser},
		{"remove", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrNoSuchUser},
		{"remove", "<error type='modify'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", nil},
		{"set", "<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Module failed to handle the query</text></error>", roster.ErrCannot},
		{"remove", "<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", roster.ErrCannot},
		{"set", "<query xmlns='jabber:iq:roster'/><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", &stanza.Error{Condition: stanza.NotAllowed}},
		{"set", "<error/>", &stanza.Error{Condition: stanza.UndefinedCondition}},
	} {
		srv.Answer(func(x *stanza.Stanza) string {
			return fmt.Sprintf("<iq type='error' id='%s' from='%s' to='%s'>%s</iq>", x.ID, x.To, x.From, tc.error)
		})
		if err := do[tc.what](); !errors.Is(err, tc.want) {
			t.Errorf("%s with %s: %v", tc.what, tc.error, err)
		} else if errors.Is(err, roster.ErrCannot) && !strings.Contains(err.Error(), "rosters[].ejabberd_api") || errors.Is(err, roster.ErrForbidden) && !strings.Contains(err.Error(), "operator's guide") {
			t.Errorf("it does not say what to do: %v", err)
		}
	}
	srv.Answer(nil)
	quick, err := privilege.NewRosters(l, stanza.Limits{}, time.Millisecond, zap.NewNop())
	require.NoError(t, err)
	if _, err := quick.Get(t.Context(), john); !errors.Is(err, roster.ErrTimeout) {
		t.Errorf("no answer: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- do["set"]() }()
	srv.Expect("the set", func(x *stanza.Stanza) bool { return x.Type == "set" })
	srv.Close()
	if err := <-done; !errors.Is(err, gateway.ErrDown) {
		t.Errorf("the link is lost: %v", err)
	}
	if err := do["get"](); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("no link: %v", err)
	}
}

// XEP-0321 has the component's own contacts only, and its own address.
func TestRemoteRosters(t *testing.T) {
	srv, l, _ := connected(t, "example.com")
	r := privilege.NewRemoteRosters(l, stanza.Limits{}, 10*time.Second)
	if !r.Reaches(jid.MustParse("echo@bot.example.com")) || r.Reaches(jid.MustParse("marie@example.com")) {
		t.Error("it reaches the contacts of others, or not its own")
	}
	srv.Answer(func(x *stanza.Stanza) string {
		if x.From.String() != domain || x.Type != "get" {
			return ""
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", x.ID, x.To, x.From)
	})
	if have, err := r.Get(t.Context(), john); err != nil || len(have) != 0 {
		t.Errorf("%v, %v", have, err)
	}
	// What the server pushes is answered, and goes to nobody.
	srv.Send("<iq type='set' id='push1' from='john@example.com' to='" + domain + "'><query xmlns='jabber:iq:roster'><item jid='echo@bot.example.com' subscription='both'/></query></iq>")
	if x := srv.ExpectID("push1"); x.Type != "result" {
		t.Errorf("the push was answered with %s", x.XML())
	}
	srv.Send("<iq type='set' id='push2' from='john@example.net' to='" + domain + "'><query xmlns='jabber:iq:roster'><item jid='echo@bot.example.com' subscription='both'/></query></iq>")
	if x := srv.ExpectID("push2"); x.Type != "error" {
		t.Errorf("a stranger's push was answered with %s", x.XML())
	}
}

// Presence of managed users is reported; repeated presence is marked.
func TestPresenceOfManagedUsers(t *testing.T) {
	srv, _, k := connected(t)
	var mu sync.Mutex
	var seen []string
	k.Presence = func(from jid.JID, available, repeated bool) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(from, " ", available, " ", repeated))
	}
	presence := func(attrs, inner string) {
		srv.Send("<presence to='" + domain + "' " + attrs + ">" + inner + "</presence>")
	}
	presence("from='early@example.com/x'", "") // nothing is granted yet
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='presence' type='managed_entity'/>"))
	presence("from='john@example.com/phone'", "<delay xmlns='urn:xmpp:delay' stamp='2026-11-24T06:17:11Z' from='example.com'/>")
	presence("from='john@example.com/laptop'", "<show>dnd</show>")
	presence("from='john@example.com/laptop' type='unavailable'", "")
	presence("from='john@example.com' type='subscribe'", "")
	presence("from='john@example.net/x'", "")
	settled(t, srv)
	mu.Lock()
	defer mu.Unlock()
	want := "john@example.com/phone true true\njohn@example.com/laptop true false\njohn@example.com/laptop false false"
	if got := strings.Join(seen, "\n"); got != want {
		t.Errorf("presence\n%s\nwant\n%s", got, want)
	}
}

// Right after the handshake what is granted may still be on its way.
func TestGrantedSoon(t *testing.T) {
	srv, l, k := connected(t)
	got := make(chan privilege.Grants, 1)
	go func() { got <- k.GrantedSoon(t.Context(), l, "example.com") }()
	srv.Send(advert("example.com", "urn:xmpp:privilege:2", "<perm access='roster' type='both'/>"))
	if g := <-got; g.Roster != "both" {
		t.Errorf("%v", g)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if g := k.GrantedSoon(ctx, l, "example.net"); g.Roster != "" {
		t.Errorf("of another host: %v", g)
	}
}
