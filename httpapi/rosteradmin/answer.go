package rosteradmin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/roster"
)

// answer is that of the module, with the failed users.
type answer struct {
	Status  string    `json:"status"` // ok or error
	Message string    `json:"message"`
	Updated int       `json:"updated"`
	Errors  int       `json:"errors"`
	Failed  []failure `json:"failed,omitempty"`
}

type failure struct {
	User   string        `json:"user"`
	Result roster.Result `json:"result"`
	Detail string        `json:"detail"`
}

const (
	ok       = "ok"
	failed   = "error"
	complete = "roster update complete"
)

// summarize returns the answer for a job.
func summarize(j roster.Job, u users) answer {
	a := answer{Status: ok, Message: complete, Updated: j.Updated, Errors: j.Total - j.Updated}
	if a.Updated == 0 && a.Errors > 0 {
		a.Status = failed
	}
	var wrong, less []string
	for _, one := range j.Results {
		name := u.name(one.User)
		switch {
		case !one.Result.Updated():
			a.Failed = append(a.Failed, failure{name, one.Result, one.Detail})
			wrong = mention(wrong, name, one)
		case one.Result == roster.Degraded:
			less = mention(less, name, one)
		}
	}
	var parts []string
	if j.Errors > 0 {
		parts = append(parts, some(j.Errors, j.Total, "failed", wrong))
	}
	if j.Degraded > 0 {
		parts = append(parts, some(j.Degraded, j.Total, "updated only in part", less))
	}
	if left := j.Total - j.Done; left > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s: not refreshed, as stanzahook is stopping; ask again", left, rosters(j.Total)))
	}
	if len(parts) > 0 {
		a.Message = strings.Join(parts, "; ")
	}
	return a
}

const (
	fewUsers  = 3   // in the message
	maxDetail = 200 // of each, in characters
)

// mention adds a user to those in the message.
func mention(to []string, name string, one roster.OwnerResult) []string {
	if len(to) == fewUsers {
		return to
	}
	return append(to, fmt.Sprintf("%s: %s (%s)", shorten(name), one.Result, shorten(one.Detail)))
}

func shorten(text string) string {
	if r := []rune(text); len(r) > maxDetail {
		return string(r[:maxDetail-1]) + "…"
	}
	return text
}

func rosters(n int) string {
	if n == 1 {
		return "1 roster"
	}
	return fmt.Sprintf("%d rosters", n)
}

func some(n, of int, what string, mentioned []string) string {
	text := fmt.Sprintf("%d of %s: %s: %s", n, rosters(of), what, strings.Join(mentioned, "; "))
	if more := n - len(mentioned); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func refuse(status int, text string) *httpapi.Fault {
	return &httpapi.Fault{Status: status, Text: text}
}

// fail writes a refusal.
func fail(w http.ResponseWriter, _ *http.Request, f *httpapi.Fault) {
	failWith(w, f, 0)
}

// failWith writes the refusal to refresh some rosters.
func failWith(w http.ResponseWriter, f *httpapi.Fault, rosters int) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	httpapi.WriteJSON(w, f.Status, answer{Status: failed, Message: f.Text, Errors: rosters})
}

// lost writes the refusals of the handler, and lists the routes for those it has not found.
func lost(w http.ResponseWriter, r *http.Request, f *httpapi.Fault) {
	if f.Status == http.StatusNotFound || f.Status == http.StatusMethodNotAllowed {
		more := *f
		more.Text += `; POST ` + path + ` takes a JSON array of user names, such as ["john","aaron"], and GET ` + path + `/USER refreshes one`
		f = &more
	}
	fail(w, r, f)
}
