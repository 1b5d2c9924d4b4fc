package rest

import (
	"net/http"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// writeStanza answers 200 with a stanza, in the format the caller takes. The
// JSON holds all of it: what has no key of its own is in "xml".
func writeStanza(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	format := answerFormat(r.Header)
	if format == formatXML {
		respond(w, http.StatusOK, format, []byte(s.XML()))
		return
	}
	respond(w, http.StatusOK, format, append(restjson.Append(nil, s), '\n'))
}
