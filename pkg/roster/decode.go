package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of a wanted roster. A larger one is a mistake of the web application and
// never reaches a server.
const (
	maxContacts = 10_000
	maxGroups   = 100  // of a contact
	maxNameSize = 1023 // of a name or group, in bytes
)

// ContactError says which contact of an answer is wrong, and why.
type ContactError struct {
	Contact string // as written in the answer
	Reason  string
}

func (e *ContactError) Error() string {
	return fmt.Sprintf("contact %s: %s", strconv.Quote(shorten(e.Contact)), e.Reason)
}

func shorten(s string) string { return document.Clip(s, 80) }

// Decode reads the contacts of an owner, as mod_http_roster_admin documents
// them, and more:
//
//	{"marie@example.com": {"name": "Marie", "groups": ["Friends"], "subscription": "both"}, …}
//
// groups may also be an object whose members are true, as the module writes it.
// A missing or null name or groups is empty, a missing subscription is both.
// An empty list, which is what PHP makes of an empty array, counts as an empty
// object. Members of other names are ignored.
//
// Decode accepts an answer as a whole or not at all. A contact that is not an
// address, has a resource, is the owner, appears twice after normalisation, or
// has values of another type or size is a [*ContactError].
func Decode(data []byte, owner jid.JID) (Roster, error) {
	d := json.NewDecoder(bytes.NewReader(document.Unmarked(data)))
	if t, err := d.Token(); err != nil {
		return nil, notJSON(err, data)
	} else if t == json.Delim('[') && !d.More() {
		// An empty array of PHP may be meant as an object.
		return Roster{}.ended(d, data, "list")
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("it is %s; write an object, {\"contact@example.com\": {…}}, or {} for no contacts", kindOf(t))
	}
	want := make(Roster)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, notJSON(err, data)
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("a member has no name at byte %d", d.InputOffset())
		}
		var c *contact
		if err := d.Decode(&c); err != nil {
			if !endsInEmptyList(data[:d.InputOffset()]) {
				return nil, wrong(name, err, data)
			}
			c = &contact{}
		}
		if c == nil {
			return nil, &ContactError{name, noContact}
		}
		item, err := c.item(name, owner)
		if err != nil {
			return nil, err
		}
		if _, twice := want[item.JID]; twice {
			return nil, &ContactError{name, fmt.Sprintf("%s appears twice", item.JID)}
		}
		if len(want) == maxContacts {
			return nil, fmt.Errorf("there are more than %d contacts", maxContacts)
		}
		want[item.JID] = item
	}
	return want.ended(d, data, "object")
}

// ended reads the end of the answer, after which nothing may follow.
func (r Roster) ended(d *json.Decoder, data []byte, what string) (Roster, error) {
	if _, err := d.Token(); err != nil {
		return nil, notJSON(err, data)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows the %s at byte %d", what, d.InputOffset())
	}
	return r, nil
}

// endsInEmptyList reports whether [] is the last value of incomplete JSON.
func endsInEmptyList(json []byte) bool {
	list, is := bytes.CutSuffix(json, []byte("]"))
	return is && bytes.HasSuffix(bytes.TrimRight(list, " \t\r\n"), []byte("["))
}

func notJSON(err error, data []byte) error {
	if why := document.NotJSON(data); why != "" {
		return errors.New("it is not JSON: " + why)
	}
	return fmt.Errorf("it cannot be read: %w", err)
}

func kindOf(t json.Token) string {
	switch t.(type) {
	case json.Delim:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "true or false"
	case nil:
		return "null"
	}
	return "a number"
}

// contact is what the answer says about one contact.
type contact struct {
	Name         *string       `json:"name"`
	Groups       any           `json:"groups"`
	Subscription *Subscription `json:"subscription"`
}

const noContact = "write an object, {} if there is nothing to say"

// groups reads a list of names, or an object whose members are true.
func (c *contact) groups() ([]string, error) {
	var all []string
	switch in := c.Groups.(type) {
	case nil:
	case map[string]any:
		for name, member := range in {
			is, ok := member.(bool)
			if !ok {
				return nil, errors.New("groups: write true for each group")
			}
			if is {
				all = append(all, name)
			}
		}
	case []any:
		for _, g := range in {
			name, ok := g.(string)
			switch {
			case g == nil:
				return nil, errors.New("groups: null is not a group name")
			case !ok:
				return nil, errors.New("groups: write a list of strings")
			}
			all = append(all, name)
		}
	default:
		return nil, errors.New(`groups: write a list of strings, or an object, {"Friends": true}`)
	}
	for k, g := range all {
		if all[k] = oneLine(g); strings.TrimSpace(g) == "" {
			return nil, errors.New("groups: a group has no name")
		}
	}
	return all, nil
}

// wrong adds the name of the contact to an error.
func wrong(name string, err error, data []byte) error {
	kind, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return notJSON(err, data)
	case kind.Field == "":
		return &ContactError{name, noContact}
	}
	return &ContactError{name, fmt.Sprintf("%s: is a %s; write a string", kind.Field, kind.Value)}
}

func (c *contact) item(name string, owner jid.JID) (Item, error) {
	wrong := func(format string, args ...any) (Item, error) {
		return Item{}, &ContactError{name, fmt.Sprintf(format, args...)}
	}
	groups, err := c.groups()
	if err != nil {
		return wrong("%v", err)
	}
	j, err := jid.Parse(name)
	if err != nil {
		reason := err.Error()
		if e, ok := errors.AsType[*jid.Error](err); ok {
			reason = e.Part + ": " + e.Reason
		}
		return wrong("is not an address: %s", reason)
	}
	switch {
	case !j.IsBare():
		return wrong("has a resource; contacts are bare addresses: write %s", j.Bare())
	case j == owner:
		return wrong("is the owner")
	case len(groups) > maxGroups:
		return wrong("is in %d groups; at most %d are allowed", len(groups), maxGroups)
	}
	item := Item{JID: j, Subscription: Both}
	if c.Subscription != nil {
		if item.Subscription = *c.Subscription; !item.Subscription.Valid() {
			return wrong("subscription: %s is not known; write none, to, from or both", strconv.Quote(shorten(string(*c.Subscription))))
		}
	}
	if c.Name != nil {
		item.Name = oneLine(*c.Name)
	}
	for _, text := range append([]string{item.Name}, groups...) {
		if len(text) > maxNameSize {
			return wrong("a name or group has %d bytes; at most %d are allowed", len(text), maxNameSize)
		}
		if at := stanza.CheckText(text); at >= 0 {
			return wrong("%s has a character at byte %d that XML cannot carry", strconv.Quote(shorten(text)), at)
		}
	}
	return NewItem(item.JID, item.Name, groups, item.Subscription), nil
}

// oneLine replaces line breaks and tabs by spaces, as XML does in attributes
// (XML 1.0 section 3.3.3), so that the server returns exactly what was sent.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\t', '\n', '\r':
			return ' '
		}
		return r
	}, s)
}
