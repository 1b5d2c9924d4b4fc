package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/gateway"
)

const (
	// apiTimeout is how long a request to JetStream may take before it is repeated: one that is lost
	// while the servers elect a leader is never answered.
	apiTimeout = 1500 * time.Millisecond
	// apiPatience is how long its answer is waited for, while it is repeated: a server may be slow.
	apiPatience = 6 * time.Second
	apiPause    = 100 * time.Millisecond // between an error and the next request
)

// api does a request to JetStream and returns its answer. An external server is asked again every
// apiTimeout, as long as ctx allows, or for 10 s: the first answer counts, whichever request it is of. So do
// may run several times at once, five at most; all that it finds it returns.
//
// It does not wait longer from one request to the next the longer there is no answer: an election takes up to 9 s, and
// what comes behind it would wait for as long again. Errors: gateway.ErrSilent, and those of the request.
func api[T any](ctx context.Context, e *engine, do func(context.Context) (T, error)) (T, error) {
	if e.remote == nil {
		return do(ctx)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, putTimeout)
		defer cancel()
	}
	type answer struct {
		value T
		err   error
	}
	all, cancel := context.WithCancel(ctx) // when there is an answer, the others end
	defer cancel()
	answers := make(chan answer)
	next := time.NewTimer(0)
	defer next.Stop()
	var last error // that says more than that nobody answers
	for {
		select {
		case <-next.C:
			next.Reset(apiTimeout)
			go func() {
				once, cancel := context.WithTimeout(all, apiPatience)
				defer cancel()
				value, err := do(once)
				select {
				case answers <- answer{value, err}:
				case <-all.Done():
				}
			}()
		case a := <-answers:
			if a.err == nil || !isSilence(a.err) {
				return a.value, a.err
			}
			if late := errors.Is(a.err, context.DeadlineExceeded); !late {
				next.Reset(apiPause)
			} else if last != nil {
				continue
			}
			last = a.err
		case <-ctx.Done():
			var none T
			if last == nil || errors.Is(ctx.Err(), context.Canceled) {
				last = ctx.Err()
			}
			return none, fmt.Errorf("%w: %w", gateway.ErrSilent, last)
		}
	}
}

// api is [api] of a request without an answer that counts.
func (e *engine) api(ctx context.Context, do func(context.Context) error) error {
	_, err := api(ctx, e, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}
