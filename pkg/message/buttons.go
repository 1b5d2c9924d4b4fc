package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"stanzahook/pkg/stanza"
)

const nsQuick = "urn:xmpp:tmp:quick-response" // XEP-0439

// Button is an answer that a message offers (XEP-0439). Programs show the label; who chooses
// it writes the value.
type Button struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Bounds of buttons.
const (
	MaxButtons     = 20
	maxButtonLabel = 200  // bytes
	maxButtonValue = 1000 // bytes
)

// ReadButtons reads the key buttons of a JSON object: an array of {"label","value"}, of which
// one will do, or of texts that are both. The error names the button and its key.
func ReadButtons(value json.RawMessage) ([]Button, error) {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil || list == nil {
		return nil, errors.New(`buttons: an array is expected, such as [{"label": "Yes", "value": "yes"}, {"label": "No", "value": "no"}]`)
	}
	if len(list) > MaxButtons {
		return nil, fmt.Errorf("buttons: are %d; there may be %d", len(list), MaxButtons)
	}
	all := make([]Button, len(list))
	for i, raw := range list {
		if err := all[i].read(raw); err != nil {
			return nil, fmt.Errorf("buttons[%d]%w", i, err)
		}
		if err := all[i].clash(all[:i]); err != nil {
			return nil, fmt.Errorf("buttons[%d].%w", i, err)
		}
	}
	return all, nil
}

// read reads a button. The error continues its name.
func (b *Button) read(raw json.RawMessage) error {
	var both string
	if raw[0] == '"' && json.Unmarshal(raw, &both) == nil {
		b.Label, b.Value = both, both
	} else {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		err := d.Decode(b)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return fmt.Errorf(".%s: a string is expected", wrong.Field)
		}
		if err != nil || raw[0] != '{' {
			return errors.New(`: a text, or {"label": "Yes", "value": "yes"} is expected`)
		}
	}
	b.Label, b.Value = strings.TrimSpace(b.Label), strings.TrimSpace(b.Value)
	if b.Label == "" {
		b.Label = b.Value
	}
	if b.Value == "" {
		b.Value = b.Label
	}
	for _, part := range [...]struct {
		name, text string
		most       int
	}{{"label", b.Label, maxButtonLabel}, {"value", b.Value, maxButtonValue}} {
		switch {
		case part.text == "":
			return fmt.Errorf(".%s: is missing; write what people see", part.name)
		case len(part.text) > part.most:
			return fmt.Errorf(".%s: has %d bytes; there may be %d", part.name, len(part.text), part.most)
		case strings.ContainsAny(part.text, "\r\n"):
			return fmt.Errorf(".%s: has more than one line", part.name)
		case stanza.CheckText(part.text) >= 0:
			return fmt.Errorf(".%s: holds a character XML forbids", part.name)
		}
	}
	return nil
}

// clash reports a button that could be taken for one before it: whatever somebody writes means
// one of them.
func (b *Button) clash(before []Button) error {
	for i, x := range before {
		switch {
		case strings.EqualFold(b.Label, x.Label) || strings.EqualFold(b.Label, x.Value):
			return fmt.Errorf("label: %.40q is the label or the value of buttons[%d] already; write another", b.Label, i)
		case strings.EqualFold(b.Value, x.Value) || strings.EqualFold(b.Value, x.Label):
			return fmt.Errorf("value: %.40q is the label or the value of buttons[%d] already; write another", b.Value, i)
		}
	}
	return nil
}

// numbered reports whether a number means the button at that place. It does not if one of them
// is the number of another: "5" is what it says.
func numbered(all []Button) bool {
	for i, b := range all {
		for _, text := range [...]string{b.Label, b.Value} {
			if n, err := strconv.Atoi(text); err == nil && n != i+1 && n >= 1 && n <= len(all) {
				return false
			}
		}
	}
	return true
}

// choose returns the button that a text means: its value, its label, or its number.
func choose(all []Button, text string) (Button, bool) {
	text = strings.TrimSpace(text)
	if i := slices.IndexFunc(all, func(b Button) bool { return b.Value == text }); i >= 0 {
		return all[i], true
	}
	if i := slices.IndexFunc(all, func(b Button) bool { return strings.EqualFold(b.Value, text) || strings.EqualFold(b.Label, text) }); i >= 0 {
		return all[i], true
	}
	digits := strings.TrimRight(text, ".)")
	n, err := strconv.Atoi(digits)
	if err != nil || len(text) > len(digits)+1 || digits != strconv.Itoa(n) || n < 1 || n > len(all) || !numbered(all) {
		return Button{}, false
	}
	return all[n-1], true
}

// buttonLines are the lines of a body for programs that do not know buttons (XEP-0439 section
// 6).
func buttonLines(all []Button) string {
	var b strings.Builder
	numbered := numbered(all)
	for i, x := range all {
		b.WriteByte('\n')
		if numbered {
			b.WriteString(strconv.Itoa(i+1) + ") ")
		} else {
			b.WriteString("- ")
		}
		b.WriteString(x.Label)
	}
	return b.String()
}

// ErrNoBody means that a message with buttons has no body to list them in, or several.
var ErrNoBody = errors.New("need one body, which has the question; write body")

// bodyIn returns where the one body is in the XML of a message's content, and its text.
func bodyIn(inner string) (from, to int, text string, err error) {
	const tag = "<message>"
	s, err := stanza.Parse(tag+inner+"</message>", stanza.Limits{MaxBytes: len(inner) + 64})
	if err != nil {
		return 0, 0, "", err
	}
	bodies := 0
	for _, c := range s.Children() {
		if c.Space == "" && c.Local == "body" {
			bodies++
			from, to = s.Place(c)
			text = s.ChildText(c)
		}
	}
	if bodies != 1 || strings.TrimSpace(text) == "" {
		return 0, 0, "", ErrNoBody
	}
	return from - len(tag), to - len(tag), text, nil
}

// withLines returns the content of a message whose body lists buttons.
func withLines(inner string, all []Button) (string, error) {
	_, to, _, err := bodyIn(inner)
	if err != nil {
		return "", err
	}
	at := to - len("</body>")
	return inner[:at] + string(stanza.AppendText(nil, buttonLines(all))) + inner[at:], nil
}

// withButtons returns the content of a message, whose body ends with the lines of buttons, with
// the buttons. Programs that show these may leave out the lines (XEP-0428).
func withButtons(inner string, all []Button) (string, error) {
	_, _, body, err := bodyIn(inner)
	if err != nil {
		return "", err
	}
	end := utf8.RuneCountInString(body)
	begin := end - utf8.RuneCountInString(buttonLines(all))
	b := []byte(inner)
	for _, x := range all {
		b = append(b, "<response xmlns='"+nsQuick+"'"...)
		b = append(stanza.AppendAttr(stanza.AppendAttr(b, "value", x.Value), "label", x.Label), "/>"...)
	}
	b = append(b, "<fallback xmlns='"+nsFallback+"' for='"+nsQuick+"'><body start='"...)
	b = append(strconv.AppendInt(b, int64(begin), 10), "' end='"...)
	return string(append(strconv.AppendInt(b, int64(end), 10), "'/></fallback>"...)), nil
}
