package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
)

// This file has the beginnings and ends that several handlers share.

// notFound says of what was not found what it is, and where to look; text has a place for its
// name. Other errors stay as they are.
func notFound(err error, text, name string) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: "+text, gateway.ErrNotFound, name)
	}
	return err
}

// keysOf reads the keys of an endpoint or a hook.
func keysOf(w http.ResponseWriter, r *http.Request, what string) ([]byte, error) {
	keys, f := httpapi.ReadText(w, r, document.JSON)
	if f != nil {
		return nil, f
	}
	if len(keys) > maxEndpointBytes {
		return nil, &httpapi.Fault{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the %s is larger than %d KiB", what, maxEndpointBytes>>10)}
	}
	return keys, nil
}

// answerPut answers with what was made, or replaced; or with what is wrong in its keys.
func answerPut(w http.ResponseWriter, v any, fresh bool, err error) error {
	if wrong, ok := errors.AsType[*WrongEndpoint](err); ok {
		f := &httpapi.Fault{Status: http.StatusBadRequest, Text: wrong.Error(), Members: map[string]any{"problems": wrong.Problems}}
		if wrong.Forbidden {
			f.Status = http.StatusUnprocessableEntity
		}
		return f
	}
	if err != nil {
		return err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	return answer(w, status, v)
}

// answerNone answers that something is done, with nothing to say about it.
func answerNone(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// change changes something in the room of a request, also if the caller vanishes meanwhile,
// and answers with what do returns.
func (x rooms) change(w http.ResponseWriter, r *http.Request, values url.Values, do func(ctx context.Context, room *Room) (any, error)) error {
	room, err := x.find(r, values)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), roomTimeout)
	defer cancel()
	v, err := do(ctx, &room)
	if err != nil {
		return refusedByRoom(err)
	}
	return answer(w, http.StatusOK, v)
}
