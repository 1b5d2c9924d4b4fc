package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
)

// maxAnswer bounds what is read of the answer to a PUT.
const maxAnswer = 64 << 10

// put sends a file to its slot. The error is an [*Error].
func put(ctx context.Context, client *http.Client, s slot, media string, body *attempt) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.put.String(), body)
	if err != nil {
		return &Error{Reason: PutFailed, Err: err, Text: "the address is not valid"}
	}
	r.ContentLength = body.c.size
	r.GetBody = nil // a body that was read once cannot be read again: see content.begin
	for name, values := range s.header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", media)
	resp, err := client.Do(r)
	if err != nil {
		return putError(err, s)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // the status counts
	if resp.StatusCode/100 != 2 {
		e := &Error{Reason: PutFailed, Status: resp.StatusCode, Text: s.put.Host}
		if resp.StatusCode/100 == 3 {
			e.Text += ": redirects are not followed"
		}
		return e
	}
	return nil
}

func putError(err error, s slot) error {
	if errors.Is(err, outbound.ErrRefused) {
		e := &Error{Reason: Guarded, Putting: true, Err: err, Text: fmt.Sprintf("the slot's address %s must not be reached: %v", s.put.Host, err)}
		if refusal, ok := errors.AsType[*outbound.Refusal](err); ok {
			e.Text = fmt.Sprintf("the slot's address %s must not be reached: %v", s.put.Host, refusal)
		}
		return e
	}
	return &Error{Reason: PutFailed, Err: err, Text: stanza.Clean(err.Error())}
}
