package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// Room is a room that a bot is in (XEP-0045).
type Room struct {
	JID          string        `mapstructure:"jid"`  // canonical
	From         string        `mapstructure:"from"` // canonical bare JID of the bot
	Nick         string        `mapstructure:"nick"` // the localpart of from, if not given
	Password     secret.String `mapstructure:"password"`
	PasswordFile string        `mapstructure:"password_file"`
	History      History       `mapstructure:"history"`
	Create       bool          `mapstructure:"create"`
	Config       Variables     `mapstructure:"config"` // of a room that is made
	Rejoin       bool          `mapstructure:"rejoin"` // after a kick
	Address      jid.JID       `mapstructure:"-"`      // JID, parsed
	Bot          jid.JID       `mapstructure:"-"`      // From, parsed
}

// RoomPolicy holds for all rooms, also those that the API and invitations make.
type RoomPolicy struct {
	Invites     oneOrMore     `mapstructure:"invites"`   // none, any, or patterns of the inviter or the room
	MaxRooms    int           `mapstructure:"max_rooms"` // of a component
	SelfPing    time.Duration `mapstructure:"self_ping"` // 0: never
	LeaveOnStop bool          `mapstructure:"leave_on_stop"`
	CatchUp     CatchUp       `mapstructure:"catch_up"`
	MaxAnswers  int           `mapstructure:"max_answers_per_minute"`
	AnyInvite   bool          `mapstructure:"-"`
	InviteGlobs []jid.Glob    `mapstructure:"-"`
}

// CatchUp bounds what is asked for of the time when a bot was not in a room.
type CatchUp struct {
	Max int           `mapstructure:"max"`
	Age time.Duration `mapstructure:"age"`
}

// History is what of a room's past is delivered: HistoryMissed, HistoryNone, or so many
// messages at the first join.
type History int64

// The words.
const (
	HistoryMissed History = -1
	HistoryNone   History = 0
	maxHistory            = 1000
)

func parseHistory(text string) (any, error) {
	switch text {
	case "missed":
		return HistoryMissed, nil
	case "none":
		return HistoryNone, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxHistory {
		return nil, fmt.Errorf("is not known; write missed, none or a number up to %d", maxHistory)
	}
	return History(n), nil
}

func (h History) String() string {
	switch h {
	case HistoryMissed:
		return "missed"
	case HistoryNone:
		return "none"
	}
	return strconv.Itoa(int(h))
}

// Variables are values of a data form (XEP-0004), by the names of its variables.
type Variables map[string][]string

// variables reads a mapping of the names of variables to single values or lists.
func (k *keyReader) variables(n *yaml.Node, path string) (any, bool) {
	if n.Kind != yaml.MappingNode {
		k.r.reject(n.Line, path, "is %s where variables with values are needed; write for example {persistentroom: true}", kindOf(n))
		return nil, false
	}
	all := make(Variables)
	for _, e := range k.entries(n, path) {
		key := join(path, e.shown())
		k.r.lines[key], k.r.set[key] = e.line, true
		value := resolved(e.value)
		nodes := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			nodes = value.Content
		}
		values := []string{}
		for _, one := range nodes {
			one = resolved(one)
			if one.Kind != yaml.ScalarNode || isNull(one) {
				k.r.reject(one.Line, key, "has no single value; write true, false, a number or a text, or a list of those")
				return nil, false
			}
			text := one.Value
			if one.ShortTag() == "!!bool" {
				text = map[bool]string{true: "1", false: "0"}[text == "true"]
			}
			values = append(values, text)
		}
		all[e.name] = values
	}
	return all, true
}

var (
	typeOfHistory   = reflect.TypeFor[History]()
	typeOfVariables = reflect.TypeFor[Variables]()
)

func defaultRoom() Room { return Room{History: HistoryMissed} }

func defaultRoomPolicy() RoomPolicy {
	return RoomPolicy{Invites: oneOrMore{"none"}, MaxRooms: 1000, SelfPing: 5 * time.Minute, LeaveOnStop: true, CatchUp: CatchUp{Max: 500, Age: 24 * time.Hour}, MaxAnswers: 30}
}

var errNotRoom = errors.New("is not the address of a room; write for example ops@rooms.example.com")
