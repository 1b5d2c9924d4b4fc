package v1

import (
	"context"
	"errors"
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// Reload reads the configuration again and works by it from then on. It returns
// what has changed, for people. When it is refused, nothing has changed; the
// error is a [*Refusal] where the configuration is why.
type Reload func(context.Context) (changed []string, err error)

// Refusal is why a configuration was not taken.
type Refusal struct{ Problems []string } // one for each mistake

func (r *Refusal) Error() string {
	return "configuration rejected; still running with the previous one"
}

func (h handler) reload(w http.ResponseWriter, r *http.Request) error {
	if h.Reload == nil {
		return gateway.ErrNotFound
	}
	if err := noInput(w, r); err != nil {
		return err
	}
	changed, err := h.Reload(context.WithoutCancel(r.Context()))
	if no, ok := errors.AsType[*Refusal](err); ok {
		return refused{&httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: no.Error(), Members: map[string]any{"problems": no.Problems}}}
	}
	if err != nil {
		return err
	}
	if changed == nil {
		changed = []string{}
	}
	return answer(w, http.StatusOK, map[string]any{"changed": changed})
}
