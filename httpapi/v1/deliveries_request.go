package v1

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// Request is the request of a delivery, as it would be made now.
type Request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`     // without credentials
	Headers map[string]string `json:"headers"` // those of the configuration are masked
	Body    string            `json:"body"`
}

func (d deliveries) request(w http.ResponseWriter, r *http.Request) error {
	id := mux.Vars(r)["id"]
	found, err := d.all.Request(r.Context(), id)
	if err != nil {
		return ofDelivery(id, err)
	}
	made := Request{Method: http.MethodPost, URL: found.URL, Headers: make(map[string]string), Body: string(found.Body)}
	for name, values := range found.Header {
		made.Headers[name] = strings.Join(values, ", ")
	}
	return answer(w, http.StatusOK, made)
}
