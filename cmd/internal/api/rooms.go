package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"stanzahook/component/rooms"
	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
)

// Rooms implements [v1.Rooms].
type Rooms struct{ *rooms.Rooms }

// List implements [v1.Rooms].
func (r Rooms) List() []v1.Room {
	all := r.Rooms.List()
	list := make([]v1.Room, len(all))
	for i := range all {
		list[i] = v1.Room(all[i])
	}
	return list
}

// Get implements [v1.Rooms].
func (r Rooms) Get(room, bot jid.JID) (v1.Room, error) {
	v, err := r.Rooms.Get(room, bot)
	return v1.Room(v), roomError(err)
}

// Keep implements [v1.Rooms].
func (r Rooms) Keep(ctx context.Context, s v1.RoomSettings) error {
	return roomError(r.Rooms.Keep(ctx, rooms.Settings{Room: s.Room, Bot: s.Bot, Nick: s.Nick, Password: s.Password, History: s.History, Create: s.Create, Config: s.Config, By: s.By}))
}

// Join implements [v1.Rooms].
func (r Rooms) Join(ctx context.Context, s v1.RoomSettings) (v1.Room, bool, error) {
	err := r.Rooms.Join(ctx, rooms.Settings{Room: s.Room, Bot: s.Bot, Nick: s.Nick, Password: s.Password, History: s.History, Create: s.Create, Config: s.Config, By: s.By})
	if no, ok := errors.AsType[*rooms.NotJoined](err); ok {
		return v1.Room(no.View), no.Kept, nil
	}
	return v1.Room{Status: muc.Status{State: muc.Joined}}, true, roomError(err)
}

// SetNick implements [v1.Rooms].
func (r Rooms) SetNick(room, bot jid.JID, nick string) error {
	return roomError(r.Rooms.SetNick(room, bot, nick))
}

// Await implements [v1.Rooms].
func (r Rooms) Await(ctx context.Context, room, bot jid.JID) (v1.Room, error) {
	v, err := r.Rooms.Await(ctx, room, bot)
	return v1.Room(v), roomError(err)
}

// Leave implements [v1.Rooms].
func (r Rooms) Leave(ctx context.Context, room, bot jid.JID, destroy bool, reason string) error {
	return roomError(r.Rooms.Leave(ctx, room, bot, destroy, reason))
}

// Occupants implements [v1.Rooms].
func (r Rooms) Occupants(room, bot jid.JID) ([]v1.Occupant, error) {
	all, err := r.Rooms.Occupants(room, bot)
	list := make([]v1.Occupant, len(all))
	for i := range all {
		list[i] = v1.Occupant(all[i])
	}
	return list, roomError(err)
}

// Configuration implements [v1.Rooms].
func (r Rooms) Configuration(ctx context.Context, room, bot jid.JID) (map[string][]string, error) {
	form, err := r.Rooms.Configuration(ctx, room, bot)
	return form, roomError(err)
}

// Configure implements [v1.Rooms].
func (r Rooms) Configure(ctx context.Context, room, bot jid.JID, change map[string][]string) (map[string][]string, error) {
	form, err := r.Rooms.Configure(ctx, room, bot, change)
	return form, roomError(err)
}

// Invite implements [v1.Rooms].
func (r Rooms) Invite(room, bot, user jid.JID, reason, how string) error {
	return roomError(r.Rooms.Invite(room, bot, user, reason, how))
}

// SetAffiliation implements [v1.Rooms].
func (r Rooms) SetAffiliation(ctx context.Context, room, bot, user jid.JID, affiliation, reason string) error {
	return roomError(r.Rooms.SetAffiliation(ctx, room, bot, user, affiliation, reason))
}

// SetRole implements [v1.Rooms].
func (r Rooms) SetRole(ctx context.Context, room, bot jid.JID, nick, role, reason string) error {
	return roomError(r.Rooms.SetRole(ctx, room, bot, nick, role, reason))
}

// History implements [v1.Rooms].
func (r Rooms) History(ctx context.Context, room, bot jid.JID, p v1.RoomPage) ([]v1.RoomMessage, bool, error) {
	v, err := r.Rooms.Get(room, bot)
	if err != nil {
		return nil, false, roomError(err)
	}
	all, more, err := r.Rooms.History(ctx, room, bot, rooms.Page(p))
	list := make([]v1.RoomMessage, len(all))
	inRoom, _ := v.Room.WithResource(v.Nick)
	for i, m := range all {
		ref := message.InRoom(m.Stanza, message.RoomIDs{StanzaIDs: v.StanzaIDs, Own: inRoom})
		if v.StanzaIDs && ref.StanzaID == "" {
			ref.StanzaID = m.ID // in an archive they are the same (XEP-0313 section 5.1.1)
		}
		list[i] = v1.RoomMessage{ID: m.ID, Time: m.Time, Stanza: m.Stanza, Ref: ref}
	}
	return list, more, roomError(err)
}

// roomError returns an error of package rooms as v1.Rooms has it.
func roomError(err error) error {
	is := func(target error) bool { return errors.Is(err, target) }
	unknown, isUnknown := errors.AsType[rooms.UnknownVariables](err)
	switch {
	case is(rooms.ErrNone):
		return fmt.Errorf("%w: %w, and sees nothing of it; join it with PUT /v1/rooms/{room} (stanzahook rooms join); GET /v1/rooms (stanzahook rooms list) has those that it is kept in", gateway.ErrNotFound, err)
	case is(rooms.ErrConfigured):
		return fmt.Errorf("%w: %w; change it there", gateway.ErrConflict, err)
	case is(rooms.ErrFull), is(rooms.ErrShare):
		return &httpapi.Fault{Status: http.StatusInsufficientStorage, Text: err.Error(), RetryAfter: 60}
	case is(rooms.ErrSeveral):
		return &httpapi.Fault{Status: http.StatusBadRequest, Text: "from: " + err.Error()}
	case is(rooms.ErrMute):
		return &httpapi.Fault{Status: http.StatusGatewayTimeout, Text: err.Error()}
	case is(rooms.ErrNoArchive):
		return &httpapi.Fault{Status: http.StatusNotImplemented, Text: err.Error() + "; the server has to keep one: mod_muc_mam of Prosody, default_room_options: {mam: true} of ejabberd"}
	case isUnknown:
		return &httpapi.Fault{Status: http.StatusBadRequest, Text: unknown.Error() + "; GET …/config lists the variables"}
	}
	return err
}
