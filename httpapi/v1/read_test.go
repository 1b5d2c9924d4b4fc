package v1_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/summary"
	"stanzahook/pkg/tail"
)

// words are an API whose every text that somebody else has written is "secret".
type words struct{ fake }

func (words) delivery() delivery.Delivery {
	return delivery.Delivery{ID: "evt_1", Endpoint: "echo", State: "dead", Type: "message.chat", From: "u@example.com", To: "b", Received: now, Reason: `invalid reply: from: "secret"`, Stanza: "<secret/>",
		Attempts: []delivery.Attempt{{Time: now, Status: 200, Error: "invalid reply: secret", Answer: "secret", Note: "answered JSON without a key that makes a reply (secret); write {\"body\": \"…\"}"}}}
}

func (w *words) List(context.Context, delivery.Filter) ([]delivery.Delivery, string, error) {
	return []delivery.Delivery{w.delivery()}, "", nil
}

func (w *words) DeadLetters(ctx context.Context, f delivery.Filter) ([]delivery.Delivery, string, error) {
	return w.List(ctx, f)
}

func (w *words) Get(context.Context, string) (delivery.Delivery, error) { return w.delivery(), nil }

type wordsOfEndpoints struct{ fakeEndpoints }

func (wordsOfEndpoints) endpoint() v1.Endpoint {
	reason := `net/http: malformed HTTP response "secret"`
	return v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: "echo", State: "failing", Reason: &reason, LastError: &v1.FailureJSON{Time: now, Error: reason}}, URL: "http://127.0.0.1/hook?key=secret"}
}

func (w wordsOfEndpoints) List(context.Context) ([]v1.Endpoint, error) {
	return []v1.Endpoint{w.endpoint()}, nil
}

func (w wordsOfEndpoints) Get(context.Context, string) (v1.Endpoint, error) { return w.endpoint(), nil }

// wordsOfRosters has a roster whose contacts are secret, and which nobody may ask for.
type wordsOfRosters struct{ v1.Rosters }

func (wordsOfRosters) Domains() []string { return []string{"example.com"} }

func (wordsOfRosters) Owner(name, _ string) (jid.JID, error) { return jid.Parse(name) }

func (wordsOfRosters) Known(context.Context, string) ([]jid.JID, error) {
	return []jid.JID{jid.MustParse("u@example.com")}, nil
}

func (wordsOfRosters) View(context.Context, jid.JID) (roster.View, error) {
	return roster.View{Wanted: roster.Roster{jid.MustParse("secret@example.com"): {Subscription: "both"}}}, nil
}

func (wordsOfRosters) Last(context.Context, jid.JID) (roster.Last, error) {
	return roster.Last{Time: now, Result: roster.Applied, Detail: "added 1"}, nil
}

// The scope read opens these operations and no other, changes nothing, and sees nothing
// that others have written; admin and roster see it.
func TestScopeRead(t *testing.T) {
	open := []string{
		"GET /v1/deliveries", "GET /v1/deliveries/{id}", "GET /v1/dead-letters", "GET /v1/endpoints", "GET /v1/endpoints/{name}",
		"GET /v1/rosters", "GET /v1/rosters/{jid}", "GET /v1/self", "GET /v1/status", "GET /v1/summary", "GET /v1/tail",
	}
	f := &words{}
	all := tail.New(nil)
	all.Close() // else the request would wait
	o := v1.Options{
		Deliveries: f, Endpoints: wordsOfEndpoints{}, Rosters: wordsOfRosters{}, Tail: all, Now: func() time.Time { return now }, Sender: &gatewaytest.Network{},
		Status: func(context.Context) (v1.Status, error) {
			return v1.Status{Store: v1.StoreStatus{Kind: "embedded"}, Endpoints: []v1.EndpointStatus{wordsOfEndpoints{}.endpoint().EndpointStatus}}, nil
		},
		Summary: func(int, string) ([]summary.Row, error) { return nil, nil },
		Check:   func(context.Context, v1.CheckFor) []v1.Check { return nil },
	}
	h := serve(o)
	var opened []string
	for _, route := range v1.New(o).Routes {
		path := strings.ReplaceAll(variable.ReplaceAllString(route.Path, "x"), "/rosters/x", "/rosters/u@example.com")
		w := ask(h, "reader", route.Method, path, "")
		if w.Code != http.StatusForbidden {
			opened = append(opened, route.Method+" "+route.Path)
		}
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s %s: %s", route.Method, path, w.Body)
		}
		switch route.Method + " " + route.Path {
		case "GET /v1/deliveries/{id}", "GET /v1/endpoints/{name}", "GET /v1/status":
			if w := ask(h, "admin", route.Method, path, ""); !strings.Contains(w.Body.String(), "secret") {
				t.Errorf("an admin does not see it: %s", w.Body)
			}
		}
	}
	slices.Sort(opened)
	slices.Sort(open)
	if !slices.Equal(opened, open) {
		t.Errorf("open are\n%s\nand should be\n%s", strings.Join(opened, "\n"), strings.Join(open, "\n"))
	}
	if len(f.asked) > 0 {
		t.Errorf("it has changed something: %v", f.asked)
	}
	equalJSON(t, ask(h, "reader", "GET", "/v1/rosters/u@example.com", ""),
		`{"jid":"u@example.com","backend":null,"wanted":null,"actual":null,"actual_time":null,"actual_error":null,"last":{"time":"2026-11-20T18:00:00Z","result":"applied","detail":"added 1"}}`)
	if w := ask(h, "roster", "GET", "/v1/rosters/u@example.com", ""); !strings.Contains(w.Body.String(), "secret@") {
		t.Errorf("the scope roster does not see it: %s", w.Body)
	}
}
