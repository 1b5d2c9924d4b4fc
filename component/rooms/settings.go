package rooms

import (
	"reflect"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// Resource is that of every bot in a room.
const Resource = "room"

// Where a room comes from.
const (
	FromConfig = "config"
	FromAPI    = "api"
	FromInvite = "invite"
)

// Settings say how a bot is in a room.
type Settings struct {
	Room, Bot jid.JID // bare
	Nick      string  // empty: the localpart of Bot
	Password  secret.String
	History   int // muc.Missed, muc.NoHistory, or a number
	Create    bool
	Config    map[string][]string
	Rejoin    bool
	Source    string
	By        string // the caller who has asked for it; empty: the bot itself
}

// Policy holds for all rooms.
type Policy struct {
	AnyInvite   bool
	Invites     []jid.Glob // of the inviter or of the room
	MaxRooms    int        // of a component
	SelfPing    time.Duration
	LeaveOnStop bool
	CatchUpMax  int
	CatchUpAge  time.Duration
	MaxAnswers  int // of webhooks into one room, a minute
}

// same reports whether two settings differ in nothing but nick and password.
func same(a, b Settings) bool {
	a.Nick, b.Nick, a.Password, b.Password = "", "", secret.String{}, secret.String{}
	return reflect.DeepEqual(a, b)
}

// kept is how a room that the API or an invitation made is stored.
type kept struct {
	Nick     string              `json:"nick"`
	Password string              `json:"password,omitempty"`
	History  int                 `json:"history"`
	Create   bool                `json:"create,omitempty"`
	Config   map[string][]string `json:"config,omitempty"`
	Rejoin   bool                `json:"rejoin,omitempty"`
	Source   string              `json:"source"`
	By       string              `json:"by,omitempty"`
}
