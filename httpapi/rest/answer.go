package rest

import (
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// writeStanza answers 200 with a stanza, in the format that the caller accepts. JSON has
// all of it: what has no key of its own is in "xml". A form has the keys whose values
// are strings, numbers or true.
func writeStanza(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	format := answerFormat(r.Header, formatXML, formatJSON, formatForm)
	var body []byte
	switch format {
	case formatXML:
		body = []byte(s.XML())
	case formatJSON:
		body = append(restjson.Append(nil, s), '\n')
	case formatForm:
		body = []byte(restjson.EncodeForm(s).Encode())
	}
	httpapi.WriteBody(w, http.StatusOK, format, body)
}

// writeStanzas answers 200 with the stanzas of an archive, in order. A single one is
// written as such. Several do not fit a form.
func writeStanzas(w http.ResponseWriter, r *http.Request, all []*stanza.Stanza) {
	if len(all) == 1 {
		writeStanza(w, r, all[0])
		return
	}
	format := answerFormat(r.Header, formatXML, formatJSON)
	var body []byte
	if format == formatXML {
		body = append(body, "<xmpp>"...)
		for _, s := range all {
			body = append(body, s.XML()...)
		}
		body = append(body, "</xmpp>"...)
	} else {
		body = append(body, `{"xmpp":[`...)
		for i, s := range all {
			if i > 0 {
				body = append(body, ',')
			}
			body = restjson.Append(body, s)
		}
		body = append(body, "]}\n"...)
	}
	httpapi.WriteBody(w, http.StatusOK, format, body)
}
