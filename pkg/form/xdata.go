package form

import (
	"maps"
	"slices"

	"stanzahook/pkg/stanza"
)

// NS is the namespace of data forms (XEP-0004).
const NS = "jabber:x:data"

const (
	nsValidate = "http://jabber.org/protocol/xdata-validate"
	formType   = "FORM_TYPE" // XEP-0068
)

// xmlTypes are the types of fields in XML (XEP-0004 section 3.3).
func (t Type) xml() string {
	switch t {
	case Text, Number:
		return "text-single"
	case Private:
		return "text-private"
	case List:
		return "list-single"
	case JID:
		return "jid-single"
	}
	return string(t)
}

// XML returns a form to fill in. It shows values in place of those that the form has, if they
// are not nil.
func (f *Form) XML(values Values) string {
	b := []byte("<x xmlns='" + NS + "' type='form'>")
	b = appendTitle(b, f.Title, f.Instructions)
	for i := range f.Fields {
		b = f.Fields[i].appendXML(b, values)
	}
	return string(append(b, "</x>"...))
}

func appendTitle(b []byte, title, instructions string) []byte {
	if title != "" {
		b = append(b, stanza.TextElement("title", title)...)
	}
	if instructions != "" {
		b = append(b, stanza.TextElement("instructions", instructions)...)
	}
	return b
}

func (x *Field) appendXML(b []byte, given Values) []byte {
	b = append(b, "<field"...)
	if x.Name != "" {
		b = stanza.AppendAttr(b, "var", x.Name)
	}
	b = stanza.AppendAttr(b, "type", x.Type.xml())
	if x.Label != "" && (x.Type != Fixed || len(x.Value) > 0) {
		b = stanza.AppendAttr(b, "label", x.Label)
	}
	b = append(b, '>')
	if x.Desc != "" {
		b = append(b, stanza.TextElement("desc", x.Desc)...)
	}
	if x.Required {
		b = append(b, "<required/>"...)
	}
	if x.Type == Number {
		b = x.appendRange(b)
	}
	for _, v := range x.shown(given) {
		b = append(b, stanza.TextElement("value", v)...)
	}
	for _, o := range x.Options {
		b = append(b, "<option"...)
		if o.Label != "" {
			b = stanza.AppendAttr(b, "label", o.Label)
		}
		b = append(append(append(b, '>'), stanza.TextElement("value", o.Value)...), "</option>"...)
	}
	return append(b, "</field>"...)
}

// shown are the values that a field is shown with. What was typed is shown as it was, if XML
// can carry it; a secret is not sent back.
func (x *Field) shown(given Values) []string {
	values := x.Value
	if typed, has := given[x.Name]; has && x.Type != Fixed && x.Type != Hidden {
		values = slices.DeleteFunc(slices.Clone(typed), func(t string) bool { return stanza.CheckText(t) >= 0 })
		if x.Type == Private {
			values = nil
		}
		if len(values) > 1 && !x.Type.several() {
			values = values[:1]
		}
	}
	switch {
	case x.Type == Fixed && len(values) == 0:
		return []string{x.Label}
	case x.Type == Boolean && len(values) == 1:
		if v, ok := readBoolean(values[0]); ok {
			return []string{v}
		}
		return nil
	}
	return values
}

// appendRange appends what a number may be (XEP-0122 section 3).
func (x *Field) appendRange(b []byte) []byte {
	datatype := "xs:decimal"
	if x.Integer {
		datatype = "xs:integer"
	}
	b = append(stanza.AppendAttr([]byte(string(b)+"<validate xmlns='"+nsValidate+"'"), "datatype", datatype), '>')
	if x.Min != nil || x.Max != nil {
		b = append(b, "<range"...)
		if x.Min != nil {
			b = stanza.AppendAttr(b, "min", numeral(*x.Min))
		}
		if x.Max != nil {
			b = stanza.AppendAttr(b, "max", numeral(*x.Max))
		}
		b = append(b, "/>"...)
	}
	return append(b, "</validate>"...)
}

// Read returns the values of the fields of a form by their names, as they are in XML; the
// FORM_TYPE (XEP-0068) aside. Of two fields with one name both count.
func Read(x *stanza.Element) Values {
	all := make(Values)
	for i := range x.Children {
		f := &x.Children[i]
		name, _ := f.Attr("var")
		if f.Local != "field" || name == "" || name == formType {
			continue
		}
		values := all[name]
		if values == nil {
			values = []string{}
		}
		for k := range f.Children {
			if f.Children[k].Local == "value" {
				values = append(values, f.Children[k].Text)
			}
		}
		all[name] = values
	}
	return all
}

// Submission returns a form of type submit that sets values, by the order of their names. Without any it
// has no fields; kind is the FORM_TYPE.
func Submission(kind string, values Values) string {
	b := []byte("<x xmlns='" + NS + "' type='submit'")
	if len(values) == 0 {
		return string(append(b, "/>"...))
	}
	b = append(append(b, "><field var='"+formType+"' type='hidden'>"...), stanza.TextElement("value", kind)+"</field>"...)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b = append(stanza.AppendAttr(append(b, "<field"...), "var", name), '>')
		for _, v := range values[name] {
			b = append(b, stanza.TextElement("value", v)...)
		}
		b = append(b, "</field>"...)
	}
	return string(append(b, "</x>"...))
}
