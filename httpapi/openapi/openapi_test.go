package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/openapi/conform"
)

func TestDocument(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	if !c.Spec.IsOpenAPI31OrLater() || c.Spec.Webhooks["event"] == nil || c.Spec.Webhooks["test"] == nil {
		t.Error("it is not 3.1, or has no webhooks")
	}
	seen := make(map[string]string)
	for path, item := range c.Spec.Paths.Map() {
		for method, op := range item.Operations() {
			if other := seen[op.OperationID]; op.OperationID == "" || other != "" {
				t.Errorf("%s %s: the operationId %q, which %s has", method, path, op.OperationID, other)
			}
			seen[op.OperationID] = method + " " + path
			if op.Summary == "" && op.Description == "" {
				t.Errorf("%s %s says nothing", method, path)
			}
		}
	}
}

// Everybody may have it.
func TestRoute(t *testing.T) {
	s := httpapi.New(httpapi.Options{Open: []httpapi.Route{openapi.Route("1.2.3")}})
	w := httptest.NewRecorder()
	conform.Must(s).ServeHTTP(w, httptest.NewRequest(http.MethodGet, openapi.Path, nil))
	var v struct {
		OpenAPI string
		Info    struct{ Version string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 || v.OpenAPI != "3.1.1" || v.Info.Version != "1.2.3" {
		t.Errorf("%d %+v %v", w.Code, v, err)
	}
}

// A wrong answer is found.
func TestChecker(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	const event = `{"id":"evt_1","type":"message.chat","timestamp":"2026-11-20T18:00:00.123Z","endpoint":"bot","component":"bot.example.com","data":{"kind":"message","stanza":"<message/>"}}`
	const events, asJSON, asProblem = "/v1/endpoints/bot/events", "application/json", httpapi.ProblemType
	for _, x := range []struct {
		method, path, media, body string
		status                    int
		wrong                     string
	}{
		{"GET", events, asJSON, `{"events":[` + event + `],"cursor":"c"}`, 200, ""},
		{"GET", events, "text/event-stream", ": events follow\n\n", 200, ""},
		{"GET", events, "text/html", "<p>", 200, "text/html"},
		{"GET", events, asJSON, `{"events":[` + event + `]}`, 200, "cursor"},
		{"GET", events, asJSON, `{"events":[` + event + `],"cursor":"c","more":1}`, 200, "more"},
		{"GET", events, asJSON, `{"events":[` + strings.Replace(event, "evt_1", "1", 1) + `],"cursor":"c"}`, 200, "evt_"},
		{"GET", events, asJSON, `{"events":null,"cursor":"c"}`, 200, "array"},
		{"GET", events, asProblem, `{"type":"about:blank","title":"Conflict","status":409,"detail":"x"}`, 409, ""},
		{"GET", events, asProblem, `{"type":"about:blank","title":"Conflict","status":409}`, 409, "detail"},
		{"GET", events, asJSON, `{}`, 418, "status"},
		{"POST", events + "/ack", "", ``, 204, ""},
		{"POST", events + "/ack", asJSON, `{}`, 204, "has a body"},
		{"PUT", events, asProblem, `{}`, 405, ""},
		{"GET", "/v1/nothing", asJSON, `{}`, 200, "not in the OpenAPI document"},
		{"POST", "/rest/message/chat/a@b/c/d", "", "", 202, ""},
		{"GET", "/rest/disco/a@b/c/d", "application/xmpp+xml", "<iq/>", 200, ""},
		{"POST", "/rest/echo", "", "", 202, "status"},
	} {
		err := c.Check(httptest.NewRequest(x.method, x.path, nil), x.status, http.Header{"Content-Type": {x.media}}, []byte(x.body))
		switch {
		case x.wrong == "" && err != nil:
			t.Errorf("%s %s %d: %v", x.method, x.path, x.status, err)
		case x.wrong != "" && (err == nil || !strings.Contains(err.Error(), x.wrong)):
			t.Errorf("%s %s %d %s: %v; want %s", x.method, x.path, x.status, x.body, err, x.wrong)
		}
	}
}
