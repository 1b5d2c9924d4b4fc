package postmsg

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
)

// The formats of bodies, by their media types.
const (
	formatText = "text/plain"
	formatForm = "application/x-www-form-urlencoded"
	formatJSON = "application/json"
)

// note is a message as it is in the request.
type note struct {
	to, kind   string
	body, html *string // nil: none
}

func refuse(status int, text string) *httpapi.Fault {
	return &httpapi.Fault{Status: status, Text: text}
}

// read parses a request.
func read(w http.ResponseWriter, r *http.Request) (note, *httpapi.Fault) {
	name, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	format := strings.ToLower(strings.TrimSpace(name))
	if format != formatText && format != formatForm && format != formatJSON {
		return note{}, refuse(http.StatusUnsupportedMediaType, "Content-Type: send "+formatText+", "+formatForm+" or "+formatJSON)
	}
	as := document.Plain
	if format == formatJSON {
		as = document.JSON
	}
	body, f := httpapi.ReadText(w, r, as)
	if f != nil {
		return note{}, f
	}
	switch text := string(body); format {
	case formatText:
		return note{body: &text}, nil
	case formatForm:
		return readForm(text)
	default:
		return readJSON(body)
	}
}

func readForm(text string) (note, *httpapi.Fault) {
	values, err := url.ParseQuery(strings.TrimRight(text, "\r\n"))
	if err != nil {
		return note{}, refuse(http.StatusBadRequest, "the body is not a form: "+err.Error())
	}
	n := note{to: values.Get("to"), kind: values.Get("type")}
	for _, f := range []struct {
		name string
		into **string
	}{{"body", &n.body}, {"html", &n.html}} {
		if v, ok := values[f.name]; ok {
			if !utf8.ValidString(v[0]) {
				return note{}, refuse(http.StatusBadRequest, f.name+": is not valid UTF-8")
			}
			*f.into = &v[0]
		}
	}
	return n, nil
}

func readJSON(body []byte) (note, *httpapi.Fault) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return note{}, refuse(http.StatusBadRequest, `the body is not a JSON object, such as {"to":"user@example.com","body":"text"}`)
	}
	var n note
	var to, kind *string
	for _, f := range []struct {
		name string
		into **string
	}{{"to", &to}, {"type", &kind}, {"body", &n.body}, {"html", &n.html}} {
		raw, ok := object[f.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, f.into); err != nil || *f.into == nil {
			return note{}, refuse(http.StatusBadRequest, f.name+": must be a string")
		}
	}
	if to != nil {
		n.to = *to
	}
	if kind != nil {
		n.kind = *kind
	}
	return n, nil
}
