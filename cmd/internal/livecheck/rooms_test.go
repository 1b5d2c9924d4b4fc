package livecheck

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Services of rooms are asked, and what is in the way there is shown with the lines that help:
// of a running instance, and without one.
func TestRooms(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	srv.Answer(func(s *stanza.Stanza) string {
		info := map[string]string{"rooms.example.com": "<feature var='urn:xmpp:mam:2'/>", "example.com": "<identity name='Prosody'/>", "plain.example.com": ""}
		inner, ok := info[s.To.String()]
		if !ok {
			return fmt.Sprintf("<iq type='error' id='%s' from='%s' to='%s'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", s.ID, s.To, s.From)
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", s.ID, s.To, s.From, inner)
	})
	link := component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret")})
	componenttest.Run(t, link)
	if err := link.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{}
	for n := range 82 {
		cfg.Rooms = append(cfg.Rooms, config.Room{Address: jid.MustParse(fmt.Sprintf("r%d@rooms.example.com", n)), Bot: jid.MustParse("echo@bot.example.com")})
	}
	cfg.Rooms = append(cfg.Rooms, config.Room{Address: jid.MustParse("r0@rooms.example.com"), Bot: jid.MustParse("news@bot.example.com")})
	i := &Inspection{Config: cfg, Links: map[string]*component.Link{"bot.example.com": link}}
	shown := func() (all []string) {
		for _, s := range i.roomServices() {
			for _, c := range i.rooms(t.Context(), &s) {
				line := fmt.Sprint(c.Verdict, " ", c.Subject, " ", c.Found)
				if c.Advice != nil {
					line += " → " + *c.Advice
				}
				all = append(all, line)
			}
		}
		return all
	}
	has := func(got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%d lines: %s", len(got), strings.Join(got, "\n"))
			return
		}
		for n := range want {
			if !strings.HasPrefix(got[n], want[n]) {
				t.Errorf("%s, want %s", got[n], want[n])
			}
		}
	}
	has(shown(),
		"ok rooms.example.com Prosody answers IQs; 82 rooms of bots",
		"ok rooms.example.com bots are in 82 rooms, and Prosody keeps 100 in memory by default; with more, each access reads the disk → set muc_room_cache_size = 2000",
		"ok rooms.example.com no bot has tried to make a room since the start",
		"ok rooms.example.com rooms can have an archive (XEP-0313)")
	i.Rooms = func() []rooms.Service {
		of := func(host string) services.Offer {
			return services.Offer{Component: "bot.example.com", Service: jid.MustParse(host)}
		}
		return []rooms.Service{
			{Offer: of("plain.example.com"), Software: services.Ejabberd, States: map[muc.State]int{muc.Joined: 100, muc.Waiting: 1}, Rooms: 101, Most: 101, MostJoined: 100, Limit: 100, Creation: rooms.Created},
			{Offer: of("gone.example.com"), Rooms: 1, Creation: "Room creation is restricted"},
		}
	}
	has(shown(),
		"ok plain.example.com ejabberd answers IQs; 101 rooms of bots: 100 joined, 0 joining, 1 waiting, 0 refused",
		"warn plain.example.com a bot can be in 100 rooms, and the others wait → ejabberd: set max_user_conferences: 2000",
		"ok plain.example.com bots can make rooms",
		"warn plain.example.com rooms have no archive (XEP-0313)",
		"ok gone.example.com 1 room of bots",
		"warn gone.example.com the server answers remote-server-not-found → is there such a service?",
		"warn gone.example.com bots cannot make rooms (Room creation is restricted) → ")
	i.Links["bot.example.com"] = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr()})
	if got := shown(); len(got) > 0 {
		t.Errorf("without a connection: %v", got)
	}
}
