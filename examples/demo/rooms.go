package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"stanzahook/deploy/lab"
)

const (
	roomsDomain = "rooms." + lab.DefaultHost
	roomJID     = "lounge@" + roomsDomain
)

// roomsOf is what the server's configuration needs for rooms, with archives, so that messages
// there have ids, which replies and reactions need. ejabberd puts sections of the
// same name together.
func roomsOf(kind lab.Kind) string {
	if kind == lab.Ejabberd {
		return fmt.Sprintf("\nmodules:\n  mod_mam: {}\n  mod_muc:\n    host: %q\n    default_room_options: {mam: true}\n", roomsDomain)
	}
	return fmt.Sprintf("\nComponent %q \"muc\"\n\tmodules_enabled = { \"muc_mam\" }\n", roomsDomain)
}

// meet: a program speaks in a room, which the bot joins for that, and the bot answers there.
func (s *stage) meet(ctx context.Context) error {
	const news, question = "The build is green.", "Is anybody in this room?"
	s.out.begin("In a room: %s opens %s, and a program says something there …", userName, roomJID)
	if err := s.openRoom(ctx); err != nil {
		return fmt.Errorf("the room: %w", err)
	}
	status, answer, err := s.post(ctx, "/v1/messages?join=1&wait=30s", "application/json", fmt.Sprintf(`{"from":%q,"to":%q,"body":%q}`, botJID, roomJID, news))
	if err != nil {
		return err
	}
	if status != http.StatusOK || !strings.Contains(answer, `"echoed"`) {
		return fmt.Errorf("it was answered with %d: %s", status, answer)
	}
	s.out.note("(the bot has joined the room for that, stays in it, and everybody there has the message)")
	if err := s.roomSays(ctx, news); err != nil {
		return err
	}
	s.out.note("%s: %q", userName, question)
	if err := s.client.SendRaw(fmt.Sprintf("<message type='groupchat' to='%s' id='demo-room'><body>%s</body></message>", roomJID, question)); err != nil {
		return err
	}
	return s.roomSays(ctx, question)
}

// openRoom makes the room: it is open for others once its form is sent (XEP-0045 section
// 10.1).
func (s *stage) openRoom(ctx context.Context) error {
	if err := s.client.SendRaw(fmt.Sprintf("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", roomJID, userName)); err != nil {
		return err
	}
	_, err := s.client.Next(ctx, func(r lab.Received) bool { return r.Kind == "presence" && r.From == roomJID+"/"+userName })
	if err != nil {
		return err
	}
	if err := s.client.SendRaw(fmt.Sprintf("<iq type='set' id='demo-form' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", roomJID)); err != nil {
		return err
	}
	_, err = s.client.Next(ctx, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "demo-form" })
	return err
}

// roomSays waits until the bot has said something in the room.
func (s *stage) roomSays(ctx context.Context, text string) error {
	m, err := s.client.Next(ctx, func(r lab.Received) bool {
		return r.Kind == "message" && r.Type == "groupchat" && strings.HasPrefix(r.From, roomJID+"/") && r.From != roomJID+"/"+userName && strings.Contains(r.Body, text)
	})
	if err != nil {
		return fmt.Errorf("%q did not come from the room: %w", text, err)
	}
	s.out.note("%s: %q", m.From, m.Body)
	return nil
}
