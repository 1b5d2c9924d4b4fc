package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/api"
	"stanzahook/cmd/internal/listeners"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/cmd/internal/profiles"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/tools"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/summary"
	"stanzahook/pkg/tail"
	"stanzahook/pkg/upload"
	"stanzahook/pkg/webhook"
)

// everyMount is all that listen mounts, with nothing behind it.
func everyMount() []httpapi.Mount {
	return append(hooks.New(hooks.Options{}),
		rest.New(rest.Options{}),
		postmsg.New(postmsg.Options{}),
		rosteradmin.New(rosteradmin.Options{}),
		v1.New(v1.Options{
			Sender:    &gatewaytest.Network{},
			Status:    func(context.Context) (v1.Status, error) { return v1.Status{}, nil },
			Check:     func(context.Context, v1.CheckFor) []v1.Check { return nil },
			Tail:      tail.New(nil),
			Summary:   func(int, string) ([]summary.Row, error) { return nil, nil },
			Listeners: (*listeners.Listeners)(nil),
			Hooks:     &api.Hooks{},
			Rooms:     api.Rooms{},
			Bots:      &profiles.Profiles{},
			Commands:  &api.Commands{},
			Uploads:   upload.New(upload.Options{}),
		}),
		tools.NewRunner(tools.Options{}).Mount(),
	)
}

// The OpenAPI document has every operation of the server, and no other.
func TestDocumentIsComplete(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	var described, served []string
	for path, item := range c.Spec.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	routes := []httpapi.Route{openapi.Route(""), {Method: http.MethodGet, Path: metrics.Path}}
	for _, path := range []string{"/healthz", "/readyz"} {
		routes = append(routes, httpapi.Route{Method: http.MethodGet, Path: path}, httpapi.Route{Method: http.MethodHead, Path: path})
	}
	for _, m := range everyMount() {
		routes = append(routes, m.Routes...)
	}
	pattern := regexp.MustCompile(`\{(\w+):[^}]*\}`)
	for _, r := range routes {
		// A slash at the end means the same, and the pattern of a variable has no
		// place in OpenAPI.
		served = append(served, r.Method+" "+strings.TrimSuffix(pattern.ReplaceAllString(r.Path, "{$1}"), "/"))
	}
	for _, s := range served {
		if !slices.Contains(described, s) {
			t.Errorf("the document does not have %s", s)
		}
	}
	for _, d := range described {
		if !slices.Contains(served, d) {
			t.Errorf("the server does not have %s", d)
		}
	}
}

// quiet is a delivery.Sender that takes what it gets.
type quiet struct{}

func (quiet) Send(_ string, _ *stanza.Stanza, _ bool, done func(error)) error {
	done(nil)
	return nil
}

// What webhooks get is what the document says.
func TestWebhooksAreDescribed(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	bodies := make(chan []byte, 10)
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for _, p := range c.Spec.Webhooks["event"].Post.Parameters {
			if p.Value.Required && r.Header.Get(p.Value.Name) == "" {
				t.Errorf("there is no %s", p.Value.Name)
			}
		}
		bodies <- body
		w.WriteHeader(http.StatusNoContent)
	})
	newWorker := func(batch int) *delivery.Worker {
		w, err := delivery.NewWorker(&webhook.Endpoint{Name: "bot", URL: bot.URL, Format: webhook.FormatEvent, Batch: batch, Timeout: 10 * time.Second, Concurrency: 1}, quiet{}, zap.NewNop())
		require.NoError(t, err)
		t.Cleanup(func() { w.Stop(context.Background()) })
		return w
	}
	worker, together := newWorker(1), newWorker(2)
	check := func(name string) {
		t.Helper()
		var v any
		body := <-bodies
		require.NoError(t, json.Unmarshal(body, &v))
		schema := c.Spec.Webhooks[name].Post.RequestBody.Value.Content.Get("application/json").Schema.Value
		if err := schema.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %s: %v", name, body, err)
		}
	}
	if _, err := worker.Test(t.Context(), "bot.example.com", "evt_test", webhook.Like{}); err != nil {
		t.Fatal(err)
	}
	check("test")
	if _, err := together.Test(t.Context(), "bot.example.com", "evt_test", webhook.Like{}); err != nil {
		t.Fatal(err)
	}
	check("batch")
	for i, text := range []string{
		"<message type='chat' id='1' from='u@example.com/r' to='bot@bot.example.com'><body>hi</body><thread>t</thread><x xmlns='urn:x' a='1'>y</x></message>",
		"<message type='error' id='2' from='u@example.com' to='bot@bot.example.com'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
		"<message from='u@example.com' to='bot@bot.example.com'><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
		"<presence type='subscribe' from='u@example.com' to='bot@bot.example.com'/>",
	} {
		s := stanza.Must(stanza.Parse(text, stanza.Limits{}))
		for name, w := range map[string]*delivery.Worker{"event": worker, "batch": together} {
			if !w.Deliver(&webhook.Event{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
				t.Fatal("not taken")
			}
			check(name)
		}
	}
}
