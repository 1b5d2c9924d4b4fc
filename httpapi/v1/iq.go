package v1

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// queries serves IQs.
type queries struct {
	sender gateway.Sender
	idempotent
	errorLog
	timeout, maxTimeout time.Duration
}

func (q queries) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{e.route(http.MethodPost, "/v1/iq", gateway.ScopeQuery, with(q.post, "timeout"))}
}

// post sends an IQ and answers with its result.
func (q queries) post(w http.ResponseWriter, r *http.Request, values url.Values) error {
	wait, err := duration(values, "timeout", q.timeout, q.maxTimeout)
	if err != nil {
		return err
	}
	if wait == 0 {
		return wrongf("timeout: 0s is no time to wait; write for example 30s")
	}
	d, err := read(w, r, stanza.IQ, q.sender)
	if err != nil {
		return err
	}
	return q.serve(w, r, d, func(ctx context.Context, s *stanza.Stanza) reply {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		ctx, release := httpapi.Hold(ctx, httpapi.MaySend(s, q.sender.Domains()))
		defer release()
		result, err := q.sender.Request(ctx, s)
		switch {
		case err != nil && httpapi.Lost(ctx) != nil:
			err = httpapi.Lost(ctx)
		case err != nil && r.Context().Err() != nil && ctx.Err() == context.Canceled:
			return reply{status: httpapi.StatusGone, media: "text/plain"}
		case err == nil && result.Type == "error":
			err = &gateway.Bounced{Stanza: result}
		}
		if err != nil {
			return q.problem(r, s, err)
		}
		return reply{status: http.StatusOK, media: "application/json", body: append(restjson.Append(nil, result), '\n')}
	})
}
