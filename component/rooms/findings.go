package rooms

import (
	"fmt"

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

// Finding is something about a service that a change of the server's configuration would
// mend.
type Finding struct {
	Found, Advice string
	Met           bool // it was met; else it may be, by the server's defaults
}

// Findings returns what is known to be in the way at a service.
func (s *Service) Findings() []Finding {
	var all []Finding
	add := func(met bool, advice, found string, args ...any) {
		all = append(all, Finding{fmt.Sprintf(found, args...), advice, met})
	}
	if s.Silent() {
		add(true, services.Silence, "it answers no IQs")
	}
	switch s.Condition {
	case "", stanza.ServiceUnavailable, stanza.FeatureNotImplemented:
	default:
		add(true, fmt.Sprintf("is there such a service? Prosody: Component %q \"muc\"; ejabberd: mod_muc with this host", s.Offer.Service), "the server answers %s", s.Condition)
	}
	if s.Limit > 0 {
		add(true, "ejabberd: set max_user_conferences: 2000 in mod_muc", "a bot can be in %d rooms, and the others wait", s.Limit)
	} else if s.Software == services.Ejabberd && s.Most > manyRooms && s.MostJoined <= ejabberdRooms {
		add(false, "set max_user_conferences: 2000 in mod_muc", "a bot has %d rooms, and ejabberd lets it be in %d by default", s.Most, ejabberdRooms)
	}
	if s.Software == services.Prosody && s.Rooms > manyRooms {
		add(false, fmt.Sprintf("set muc_room_cache_size = 2000 in Component %q \"muc\", if it is not set", s.Offer.Service),
			"bots are in %d rooms, and Prosody keeps %d in memory by default; with more, each access reads the disk", s.Rooms, prosodyRooms)
	}
	if s.Creation.Denied() {
		add(true, s.creationLines(), "bots cannot make rooms (%s)", s.Creation)
	}
	return all
}

// Advice returns the findings as sentences; nil if there are none.
func (s *Service) Advice() []string {
	var all []string
	for _, f := range s.Findings() {
		all = append(all, f.Found+": "+f.Advice)
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
