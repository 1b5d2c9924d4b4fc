package form

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Values are the values of fields by their names, as texts in their canonical form: of a
// boolean 1 or 0, of a number as JSON has it. A field without a value is not there.
type Values map[string][]string

// Validate reads what somebody has filled in. What is not given has the value that the form
// has; a hidden field always has that. What the form does not know is left out. Wrong has a
// problem for each field that cannot be read, by its name; the values are nil then.
func (f *Form) Validate(given Values) (values Values, wrong []Problem) {
	values = make(Values)
	size := 0
	for i := range f.Fields {
		x := &f.Fields[i]
		texts, has := given[x.Name]
		switch {
		case x.Type == Fixed:
			continue
		case !has || x.Type == Hidden:
			texts = x.Value
		}
		if size += sizeOf(texts); size > MaxBytes {
			return nil, append(wrong, Problem{x.Name, fmt.Sprintf("is too long: the form may have %d bytes in all", MaxBytes)})
		}
		read, why := x.read(texts)
		switch {
		case why != "":
			wrong = append(wrong, Problem{x.Name, why})
		case len(read) > 0:
			values[x.Name] = read
		case x.Required:
			wrong = append(wrong, Problem{x.Name, x.missing()})
		case x.Type == Boolean: // XEP-0004 section 3.3: false if nothing is said
			values[x.Name] = []string{"0"}
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return values, nil
}

// Missing returns the required fields that have no value in given and none at first.
func (f *Form) Missing(given Values) (names []string) {
	for i := range f.Fields {
		x := &f.Fields[i]
		texts, has := given[x.Name]
		if !has {
			texts = x.Value
		}
		if read, wrong := x.read(texts); x.Required && x.Type != Hidden && wrong == "" && len(read) == 0 {
			names = append(names, x.Name)
		}
	}
	return names
}

func (x *Field) missing() string {
	if x.Type.options() {
		return "is missing; choose one"
	}
	return "is missing"
}

// read returns the canonical values of a field; none if the texts say nothing. wrong says why
// they cannot be read.
func (x *Field) read(texts []string) (values []string, wrong string) {
	if x.Type == TextMulti {
		return readLines(texts)
	}
	said := slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return strings.TrimSpace(t) == "" && !x.hasOption(t) })
	if len(said) > 1 && !x.Type.several() {
		return nil, fmt.Sprintf("has %d values; give one", len(said))
	}
	for _, text := range said {
		value, wrong := x.readOne(text)
		if wrong != "" {
			return nil, wrong
		}
		if !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values, ""
}

// readLines splits texts into lines; none if all are blank.
func readLines(texts []string) (lines []string, wrong string) {
	blank := true
	for _, text := range texts {
		if stanza.CheckText(text) >= 0 {
			return nil, forbidden
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
			blank = blank && strings.TrimSpace(line) == ""
			lines = append(lines, line)
		}
	}
	if blank {
		return nil, ""
	}
	return lines, ""
}

func (x *Field) hasOption(value string) bool {
	return slices.ContainsFunc(x.Options, func(o Option) bool { return o.Value == value })
}

func (x *Field) readOne(text string) (value, wrong string) {
	if stanza.CheckText(text) >= 0 {
		return "", forbidden
	}
	switch x.Type {
	case List, ListMulti:
		if !x.hasOption(text) {
			return "", fmt.Sprintf("%.40q is none of %s", text, x.choices())
		}
		return text, ""
	case Boolean:
		value, ok := readBoolean(text)
		if !ok {
			return "", fmt.Sprintf("%.40q is not yes or no", text)
		}
		return value, ""
	case JID, JIDMulti:
		j, err := jid.Parse(strings.TrimSpace(text))
		if err != nil {
			return "", fmt.Sprintf("%.80q is not an address; write for example juliet@example.com", text)
		}
		return j.String(), ""
	case Number:
		return x.readNumber(strings.TrimSpace(text))
	}
	if strings.ContainsAny(text, "\r\n") && x.Type != Hidden && x.Type != Fixed {
		return "", "has more than one line"
	}
	return text, ""
}

// maxChoices bounds the options that are named to people.
const maxChoices = 20

// choices names the options.
func (x *Field) choices() string {
	var all []string
	for i, o := range x.Options {
		if i == maxChoices {
			all = append(all, "…")
			break
		}
		all = append(all, o.Value)
	}
	return strings.Join(all, ", ")
}

// readBoolean reads 1, 0, true and false (XEP-0004 section 3.3), and yes and no.
func readBoolean(text string) (value string, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "true", "yes", "y", "on":
		return "1", true
	case "0", "false", "no", "n", "off":
		return "0", true
	}
	return "", false
}

// maxDigits bounds the text of a number.
const maxDigits = 40

// readNumber reads xs:decimal (XEP-0122 section 3.1), or xs:integer.
func (x *Field) readNumber(text string) (value, wrong string) {
	digits := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-"), "0")
	whole, part, point := strings.Cut(digits, ".")
	switch {
	case len(text) > maxDigits || strings.Trim(whole+part, "0123456789") != "" || !strings.ContainsAny(text, "0123456789") || strings.HasPrefix(text, "+-"):
		return "", fmt.Sprintf("%.40q is not a number", text)
	case x.Integer && point:
		return "", fmt.Sprintf("%.40q is not a whole number", text)
	}
	if value = whole; value == "" {
		value = "0"
	}
	if part = strings.TrimRight(part, "0"); part != "" {
		value += "." + part
	}
	if strings.HasPrefix(text, "-") && value != "0" {
		value = "-" + value
	}
	n, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil:
		return "", fmt.Sprintf("%.40q is not a number", text)
	case x.Min != nil && n < *x.Min:
		return "", fmt.Sprintf("%s is less than %s", value, numeral(*x.Min))
	case x.Max != nil && n > *x.Max:
		return "", fmt.Sprintf("%s is more than %s", value, numeral(*x.Max))
	}
	return value, ""
}

func numeral(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// Only returns a form with one field alone.
func (f *Form) Only(name string) *Form {
	if x := f.Field(name); x != nil {
		return &Form{Fields: []Field{*x}}
	}
	return &Form{}
}
