package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// postIQ sends a query and answers with its result.
func (s sender) postIQ(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "timeout")
	if err != nil {
		return err
	}
	wait, err := duration(values.Get("timeout"), "timeout", s.IQTimeout, s.IQMaxTimeout)
	if err != nil {
		return err
	}
	if wait == 0 {
		return wrongf("timeout: 0s is no time to wait; write for example 30s")
	}
	d, err := s.read(w, r, stanza.IQ)
	if err != nil {
		return err
	}
	return s.once(w, r, d, func(ctx context.Context, x *stanza.Stanza) reply {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		ctx, release := httpapi.Hold(ctx, httpapi.MaySend(x, s.Stanzas.Domains()))
		defer release()
		result, err := s.Stanzas.Request(ctx, x)
		switch {
		case err != nil && httpapi.Lost(ctx) != nil:
			return s.problem(r, refused{httpapi.Lost(ctx)})
		case err != nil && r.Context().Err() != nil && ctx.Err() == context.Canceled:
			return reply{status: statusGone, media: "text/plain"}
		case err != nil:
			return s.problem(r, s.unsent(x, err))
		case result.Type == "error":
			return s.problem(r, bounced(result))
		}
		return reply{status: http.StatusOK, media: "application/json", body: append(restjson.Append(nil, result), '\n')}
	})
}

// statusGone is what the access log has where the caller has gone; he does not
// see it.
const statusGone = 499

// jsonReply is a reply of our own making.
func jsonReply(status int, v any) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a mistake in this package
	}
	return reply{status: status, media: "application/json", body: b.Bytes()}
}
