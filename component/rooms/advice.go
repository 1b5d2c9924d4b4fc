package rooms

import (
	"fmt"
	"strings"

	"stanzahook/component/services"
	"stanzahook/pkg/stanza"
)

const (
	// manyRooms is from how many rooms on servers are advised about their limits.
	manyRooms = 80
	// ejabberdRooms is ejabberd's default of max_user_conferences, and prosodyRooms Prosody's of
	// muc_room_cache_size.
	ejabberdRooms = 100
	prosodyRooms  = 100
)

// Advice returns what to change in the configuration of the server, as sentences; nil if
// nothing is known that would help.
func (s *Service) Advice() []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if s.Silent() {
		add("%s", services.Silence)
	}
	switch s.Condition {
	case "", stanza.ServiceUnavailable, stanza.FeatureNotImplemented:
	default:
		add("the server answers %s: is there a service %s? Prosody: Component %q \"muc\"; ejabberd: mod_muc with this host", s.Condition, s.Offer.Service, s.Offer.Service)
	}
	if s.Limit > 0 {
		add("the server lets a bot be in %d rooms, and the others wait: set max_user_conferences: 2000 in ejabberd's mod_muc", s.Limit)
	} else if s.Software == services.Ejabberd && s.Most > manyRooms && s.MostJoined <= ejabberdRooms {
		add("a bot has %d rooms, and ejabberd lets it be in %d by default: set max_user_conferences: 2000 in mod_muc", s.Most, ejabberdRooms)
	}
	if s.Software == services.Prosody && s.Rooms > manyRooms {
		add("bots are in %d rooms, and Prosody keeps %d in memory by default; with more, each access reads the disk: set muc_room_cache_size = 2000 in Component %q \"muc\", if it is not set", s.Rooms, prosodyRooms, s.Offer.Service)
	}
	if s.Creation.Denied() {
		add("bots cannot make rooms (%s): %s", strings.TrimSuffix(string(s.Creation), "."), s.creationLines())
	}
	return all
}

// creationLines are the lines of a server that let bots make rooms.
func (s *Service) creationLines() string {
	prosody := fmt.Sprintf("set restrict_room_creation = false in Component %q \"muc\"; \"local\" is not enough", s.Offer.Service)
	ejabberd := fmt.Sprintf("let access_create of mod_muc allow an ACL with server: %s", s.Component)
	switch s.Software {
	case services.Prosody:
		return prosody
	case services.Ejabberd:
		return ejabberd
	}
	return "Prosody: " + prosody + ". ejabberd: " + ejabberd
}
