package v1_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

var now = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// fake is the store and the endpoints; it notes what it is asked.
type fake struct {
	asked []string
	err   error
	next  string
}

func (f *fake) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.err
}

func retrying() delivery.Delivery {
	return delivery.Delivery{
		ID: "evt_1", Endpoint: "echo", State: "retrying", Type: "message.chat", From: "u@example.com/x", To: "echo@bot.example.com",
		Received: now.Add(-time.Minute), Next: now.Add(time.Minute), Reason: "503", Stanza: "<message/>",
		Attempts: []delivery.Attempt{{Time: now, Status: 503, Duration: 1500 * time.Microsecond, Error: "503", Answer: "<later>", ContentType: "text/plain"}, {Time: now, Error: "refused", Note: "a note"}},
	}
}

func (f *fake) List(_ context.Context, q delivery.Filter) ([]delivery.Delivery, string, error) {
	return []delivery.Delivery{retrying()}, f.next, f.note("list %+v", q)
}

func (f *fake) DeadLetters(_ context.Context, q delivery.Filter) ([]delivery.Delivery, string, error) {
	return nil, f.next, f.note("dead %+v", q)
}

func (f *fake) Get(_ context.Context, id string) (delivery.Delivery, error) {
	return retrying(), f.note("get %s", id)
}
func (f *fake) Behind(string, string) (int, bool)         { return 2, true }
func (f *fake) Replay(_ context.Context, id string) error { return f.note("replay %s", id) }
func (f *fake) Drop(_ context.Context, id string) error   { return f.note("drop %s", id) }
func (f *fake) ReplayAll(_ context.Context, name string, since time.Time) (int, error) {
	return 3, f.note("replay all %s %s", name, since.Format(time.RFC3339))
}

func (f *fake) Request(_ context.Context, id string) (*delivery.Request, error) {
	return &delivery.Request{URL: "http://bot/hook", Header: http.Header{"Webhook-Id": {id}}, Body: []byte("{}")}, f.note("request %s", id)
}

func (f *fake) Groups(_ context.Context, q delivery.Filter) ([]delivery.Group, error) {
	return []delivery.Group{{Endpoint: "echo", Reason: "too old", Count: 2, Oldest: now.Add(-time.Hour), Newest: now}, {Count: 1, Oldest: now, Newest: now}}, f.note("groups %s %s", q.Endpoint, q.JID)
}

func (f *fake) ReplayMatching(_ context.Context, q delivery.Filter, n int) (int, error) {
	return n, f.note("replay %d of %s %s", n, q.Endpoint, q.After.Format(time.RFC3339))
}

func (f *fake) DropMatching(_ context.Context, q delivery.Filter, n int) (int, error) {
	return n, f.note("drop %d of %s", n, q.JID)
}

type fakeEndpoints struct{ *fake }

func (f fakeEndpoints) List(context.Context) ([]v1.Endpoint, error) {
	return []v1.Endpoint{{EndpointStatus: v1.EndpointStatus{Name: "echo", State: "ok"}}}, f.note("endpoints")
}

func (f fakeEndpoints) Get(_ context.Context, name string) (v1.Endpoint, error) {
	return v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: name, State: "ok"}}, f.note("endpoint %s", name)
}

func (f fakeEndpoints) Test(_ context.Context, name string, like webhook.Like) (v1.TestResult, error) {
	return v1.TestResult{ID: "evt_t", OK: true, Attempt: delivery.Attempt{Time: now, Status: 204, Duration: time.Millisecond, ContentType: "text/html", Note: "no reply", Answer: "ok"}, Replies: []string{"<message/>"}}, f.note("test %s %+v", name, like)
}
func (f fakeEndpoints) Enable(_ context.Context, name string) error { return f.note("enable %s", name) }
func (f fakeEndpoints) Disable(_ context.Context, name, reason string) error {
	return f.note("disable %s: %s", name, reason)
}

func (f fakeEndpoints) Put(_ context.Context, name string, keys []byte) (v1.Endpoint, bool, error) {
	api := "api"
	e := v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: name, State: "ok"}, Source: &api, Keys: map[string]any{"timeout": "1s"}}
	return e, name == "fresh", f.note("put %s %s", name, keys)
}
func (f fakeEndpoints) Delete(_ context.Context, name string) error { return f.note("delete %s", name) }
func (f fakeEndpoints) Match(name string, s *stanza.Stanza) (v1.Matched, error) {
	return v1.Matched{Match: true, TakenBy: &name, Copies: []string{"audit"}, Why: "it is the first"}, f.note("match %s %s", name, s.XML())
}

func call(f *fake, token, method, path, body string) *httptest.ResponseRecorder {
	return ask(serve(v1.Options{Deliveries: f, Endpoints: fakeEndpoints{f}, Now: func() time.Time { return now }}), token, method, path, body)
}

const none = "0001-01-01 00:00:00 +0000 UTC"

// TestRoutes has what each route asks for, and what it answers.
func TestRoutes(t *testing.T) {
	page := func(items string) string { return `{"items":[` + items + `],"next":null}` }
	const attempts = `[{"time":"2026-11-20T18:00:00Z","status":503,"duration_ms":1.5,"content_type":"text/plain","error":"503","note":null%s},{"time":"2026-11-20T18:00:00Z","status":null,"duration_ms":0,"content_type":null,"error":"refused","note":"a note"}]`
	const item = `{"id":"evt_1","endpoint":"echo","state":"retrying","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com",` +
		`"received":"2026-11-20T17:59:00Z","next_attempt":"2026-11-20T18:01:00Z","reason":"503","note":"a note","attempts":` + attempts + `%s}`
	const echo = `{"name":"echo","source":null,"url":"","component":null,"format":"","delivery":"","copy":false,"state":"ok","reason":null,"since":null,"paused_until":null,"queued":0,"bytes":0,"oldest":null,` +
		`"in_flight":0,"dead_letters":0,"last_success":null,"last_error":null,"attempts":0,"failures":0,"delivered":0,"refused":0,"expired":0}`
	for _, c := range []struct {
		method, path, body string
		status             int
		asked, answer      string
	}{
		{"GET", "/v1/deliveries", "", 200, "list {Endpoint: State: JID: After:" + none + " Before:" + none + " IDs:map[] Cursor: Limit:50}", page(fmt.Sprintf(item, "", ""))},
		{"GET", "/v1/deliveries?endpoint=echo&state=dead&jid=U%40EXAMPLE.com&after=2h&before=2026-11-20T17:00:00%2B01:00&limit=7&cursor=c", "", 200,
			"list {Endpoint:echo State:dead JID:u@example.com After:2026-11-20 16:00:00 +0000 UTC Before:2026-11-20 17:00:00 +0100 +0100 IDs:map[] Cursor:c Limit:7}", ""},
		{"GET", "/v1/dead-letters?endpoint=echo", "", 200, "dead {Endpoint:echo State: JID: After:" + none + " Before:" + none + " IDs:map[] Cursor: Limit:50}", page("")},
		{"GET", "/v1/dead-letters?group=reason&endpoint=echo&jid=a@b", "", 200, "groups echo a@b", page(`{"endpoint":"echo","reason":"too old","count":2,"oldest":"2026-11-20T17:00:00Z","newest":"2026-11-20T18:00:00Z"},` +
			`{"endpoint":null,"reason":null,"count":1,"oldest":"2026-11-20T18:00:00Z","newest":"2026-11-20T18:00:00Z"}`)},
		{"POST", "/v1/deliveries/replay", `{"filter":{"endpoint":"echo","after":"2h","state":"dead"},"expect":4}`, 202, "replay 4 of echo 2026-11-20T16:00:00Z", `{"replayed":4}`},
		{"POST", "/v1/deliveries/drop", `{"filter":{"jid":"A@B"},"expect":0}`, 200, "drop 0 of a@b", `{"dropped":0}`},
		{"GET", "/v1/deliveries/evt_1", "", 200, "get evt_1", fmt.Sprintf(item, `,"answer":"<later>"`, `,"waiting":2,"stanza":"<message/>"`)},
		{"GET", "/v1/deliveries/evt_1/request", "", 200, "request evt_1", `{"method":"POST","url":"http://bot/hook","headers":{"Webhook-Id":"evt_1"},"body":"{}"}`},
		{"POST", "/v1/deliveries/evt_1/replay", "", 202, "replay evt_1", `{"id":"evt_1","state":"queued"}`},
		{"POST", "/v1/deliveries/evt_1/replay", "{}", 202, "replay evt_1", ""},
		{"DELETE", "/v1/deliveries/evt_1", "", 204, "drop evt_1", ""},
		{"GET", "/v1/endpoints", "", 200, "endpoints", page(echo)},
		{"GET", "/v1/endpoints/echo", "", 200, "endpoint echo", echo},
		{"POST", "/v1/endpoints/echo/test", "", 200, "test echo {From: To: Type: Body:}", `{"id":"evt_t","ok":true,"time":"2026-11-20T18:00:00Z","status":204,"duration_ms":1,"content_type":"text/html","error":null,"note":"no reply","answer":"ok","replies":["<message/>"]}`},
		{"POST", "/v1/endpoints/echo/test", `{"body":"hi","from":"U@example.com/x","to":"echo@bot.example.com","type":"groupchat"}`, 200, "test echo {From:u@example.com/x To:echo@bot.example.com Type:groupchat Body:hi}", ""},
		{"POST", "/v1/endpoints/echo/enable", "", 200, "enable echo, endpoint echo", echo},
		{"POST", "/v1/endpoints/echo/disable", "", 200, "disable echo: by an operator, endpoint echo", echo},
		{"POST", "/v1/endpoints/echo/disable", `{"reason":"moving"}`, 200, "disable echo: moving, endpoint echo", echo},
		{"PUT", "/v1/endpoints/fresh", `{"timeout":"1s"}`, 201, `put fresh {"timeout":"1s"}`, ""},
		{"PUT", "/v1/endpoints/echo", `{"timeout":"1s"}`, 200, `put echo {"timeout":"1s"}`, strings.Replace(strings.Replace(echo, `"source":null`, `"source":"api"`, 1), `"expired":0`, `"expired":0,"keys":{"timeout":"1s"}`, 1)},
		{"DELETE", "/v1/endpoints/echo", "", 204, "delete echo", ""},
		{"POST", "/v1/endpoints/echo/match", `{"to":"a@b","body":"x"}`, 200, "match echo <message type='chat' to='a@b'><body>x</body></message>", `{"match":true,"taken_by":"echo","copies":["audit"],"why":"it is the first"}`},
		{"POST", "/v1/endpoints/echo/match", `{"stanza":"<presence to='a@b'/>"}`, 200, "match echo <presence to='a@b'/>", ""},
		{"POST", "/v1/endpoints/echo/replay", "", 202, "replay all echo 0001-01-01T00:00:00Z", `{"endpoint":"echo","replayed":3}`},
		{"POST", "/v1/endpoints/echo/replay?since=90m", "", 202, "replay all echo 2026-11-20T16:30:00Z", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			f := &fake{}
			w := call(f, "admin", c.method, c.path, c.body)
			if w.Code != c.status || strings.Join(f.asked, ", ") != c.asked {
				t.Errorf("%d %s\nasked %s\nwant  %s", w.Code, w.Body, strings.Join(f.asked, ", "), c.asked)
			}
			if c.answer != "" {
				equalJSON(t, w, c.answer)
			}
		})
	}
}

func TestCursorOfTheNextPage(t *testing.T) {
	for _, path := range []string{"/v1/deliveries", "/v1/dead-letters"} {
		if w := call(&fake{next: "n"}, "admin", "GET", path, ""); !strings.Contains(w.Body.String(), `"next":"n"`) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

// TestRefusals has what is refused, and with which words.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, token, method, path, body string
		err                             error
		status                          int
		text                            string
	}{
		{"no scope", "sender", "GET", "/v1/deliveries", "", nil, 403, `"admin"`},
		{"no token", "nobody", "GET", "/v1/deliveries", "", nil, 401, "not accepted"},
		{"unknown path", "admin", "GET", "/v1/nothing", "", nil, 404, "nothing at this path"},
		{"wrong method", "admin", "PUT", "/v1/deliveries", "", nil, 405, "GET"},
		{"unknown parameter", "admin", "GET", "/v1/deliveries?endpiont=echo", "", nil, 400, "endpiont: this query parameter is not known here; there are endpoint, state"},
		{"state of dead letters", "admin", "GET", "/v1/dead-letters?state=dead", "", nil, 400, "state: "},
		{"parameter where none is", "admin", "POST", "/v1/deliveries/evt_1/replay?since=2h", "", nil, 400, "since: there are no"},
		{"parameter twice", "admin", "GET", "/v1/deliveries?limit=1&limit=2", "", nil, 400, "limit: it is there 2 times"},
		{"bad query", "admin", "GET", "/v1/deliveries?%zz", "", nil, 400, "query"},
		{"state", "admin", "GET", "/v1/deliveries?state=gone", "", nil, 400, "state: "},
		{"jid", "admin", "GET", "/v1/deliveries?jid=a%20b@c", "", nil, 400, "jid: "},
		{"limit", "admin", "GET", "/v1/deliveries?limit=501", "", nil, 400, "limit: write a number from 1 to 500"},
		{"limit 0", "admin", "GET", "/v1/deliveries?limit=0", "", nil, 400, "limit: "},
		{"after", "admin", "GET", "/v1/deliveries?after=yesterday", "", nil, 400, "after: "},
		{"before", "admin", "GET", "/v1/deliveries?before=-2h", "", nil, 400, "before: "},
		{"since", "admin", "POST", "/v1/endpoints/echo/replay?since=x", "", nil, 400, "since: "},
		{"another group", "admin", "GET", "/v1/dead-letters?group=jid", "", nil, 400, `group: "jid" is not known`},
		{"pages of groups", "admin", "GET", "/v1/dead-letters?group=reason&limit=3", "", nil, 400, "group: "},
		{"how many", "admin", "POST", "/v1/deliveries/replay", `{"filter":{}}`, nil, 400, "expect: "},
		{"of those that wait", "admin", "POST", "/v1/deliveries/drop", `{"filter":{"state":"queued"},"expect":1}`, nil, 400, "filter.state: "},
		{"a wrong filter", "admin", "POST", "/v1/deliveries/drop", `{"filter":{"jid":"a b@c"},"expect":1}`, nil, 400, "filter.jid: "},
		{"another number", "admin", "POST", "/v1/deliveries/drop", `{"expect":1}`, fmt.Errorf("%w: 2 dead letters match", gateway.ErrConflict), 409, "2 dead letters match"},
		{"a test from nowhere", "admin", "POST", "/v1/endpoints/echo/test", `{"from":"a b@c"}`, nil, 400, "from: "},
		{"a test of no message", "admin", "POST", "/v1/endpoints/echo/test", `{"type":"subscribe"}`, nil, 400, `type: "subscribe"`},
		{"a test that no stanza carries", "admin", "POST", "/v1/endpoints/echo/test", `{"body":"\u0001"}`, nil, 400, "body: "},
		{"a body of a form", "admin", "POST", "/v1/endpoints/echo/disable", `reason=x`, nil, 400, `it looks like a form; write a JSON object`},
		{"a body cut off", "admin", "POST", "/v1/endpoints/echo/disable", `{"reason":`, nil, 400, `not JSON: it ends too early`},
		{"unknown field", "admin", "POST", "/v1/endpoints/echo/disable", `{"raeson":"x"}`, nil, 400, `"raeson"`},
		{"field where none is", "admin", "POST", "/v1/endpoints/echo/enable", `{"reason":"x"}`, nil, 400, `"reason"`},
		{"no object", "admin", "POST", "/v1/endpoints/echo/disable", `[]`, nil, 400, "object"},
		{"two objects", "admin", "POST", "/v1/endpoints/echo/disable", `{}{}`, nil, 400, "follows"},
		{"long reason", "admin", "POST", "/v1/endpoints/echo/disable", `{"reason":"` + strings.Repeat("x", 501) + `"}`, nil, 400, "reason: "},
		{"unknown id", "admin", "GET", "/v1/deliveries/evt_9", "", gateway.ErrNotFound, 404, `"evt_9"`},
		{"replay of an unknown id", "admin", "POST", "/v1/deliveries/evt_9/replay", "", gateway.ErrNotFound, 404, `"evt_9"`},
		{"drop of an unknown id", "admin", "DELETE", "/v1/deliveries/evt_9", "", gateway.ErrNotFound, 404, `"evt_9"`},
		{"unknown endpoint", "admin", "GET", "/v1/endpoints/ehco", "", gateway.ErrNotFound, 404, `"ehco"`},
		{"test of an unknown endpoint", "admin", "POST", "/v1/endpoints/ehco/test", "", gateway.ErrNotFound, 404, `"ehco"`},
		{"delete of an unknown endpoint", "admin", "DELETE", "/v1/endpoints/ehco", "", gateway.ErrNotFound, 404, `"ehco"`},
		{"match of an unknown endpoint", "admin", "POST", "/v1/endpoints/ehco/match", `{"to":"a@b"}`, gateway.ErrNotFound, 404, `"ehco"`},
		{"a wrong endpoint", "admin", "PUT", "/v1/endpoints/echo", "{}", &v1.WrongEndpoint{Problems: []string{"url: no", "b: 2", "c: 3", "d: 4", "e: 5", "f: 6"}}, 400, "url: no; b: 2; c: 3; d: 4; e: 5; and 1 more"},
		{"a forbidden endpoint", "admin", "PUT", "/v1/endpoints/echo", "{}", &v1.WrongEndpoint{Problems: []string{"url: no"}, Forbidden: true}, 422, "url: no"},
		{"an endpoint of the file", "admin", "PUT", "/v1/endpoints/echo", "{}", fmt.Errorf("%w: it is of the file", gateway.ErrConflict), 409, "of the file"},
		{"too many endpoints", "admin", "PUT", "/v1/endpoints/echo", "{}", gateway.ErrFull, 507, "full"},
		{"not now", "admin", "POST", "/v1/deliveries/evt_1/replay", "", fmt.Errorf("%w: it is queued", gateway.ErrConflict), 409, "it is queued"},
		{"in flight", "admin", "DELETE", "/v1/deliveries/evt_1", "", gateway.ErrConflict, 409, "cannot be done now"},
		{"cursor", "admin", "GET", "/v1/dead-letters?cursor=x", "", gateway.ErrCursor, 400, "cursor: "},
		{"full", "admin", "POST", "/v1/endpoints/echo/enable", "", gateway.ErrFull, 507, "full"},
		{"inner error", "admin", "GET", "/v1/endpoints", "", errors.New("disk on fire"), 500, "request id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			isProblem(t, call(&fake{err: c.err}, c.token, c.method, c.path, c.body), c.status, c.text)
		})
	}
}
