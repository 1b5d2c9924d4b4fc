package v1_test

import (
	"context"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// fakeHooks is one hook with requests.
type fakeHooks struct {
	v1.Hooks
	requests []v1.HookRequest
}

func (f fakeHooks) Requests(name string) ([]v1.HookRequest, error) {
	if name != "alerts" {
		return nil, gateway.ErrNotFound
	}
	return f.requests, nil
}

// The latest requests of a hook have what became of their messages until now, as far as it is
// known.
func TestHookRequests(t *testing.T) {
	at := time.Date(2026, 11, 20, 18, 0, 0, 0, time.FixedZone("", 3600))
	f := fakeHooks{requests: []v1.HookRequest{
		{Time: at, ID: "01", Result: "partly", Error: "one is full", Count: 12, Messages: []v1.HookRequestMessage{
			{To: "juliet@example.com", ID: "01", State: "queued"}, {To: "romeo@example.com", ID: "01.1", State: "failed", Error: "full"},
			{To: "nurse@example.com", ID: "01.2", State: "confirmed"}, {To: "tybalt@example.com", ID: "01.3", State: "confirmed"}}},
		{Time: at, Result: "refused", Error: "the body is not JSON"},
	}}
	sent := func(_ context.Context, id, caller string) (store.SentMessage, error) {
		m := store.SentMessage{ID: id, State: store.SentConfirmed}
		switch {
		case caller != "":
			t.Errorf("asked for the messages of %q", caller)
		case id == "01":
			m.To = "juliet@example.com"
		case id == "01.1": // of another, as this one was not sent
			m.To = "romeo@example.com"
		case id == "01.2":
			m.To, m.State = "nurse@example.com", store.SentBounced
			m.Stanza = "<message type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>&lt;away&gt;</text></error></message>"
		default:
			return m, gateway.ErrNotFound
		}
		return m, nil
	}
	h := serve(v1.Options{Hooks: f, Sent: sent})
	const refused = `{"time":"2026-11-20T17:00:00Z","id":null,"result":"refused","error":"the body is not JSON","count":0,"messages":[]}`
	equalJSON(t, ask(h, "admin", "GET", "/v1/hooks/alerts/requests", ""), `{"items":[{"time":"2026-11-20T17:00:00Z","id":"01","result":"partly","error":"one is full","count":12,"messages":[
		{"to":"juliet@example.com","id":"01","state":"confirmed","error":null},{"to":"romeo@example.com","id":"01.1","state":"failed","error":"full"},
		{"to":"nurse@example.com","id":"01.2","state":"bounced","error":"service-unavailable: <away>"},{"to":"tybalt@example.com","id":"01.3","state":"confirmed","error":null}]},`+refused+`],"next":null}`)
	equalJSON(t, ask(serve(v1.Options{Hooks: fakeHooks{requests: f.requests[1:]}}), "admin", "GET", "/v1/hooks/alerts/requests", ""), `{"items":[`+refused+`],"next":null}`)
	isProblem(t, ask(h, "admin", "GET", "/v1/hooks/nope/requests", ""), 404, `no hook is named "nope"`)
	isProblem(t, ask(h, "reader", "GET", "/v1/hooks/alerts/requests", ""), 403, `scope "admin"`)
}
