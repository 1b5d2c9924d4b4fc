package httpapi

import (
	"encoding/json"
	"net/http"
)

// problem is the body of an error (RFC 9457 section 3). Its type is
// "about:blank", so its title is that of the status; request_id is an extension
// member.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// WriteProblem writes a fault as application/problem+json.
func WriteProblem(w http.ResponseWriter, r *http.Request, f *Fault) {
	f.setRetryAfter(w.Header())
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.Status)
	// A write fails when the caller has gone; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(problem{
		Type:      "about:blank",
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Text,
		RequestID: RequestID(r.Context()),
	})
}
