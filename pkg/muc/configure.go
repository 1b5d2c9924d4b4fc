package muc

import (
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/stanza"
)

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
	if query == nil || query.Child(nsData, "x") == nil {
		r.configured(now, "")
		return
	}
	fields := Variables(query.Child(nsData, "x"))
	known, unknown := Known(fields, r.o.Config)
	if len(unknown) > 0 {
		r.remark = "the room's configuration has no " + strings.Join(unknown, ", ")
	}
	r.submit(r.newID(formTimer, now.Add(iqWait)), known)
}

// submit sends the configuration; without variables, the room's defaults.
func (r *Room) submit(id string, values map[string][]string) {
	r.ask(id, "set", "<query xmlns='"+nsOwner+"'>"+Submission(values)+"</query>")
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

// Variables returns the variables of a form with their values (XEP-0004).
func Variables(form *stanza.Element) map[string][]string {
	all := make(map[string][]string)
	for i := range form.Children {
		f := &form.Children[i]
		name := attr(f, "var")
		if f.Local != "field" || name == "" || name == "FORM_TYPE" {
			continue
		}
		values := []string{}
		for k := range f.Children {
			if f.Children[k].Local == "value" {
				values = append(values, f.Children[k].Text)
			}
		}
		all[name] = values
	}
	return all
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

// Submission returns the form that sets variables of a room, and leaves the others as they
// are.
func Submission(values map[string][]string) string {
	if len(values) == 0 {
		return "<x xmlns='" + nsData + "' type='submit'/>"
	}
	b := []byte("<x xmlns='" + nsData + "' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roomconfig</value></field>")
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = append(stanza.AppendAttr(append(b, "<field"...), "var", name), '>')
		for _, v := range values[name] {
			b = append(b, stanza.TextElement("value", v)...)
		}
		b = append(b, "</field>"...)
	}
	return string(append(b, "</x>"...))
}
