package muc

import (
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// RoomConfig is the kind of the form that configures a room (XEP-0045 section 10.1).
const RoomConfig = "http://jabber.org/protocol/muc#roomconfig"

const configPrefix = "muc#roomconfig_"

// configure opens a room that our join has made (XEP-0045 section 10.1). On Prosody nobody
// else can join until then.
func (r *Room) configure(now time.Time) {
	if r.o.Mute {
		r.configured(now, "its service does not answer IQs")
		return
	}
	id := r.newID(formTimer, now.Add(iqWait))
	if len(r.o.Config) == 0 {
		r.submit(id, nil)
		return
	}
	r.ask(id, "get", "<query xmlns='"+nsOwner+"'/>")
}

// onForm handles the form of the new room, and then the answer to it.
func (r *Room) onForm(now time.Time, s *stanza.Stanza) {
	if e, failed := s.StanzaError(); failed {
		r.configured(now, "it refused its configuration: "+e.Error())
		return
	}
	query := element(s, nsOwner, "query")
	if query == nil || query.Child(form.NS, "x") == nil {
		r.configured(now, "")
		return
	}
	fields := form.Read(query.Child(form.NS, "x"))
	known, unknown := Known(fields, r.o.Config)
	if len(unknown) > 0 {
		r.remark = "the room's configuration has no " + strings.Join(unknown, ", ")
	}
	r.submit(r.newID(formTimer, now.Add(iqWait)), known)
}

// submit sends the configuration; without variables, the room's defaults.
func (r *Room) submit(id string, values map[string][]string) {
	r.ask(id, "set", "<query xmlns='"+nsOwner+"'>"+form.Submission(RoomConfig, values)+"</query>")
}

// configured ends the configuration of a new room.
func (r *Room) configured(now time.Time, trouble string) {
	r.stop(formTimer)
	if trouble != "" {
		r.remark = "the new room was not configured: " + trouble
	}
	r.arranged = true
	r.complete(now)
}

// Known returns the wanted values by the full names of a form's variables, and the names
// that the form does not have.
func Known(form, wanted map[string][]string) (known map[string][]string, unknown []string) {
	known = make(map[string][]string)
	for name, v := range wanted {
		full := name
		if _, has := form[name]; !has {
			full = configPrefix + name
		}
		if _, has := form[full]; !has {
			unknown = append(unknown, name)
			continue
		}
		known[full] = v
	}
	slices.Sort(unknown)
	return known, unknown
}
