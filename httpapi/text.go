package httpapi

import (
	"fmt"
	"net/http"

	"stanzahook/pkg/document"
)

// ReadText returns the body of a request as UTF-8, decoded by [document.Decode]. The
// fault is 415 for a content coding (RFC 9110 section 15.5.16), and 400 for an unknown
// charset or invalid text.
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
