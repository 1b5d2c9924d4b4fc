package tools

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"stanzahook/pkg/gateway"
)

func roomTools() []Tool {
	rooms := []string{gateway.ScopeRooms} // who may only send may read, which /v1 decides
	return []Tool{
		define("list_rooms", "List the rooms that bots are in, or are to be in.", Hints{ReadOnly: true}, nil, listRooms),
		define("join_room", "Put a bot into a room and keep it there, over restarts, too. Everybody in the room sees it come.", Hints{Idempotent: true}, rooms, joinRoom),
		define("leave_room", "Take a bot out of a room. Everybody in the room sees it go; it hears nothing from there any more.", Hints{Destructive: true}, rooms, leaveRoom),
		define("room_members", "List who is in a room now.", Hints{ReadOnly: true}, nil, roomMembers),
		define("room_history", "Read what was written in a room, the newest first, if the room keeps an archive.", Hints{ReadOnly: true}, nil, roomHistory),
	}
}

type noArguments struct{}

// room is what agents see of a room.
type room struct {
	Room      string  `json:"room"`
	From      string  `json:"from"`
	Nick      string  `json:"nick"`
	State     string  `json:"state"`
	Condition *string `json:"condition"`
	Subject   *string `json:"subject"`
	Occupants int     `json:"occupants"`
}

func listRooms(c *call, _ *noArguments) (any, error) {
	var v struct{ Items []room }
	err := c.do(request{method: http.MethodGet, path: []string{"rooms"}}, &v)
	return map[string]any{"rooms": v.Items}, err
}

type joinArguments struct {
	Room     string `json:"room" jsonschema:"bare address of the room"`
	From     string `json:"from,omitempty" jsonschema:"the bot; default: the token's"`
	Nick     string `json:"nick,omitempty" jsonschema:"its name in the room; default: the local part of its address"`
	Password string `json:"password,omitempty" jsonschema:"of the room, if it has one"`
	Wait     int    `json:"wait,omitempty" max:"50" jsonschema:"seconds to wait for the room; default 10"`
}

func joinRoom(c *call, a *joinArguments) (any, error) {
	if err := segment("room", a.Room); err != nil {
		return nil, err
	}
	wait := a.Wait
	if wait == 0 {
		wait = 10
	}
	body := map[string]any{}
	for key, value := range map[string]string{"from": a.From, "nick": a.Nick, "password": a.Password} {
		if value != "" {
			body[key] = value
		}
	}
	var v room
	err := c.do(request{method: http.MethodPut, path: []string{"rooms", a.Room}, query: url.Values{"wait": {seconds(wait)}}, body: body}, &v)
	return v, err
}

type roomArguments struct {
	Room string `json:"room" jsonschema:"bare address of the room"`
	From string `json:"from,omitempty" jsonschema:"the bot in it; default: the only one"`
}

func (a *roomArguments) request(method string, rest ...string) (request, error) {
	q := request{method: method, path: append([]string{"rooms", a.Room}, rest...), query: url.Values{}}
	if a.From != "" {
		q.query.Set("from", a.From)
	}
	return q, segment("room", a.Room)
}

func leaveRoom(c *call, a *roomArguments) (any, error) {
	q, err := a.request(http.MethodDelete)
	if err == nil {
		err = c.do(q, nil)
	}
	return map[string]any{"room": a.Room, "state": "left"}, err
}

type member struct {
	Nick        string  `json:"nick"`
	JID         *string `json:"jid"`
	ClaimedJID  *string `json:"claimed_jid"`
	Affiliation string  `json:"affiliation"`
	Role        string  `json:"role"`
	Show        *string `json:"show"`
	Status      *string `json:"status"`
	Bot         bool    `json:"bot"`
}

func roomMembers(c *call, a *roomArguments) (any, error) {
	q, err := a.request(http.MethodGet, "occupants")
	if err != nil {
		return nil, err
	}
	var v struct{ Items []member }
	err = c.do(q, &v)
	return map[string]any{"members": v.Items}, err
}

type historyArguments struct {
	Room   string `json:"room" jsonschema:"bare address of the room"`
	From   string `json:"from,omitempty" jsonschema:"the bot in it; default: the only one"`
	Limit  int    `json:"limit,omitempty" max:"100" jsonschema:"how many messages; default 50"`
	Before string `json:"before,omitempty" jsonschema:"next of an earlier call: go on with older messages"`
}

// said is a message of a room's archive.
type said struct {
	Ref       *string   `json:"ref"`
	Time      time.Time `json:"time"`
	Nick      *string   `json:"nick"` // null: the room itself
	Own       bool      `json:"own"`
	Text      *string   `json:"text"`
	Untrusted bool      `json:"untrusted"`
}

func roomHistory(c *call, a *historyArguments) (any, error) {
	q, err := (&roomArguments{a.Room, a.From}).request(http.MethodGet, "history")
	if err != nil {
		return nil, err
	}
	if a.Limit > 0 {
		q.query.Set("limit", strconv.Itoa(a.Limit))
	}
	if a.Before != "" {
		q.query.Set("before", a.Before)
	}
	var v struct {
		Items []struct {
			said
			Room struct {
				Nick *string
				Own  bool
			}
		}
		Next *string
	}
	if err := c.do(q, &v); err != nil {
		return nil, err
	}
	list := make([]said, len(v.Items))
	for i := range v.Items {
		one := v.Items[i].said
		one.Nick, one.Own, one.Untrusted = v.Items[i].Room.Nick, v.Items[i].Room.Own, true
		list[i] = one
	}
	return map[string]any{"messages": list, "next": v.Next}, nil
}
