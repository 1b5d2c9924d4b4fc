package httpapi

import (
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
	WriteBody(w, f.Status, ProblemType, f.Problem(r.Context()))
}

// ProblemType is the media type of [Fault.Problem].
const ProblemType = "application/problem+json"

// Problem returns the problem document of a fault, for a request's context.
func (f *Fault) Problem(ctx context.Context) []byte {
	b := JSON(problem{
		Type:      "about:blank",
		Title:     http.StatusText(f.Status),
		Status:    f.Status,
		Detail:    f.Text,
		RequestID: RequestID(ctx),
	})
	if len(f.Members) > 0 {
		more := JSON(f.Members)
		more[0] = ',' // in place of the opening brace
		b = append(b[:len(b)-len("}\n")], more...)
	}
	return b
}

// FaultOf returns the fault of an answer that is none of success, with the members of its
// problem document. What has none has the text of its status.
func FaultOf(status, retryAfter int, body []byte) *Fault {
	f := &Fault{Status: status, Text: http.StatusText(status), RetryAfter: retryAfter}
	var members map[string]any
	if json.Unmarshal(body, &members) == nil {
		if text, ok := members["detail"].(string); ok {
			f.Text = text
		}
		for _, own := range []string{"type", "title", "status", "detail", "request_id"} {
			delete(members, own)
		}
		f.Members = members
	}
	return f
}
