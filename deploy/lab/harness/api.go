//go:build linux

package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

// CheckAnswer is what "check --json" prints.
type CheckAnswer struct{ Checks []Check }

// Check is a row of it, with the verdict "ok", "warn" or "fail".
type Check struct{ What, Subject, Verdict, Found string }

// Reply is an answer of the program's HTTP server.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Call makes a request. An empty token sends none.
func (p *Program) Call(method, path, token, contentType, body string) (Reply, error) {
	if token != "" {
		token = "Bearer " + token
	}
	return p.request(method, path, body, "Authorization", token, "Content-Type", contentType)
}

// request makes a request with headers; those that are empty are not sent.
func (p *Program) request(method, path, body string, headers ...string) (Reply, error) {
	req, err := http.NewRequestWithContext(p.T.Context(), method, "http://"+p.Addr+path, strings.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	client := http.Client{Timeout: Patience}
	resp, err := client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Reply{resp.StatusCode, resp.Header, string(text)}, err
}

// Get is a request that needs no token.
func (p *Program) Get(path string) Reply {
	p.T.Helper()
	r, err := p.Call("GET", path, "", "", "")
	require.NoError(p.T, err)
	return r
}

// Stored returns how many events of an endpoint are on disk and not answered.
func (p *Program) Stored(endpoint string) int {
	p.T.Helper()
	return p.Count("/v1/deliveries?limit=500&state=queued&endpoint=" + endpoint)
}

// Count counts the items of a list, over all its pages; path has a query already.
func (p *Program) Count(path string) (n int) {
	p.T.Helper()
	for cursor := ""; ; {
		r, err := p.Call("GET", path+cursor, "token-admin", "", "")
		var list struct {
			Items []struct{}
			Next  *string
		}
		if err == nil {
			err = json.Unmarshal([]byte(r.Body), &list)
		}
		if err != nil || r.Status != http.StatusOK {
			p.T.Fatalf("%s: %d %s %v", path, r.Status, r.Body, err)
		}
		n += len(list.Items)
		if list.Next == nil {
			return n
		}
		cursor = "&cursor=" + *list.Next
	}
}

const (
	AsXML  = "application/xmpp+xml"
	AsJSON = "application/json"
)

// Post sends to /rest with the token that may do everything.
func (p *Program) Post(contentType, body string) Reply {
	p.T.Helper()
	r, err := p.Call("POST", "/rest", "token-all", contentType, body)
	require.NoError(p.T, err)
	return r
}

// AwaitNotReady waits until /readyz says no, with this reason, and checks that
// the process itself is well.
func (p *Program) AwaitNotReady(reason string) {
	p.T.Helper()
	var last Reply
	Eventually(p.T, "/readyz is 503 and says "+reason, func() bool {
		last = p.Get("/readyz")
		return last.Status == http.StatusServiceUnavailable && strings.Contains(last.Body, reason)
	})
	if r := p.Get("/healthz"); r.Status != http.StatusOK {
		p.T.Errorf("/healthz is %d %s", r.Status, r.Body)
	}
}

func (p *Program) AwaitReady() {
	p.T.Helper()
	Eventually(p.T, "/readyz is 200", func() bool { return p.Get("/readyz").Status == http.StatusOK })
}

// Queued counts the events of an endpoint that wait, also those that have been tried.
func (p *Program) Queued(endpoint string) int {
	p.T.Helper()
	r, err := p.Call("GET", "/v1/endpoints/"+endpoint, "token-admin", "", "")
	var e struct{ Queued int }
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &e)
	}
	if err != nil || r.Status != http.StatusOK {
		p.T.Fatalf("the endpoint %s: %d %s %v", endpoint, r.Status, r.Body, err)
	}
	return e.Queued
}

// AwaitStored waits until n events of an endpoint wait, and the store has confirmed all that
// it was given: a kill from now on loses none of them.
func (p *Program) AwaitStored(endpoint string, n int) {
	p.T.Helper()
	Eventually(p.T, fmt.Sprintf("%d events of %s are stored", n, endpoint), func() bool {
		return p.Queued(endpoint) == n && strings.Contains(p.Get("/metrics").Body, "\nstanzahook_store_unwritten 0\n")
	})
}

// v1Answer is what the answers of /v1 that these tests look at have in them.
type v1Answer struct {
	ID, State, Kind, Type, From, Condition string
	Error                                  *struct{ Type, Condition string } `json:"stanza_error"`
	Links                                  []struct{ Component, State, Reason string }
	Endpoints                              []struct{ Name, State string }
	Services                               []struct {
		JID, Kind string
		Limits    map[string]int
	}
	Store struct {
		Bytes int64
		Full  bool
	}
}

// V1 makes a request that must have this status.
func (p *Program) V1(status int, path, body string, headers ...string) v1Answer {
	p.T.Helper()
	var answer v1Answer
	r := p.V1Raw(path, body, headers...)
	if err := json.Unmarshal([]byte(r.Body), &answer); err != nil || r.Status != status {
		p.T.Errorf("%s %s: %d %s %v, want %d", path, body, r.Status, r.Body, err, status)
	}
	return answer
}

// V1Raw makes a request; without a body it is a GET.
func (p *Program) V1Raw(path, body string, headers ...string) Reply {
	p.T.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := p.request(method, path, body, append([]string{"Authorization", "Bearer token-all"}, headers...)...)
	require.NoError(p.T, err)
	return r
}
