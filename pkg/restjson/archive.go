package restjson

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	nsArchive = "urn:xmpp:mam:2"                 // XEP-0313
	nsRSM     = "http://jabber.org/protocol/rsm" // XEP-0059
)

// rsm is result set management.
var rsm = fieldsOf(texts("after"), texts("before"), texts("first"), texts("last"),
	numbers("count"), numbers("index"), numbers("max")).titled("rsm")

func numbers(key string) field { return children(key, one{"", key, content{integer}}) }

// page is an rsm element inside another element.
var page = children("page", one{nsRSM, "set", rsm})

// archiveQuery is a query of an archive. The members of its form and its page may
// also stand in the object itself: {"with": "juliet@example.com", "max": 50}.
type archiveQuery struct{ record }

var archiveForm = []string{"with", "start", "end", "before-id", "after-id", "ids"}
var archivePage = []string{"after", "before", "max"}

var archive = archiveQuery{fieldsOf(at("queryid", str),
	children("form", one{nsForm, "x", queryForm}), page)}

func (a archiveQuery) doc() string {
	return strings.TrimSuffix(a.record.doc(), "}") + "; to write also " +
		strings.Join(archiveForm, ", ") + ", " + strings.Join(archivePage, ", ") + "}"
}

func (a archiveQuery) keys() []string {
	return slices.Concat(a.record.keys(), archiveForm, archivePage)
}

func (a archiveQuery) decode(e *builder, v json.RawMessage, at level) error {
	members, err := object(v)
	if err != nil {
		return wrong("", "an object with %s is expected", words(a.keys()))
	}
	form, set := &builder{local: "x"}, []byte{'{'}
	form.attr("type", "submit")
	writeField(form, "FORM_TYPE", "hidden", nsArchive)
	bare := len(form.content)
	var rest []member
	for _, m := range members {
		switch {
		case slices.Contains(archiveForm, m.key):
			if err := archiveField(form, m); err != nil {
				return within(m.key, err)
			}
		case slices.Contains(archivePage, m.key):
			set = append(appendMember(set, m.key), m.value...)
			if err := rsm.decode(&builder{}, append(append([]byte{'{'}, appendMember(nil, m.key)...), append(m.value, '}')...), at); err != nil {
				return err
			}
		case a.field(m.key) == nil:
			return wrong(keyName(m.key), "unknown key; known are %s", strings.Join(a.keys(), ", "))
		default:
			rest = append(rest, m)
		}
	}
	has := func(key string) bool { return slices.ContainsFunc(rest, func(m member) bool { return m.key == key }) }
	if err := a.decodeMembers(e, rest, at); err != nil {
		return err
	}
	if len(form.content) > bare {
		if has("form") {
			return wrong("form", "goes without %s, which make one", strings.Join(archiveForm, ", "))
		}
		e.child(nsForm, form)
	}
	if len(set) > 1 {
		if has("page") {
			return wrong("page", "goes without %s, which make one", strings.Join(archivePage, ", "))
		}
		return page.decode(e, append(set, '}'), nil, at)
	}
	return nil
}

// archiveField writes a field of the form of XEP-0313 section 4.1. Several ids
// are an array, or one string with commas.
func archiveField(form *builder, m member) error {
	if m.key == "ids" && m.value[0] == '[' {
		texts, err := valueTexts(m.value)
		if err == nil {
			writeField(form, m.key, "", texts...)
		}
		return err
	}
	s, err := text(m.value)
	if err != nil {
		return err
	}
	texts := []string{s}
	if m.key == "ids" {
		texts = strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
	}
	writeField(form, m.key, "", texts...)
	return nil
}
