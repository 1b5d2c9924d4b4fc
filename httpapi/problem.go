package httpapi

import (
	"bytes"
	"context"
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
	if f.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		Challenge(w.Header(), r)
	}
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(f.Status)
	_, _ = w.Write(f.Problem(r.Context())) // fails when the caller has gone; nobody is left to tell
}

// ProblemType is the media type of [Fault.Problem].
const ProblemType = "application/problem+json"

// Problem returns the problem document of a fault, for a request's context.
func (f *Fault) Problem(ctx context.Context) []byte {
	var b bytes.Buffer
	encode(&b, problem{
		Type:      "about:blank",
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Text,
		RequestID: RequestID(ctx),
	})
	if len(f.Members) > 0 {
		b.Truncate(b.Len() - len("}\n"))
		b.WriteByte(',')
		more := b.Len()
		encode(&b, f.Members)
		b.Bytes()[more] = ' ' // its opening brace
	}
	return b.Bytes()
}

// encode writes v, which is of our own making and always has a JSON form.
func encode(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a mistake in the code
	}
}
