package form

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stanzahook/pkg/stanza"
)

// Bounds of a form.
const (
	MaxFields  = 100
	MaxOptions = 500    // of a field
	MaxBytes   = 65_536 // of all texts of a form, and of all values that come back
	maxName    = 100    // bytes of the name of a field
)

// Type is what a field holds.
type Type string

// The types of fields.
const (
	Text      Type = "text"       // a line
	TextMulti Type = "text-multi" // lines
	Private   Type = "private"    // a line that is not shown
	List      Type = "list"       // one of the options
	ListMulti Type = "list-multi" // some of the options
	Boolean   Type = "boolean"
	JID       Type = "jid"
	JIDMulti  Type = "jid-multi"
	Number    Type = "number" // decimal (XEP-0122)
	Fixed     Type = "fixed"  // a text that is shown, and no value
	Hidden    Type = "hidden" // a value that is not shown, and cannot be changed
)

// Types returns all types.
func Types() []string {
	return []string{string(Text), string(TextMulti), string(Private), string(List), string(ListMulti), string(Boolean), string(JID), string(JIDMulti), string(Number), string(Fixed), string(Hidden)}
}

// Form is what somebody fills in.
type Form struct {
	Title, Instructions string
	Fields              []Field
	More                bool // another form follows
}

// Field is a field of a form.
type Field struct {
	Name     string // of the value
	Type     Type
	Label    string // empty: Name
	Desc     string
	Options  []Option // of lists
	Required bool
	Value    []string // at first
	Min, Max *float64 // of numbers; nil: any
	Integer  bool     // of numbers
}

// Option is a value of a list, with the text that is shown for it.
type Option struct{ Value, Label string }

// Problem is what is wrong with a part of a form.
type Problem struct {
	Field string // its path, as fields[1].type
	Text  string
}

func (p Problem) Error() string { return p.Field + ": " + p.Text }

// Shown returns what a field is called for people.
func (x *Field) Shown() string {
	if x.Label != "" {
		return x.Label
	}
	return x.Name
}

// Shown returns the text of an option.
func (o Option) Shown() string {
	if o.Label != "" {
		return o.Label
	}
	return o.Value
}

func (t Type) several() bool { return t == TextMulti || t == ListMulti || t == JIDMulti }
func (t Type) options() bool { return t == List || t == ListMulti }

// Field returns a field by its name; nil if there is none.
func (f *Form) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name && f.Fields[i].Type != Fixed {
			return &f.Fields[i]
		}
	}
	return nil
}

// Size returns how many bytes the texts of a form have.
func (f *Form) Size() int {
	n := len(f.Title) + len(f.Instructions)
	for i := range f.Fields {
		x := &f.Fields[i]
		n += len(x.Name) + len(x.Label) + len(x.Desc) + sizeOf(x.Value)
		for _, o := range x.Options {
			n += len(o.Value) + len(o.Label)
		}
	}
	return n
}

func sizeOf(texts []string) (n int) {
	for _, t := range texts {
		n += len(t)
	}
	return n
}

// Check returns what is wrong with a form.
func (f *Form) Check() (all []Problem) {
	add := func(field, format string, args ...any) {
		all = append(all, Problem{field, fmt.Sprintf(format, args...)})
	}
	for _, text := range [...]struct{ name, value string }{{"title", f.Title}, {"instructions", f.Instructions}} {
		if stanza.CheckText(text.value) >= 0 {
			add(text.name, forbidden)
		}
	}
	if len(f.Fields) == 0 {
		add("fields", "are missing; write one at least, as {name: env, type: text}")
	}
	if len(f.Fields) > MaxFields {
		add("fields", "are %d; there may be %d", len(f.Fields), MaxFields)
		return all
	}
	names := make(map[string]int)
	for i := range f.Fields {
		x, at := &f.Fields[i], "fields["+strconv.Itoa(i)+"]."
		x.check(func(name, format string, args ...any) { add(at+name, format, args...) })
		if x.Name == "" {
			continue
		}
		if first, twice := names[x.Name]; twice {
			add(at+"name", "%q is the name of fields[%d] already; write another", x.Name, first)
			continue
		}
		names[x.Name] = i
	}
	if n := f.Size(); n > MaxBytes {
		add("fields", "have %d bytes of text with those of the form; there may be %d", n, MaxBytes)
	}
	return all
}

const forbidden = "has a character that XML forbids; remove it"

func (x *Field) check(add func(name, format string, args ...any)) {
	switch {
	case !slices.Contains(Types(), string(x.Type)):
		if x.Type == "" {
			add("type", "is missing; write %s", strings.Join(Types(), ", "))
		} else {
			add("type", "%.40q is not known; write one of %s", string(x.Type), strings.Join(Types(), ", "))
		}
		return
	case x.Name == "" && x.Type != Fixed:
		add("name", "is missing; write the name that the value has in the event")
	case len(x.Name) > maxName:
		add("name", "has %d bytes; there may be %d", len(x.Name), maxName)
	case x.Name == formType:
		add("name", "%s is not for values; write another", formType)
	}
	texts := map[string][]string{"name": {x.Name}, "label": {x.Label}, "desc": {x.Desc}, "value": x.Value}
	for _, name := range [...]string{"name", "label", "desc", "value"} {
		for _, text := range texts[name] {
			if stanza.CheckText(text) >= 0 {
				add(name, forbidden)
				return
			}
		}
	}
	x.checkOptions(add)
	if x.Type != Number && (x.Min != nil || x.Max != nil || x.Integer) {
		add("type", "%s has no min, max or integer; they are for number", x.Type)
	}
	if x.Min != nil && x.Max != nil && *x.Min > *x.Max {
		add("min", "%v is more than max, %v", *x.Min, *x.Max)
	}
	switch {
	case x.Type == Fixed && x.Required:
		add("required", "true has no meaning for a text that is shown; remove it")
	case x.Type == Fixed && len(x.Value) == 0 && x.Label == "":
		add("value", "is missing; write the text to show")
	case x.Type == Hidden && len(x.Value) == 0:
		add("value", "is missing; nobody can fill in a hidden field")
	case len(x.Value) > 0:
		if _, wrong := x.read(x.Value); wrong != "" {
			add("value", "%s", wrong)
		}
	}
}

func (x *Field) checkOptions(add func(name, format string, args ...any)) {
	switch {
	case x.Type.options() && len(x.Options) == 0:
		add("options", "are missing; write for example {staging: Staging, prod: Production}")
	case !x.Type.options() && len(x.Options) > 0:
		add("options", "are for list and list-multi; write one of these as type, or remove them")
	case len(x.Options) > MaxOptions:
		add("options", "are %d; there may be %d", len(x.Options), MaxOptions)
	}
	seen := make(map[string]bool)
	for _, o := range x.Options {
		if seen[o.Value] {
			add("options", "have %.40q twice; keep one", o.Value)
		}
		seen[o.Value] = true
		if stanza.CheckText(o.Value) >= 0 || stanza.CheckText(o.Label) >= 0 {
			add("options", forbidden)
		}
	}
}
