package v1

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/tail"
)

// tailing serves /v1/tail.
type tailing struct {
	all       *tail.Tail
	heartbeat time.Duration
}

func (x tailing) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{e.view(http.MethodGet, "/v1/tail", gateway.ScopeAdmin, with(x.stream, "kinds", "endpoint", "jid"))}
}

// stream answers with server-sent events until the caller goes, or loses the scope that it
// began with.
func (x tailing) stream(w http.ResponseWriter, r *http.Request, values url.Values) error {
	f, err := tail.ParseFilter(values.Get("kinds"), values.Get("endpoint"), values.Get("jid"))
	if err != nil {
		return wrongf("%s", err)
	}
	who := httpapi.IdentityOf(r.Context())
	o := tail.Opening{Filter: f.InRooms(who.Rooms), Last: r.Header.Get("Last-Event-ID"), Admin: true}
	may := httpapi.Needs(gateway.ScopeAdmin)
	if limited(r, gateway.ScopeAdmin) {
		o.Admin, o.Limited = false, true
		may = httpapi.Needs(gateway.ScopeAdmin, gateway.ScopeRead)
	}
	if !who.AllScopes { // who needs no token is nobody in particular
		o.Caller = who.Name
	}
	reader, err := x.all.Open(o)
	switch {
	case errors.Is(err, tail.ErrFull), errors.Is(err, tail.ErrShare), errors.Is(err, gateway.ErrStopping):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: err.Error(), RetryAfter: 5}
	case err != nil:
		return wrongf("%s", err)
	}
	defer reader.Close()
	stream{
		first: opening, beat: heartbeat, may: may,
		next: func(ctx context.Context) ([]byte, error) { return reader.Next(ctx, x.heartbeat) },
	}.serve(w, r)
	return nil
}
