package forward

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// lookEvery is how long it holds that the active replica can be reached, or cannot.
const lookEvery = time.Second

// reach is whether the active replica can be reached.
type reach struct {
	mu   sync.Mutex
	when time.Time
	err  error
}

// Reach returns why nothing can be passed on to the active replica; nil: it can, or none is
// active now. path is one that it answers to everybody. What is found holds for all callers: one
// that goes does not end the look.
func (f *Forward) Reach(ctx context.Context, path string) error {
	f.reached.mu.Lock()
	defer f.reached.mu.Unlock()
	if time.Since(f.reached.when) >= lookEvery {
		f.reached.err, f.reached.when = f.look(context.WithoutCancel(ctx), path), time.Now()
	}
	return f.reached.err
}

func (f *Forward) look(ctx context.Context, path string) error {
	now, cancel := context.WithCancel(ctx)
	cancel()
	to, err := f.o.Active(now, nil)
	if err != nil { // requests are held until another one is
		return nil
	}
	if to.Advertise == "" && !to.Me {
		return unadvertised(&to)
	}
	base, transport, err := f.target(&to)
	if err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+path, nil)
	if err != nil {
		return fmt.Errorf("replica.advertise of %s: %w", to.Replica, err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("the active replica %s cannot be reached at %s, its replica.advertise: %w", to.Replica, to.Advertise, err)
	}
	return resp.Body.Close()
}
