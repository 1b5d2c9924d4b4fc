package rosteradmin_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// user is one of example.com, or an address.
func user(name string) jid.JID {
	if !strings.Contains(name, "@") {
		name += "@example.com"
	}
	return jid.MustParse(name)
}

// newRosters are those of some hosts, with users of each kind.
func newRosters(t *testing.T, domains ...string) (*roster.Rosters, *rostertest.Memory) {
	rosters, m := rostertest.New(domains...)
	t.Cleanup(func() {
		stopped, stop := context.WithCancel(context.Background())
		stop()
		rosters.Stop(stopped)
	})
	for _, name := range []string{"john", "aaron", "ghost", "kept", "john@example.org"} {
		m.Wants[user(name)] = `{"marie@example.com":{"name":"Marie"}}`
	}
	m.Wants[user("idle")] = `{}`
	m.Fails[user("ghost")] = roster.ErrNoSuchUser
	m.Keeps[user("kept")] = true
	return rosters, m
}

// serve is the surface as the server has it.
func serve(rosters v1.Rosters) http.Handler {
	var tokens []httpapi.Token
	for _, scope := range []string{"roster", "admin"} {
		tokens = append(tokens, httpapi.Token{Name: scope, Hash: sha256.Sum256([]byte(scope)), Scopes: []string{scope}})
	}
	s := httpapi.New(httpapi.Options{Tokens: tokens, MaxBodyBytes: 100}, rosteradmin.New(rosteradmin.Options{Rosters: rosters}))
	return conform.Must(s)
}

// call makes a request; headers are name, value pairs.
func call(t *testing.T, h http.Handler, token, method, path, body string, headers ...string) (*httptest.ResponseRecorder, answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %q: %v", method, path, w.Body, err)
	}
	return w, a
}

type answer struct {
	Status, Message string
	Updated, Errors int
	Failed          []struct{ User, Result, Detail string }
}

const complete = `{"status":"ok","message":"roster update complete","updated":%d,"errors":0}` + "\n"

// The answer to a complete success is that of the module, byte for byte.
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		updated            int
	}{
		{"POST", "/roster_admin/refresh", `["john","aaron"]`, 2},
		{"POST", "/roster_admin/refresh/", ` [ "john" ] `, 1},
		{"POST", "/roster_admin/refresh", `[]`, 0},
		{"POST", "/roster_admin/refresh", `["idle"]`, 1}, // unchanged
		{"POST", "/roster_admin/refresh", `["john","JOHN","john@example.com","john@example.com/phone"]`, 1},
		{"POST", "/roster_admin/refresh?host=example.com&force=1", `["john"]`, 1},
		{"GET", "/roster_admin/refresh/john", "", 1},
		{"GET", "/roster_admin/refresh/john%40example.com%2Fphone", "", 1},
		{"GET", "/roster_admin/refresh/john@example.com?force=0", "", 1},
	} {
		t.Run(c.path+c.body, func(t *testing.T) {
			rosters, m := newRosters(t, "example.com")
			w, _ := call(t, serve(rosters), "roster", c.method, c.path, c.body)
			if w.Code != 200 || w.Body.String() != fmt.Sprintf(complete, c.updated) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.updated > 0 && !strings.Contains(c.body, "idle") && len(m.Has[user("john")]) != 1 {
				t.Error("the server does not have the contact")
			}
		})
	}
}

// The answer to a partial success says what failed.
func TestNotComplete(t *testing.T) {
	for _, c := range []struct {
		name, body              string
		status, message, failed string
		updated, errors         int
	}{
		{"one fails", `["john","Ghost"]`, "ok", "1 of 2 rosters: failed: Ghost: no-such-user (the roster cannot be read: the server does not know this user)", "Ghost no-such-user", 1, 1},
		{"the only one fails", `["nobody"]`, "error", "1 of 1 roster: failed: nobody: source-error (the web application answered 404 Not Found)", "nobody source-error", 0, 1},
		{"degraded", `["kept"]`, "ok", "1 of 1 roster: updated only in part: kept: degraded (1 added; the server has kept other subscriptions: marie@example.com none instead of both)", "", 1, 0},
		{"both", `["kept","ghost@example.com/x"]`, "ok", "ghost@example.com/x: no-such-user", "ghost@example.com/x no-such-user", 1, 1},
		{"many fail", `["a","b","c","d","e"]`, "error", "5 of 5 rosters: failed: ", "", 0, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			rosters, _ := newRosters(t, "example.com")
			w, a := call(t, serve(rosters), "roster", "POST", "/roster_admin/refresh", c.body)
			if w.Code != 200 || a.Status != c.status || a.Updated != c.updated || a.Errors != c.errors || !strings.Contains(a.Message, c.message) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(a.Failed) != c.errors || c.failed != "" && a.Failed[0].User+" "+a.Failed[0].Result != c.failed {
				t.Errorf("failed: %v", a.Failed)
			}
			if c.errors == 5 && !strings.HasSuffix(a.Message, "; and 2 more") {
				t.Errorf("%s", a.Message)
			}
		})
	}
}

// Every refusal has the module's form, and says what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, token, method, path, body string
		status                          int
		text                            string
	}{
		{"no credentials", "", "POST", "/roster_admin/refresh", `[]`, 401, "Bearer"},
		{"wrong token", "x", "POST", "/roster_admin/refresh", `[]`, 403, "not accepted"},
		{"no scope", "admin", "POST", "/roster_admin/refresh", `[]`, 403, `"roster"`},
		{"no user", "roster", "GET", "/roster_admin/refresh", "", 405, "GET /roster_admin/refresh/USER"},
		{"no user, slash", "roster", "GET", "/roster_admin/refresh/", "", 404, "GET /roster_admin/refresh/USER"},
		{"other path", "roster", "GET", "/roster_admin", "", 404, "POST /roster_admin/refresh takes"},
		{"method", "roster", "DELETE", "/roster_admin/refresh/john", "", 405, "use GET here"},
		{"too large", "roster", "POST", "/roster_admin/refresh", `["` + strings.Repeat("x", 100) + `"]`, 413, "max_body_bytes"},
		{"no body", "roster", "POST", "/roster_admin/refresh", "", 400, `["john","aaron"]`},
		{"no JSON", "roster", "POST", "/roster_admin/refresh", "john", 400, "not a JSON array"},
		{"null", "roster", "POST", "/roster_admin/refresh", "null", 400, "not a JSON array"},
		{"object", "roster", "POST", "/roster_admin/refresh", "{}", 400, "not a JSON array"},
		{"string", "roster", "POST", "/roster_admin/refresh", `"john"`, 400, "not a JSON array"},
		{"false", "roster", "POST", "/roster_admin/refresh", `false`, 400, "not a JSON array"},
		{"two arrays", "roster", "POST", "/roster_admin/refresh", `["john"]["aaron"]`, 400, "not a JSON array"},
		{"null in it", "roster", "POST", "/roster_admin/refresh", `["john",null]`, 400, "element 2 of the array is not a string"},
		{"number in it", "roster", "POST", "/roster_admin/refresh", `[1]`, 400, "element 1"},
		{"no UTF-8", "roster", "POST", "/roster_admin/refresh", "[\"\xff\"]", 400, "UTF-8"},
		{"no JID", "roster", "POST", "/roster_admin/refresh", `["john","jo hn"]`, 400, `user 2: jid "jo hn@example.com": localpart`},
		{"empty", "roster", "POST", "/roster_admin/refresh", `[""]`, 400, "user 1: "},
		{"unknown host", "roster", "POST", "/roster_admin/refresh", `["john@example.net"]`, 400, `"john@example.net" is not a user of a host with rosters (example.com)`},
		{"unknown host in the query", "roster", "GET", "/roster_admin/refresh/john?host=example.net", "", 400, "(example.com)"},
		{"unknown parameter", "roster", "POST", "/roster_admin/refresh?forec=1", `["john"]`, 400, "forec: "},
		{"no flag", "roster", "POST", "/roster_admin/refresh?force=yes", `["john"]`, 400, `force: "yes" is neither 1 nor 0`},
		{"empty flag", "roster", "GET", "/roster_admin/refresh/john?async", ``, 400, "async: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			rosters, _ := newRosters(t, "example.com")
			w, a := call(t, serve(rosters), c.token, c.method, c.path, c.body)
			if w.Code != c.status || a.Status != "error" || !strings.Contains(a.Message, c.text) || a.Updated != 0 || a.Errors != 0 {
				t.Errorf("%d %s\nwant %d …%s…", w.Code, w.Body, c.status, c.text)
			}
		})
	}
	t.Run("encoded", func(t *testing.T) {
		rosters, _ := newRosters(t, "example.com")
		if w, a := call(t, serve(rosters), "roster", "POST", "/roster_admin/refresh", "x", "Content-Encoding", "gzip"); w.Code != 415 || !strings.Contains(a.Message, "gzip") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("after a byte order mark", func(t *testing.T) {
		rosters, _ := newRosters(t, "example.com")
		if w, a := call(t, serve(rosters), "roster", "POST", "/roster_admin/refresh", "\ufeff[\"john\"]"); w.Code != 200 || a.Updated != 1 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("no rosters", func(t *testing.T) {
		for _, method := range []string{"GET /roster_admin/refresh/john", "POST /roster_admin/refresh"} {
			verb, path, _ := strings.Cut(method, " ")
			if w, a := call(t, serve(nil), "roster", verb, path, `[]`); w.Code != 404 || !strings.Contains(a.Message, "the configuration has no rosters") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

func TestSeveralHosts(t *testing.T) {
	rosters, m := newRosters(t, "example.com", "example.org")
	h := serve(rosters)
	if w, a := call(t, h, "roster", "POST", "/roster_admin/refresh", `["john"]`); w.Code != 400 || !strings.Contains(a.Message, "to one of example.com, example.org") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w, _ := call(t, h, "roster", "POST", "/roster_admin/refresh?host=example.org", `["john","aaron@example.com"]`); w.Body.String() != fmt.Sprintf(complete, 2) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(m.Has[user("john@example.org")]) != 1 || len(m.Has[user("aaron")]) != 1 || len(m.Has) != 2 {
		t.Errorf("%v", m.Has)
	}
}

// faulty fails as its fields say.
type faulty struct {
	*roster.Rosters
	available, start error
}

func (f faulty) Available(context.Context, jid.JID) error { return f.available }

func (f faulty) Start(ctx context.Context, owners []jid.JID, o roster.JobOptions) (*roster.Running, error) {
	if f.start != nil {
		return nil, f.start
	}
	return f.Rosters.Start(ctx, owners, o)
}

func TestUnavailable(t *testing.T) {
	for _, c := range []struct {
		name             string
		available, start error
		query            string
		status           int
		text             string
	}{
		{"down", fmt.Errorf("%w: it is away", gateway.ErrDown), nil, "", 503, "no connection"},
		{"down, async", gateway.ErrDown, nil, "?async=1", 202, ""},
		{"forbidden", roster.ErrForbidden, nil, "", 200, "updated"}, // the users tell
		{"stopping", nil, gateway.ErrStopping, "", 503, "stopping"},
		{"too many", nil, roster.ErrTooMany, "", 503, "too many"},
		{"full", nil, fmt.Errorf("%w: the disk", gateway.ErrFull), "?async=1", 507, "the store is full: the disk"},
		{"store", nil, errors.New("disk on fire"), "?async=1", 500, "request id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rosters, _ := newRosters(t, "example.com")
			w, a := call(t, serve(faulty{rosters, c.available, c.start}), "roster", "POST", "/roster_admin/refresh"+c.query, `["john","aaron"]`)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), "fire") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if (c.status == 503 || c.status == 507) != (w.Header().Get("Retry-After") != "") || c.status >= 500 && (a.Status != "error" || a.Errors != 2) {
				t.Errorf("%v %+v", w.Header(), a)
			}
		})
	}
}

func TestAsync(t *testing.T) {
	rosters, _ := newRosters(t, "example.com")
	s := httpapi.New(httpapi.Options{NoAuth: true, BasePath: "/xmpp"}, rosteradmin.New(rosteradmin.Options{Rosters: rosters}))
	r := httptest.NewRequest("POST", "http://localhost/xmpp/roster_admin/refresh?async=1", strings.NewReader(`["john"]`))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var job struct{ ID, State string }
	if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil || w.Code != 202 || !strings.HasPrefix(job.ID, "job_") || w.Header().Get("Location") != "/xmpp/v1/jobs/"+job.ID {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if _, known, err := rosters.Job(t.Context(), job.ID); !known || err != nil {
		t.Errorf("the job is not known: %v", err)
	}
}

// The caller goes, the refresh does not.
func TestGone(t *testing.T) {
	rosters, m := newRosters(t, "example.com")
	m.Hold = make(chan struct{})
	ctx, gone := context.WithCancel(t.Context())
	gone()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "POST", "/roster_admin/refresh", strings.NewReader(`["john"]`))
	r.Header.Set("Authorization", "Bearer roster")
	serve(rosters).ServeHTTP(w, r)
	close(m.Hold)
	if o, err := rosters.Refresh(t.Context(), user("john"), false); err != nil || !o.Result.Updated() {
		t.Fatalf("%+v, %v", o, err)
	}
	if w.Body.Len() > 0 || rosters.All()[0].Counters.Count(roster.Applied) != 1 || len(m.Has[user("john")]) != 1 {
		t.Errorf("the refresh ended with its caller, or he was answered: %s", w.Body)
	}
}

// If the process stops, the answer says what was not done.
func TestStopping(t *testing.T) {
	rosters, m := newRosters(t, "example.com")
	m.Hold = make(chan struct{})
	answered := make(chan *httptest.ResponseRecorder)
	go func() {
		w, _ := call(t, serve(rosters), "roster", "POST", "/roster_admin/refresh", `["john","aaron"]`)
		answered <- w
	}()
	for rosters.All()[0].Running() == 0 {
		runtime.Gosched()
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	rosters.Stop(stopped)
	w := <-answered
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `2 of 2 rosters: not refreshed, as stanzahook is stopping`) || !strings.Contains(w.Body.String(), `"errors":2`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
