package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"stanzahook/pkg/document"
)

// Answer is the answer of an endpoint.
type Answer struct {
	Status     int
	MediaType  string // lower case, without parameters
	Type       string // the Content-Type as it was sent
	Body       []byte
	Unread     error // why there is no Body, though the endpoint sent one: it is too long, or cannot be decoded
	RetryAfter time.Duration

	note Note
	text []byte // the body, read; see content
	err  error
	read bool

	stream *streamed // that was read bit by bit; nil: none was
}

// Note tells those who run an endpoint about an answer that is no error, but has no effect
// they may expect.
type Note struct {
	NoReply  string // why there is no reply in it
	Empty    bool   // it has no body, and its status promises one
	LeftOut  string // keys that are not known, beside those that make the reply
	Replaced int    // characters that no stanza can carry
}

// String returns the text of the note; it may be empty.
func (n *Note) String() string {
	var parts []string
	if n.Empty {
		parts = append(parts, "the answer is empty; no reply is made of that")
	}
	if n.NoReply != "" {
		parts = append(parts, n.NoReply)
	}
	if n.LeftOut != "" {
		parts = append(parts, leftOut+": "+n.LeftOut)
	}
	if n.Replaced > 0 {
		parts = append(parts, fmt.Sprintf("characters that no stanza can carry, replaced by U+FFFD: %d", n.Replaced))
	}
	return strings.Join(parts, "; ")
}

// content returns the body of an answer for its format: valid UTF-8, and
// without characters that no stanza can carry.
func content(a *Answer) ([]byte, error) {
	if !a.read {
		a.read = true
		as := syntaxOf(a.MediaType)
		if a.text, a.err = document.Decode(a.Body, a.Type, as); a.err == nil {
			if as == document.JSON && bytes.Contains(a.text, []byte(`"payload"`)) {
				as = document.Plain // its escapes are its own: see replier.cleanMembers
			}
			var n int
			a.text, n = document.Clean(a.text, as)
			a.note.Replaced += n
		}
	}
	return a.text, a.err
}

func syntaxOf(mediaType string) document.Syntax {
	switch {
	case isJSON(mediaType):
		return document.JSON
	case isXML(mediaType):
		return document.XML
	}
	return document.Plain
}

func isJSON(mediaType string) bool {
	return mediaType == mediaJSON || strings.HasSuffix(mediaType, "+json")
}

func isXML(mediaType string) bool {
	return mediaType == mediaXMPP || mediaType == "application/xml" || mediaType == "text/xml"
}

// empty reports whether there is nothing in the answer, although its status does not say so.
func (a *Answer) empty() bool {
	return a.Status != http.StatusAccepted && a.Status != http.StatusNoContent && a.Unread == nil && len(bytes.TrimSpace(a.Body)) == 0
}

// otherType notes that answers of this media type are not read. Web
// frameworks return a handler's text as text/html.
func (a *Answer) otherType(use string) {
	if len(bytes.TrimSpace(a.Body)) == 0 {
		return
	}
	what := "without a Content-Type"
	if a.MediaType != "" {
		what = a.MediaType
	}
	a.note.NoReply = fmt.Sprintf("answered %.60s; no reply is made of that: use %s", what, use)
}

// scalar returns the name of the type of a JSON string, boolean or number; empty for other
// values, or no JSON.
func scalar(data []byte) string {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || !json.Valid(data) {
		return ""
	}
	switch c := data[0]; {
	case c == '"':
		return "string"
	case c == 't' || c == 'f':
		return "boolean"
	case c == '-' || c >= '0' && c <= '9':
		return "number"
	}
	return ""
}

// objectOnly refuses the JSON values that the formats of the modules do not accept.
func (a *Answer) objectOnly(body []byte) error {
	kind := scalar(body)
	if kind == "" || string(bytes.TrimSpace(body)) == `""` {
		return nil
	}
	a.note.NoReply = fmt.Sprintf("answered a JSON %s; this format takes an object, such as {\"body\":\"text\"}", kind)
	return fmt.Errorf("JSON: an object is expected, not a %s", kind)
}
