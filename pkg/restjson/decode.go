package restjson

import (
	"encoding/json"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Fields is a decoded JSON object: a header, and the XML of the content.
// Kind is 0 and addresses are zero where the object does not say.
type Fields struct {
	stanza.Header
	Inner string
	// Stanza is the unchanged value of the key stanza, the XML of a whole stanza.
	// The caller parses it and decides what it means for the other keys.
	Stanza string
	Keys   []string // the known keys of the object, in order
	// Unknown are the keys that the mapping of the kind does not have, and
	// "stanza". Inner lacks them; the caller decides whether that is an error.
	Unknown []string

	guess stanza.Kind
}

// Has reports whether the object had a key.
func (f *Fields) Has(key string) bool { return slices.Contains(f.Keys, key) }

// UnknownKey returns a [*FieldError] for the first unknown key, or nil.
func (f *Fields) UnknownKey() error {
	if len(f.Unknown) == 0 {
		return nil
	}
	name := f.Unknown[0]
	kind := f.kind()
	if kinds := others(name); len(kinds) > 0 {
		return wrong(name, "goes with kind %q only, not with %q", strings.Join(kinds, `" or "`), kind)
	}
	if name == "stanza" {
		return wrong(name, "a whole stanza cannot be given here")
	}
	names := slices.Clone(headerKeys)
	for _, k := range keysOf(kind) {
		names = append(names, k.name)
	}
	return wrong(keyName(name), "unknown key; known are %s, xml", strings.Join(names, ", "))
}

var headerKeys = []string{"kind", "type", "to", "from", "id", "lang"}

// Decode reads a JSON object. Wrong types, invalid JIDs, and text that XML cannot
// carry are a [*FieldError] that names the key. The header has only what the object
// says; [Fields.Guess] completes it.
func Decode(data []byte) (*Fields, error) { return decode(data, 0, level{depth: 1}, nil) }

// DecodeAs is Decode with a default kind: the object has that kind unless its "kind"
// or "type" says otherwise. The answer to an IQ is an example. The other keys do not
// decide the kind.
func DecodeAs(data []byte, kind stanza.Kind) (*Fields, error) {
	return decode(data, kind, level{depth: 1}, nil)
}

// Take is asked for each key of an object first. A key that it takes is not one of the
// mapping; its error is that of the key.
type Take func(key string, value json.RawMessage) (taken bool, err error)

// DecodeWith is DecodeAs for an object that has keys of the caller's own.
func DecodeWith(data []byte, kind stanza.Kind, take Take) (*Fields, error) {
	return decode(data, kind, level{depth: 1}, take)
}

// leave removes the members that are taken.
func leave(members []member, take Take) ([]member, error) {
	if take == nil {
		return members, nil
	}
	left := members[:0]
	for _, m := range members {
		taken, err := take(m.key, m.value)
		if err != nil {
			return nil, err
		}
		if !taken {
			left = append(left, m)
		}
	}
	return left, nil
}

func decode(data []byte, kind stanza.Kind, at level, take Take) (*Fields, error) {
	members, err := object(data)
	if err == nil {
		members, err = leave(members, take)
	}
	if err != nil {
		return nil, err
	}
	f := &Fields{}
	if err := f.header(members); err != nil {
		return nil, err
	}
	f.guess = guess(f.Type, kind, members)
	d := decoder{at: at, table: &tables[f.kind()]}
	for _, m := range members {
		if slices.Contains(headerKeys, m.key) {
			f.Keys = append(f.Keys, m.key)
			continue
		}
		known := true
		switch k := d.table.byName[m.key]; {
		case m.key == "xml":
			d.xml, err = childrenOf(m.value, at)
		case m.key == "stanza":
			known = false
			if f.Stanza, err = text(m.value); err != nil || f.Stanza == "" {
				err = wrong("", "a string with the XML of one stanza is expected")
			}
		case k == nil:
			known = false
		default:
			err = d.key(k, m.value)
		}
		if err != nil {
			return nil, within(m.key, err)
		}
		if known {
			f.Keys = append(f.Keys, m.key)
		} else {
			f.Unknown = append(f.Unknown, m.key)
		}
	}
	f.Inner = d.inner()
	return f, nil
}

// header reads the attributes of the stanza.
func (f *Fields) header(members []member) error {
	for _, m := range members {
		if !slices.Contains(headerKeys, m.key) {
			continue
		}
		v, err := text(m.value)
		if err != nil {
			return within(m.key, err)
		}
		switch m.key {
		case "kind":
			if f.Kind = stanza.KindOf(v); f.Kind == 0 {
				err = wrong("kind", "use message, presence or iq, not %q", clip(v))
			}
		case "type":
			f.Type = v
		case "to":
			f.To, err = address("to", v)
		case "from":
			f.From, err = address("from", v)
		case "id":
			f.ID = v
		case "lang":
			f.Lang = v
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func address(field, v string) (jid.JID, error) {
	j, err := jid.Parse(v)
	if err != nil {
		return jid.JID{}, wrong(field, "%s", err)
	}
	return j, nil
}

// decoder builds the content of one stanza.
type decoder struct {
	at     level
	table  *table
	parts  []part
	xml    *stanza.Stanza           // around the elements of the key xml
	values map[*key]map[string]bool // of the elements in xml
}

// part is a key's value as JSON and as XML.
type part struct {
	key   *key
	value json.RawMessage
	xml   []byte
}

func (d *decoder) key(k *key, v json.RawMessage) error {
	if !k.repeated {
		return d.element(k, v)
	}
	values, err := array(v)
	if err != nil {
		return err
	}
	for i, v := range values {
		if err := d.element(k, v); err != nil {
			return within(index(i), err)
		}
	}
	return nil
}

func (d *decoder) element(k *key, v json.RawMessage) error {
	e := &builder{local: k.local}
	switch err := k.shape.decode(e, v, d.at.down()); {
	case err == errAbsent:
		return nil
	case err != nil:
		return err
	}
	d.parts = append(d.parts, part{k, v, e.appendXML(nil, k.space)})
	return nil
}

// inner joins the parts. It leaves out a key if an element in xml has the same value
// of that key: then the element has all that the key says, and more. The same goes
// for the alias of a key.
func (d *decoder) inner() string {
	var b []byte
	for i := range d.parts {
		p := &d.parts[i]
		if !d.inXML(p) && !d.aliased(p) {
			b = append(b, p.xml...)
		}
	}
	if d.xml != nil {
		b = append(b, d.xml.Inner()...)
	}
	return string(b)
}

func (d *decoder) inXML(p *part) bool {
	if d.xml == nil {
		return false
	}
	values, ok := d.values[p.key]
	if !ok {
		values = d.xmlValues(p.key)
		if d.values == nil {
			d.values = map[*key]map[string]bool{}
		}
		d.values[p.key] = values
	}
	return values[comparison(p.value)]
}

// xmlValues returns the values of a key that elements in xml have.
func (d *decoder) xmlValues(k *key) map[string]bool {
	values := map[string]bool{}
	for _, c := range d.xml.Children() {
		has := d.table.find(c.Space, c.Local)
		if has == nil || has != k && has.name != k.alias {
			continue
		}
		if value, _, ok := k.shape.encode(nil, d.xml.Element(c), d.at.down()); ok {
			values[comparison(value)] = true
		}
	}
	return values
}

func (d *decoder) aliased(p *part) bool {
	if p.key.alias == "" {
		return false
	}
	for i := range d.parts {
		other := &d.parts[i]
		if other.key.name != p.key.alias {
			continue
		}
		if value, _, ok := p.key.shape.encode(nil, written(other.xml), d.at.down()); ok && comparison(value) == comparison(p.value) {
			return true
		}
	}
	return false
}
