package webhook

import (
	"encoding/json"
	"math"
	"strconv"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// nsRoom is the namespace of the element by which an event of a room carries what is known
// about it besides its stanza. It is the last child of the stanza in memory and in the
// store, and not part of what an endpoint gets. Nobody else can write it: it is removed
// from every stanza that comes in, see [WithoutRoom].
const nsRoom = message.NSRoom

// Room is what an event of a room has besides its stanza. Who spoke is known from the
// presence that the room sent, and not from what a message says.
type Room struct {
	Type string // of the event, such as "room.joined" or "message.private"; empty: that of the stanza
	JID  string // of the room

	Nick, OccupantID, RealJID string // RealJID is bare; empty if the room hides it
	Affiliation, Role         string
	OwnNick                   string // the bot's

	Mention, Missed bool
	Own             bool // the words of a bot of ours
	Bot             bool // the author is one of our bots

	// Of room.* events.
	Change, OldNick, Reason, Actor, Text, Alternative, Inviter, Password string
	Code                                                                 int
}

// roomTexts and roomFlags are the fields that are attributes of the element, by their names.
var (
	roomTexts = [...]struct {
		name string
		of   func(*Room) *string
	}{
		{"type", func(r *Room) *string { return &r.Type }}, {"jid", func(r *Room) *string { return &r.JID }},
		{"nick", func(r *Room) *string { return &r.Nick }}, {"occupant", func(r *Room) *string { return &r.OccupantID }}, {"real", func(r *Room) *string { return &r.RealJID }},
		{"affiliation", func(r *Room) *string { return &r.Affiliation }}, {"role", func(r *Room) *string { return &r.Role }}, {"own-nick", func(r *Room) *string { return &r.OwnNick }},
		{"change", func(r *Room) *string { return &r.Change }}, {"old", func(r *Room) *string { return &r.OldNick }}, {"reason", func(r *Room) *string { return &r.Reason }},
		{"actor", func(r *Room) *string { return &r.Actor }}, {"text", func(r *Room) *string { return &r.Text }}, {"alternative", func(r *Room) *string { return &r.Alternative }},
		{"inviter", func(r *Room) *string { return &r.Inviter }}, {"password", func(r *Room) *string { return &r.Password }},
	}
	roomFlags = [...]struct {
		name string
		of   func(*Room) *bool
	}{
		{"mention", func(r *Room) *bool { return &r.Mention }}, {"missed", func(r *Room) *bool { return &r.Missed }}, {"own", func(r *Room) *bool { return &r.Own }}, {"bot", func(r *Room) *bool { return &r.Bot }},
	}
)

// appendAttrs appends the attributes of the element.
func (r *Room) appendAttrs(b []byte) []byte {
	for i := range roomTexts {
		if v := *roomTexts[i].of(r); v != "" {
			b = stanza.AppendCleanAttr(b, roomTexts[i].name, v)
		}
	}
	for i := range roomFlags {
		if *roomFlags[i].of(r) {
			b = stanza.AppendCleanAttr(b, roomFlags[i].name, "1")
		}
	}
	if r.Code != 0 {
		b = stanza.AppendCleanAttr(b, "code", strconv.Itoa(r.Code))
	}
	return b
}

// WithRoom returns the stanza of an event of a room: to an address, with what is known
// besides. What claims to be that already is left out: an archive returns what people wrote.
func WithRoom(s *stanza.Stanza, to jid.JID, r *Room) (*stanza.Stanza, error) {
	s, err := WithoutRoom(s)
	if err != nil {
		return nil, err
	}
	h := s.Header
	h.To = to
	return r.within(s, h, stanza.Limits{MaxBytes: math.MaxInt32, MaxDepth: 128, MaxAttrs: 128, MaxBindings: 512}) // the parts are bounded
}

// RoomEvent returns the stanza of a room.* event, which has none of its own.
func RoomEvent(from, to jid.JID, r *Room) (*stanza.Stanza, error) {
	h := stanza.Header{Kind: stanza.Message, Type: "groupchat", From: from, To: to}
	s, err := stanza.Build(h, "", stanza.Limits{})
	if err != nil {
		return nil, err
	}
	return r.within(s, h, stanza.Limits{})
}

// within returns a stanza with another header, and with the element at its end.
func (r *Room) within(s *stanza.Stanza, h stanza.Header, lim stanza.Limits) (*stanza.Stanza, error) {
	var space [512]byte
	return s.AppendEmpty(h, nsRoom, "room", r.appendAttrs(space[:0]), lim)
}

// RoomOf returns what is known besides the stanza of an event of a room; nil of others.
func RoomOf(s *stanza.Stanza) *Room {
	c, has := s.Child(nsRoom, "room")
	if !has {
		return nil
	}
	e, r := s.Element(c), &Room{}
	for _, a := range e.Attrs {
		for _, f := range roomTexts {
			if f.name == a.Local {
				*f.of(r) = a.Value
			}
		}
		for _, f := range roomFlags {
			if f.name == a.Local {
				*f.of(r) = true
			}
		}
		if a.Local == "code" {
			r.Code, _ = strconv.Atoi(a.Value) // we wrote it
		}
	}
	return r
}

// WithoutRoom returns a stanza without the element of nsRoom, whoever wrote it.
func WithoutRoom(s *stanza.Stanza) (*stanza.Stanza, error) {
	if _, has := s.Child(nsRoom, ""); !has {
		return s, nil
	}
	return s.Without(nsRoom, stanza.Limits{MaxBytes: len(s.XML()) + 1, MaxDepth: 128, MaxAttrs: 128, MaxBindings: 512})
}

// given is the stanza of an event as endpoints get it.
func (ev *Event) given() *stanza.Stanza {
	s, err := WithoutRoom(ev.Stanza)
	if err != nil {
		return ev.Stanza
	}
	return s
}

// Happening reports whether the event is a room.* event: something that happened in a
// room, and no message.
func (r *Room) Happening() bool {
	return r != nil && len(r.Type) > len("room.") && r.Type[:len("room.")] == "room."
}

// Groups of the events of rooms, which an endpoint gets or not.
const (
	RoomMessages  = "messages"  // message.groupchat, message.private
	RoomSelf      = "self"      // room.joined, room.left, room.invite, room.config, room.muted
	RoomOccupants = "occupants" // room.occupant
	RoomSubject   = "subject"   // room.subject
)

// group returns the group of the event.
func (r *Room) group() string {
	switch {
	case !r.Happening():
		return RoomMessages
	case r.Type == "room.occupant":
		return RoomOccupants
	case r.Type == "room.subject":
		return RoomSubject
	}
	return RoomSelf
}

// appendRoom appends the member "room", and of a room.* event its values.
func appendRoom(b []byte, r *Room) []byte {
	if r.Happening() {
		if r.Type == "room.invite" {
			b = append(b, `,"event":"invite"`...)
		}
		b = appendMember(b, "reason", r.Reason)
		if r.Code != 0 {
			b = strconv.AppendInt(append(b, `,"code":`...), int64(r.Code), 10)
		}
		b = appendMember(b, "actor", r.Actor)
		b = appendMember(b, "text", r.Text)
		b = appendMember(b, "alternative", r.Alternative)
		b = appendMember(b, "change", r.Change)
		b = appendMember(b, "old_nick", r.OldNick)
		b = appendMember(b, "inviter", r.Inviter)
		b = appendMember(b, "password", r.Password)
	}
	b = appendText(append(b, `,"room":{"jid":`...), r.JID)
	b = appendOrNull(append(b, `,"nick":`...), r.Nick)
	b = appendOrNull(append(b, `,"occupant_id":`...), r.OccupantID)
	b = appendOrNull(append(b, `,"real_jid":`...), r.RealJID)
	b = appendOrNull(append(b, `,"affiliation":`...), r.Affiliation)
	b = appendOrNull(append(b, `,"role":`...), r.Role)
	b = strconv.AppendBool(append(b, `,"mention":`...), r.Mention)
	b = strconv.AppendBool(append(b, `,"missed":`...), r.Missed)
	b = strconv.AppendBool(append(b, `,"bot":`...), r.Bot)
	return append(b, '}')
}

func appendOrNull(b []byte, value string) []byte {
	if value == "" {
		return append(b, "null"...)
	}
	return appendText(b, value)
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(append(append(append(b, `,"`...), name...), `":`...), value)
}

// joinReply reads the answer to a room.* event. Only one does something: {"join": true}
// accepts an invitation. It becomes a presence of the bot to the room, which [JoinOf]
// recognises; it is not sent as it is.
func joinReply(ev *Event, room *Room, a *Answer) ([]*stanza.Stanza, error) {
	if room.Type != "room.invite" || !isJSON(a.MediaType) {
		return nil, nil
	}
	body, err := content(a)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Join bool `json:"join"`
	}
	if json.Unmarshal(body, &answer) != nil || !answer.Join {
		return nil, nil
	}
	to := jid.FromServer(room.JID)
	b := append(stanza.AppendAttr([]byte("<join xmlns='"+nsRoom+"'"), "password", room.Password), "/>"...)
	return one(stanza.Build(stanza.Header{Kind: stanza.Presence, ID: ev.ID + "-1", From: ev.Stanza.To.Bare(), To: to}, string(b), stanza.Limits{}))
}

// JoinOf reports whether a reply accepts an invitation, and returns the password of the
// room, which may be empty.
func JoinOf(s *stanza.Stanza) (password string, ok bool) {
	c, ok := s.Child(nsRoom, "join")
	if !ok || s.Kind != stanza.Presence {
		return "", false
	}
	password, _ = s.Element(c).Attr("password")
	return password, true
}
