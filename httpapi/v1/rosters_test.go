package v1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// newRosters are those of two hosts: john and aaron have one, ghost is not known
// to the server, and kept gets no subscriptions.
func newRosters(t *testing.T) (*roster.Rosters, *rostertest.Memory) {
	rosters, m := rostertest.New("example.com", "example.org")
	t.Cleanup(func() {
		stopped, stop := context.WithCancel(context.Background())
		stop()
		rosters.Stop(stopped)
	})
	for name, wants := range map[string]string{
		"john@example.com":  `{"marie@example.com":{"name":"Marie","groups":["b","a"]},"bob@example.com":{"subscription":"to"}}`,
		"aaron@example.org": `{}`,
		"ghost@example.com": `{}`,
		"kept@example.com":  `{"marie@example.com":{}}`,
	} {
		m.Wants[jid.MustParse(name)] = wants
	}
	m.Has[jid.MustParse("john@example.com")] = rostertest.Contacts("bob@example.com", "eve@example.com")
	m.Fails[jid.MustParse("ghost@example.com")] = roster.ErrNoSuchUser
	m.Keeps[jid.MustParse("kept@example.com")] = true
	return rosters, m
}

func askRosters(rosters v1.Rosters, method, path, body string) *httptest.ResponseRecorder {
	return ask(serve(v1.Options{Rosters: rosters}), "roster", method, path, body)
}

const (
	bobBefore = `{"name":"","groups":[],"subscription":"both"}`
	bobAfter  = `{"name":"","groups":[],"subscription":"to"}`
	marie     = `"name":"Marie","groups":["a","b"],"subscription":"both"`
)

// A roster, seen before and after it was refreshed.
func TestRoster(t *testing.T) {
	rosters, _ := newRosters(t)
	show := func() (wanted, actual, last string) {
		t.Helper()
		w := askRosters(rosters, "GET", "/v1/rosters/john%40example.com", "")
		var v struct {
			JID, Backend         string
			Wanted, Actual, Last json.RawMessage
			ActualTime           *time.Time `json:"actual_time"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 || v.JID != "john@example.com" || v.Backend != "memory" || v.ActualTime == nil {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		return string(v.Wanted), string(v.Actual), string(v.Last)
	}
	if wanted, actual, last := show(); wanted != "null" || last != "null" || !strings.Contains(actual, `"eve@example.com":`+bobBefore) {
		t.Errorf("before: %s %s %s", wanted, actual, last)
	}
	equalJSON(t, askRosters(rosters, "GET", "/v1/rosters/JOHN@example.com/diff", ""),
		`{"add":[{"jid":"marie@example.com",`+marie+`}],"change":[{"jid":"bob@example.com","from":`+bobBefore+`,"to":`+bobAfter+`}],"remove":[{"jid":"eve@example.com",`+bobBefore[1:]+`]}`)
	equalJSON(t, askRosters(rosters, "POST", "/v1/rosters/john/refresh?host=example.com", ""),
		`{"user":"john@example.com","result":"applied","detail":"1 added, 1 with another subscription, 1 removed"}`)
	equalJSON(t, askRosters(rosters, "POST", "/v1/rosters/john@example.com/refresh?force=1", "{}"), `{"user":"john@example.com","result":"unchanged","detail":null}`)
	want := `{"bob@example.com":` + bobAfter + `,"marie@example.com":{` + marie + `}}`
	if wanted, actual, last := show(); wanted != want || actual != want || !strings.Contains(last, `"result":"unchanged","detail":null`) {
		t.Errorf("after: %s %s %s", wanted, actual, last)
	}
	equalJSON(t, askRosters(rosters, "GET", "/v1/rosters/john@example.com/diff", ""), `{"add":[],"change":[],"remove":[]}`)
	equalJSON(t, askRosters(rosters, "POST", "/v1/rosters/kept@example.com/refresh", ""),
		`{"user":"kept@example.com","result":"degraded","detail":"1 added; the server has kept other subscriptions: marie@example.com none instead of both"}`)
	equalJSON(t, askRosters(rosters, "POST", "/v1/rosters/ghost@example.com/refresh", ""),
		`{"user":"ghost@example.com","result":"no-such-user","detail":"the roster cannot be read: the server does not know this user"}`)
	if w := askRosters(rosters, "GET", "/v1/rosters/ghost@example.com", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"actual":null,"actual_time":null,"actual_error":"the server does not know this user"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestListOfRosters(t *testing.T) {
	rosters, _ := newRosters(t)
	equalJSON(t, askRosters(rosters, "GET", "/v1/rosters", ""), `{"items":[],"next":null}`)
	for _, name := range []string{"john@example.com", "kept@example.com", "aaron@example.org"} {
		if _, err := rosters.Refresh(t.Context(), jid.MustParse(name), false); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":                                 `{"items":[{"jid":"aaron@example.org"},{"jid":"john@example.com"},{"jid":"kept@example.com"}],"next":null}`,
		"?limit=2":                         `{"items":[{"jid":"aaron@example.org"},{"jid":"john@example.com"}],"next":"john@example.com"}`,
		"?limit=2&cursor=john@example.com": `{"items":[{"jid":"kept@example.com"}],"next":null}`,
		"?cursor=john@a":                   `{"items":[{"jid":"john@example.com"},{"jid":"kept@example.com"}],"next":null}`, // has gone since
		"?cursor=zoe@example.com":          `{"items":[],"next":null}`,
		"?host=EXAMPLE.org":                `{"items":[{"jid":"aaron@example.org"}],"next":null}`,
	} {
		equalJSON(t, askRosters(rosters, "GET", "/v1/rosters"+query, ""), want)
	}
}

// awaitJob asks for the job of an answer until it has ended.
func awaitJob(t *testing.T, rosters v1.Rosters, w *httptest.ResponseRecorder) v1.Job {
	t.Helper()
	var j v1.Job
	if err := json.Unmarshal(w.Body.Bytes(), &j); err != nil || w.Code != 202 || w.Header().Get("Location") != "/xmpp/v1/jobs/"+j.ID {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	for j.Ended == nil {
		runtime.Gosched()
		if err := json.Unmarshal(askRosters(rosters, "GET", "/v1/jobs/"+j.ID, "").Body.Bytes(), &j); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestRosterJobs(t *testing.T) {
	rosters, _ := newRosters(t)
	for _, c := range []struct {
		path, body                       string
		total, updated, degraded, errors int
	}{
		{"/v1/rosters/refresh", `{"users":["john@example.com","JOHN@example.com/x","ghost@example.com","aaron@example.org","kept@example.com"]}`, 4, 3, 1, 1},
		{"/v1/rosters/refresh", `{"users":["john","ghost"],"host":"example.com","force":true}`, 2, 1, 0, 1},
		{"/v1/rosters/refresh", `{"users":[]}`, 0, 0, 0, 0},
		{"/v1/rosters/refresh", `{"all":true}`, 4, 3, 1, 1},
		{"/v1/rosters/refresh", `{"all":true,"host":"example.org"}`, 1, 1, 0, 0},
		{"/v1/rosters/john@example.com/refresh?async=1", ``, 1, 1, 0, 0},
	} {
		j := awaitJob(t, rosters, askRosters(rosters, "POST", c.path, c.body))
		if j.State != roster.JobDone || j.Total != c.total || j.Done != c.total || j.Updated != c.updated || j.Degraded != c.degraded || j.Errors != c.errors || len(j.Results) != c.total || j.LeftOut != 0 {
			t.Errorf("%s: %+v", c.body, j)
		}
		if c.total == 0 {
			continue
		}
		w := askRosters(rosters, "GET", "/v1/jobs/"+j.ID+"?results=0", "")
		if !strings.Contains(w.Body.String(), fmt.Sprintf(`"results":[],"left_out":%d`, c.total)) {
			t.Errorf("without results: %s", w.Body)
		}
	}
}

// faulty fails at what it is asked.
type faulty struct {
	*roster.Rosters
	err error
}

func (f faulty) Known(context.Context, string) ([]jid.JID, error)   { return nil, f.err }
func (f faulty) View(context.Context, jid.JID) (roster.View, error) { return roster.View{}, f.err }
func (f faulty) Preview(context.Context, jid.JID) (roster.Changes, error) {
	return roster.Changes{}, f.err
}
func (f faulty) Available(context.Context, jid.JID) error { return f.err }
func (f faulty) Job(context.Context, string) (roster.Job, bool, error) {
	return roster.Job{}, false, f.err
}
func (f faulty) Refresh(context.Context, jid.JID, bool) (roster.Outcome, error) {
	return roster.Outcome{}, f.err
}

func (f faulty) Start(context.Context, []jid.JID, roster.JobOptions) (*roster.Running, error) {
	return nil, f.err
}

// sourceFailure is what a real host makes of a source that fails.
func sourceFailure(t *testing.T) error {
	rosters, _ := newRosters(t)
	_, err := rosters.Preview(t.Context(), jid.MustParse("nobody@example.com"))
	return err
}

func storeFailure(t *testing.T) error {
	rosters, m := newRosters(t)
	m.Broken = errors.New("disk on fire")
	_, err := rosters.Preview(t.Context(), jid.MustParse("john@example.com"))
	return err
}

func TestRosterRefusals(t *testing.T) {
	const john = "/v1/rosters/john@example.com"
	for _, c := range []struct {
		name, method, path, body string
		err                      error
		status                   int
		text                     string
	}{
		{"unknown host", "GET", "/v1/rosters/john@example.net", "", nil, 404, `"john@example.net" is not a user of a host with rosters (example.com, example.org)`},
		{"which host", "GET", "/v1/rosters/john/diff", "", nil, 404, "has no host"},
		{"other host", "POST", "/v1/rosters/john/refresh?host=example.net", "", nil, 404, "(example.com, example.org)"},
		{"no JID", "GET", "/v1/rosters/jo%20hn@example.com", "", nil, 400, "localpart"},
		{"unknown host of a list", "GET", "/v1/rosters?host=example.net", "", nil, 404, `host: "example.net" has no rosters here; the hosts are example.com, example.org`},
		{"limit", "GET", "/v1/rosters?limit=1001", "", nil, 400, "limit: write a number from 1 to 1000"},
		{"unknown parameter", "POST", john + "/refresh?forec=1", "", nil, 400, "forec: "},
		{"no flag", "POST", john + "/refresh?force=yes", "", nil, 400, "force: "},
		{"no flag", "POST", john + "/refresh?async=yes", "", nil, 400, "async: "},
		{"unknown field", "POST", john + "/refresh", `{"force":true}`, nil, 400, `"force"`},
		{"nothing to do", "POST", "/v1/rosters/refresh", ``, nil, 400, "users: is missing"},
		{"unknown field of many", "POST", "/v1/rosters/refresh", `{"user":["john"]}`, nil, 400, `"user"`},
		{"parameter of many", "POST", "/v1/rosters/refresh?force=1", `{"all":true}`, nil, 400, "force: "},
		{"both", "POST", "/v1/rosters/refresh", `{"all":true,"users":[]}`, nil, 400, "users: cannot be used with all"},
		{"no user", "POST", "/v1/rosters/refresh", `{"users":["john@example.com","a b@example.com"]}`, nil, 400, "users[1]: "},
		{"null", "POST", "/v1/rosters/refresh", `{"users":[null]}`, nil, 400, "users[0]: is not a string"},
		{"no user of ours", "POST", "/v1/rosters/refresh", `{"users":["john@example.net"]}`, nil, 400, "users[0]: "},
		{"no host of ours", "POST", "/v1/rosters/refresh", `{"all":true,"host":"example.net"}`, nil, 400, "host: "},
		{"unknown job", "GET", "/v1/jobs/job_1", "", nil, 404, `no job has the id "job_1", or not any more; jobs expire after 24 hours`},
		{"job parameter", "GET", "/v1/jobs/job_1?results=2", "", nil, 400, "results: "},

		{"down", "POST", john + "/refresh", "", fmt.Errorf("%w: reconnecting", gateway.ErrDown), 503, "reconnecting"},
		{"down, diff", "GET", john + "/diff", "", gateway.ErrDown, 503, "no connection"},
		{"stopping", "POST", john + "/refresh", "", gateway.ErrStopping, 503, "stopping"},
		{"too many", "POST", "/v1/rosters/refresh", `{"all":true}`, nil, 202, ""},
		{"too many", "POST", john + "/refresh?async=1", "", roster.ErrTooMany, 503, "too many"},
		{"forbidden", "GET", john + "/diff", "", fmt.Errorf("%w: no privilege", roster.ErrForbidden), 422, "no privilege"},
		{"refused", "GET", john + "/diff", "", errors.New("the server answered with item-not-found"), 422, "item-not-found"},
		{"unknown user", "GET", john + "/diff", "", roster.ErrNoSuchUser, 404, "does not know this user"},
		{"timeout", "GET", john + "/diff", "", roster.ErrTimeout, 504, "in time"},
		{"source", "GET", john + "/diff", "", sourceFailure(t), 502, "404 Not Found"},
		{"store, diff", "GET", john + "/diff", "", storeFailure(t), 500, "request id"},
		{"store, view", "GET", john, "", storeFailure(t), 500, "request id"},
		{"store, list", "GET", "/v1/rosters", "", errors.New("disk on fire"), 500, "request id"},
		{"store, all", "POST", "/v1/rosters/refresh", `{"all":true}`, errors.New("disk on fire"), 500, "request id"},
		{"store, start", "POST", john + "/refresh?async=1", "", errors.New("disk on fire"), 500, "request id"},
		{"full", "POST", john + "/refresh?async=1", "", gateway.ErrFull, 507, "full"},
		{"store, job", "GET", "/v1/jobs/job_1", "", errors.New("disk on fire"), 500, "request id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rosters, _ := newRosters(t)
			all := v1.Rosters(rosters)
			if c.err != nil {
				all = faulty{rosters, c.err}
			}
			w := askRosters(all, c.method, c.path, c.body)
			if c.status >= 400 {
				isProblem(t, w, c.status, c.text)
			} else if w.Code != c.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestRostersNeedTheScopeAndTheConfiguration(t *testing.T) {
	for _, path := range []string{"GET /v1/rosters", "GET /v1/rosters/john", "GET /v1/rosters/john/diff", "POST /v1/rosters/john/refresh", "POST /v1/rosters/refresh", "GET /v1/jobs/job_1"} {
		method, path, _ := strings.Cut(path, " ")
		isProblem(t, call(&fake{}, "admin", method, path, ""), 403, `"roster"`)
		isProblem(t, askRosters(nil, method, path, ""), 404, "no rosters")
	}
}
