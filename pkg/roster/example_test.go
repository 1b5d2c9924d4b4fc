package roster_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// A roster becomes what the web application wants. In place of a real XMPP server and a
// store there are those of package rostertest.
func ExampleSyncer() {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"marie@example.com": {"name": "Marie", "groups": ["Friends"]}}`)
	}))
	defer app.Close()
	server := rostertest.NewServer("ejabberd-api")
	_, memory := rostertest.New()

	ctx, john := context.Background(), jid.MustParse("john@example.com")
	syncer := roster.NewSyncer(roster.Options{
		Domain:   "example.com",
		Source:   &roster.HTTPSource{URL: app.URL + "/contacts/%s", Client: http.DefaultClient, Timeout: 10 * time.Second},
		Backends: &roster.Backends{Host: "example.com", API: server, Log: zap.NewNop()}, Cache: memory,
		Mode: roster.Authoritative, Concurrency: 16, Log: zap.NewNop(),
	})
	defer syncer.Stop(ctx)
	for range 2 {
		outcome, err := syncer.Refresh(ctx, john, false)
		fmt.Println(outcome.Result, outcome.Detail, err)
	}
	for _, item := range server.Has[john] {
		fmt.Println(item)
	}
	// Output:
	// applied 1 added <nil>
	// unchanged  <nil>
	// marie@example.com ("Marie", groups ["Friends"], subscription both)
}
