package rest

import (
	"net/http"
	"strings"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// answer is the JSON of a stanza: mod_rest's keys, and the exact XML where they
// do not hold all of it.
type answer struct {
	restjson.Object
	Stanza string `json:"stanza,omitempty"`
}

// writeStanza answers 200 with a stanza, in the format the caller takes.
func writeStanza(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	format := answerFormat(r.Header)
	if format == formatXML {
		respond(w, http.StatusOK, format, []byte(s.XML()))
		return
	}
	a := answer{Object: restjson.Encode(s)}
	if !mapped(s) {
		a.Stanza = s.XML()
	}
	respond(w, http.StatusOK, format, encode(a))
}

// mapped reports whether the JSON keys say all that is in a stanza: it holds one
// body, subject and thread at most, and they have no attributes (a language, a
// parent) and no elements inside. Errors are not taken for mapped; they may hold conditions of an
// application (RFC 6120 section 8.3.4).
func mapped(s *stanza.Stanza) bool {
	seen := map[string]bool{}
	for _, c := range s.Children() {
		switch c.Local {
		case "body", "subject", "thread":
		default:
			return false
		}
		xml := s.ChildXML(c)
		plain := strings.HasPrefix(xml, "<"+c.Local+">") && strings.Count(xml, "<") == 2
		if s.Kind != stanza.Message || c.Space != "" || seen[c.Local] || !plain {
			return false
		}
		seen[c.Local] = true
	}
	return true
}
