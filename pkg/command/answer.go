package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// Answer is what a program has answered.
type Answer struct {
	Note   *Note
	Form   *form.Form // the next step; nil: the run is at its end
	Result *form.Result
	Remark string // what who runs the program should know of the answer, though it is no error

	own bool // no configuration has the form
}

// done is the answer that says nothing.
func done() *Answer { return &Answer{Note: &Note{NoteInfo, "Done."}} }

// maxNote bounds the text of a note, in bytes.
const maxNote = 32_768

// ReadAnswer reads an answer of success: a text, or a JSON object with text, note, form, result
// or error. Nothing at all is "Done.". The error says what is wrong, for who runs the program.
func ReadAnswer(c *Command, contentType string, body []byte) (*Answer, error) {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	as := document.Plain
	if media == "application/json" || strings.HasSuffix(media, "+json") {
		as = document.JSON
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return done(), nil
	}
	if as == document.Plain && media != "text/plain" {
		return nil, fmt.Errorf("the answer has the Content-Type %.60q; use text/plain or application/json", media)
	}
	text, err := document.Decode(body, contentType, as)
	if err != nil {
		return nil, err
	}
	if text, _ = document.Clean(bytes.TrimSpace(text), as); as == document.Plain {
		return note(NoteInfo, string(text)), nil
	}
	switch {
	case len(text) == 0 || string(text) == "null":
		return done(), nil
	case text[0] == '"':
		var said string
		if err := json.Unmarshal(text, &said); err != nil {
			return nil, fmt.Errorf("JSON: %s", document.NotJSON(text))
		}
		return note(NoteInfo, said), nil
	case text[0] != '{':
		return nil, errors.New("JSON: an object or a string is expected")
	}
	return readObject(c, text)
}

func note(kind, text string) *Answer {
	if strings.TrimSpace(text) == "" {
		return done()
	}
	return &Answer{Note: &Note{kind, document.Clip(text, maxNote)}}
}

func readObject(c *Command, text []byte) (*Answer, error) {
	var keys struct {
		Text   *string         `json:"text"`
		Body   *string         `json:"body"`
		Note   *Note           `json:"note"`
		Form   json.RawMessage `json:"form"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("%s: is a JSON %s, which is not expected here", wrong.Field, wrong.Value)
		}
		return nil, fmt.Errorf("JSON: %s", document.NotJSON(text))
	}
	a := &Answer{}
	switch {
	case keys.Note != nil:
		if keys.Note.Type == "" {
			keys.Note.Type = NoteInfo
		}
		if !slices.Contains([]string{NoteInfo, NoteWarn, NoteError}, keys.Note.Type) {
			return nil, fmt.Errorf("note.type: %.40q is not known; write info, warn or error", keys.Note.Type)
		}
		a = note(keys.Note.Type, keys.Note.Text)
	case keys.Text != nil:
		a = note(NoteInfo, *keys.Text)
	case keys.Body != nil:
		a = note(NoteInfo, *keys.Body)
	}
	var failure string
	if has(keys.Error) && json.Unmarshal(keys.Error, &failure) == nil && failure != "" {
		return note(NoteError, failure), nil
	}
	switch {
	case has(keys.Form) && has(keys.Result):
		return nil, errors.New("form and result: write one of them")
	case has(keys.Form):
		return a, a.readForm(c, keys.Form)
	case has(keys.Result):
		var err error
		if a.Result, err = form.ParseResult(keys.Result); err != nil {
			err = fmt.Errorf("result: %w", err)
		}
		return a, err
	case a.Note == nil:
		a = done()
		a.Remark = unknownKeys(text)
	}
	return a, nil
}

// unknownKeys tells of the keys of an answer that says nothing. Values such as {"ok":true} are
// meant to.
func unknownKeys(text []byte) string {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(text, &keys) // it was read before
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		known := slices.Contains([]string{"text", "body", "note", "form", "result", "error"}, key)
		if first := keys[key][0]; !known && (first == '"' || first == '{' || first == '[') {
			unknown = append(unknown, strconv.Quote(document.Clip(key, 40)))
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return "answered JSON without a key that says something (" + strings.Join(unknown[:min(len(unknown), 5)], ", ") + "); write text, note, form, result or error"
}

func has(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// readForm reads a form, or the name of one of the command's.
func (a *Answer) readForm(c *Command, raw json.RawMessage) (err error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		if a.Form = c.Forms[name]; a.Form == nil {
			return fmt.Errorf("form: the command has none that is named %.40q", name)
		}
		return nil
	}
	if a.Form, err = form.Parse(raw); err != nil {
		return fmt.Errorf("form: %w", err)
	}
	a.own = true
	return nil
}

// Refusal returns what somebody reads of an answer with an error status: a text, or the
// string error, detail or title of a JSON object (RFC 9457); empty if there is none.
func Refusal(contentType string, body []byte) string {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	text := ""
	switch {
	case media == "text/plain":
		text = string(body)
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		var keys map[string]any
		if json.Unmarshal(body, &keys) == nil {
			for _, key := range [...]string{"error", "detail", "text", "title"} {
				if s, _ := keys[key].(string); s != "" && text == "" {
					text = s
				}
			}
		}
	}
	return document.Clip(stanza.Clean(strings.TrimSpace(text)), 1000)
}
