package rooms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/stanza"
)

const (
	archives = "<feature var='urn:xmpp:mam:2'/>"
	kept     = "<message to='echo@bot.example.com/room' from='ops@rooms.example.com'><result xmlns='urn:xmpp:mam:2' id='a1'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-28T03:00:00Z'/>" +
		"<message xmlns='jabber:client' type='groupchat' from='ops@rooms.example.com/Alice'><body>hi</body><delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='2001-01-01T00:00:00Z'/>" +
		"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='boss'/><stanza-id xmlns='urn:xmpp:sid:0' by='echo@bot.example.com' id='of the bot'/></message></forwarded></result></message>"
)

// A room says itself whether it has an archive. Where it is off, Prosody answers as if nothing was
// in it, and ejabberd with its history.
func TestHistoryOfRoomsWithoutArchives(t *testing.T) {
	for _, c := range []struct {
		name, messages, traits string
		items                  int
		err                    error
	}{
		{"off, on Prosody", "", "<feature var='urn:xmpp:sid:0'/>", 0, rooms.ErrNoArchive},
		{"off, on ejabberd", kept, "<feature var='muc_open'/>", 0, rooms.ErrNoArchive},
		{"on, with nothing in it", "", archives, 0, nil},
		{"on since the bot came", kept, archives, 1, nil},
	} {
		if list, err := historyOf(t, c.messages, c.traits); !errors.Is(err, c.err) || len(list) != c.items {
			t.Errorf("%s: %v %+v, want %v", c.name, err, list, c.err)
		}
	}
}

// What people wrote in the room's place is not in the messages of its archive, either.
func TestHistoryIsBelieved(t *testing.T) {
	list, err := historyOf(t, kept, archives)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if xml := list[0].Stanza.XML(); !strings.Contains(xml, "<body>hi</body>") || strings.Contains(xml, "2001") || strings.Contains(xml, "boss") || strings.Contains(xml, "of the bot") {
		t.Error(xml)
	}
}

// historyOf asks a room for its history, which answers with messages, and about itself with traits.
func historyOf(t *testing.T, messages, traits string) ([]rooms.Archived, error) {
	t.Helper()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting())
	b.joins("maxstanzas='0'")
	b.expect("room.joined")
	type answer struct {
		list []rooms.Archived
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		list, _, err := b.rooms.History(t.Context(), ops, echo, rooms.Page{Max: 10})
		answers <- answer{list, err}
	}()
	ask := srv.Expect("the question for the archive", func(s *stanza.Stanza) bool { _, is := s.Child("urn:xmpp:mam:2", "query"); return is })
	query, _ := ask.Child("urn:xmpp:mam:2", "query")
	id, _ := ask.ChildAttr(query, "queryid")
	if messages != "" {
		srv.Send(strings.Replace(messages, "<result ", fmt.Sprintf("<result queryid='%s' ", id), 1))
	}
	srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>", ask.ID, ask.To, ask.From))
	ask = srv.Expect("the question about the room, which had no archive when the bot came", func(s *stanza.Stanza) bool {
		_, is := s.Child("http://jabber.org/protocol/disco#info", "query")
		return is
	})
	srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", ask.ID, ask.To, ask.From, traits))
	got := <-answers
	return got.list, got.err
}
