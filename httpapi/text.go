package httpapi

import (
	"fmt"
	"net/http"

	"stanzahook/pkg/document"
)

// ReadText returns the body of a request as UTF-8, decoded as [document.Decode]
// does by the request's Content-Type. The Fault, if there is one, is the
// caller's to write: 415 for a content coding (RFC 9110 section 15.5.16), 400
// for a charset that is not known and for what is no text.
func ReadText(w http.ResponseWriter, r *http.Request, as document.Syntax) ([]byte, *Fault) {
	body, f := ReadBody(w, r)
	if f != nil {
		return nil, f
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		w.Header().Set("Accept-Encoding", "identity")
		return nil, &Fault{Status: http.StatusUnsupportedMediaType, Text: fmt.Sprintf("Content-Encoding: %.40q is not supported; send the body without one", coding)}
	}
	text, err := document.Decode(body, r.Header.Get("Content-Type"), as)
	if err != nil {
		return nil, &Fault{Status: http.StatusBadRequest, Text: err.Error()}
	}
	return text, nil
}
