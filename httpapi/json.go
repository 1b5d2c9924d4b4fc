package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// JSON returns v as one line of JSON. It panics if v has no JSON form: values of our
// own types always have one. It escapes nothing for HTML, as stanzas are full of <.
func JSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// WriteJSON writes v as the answer.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	WriteBody(w, status, "application/json", JSON(v))
}

// WriteBody writes a body of a media type as the answer.
func WriteBody(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the caller has gone
}
