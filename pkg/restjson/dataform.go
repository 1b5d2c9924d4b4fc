package restjson

import (
	"encoding/json"
	"strings"

	"stanzahook/pkg/stanza"
)

const nsForm = "jabber:x:data" // XEP-0004

var formType = at("type", oneOf("form", "submit", "cancel", "result"))

// dataform is a data form. The value of a field is a string, or an array where
// the field may have several values; text-multi has its lines in one string.
var dataform = fieldsOf(formType, texts("title"), texts("instructions"), formFields(
	children("value", values{}), children("values", values{always: true}).asInput())).titled("dataform")

// queryForm is the data form of an archive query: each field has an array values.
var queryForm = fieldsOf(formType, texts("title"), texts("instructions"), formFields(
	children("values", values{always: true}), children("value", values{}).asInput())).titled("dataform with values [string] in its fields")

func formFields(value ...field) field {
	fields := append([]field{at("var", str), at("type", str), at("label", str), texts("desc"),
		children("required", one{"", "required", flag{}})}, value...)
	option := fieldsOf(at("label", str), texts("value"))
	return children("fields", list("field", fieldsOf(append(fields, children("options", list("option", option)))...))).evenEmpty()
}

// values are the <value/> elements of a form field.
type values struct{ always bool } // an array, whatever the type of the field

func (v values) doc() string {
	if v.always {
		return "[string]"
	}
	return "string or [string]"
}

// texts returns the values, and whether they contain only text.
func (values) texts(field *stanza.Element) (texts []string, full bool) {
	full = true
	for i := range field.Children {
		if n := &field.Children[i]; n.Local == "value" && n.Space == field.Space {
			texts = append(texts, n.Text)
			full = full && len(n.Attrs) == 0 && len(n.Children) == 0
		}
	}
	return texts, full
}

func (v values) encodeAll(dst []byte, field *stanza.Element, _ level) ([]byte, int, bool, bool) {
	texts, full := v.texts(field)
	if len(texts) == 0 {
		return dst, 0, false, false
	}
	typ, _ := field.Attr("type")
	switch {
	case !v.always && typ == "text-multi":
		all := strings.Join(texts, "\n")
		return appendString(dst, all), len(texts), full && strings.Count(all, "\n") == len(texts)-1, true
	case !v.always && len(texts) == 1 && typ != "list-multi" && typ != "jid-multi":
		return appendString(dst, texts[0]), 1, full, true
	}
	return appendStrings(dst, texts), len(texts), full, true
}

func appendStrings(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, t)
	}
	return append(dst, ']')
}

func (v values) decodeAll(field *builder, data json.RawMessage, beside []member, at level) error {
	if data[0] == '[' {
		return list("value", content{str}).decodeAll(field, data, nil, at)
	}
	s, err := text(data)
	if err != nil {
		return wrong("", "a string or an array of strings is expected")
	}
	texts := []string{s}
	for _, m := range beside {
		if m.key == "type" && string(m.value) == `"text-multi"` {
			texts = strings.Split(s, "\n")
		}
	}
	for _, t := range texts {
		writeValue(field, t)
	}
	return nil
}

func writeValue(field *builder, text string) {
	e := &builder{local: "value"}
	e.text(text)
	field.child("", e)
}

// writeField puts a form field with its values into a form.
func writeField(form *builder, name, typ string, texts ...string) {
	f := &builder{local: "field"}
	f.attr("var", name)
	if typ != "" {
		f.attr("type", typ)
	}
	for _, t := range texts {
		writeValue(f, t)
	}
	form.child("", f)
}

// formdata is a form of type submit as an object of its values. It is only read:
// Append writes a dataform.
type formdata struct{}

func (formdata) doc() string { return "object of var: string, boolean or [string]" }

func (formdata) encode(dst []byte, _ *stanza.Element, _ level) ([]byte, bool, bool) {
	return dst, false, false
}

func (formdata) decode(e *builder, v json.RawMessage, at level) error {
	e.attr("type", "submit")
	return decodeValues(e, v)
}

// decodeValues writes form fields without a type.
func decodeValues(form *builder, v json.RawMessage) error {
	members, err := object(v)
	if err != nil {
		return wrong("", "an object of values is expected")
	}
	for _, m := range members {
		name, err := text(quote(m.key))
		if err != nil {
			return within(m.key, err)
		}
		texts, err := valueTexts(m.value)
		if err != nil {
			return within(m.key, err)
		}
		writeField(form, name, "", texts...)
	}
	return nil
}

// valueTexts reads the value of a form field: "a", true or ["a", "b"].
func valueTexts(v json.RawMessage) ([]string, error) {
	switch v[0] {
	case '"':
		t, err := text(v)
		return []string{t}, err
	case '[':
		items, err := array(v)
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, item := range items {
			t, err := text(item)
			if err != nil {
				return nil, err
			}
			texts = append(texts, t)
		}
		return texts, nil
	case 't', 'f':
		t, err := boolean.decode(v)
		return []string{t}, err
	}
	return nil, wrong("", "a string, true, false or an array of strings is expected")
}

// extensions are the forms in a disco#info result (XEP-0128): an object of
// FORM_TYPE, each an object of values.
type extensions struct{}

func (extensions) doc() string {
	return "object of FORM_TYPE: object of var: string, boolean or [string]"
}

func (extensions) encodeAll(dst []byte, query *stanza.Element, at level) (out []byte, used int, full, ok bool) {
	dst, full = append(dst, '{'), true
	seen := map[string]bool{}
	for i := range query.Children {
		form := &query.Children[i]
		if form.Space != nsForm || form.Local != "x" {
			continue
		}
		kind, plain := formKind(form)
		if kind == "" || seen[kind] {
			full = false
			continue
		}
		seen[kind] = true
		dst = appendMember(dst, kind)
		var all bool
		dst, all = appendValues(dst, form)
		full = full && all && plain
		used++
	}
	return append(dst, '}'), used, full, true
}

// formKind returns the FORM_TYPE, and whether the form is of type result and has
// only fields.
func formKind(form *stanza.Element) (kind string, plain bool) {
	typ, _ := form.Attr("type")
	plain = typ == "result" && len(form.Attrs) == 1 && form.Blank()
	for i := range form.Children {
		f := &form.Children[i]
		plain = plain && f.Local == "field" && f.Space == nsForm
		if name, _ := f.Attr("var"); name == "FORM_TYPE" && f.Space == nsForm {
			texts, full := values{}.texts(f)
			typ, _ := f.Attr("type")
			plain = plain && full && i == 0 && len(texts) == 1 && len(f.Children) == 1 && typ == "hidden" && len(f.Attrs) == 2 && f.Blank()
			if kind == "" && len(texts) > 0 {
				kind = texts[0]
			}
		}
	}
	return kind, plain
}

// appendValues appends the values of a form's fields as an object.
func appendValues(dst []byte, form *stanza.Element) (out []byte, full bool) {
	dst, full = append(dst, '{'), true
	seen := map[string]bool{"FORM_TYPE": true}
	for i := range form.Children {
		f := &form.Children[i]
		name, has := f.Attr("var")
		if f.Local != "field" || f.Space != nsForm || seen[name] {
			full = full && name == "FORM_TYPE" && f.Local == "field"
			continue
		}
		seen[name] = true
		texts, all := values{}.texts(f)
		typ, typed := f.Attr("type")
		full = full && all && has && !typed && len(f.Attrs) == 1 && len(texts) == len(f.Children) && f.Blank()
		dst = appendMember(dst, name)
		switch {
		case !typed || strings.HasPrefix(typ, "list-") || typ == "jid-multi" || len(texts) == 0:
			dst = appendStrings(dst, texts)
		case typ == "text-multi":
			dst = appendString(dst, strings.Join(texts, "\n"))
		case typ == "boolean":
			dst, _, _ = boolean.encode(dst, map[bool]string{true: "1", false: "0"}[texts[0] == "1" || texts[0] == "true"])
		default:
			dst = appendString(dst, texts[0])
		}
	}
	return append(dst, '}'), full
}

func (extensions) decodeAll(query *builder, v json.RawMessage, _ []member, _ level) error {
	members, err := object(v)
	if err != nil {
		return wrong("", "an object of FORM_TYPE is expected")
	}
	for _, m := range members {
		kind, err := text(quote(m.key))
		if err != nil {
			return within(m.key, err)
		}
		form := &builder{local: "x"}
		form.attr("type", "result")
		writeField(form, "FORM_TYPE", "hidden", kind)
		if err := decodeValues(form, m.value); err != nil {
			return within(m.key, err)
		}
		query.child(nsForm, form)
	}
	return nil
}
