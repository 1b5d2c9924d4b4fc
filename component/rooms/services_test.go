package rooms_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// What services of rooms offer is known per service, with advice where a limit was met.
func TestServices(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var all []rooms.Settings
	for _, name := range []string{"in@a.example.com", "full@a.example.com", "new@b.example.com", "denied@c.example.com", "locked@c.example.com"} {
		set := setting()
		set.Room, set.Create = jid.MustParse(name), strings.HasPrefix(name, "new") || strings.HasPrefix(name, "denied")
		all = append(all, set)
	}
	srv.Answer(func(x *stanza.Stanza) string {
		fails := func(typ, condition, text string) string {
			return fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>%s</text></error></presence>", x.To, x.From, typ, condition, text)
		}
		subject := fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", x.To.Bare(), x.From)
		switch name := x.To.Bare().String(); {
		case x.Kind == stanza.IQ && x.To.IsDomain():
			return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mucsub:0'/></query></iq>", x.ID, x.To, x.From)
		case x.Kind == stanza.IQ:
			return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", x.ID, x.To, x.From)
		case !isJoin(x):
		case name == "in@a.example.com":
			return in(x.To.String(), x.From.String()) + subject
		case name == "new@b.example.com":
			return strings.Replace(in(x.To.String(), x.From.String()), "<status code='110'/>", "<status code='201'/><status code='110'/>", 1) + subject
		case name == "full@a.example.com":
			return fails("wait", "resource-constraint", "You have joined too many conferences")
		case name == "denied@c.example.com":
			return fails("auth", "forbidden", "Room creation is denied by service policy")
		case name == "locked@c.example.com":
			return fails("auth", "not-authorized", "Password required")
		}
		return "<message from='u@example.com' to='bot.example.com'/>"
	})
	offers := services.New(nil)
	kept := openStore(t, t.TempDir())
	b := startWith(t, srv, kept, offers, policy(), all...)
	var got []rooms.Service
	componenttest.Eventually(t, "the joins and answers", func() bool {
		n := b.rooms.Counts()
		got = b.rooms.Services() // after the counts, so that it is not older
		return n[muc.Joined] == 2 && n[muc.Waiting] == 1 && n[muc.Refused] == 2 && !slices.ContainsFunc(got, func(s rooms.Service) bool { return s.Software != services.Ejabberd })
	})
	var told []string
	for _, s := range got {
		told = append(told, fmt.Sprintf("%s %v %v rooms %d most %d in %d limit %d creation %q", s.Offer.Service, *s.Answers, s.States, s.Rooms, s.Most, s.MostJoined, s.Limit, s.Creation))
	}
	want := []string{
		`a.example.com true map[joined:1 joining:0 refused:0 waiting:1] rooms 2 most 2 in 1 limit 1 creation ""`,
		`b.example.com true map[joined:1 joining:0 refused:0 waiting:0] rooms 1 most 1 in 1 limit 0 creation "created"`,
		`c.example.com true map[joined:0 joining:0 refused:2 waiting:0] rooms 2 most 2 in 0 limit 0 creation "Room creation is denied by service policy"`,
	}
	if !slices.Equal(told, want) {
		t.Errorf("%s", strings.Join(told, "\n"))
	}
	for i, part := range []string{"max_user_conferences: 2000", "", "access_create"} {
		if advice := strings.Join(got[i].Advice(), "\n"); !strings.Contains(advice, part) || part == "" && advice != "" {
			t.Errorf("%s: %q", got[i].Offer.Service, advice)
		}
	}
	// that the bot was refused is stored; who reads it knows of what kind
	componenttest.Eventually(t, "that the refusals are stored", func() bool {
		records, _ := kept.Rooms().All(t.Context())
		n := 0
		for _, r := range records {
			if len(r.Refused) > 0 {
				n++
			}
		}
		return n == 2
	})
	b.stop()
	b = startWith(t, srv, kept, services.New(nil), policy(), all...)
	if c := b.rooms.Services()[2]; !c.Creation.Denied() {
		t.Errorf("after a restart: %+v", c)
	}
}

// Servers are advised about their defaults when many rooms are in use.
func TestAdvice(t *testing.T) {
	answers, silent := true, false
	offer := services.Offer{Component: "bot.example.com", Service: jid.MustParse("rooms.example.com"), Answers: &answers}
	for _, c := range []struct {
		s    rooms.Service
		want string
	}{
		{rooms.Service{Offer: offer, Software: services.Ejabberd, Rooms: 80, Most: 80}, ""},
		{rooms.Service{Offer: offer, Software: services.Ejabberd, Rooms: 81, Most: 81, MostJoined: 81}, "a bot has 81 rooms, and ejabberd lets it be in 100 by default: set max_user_conferences: 2000"},
		{rooms.Service{Offer: offer, Software: services.Ejabberd, Rooms: 150, Most: 150, MostJoined: 150}, ""}, // it is set
		{rooms.Service{Offer: offer, Software: services.Ejabberd, Rooms: 150, Most: 150, MostJoined: 100, Limit: 100}, "a bot can be in 100 rooms, and the others wait: ejabberd: set max_user_conferences: 2000"},
		{rooms.Service{Offer: offer, Software: services.Prosody, Rooms: 80}, ""},
		{rooms.Service{Offer: offer, Software: services.Prosody, Rooms: 81}, `muc_room_cache_size = 2000 in Component "rooms.example.com" "muc"`},
		{rooms.Service{Offer: offer, Rooms: 500, Most: 500}, ""},
		{rooms.Service{Offer: services.Offer{Answers: &silent}}, "mod_privilege"},
		{rooms.Service{Offer: services.Offer{Answers: &answers, Condition: stanza.RemoteServerNotFound}}, "is there such a service"},
		{rooms.Service{Offer: offer, Software: services.Prosody, Creation: "Room creation is restricted"}, "restrict_room_creation = false"},
		{rooms.Service{Offer: offer, Creation: rooms.Created}, ""},
	} {
		advice := strings.Join(c.s.Advice(), "\n")
		if !strings.Contains(advice, c.want) || c.want == "" && advice != "" {
			t.Errorf("%+v: %q, want %q", c.s, advice, c.want)
		}
	}
}
