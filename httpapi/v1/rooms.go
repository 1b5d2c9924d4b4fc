package v1

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Where a room comes from.
const roomOfConfig = "config"

// RoomSettings say how a bot is to be in a room.
type RoomSettings struct {
	Room, Bot jid.JID // bare
	Nick      string  // empty: the localpart of Bot
	Password  secret.String
	History   int // muc.Missed, muc.NoHistory, or a number
	Create    bool
	Config    map[string][]string
	By        string // the name of the caller
}

// Room is a bot in a room.
type Room struct {
	muc.Status
	Room, Bot jid.JID // bare
	Source    string  // config, api or invite
}

// Occupant is somebody in a room.
type Occupant struct {
	muc.Occupant         // JID is zero, too, where the room is not believed
	Claimed      jid.JID // the address that the room gives and is not believed about; zero: none
	Bot          bool    // one of ours
}

// Rooms are the rooms that our bots are in. Methods that take a bot take the zero JID for the
// only one in the room. Errors: gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrFull,
// gateway.ErrDown, a *stanza.Error of the room, an *httpapi.Fault for others.
type Rooms interface {
	List() []Room
	Get(room, bot jid.JID) (Room, error)
	IsIn(room, bot jid.JID) bool
	// Keep puts a bot into a room and keeps it there. It does not wait for the join.
	Keep(ctx context.Context, set RoomSettings) error
	// Join puts a bot into a room, as Keep does, unless it is in it, and returns when the room
	// is joined, has refused, or ctx is done; and whether it is kept then.
	Join(ctx context.Context, set RoomSettings) (now Room, kept bool, err error)
	// SetNick changes the nick in a room of the configuration, until the next reload.
	SetNick(room, bot jid.JID, nick string) error
	// Await returns when the room is joined or has refused, or ctx is done.
	Await(ctx context.Context, room, bot jid.JID) (Room, error)
	Leave(ctx context.Context, room, bot jid.JID, destroy bool, reason string) error
	Occupants(room, bot jid.JID) ([]Occupant, error)
	Configuration(ctx context.Context, room, bot jid.JID) (map[string][]string, error)
	Configure(ctx context.Context, room, bot jid.JID, change map[string][]string) (map[string][]string, error)
	Invite(room, bot, user jid.JID, reason, how string) error
	SetAffiliation(ctx context.Context, room, bot, user jid.JID, affiliation, reason string) error
	SetRole(ctx context.Context, room, bot jid.JID, nick, role, reason string) error
	// History returns messages of the archive, in the order of the archive, and whether it
	// has more of them.
	History(ctx context.Context, room, bot jid.JID, page RoomPage) (list []RoomMessage, more bool, err error)
}

// rooms serves /v1/rooms.
type rooms struct {
	all     Rooms
	domains func() []jid.JID // of our components
	clock
}

// roomTimeout bounds the wait for the answers of a room.
const roomTimeout = 30 * time.Second

func (x rooms) routes(e errorLog) []httpapi.Route {
	const room = "/v1/rooms/{room}"
	// Who may join or speak may read; who sees what happens sees which rooms there are.
	see := []string{gateway.ScopeRooms, gateway.ScopeSend, gateway.ScopeRead, gateway.ScopeAdmin}
	read := see[:2]
	return []httpapi.Route{
		e.routeForAny(http.MethodGet, "/v1/rooms", without(x.list), see...),
		e.routeForAny(http.MethodGet, room, with(x.show, "from"), see...),
		e.routeForAny(http.MethodGet, room+"/occupants", with(x.occupants, "from"), read...),
		e.routeForAny(http.MethodGet, room+"/config", with(x.config, "from"), read...),
		e.routeForAny(http.MethodGet, room+"/history", with(x.history, "from", "before", "after", "start", "end", "limit"), read...),
		e.route(http.MethodPut, room, gateway.ScopeRooms, with(x.put, "from", "wait", "keep")),
		e.route(http.MethodDelete, room, gateway.ScopeRooms, with(x.leave, "from", "destroy", "reason")),
		e.route(http.MethodPatch, room+"/config", gateway.ScopeRooms, with(x.configure, "from")),
		e.route(http.MethodPost, room+"/invite", gateway.ScopeRooms, with(x.invite, "from")),
		e.route(http.MethodPut, room+"/affiliations/{jid}", gateway.ScopeRooms, with(x.setAffiliation, "from")),
		e.route(http.MethodPut, room+"/roles/{nick:.+}", gateway.ScopeRooms, with(x.setRole, "from")),
	}
}

// roomOf returns the room in the path, if the caller may use it.
func roomOf(r *http.Request) (jid.JID, error) {
	text := mux.Vars(r)["room"]
	room, err := jid.Parse(text)
	if err != nil || room.Local() == "" || !room.IsBare() {
		return room, wrongf("room: %q is not the address of a room; write for example ops@rooms.example.com", text)
	}
	if err := httpapi.IdentityOf(r.Context()).MayUseRoom(room); err != nil {
		return room, httpapi.Refused(err)
	}
	return room, nil
}

// botOf reads the parameter or key from; zero if there is none.
func botOf(text string) (bot jid.JID, err error) {
	if text == "" {
		return bot, nil
	}
	if bot, err = jid.Parse(text); err != nil || !bot.IsBare() {
		return bot, wrongf("from: %q is not the bare address of a bot; write for example echo@bot.example.com", text)
	}
	return bot, nil
}

// find returns the room of a request, and the bot in it, if the caller may use both.
func (x rooms) find(r *http.Request, values url.Values) (Room, error) {
	room, err := roomOf(r)
	if err != nil {
		return Room{}, err
	}
	bot, err := botOf(values.Get("from"))
	if err != nil {
		return Room{}, err
	}
	return x.get(r, room, bot)
}

func (x rooms) get(r *http.Request, room, bot jid.JID) (Room, error) {
	found, err := x.all.Get(room, bot)
	if err != nil {
		return found, err
	}
	if _, err := httpapi.IdentityOf(r.Context()).Sender(found.Bot, x.domains()); err != nil {
		return found, httpapi.Refused(err)
	}
	return found, nil
}

func (x rooms) list(w http.ResponseWriter, r *http.Request) error {
	who := httpapi.IdentityOf(r.Context())
	items := []roomJSON{}
	for _, room := range x.all.List() {
		if _, err := who.Sender(room.Bot, x.domains()); err == nil && who.MayUseRoom(room.Room) == nil {
			items = append(items, newRoom(r, &room))
		}
	}
	return answer(w, http.StatusOK, newPage(items, ""))
}

func (x rooms) show(w http.ResponseWriter, r *http.Request, values url.Values) error {
	room, err := x.find(r, values)
	if err != nil {
		return refusedByRoom(err)
	}
	return answer(w, http.StatusOK, newRoom(r, &room))
}

func (x rooms) leave(w http.ResponseWriter, r *http.Request, values url.Values) error {
	destroy, err := flag(values, "destroy")
	if err != nil {
		return err
	}
	reason := values.Get("reason")
	if err := checkReason(reason); err != nil {
		return err
	}
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), roomTimeout)
	defer cancel()
	if err := x.all.Leave(ctx, room.Room, room.Bot, destroy, reason); err != nil {
		return refusedByRoom(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (x rooms) occupants(w http.ResponseWriter, r *http.Request, values url.Values) error {
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	list, err := x.all.Occupants(room.Room, room.Bot)
	if err != nil {
		return err
	}
	items := make([]occupantJSON, len(list))
	for i, o := range list {
		items[i] = occupantJSON{o.Nick, optional(o.ID), optional(o.JID.String()), optional(o.Claimed.String()), o.Affiliation, o.Role, optional(o.Show), optional(o.Status), o.Bot}
	}
	return answer(w, http.StatusOK, newPage(items, ""))
}

// refusedByRoom returns how an error of Rooms is answered.
func refusedByRoom(err error) error {
	if e, ok := errors.AsType[*stanza.Error](err); ok {
		text := "the room answered with the error " + string(e.Condition)
		if e.Text != "" {
			text += ": " + e.Text
		}
		if e.Condition == stanza.Forbidden || e.Condition == stanza.NotAllowed {
			text += "; the bot may need another role or affiliation for this, which an owner of the room can give it"
		}
		return &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: text, Members: map[string]any{"condition": e.Condition, "stanza_error": httpapi.NewStanzaError(e)}}
	}
	switch {
	case errors.Is(err, gateway.ErrDown):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: gateway.ErrDown.Error() + "; try again later, /readyz says when", RetryAfter: 5}
	case errors.Is(err, gateway.ErrStopping):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: gateway.ErrStopping.Error() + "; try again", RetryAfter: 5}
	case errors.Is(err, gateway.ErrBusy):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: gateway.ErrBusy.Error(), RetryAfter: 1}
	case errors.Is(err, context.DeadlineExceeded):
		return &httpapi.Fault{Status: http.StatusGatewayTimeout, Text: "the room has not answered in time"}
	}
	return err
}

// checkReason checks a text that people in the room see.
func checkReason(reason string) error {
	if len(reason) > maxReason {
		return wrongf("reason: is longer than %d bytes", maxReason)
	}
	return nil
}

// oneOf checks a word of a request.
func oneOf(name, word string, words ...string) error {
	if !slices.Contains(words, word) {
		return wrongf("%s: %q is not one of %s", name, word, words)
	}
	return nil
}
