package stream

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"stanzahook/pkg/gateway"
)

// lost is a request to servers that elect a leader until then.
func lost(until time.Duration) func(context.Context, time.Duration) (string, error) {
	return func(ctx context.Context, since time.Duration) (string, error) {
		if since < until {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "yes", nil
	}
}

// A request that is lost while the servers elect a leader is repeated soon, however long that has taken; one that is
// answered late is answered all the same. The time is that of the test.
func TestAPIRepeats(t *testing.T) {
	refused := errors.New("refused")
	for name, row := range map[string]struct {
		do     func(ctx context.Context, since time.Duration) (string, error)
		within time.Duration // of the caller; 0: it has none
		want   string
		err    error
		most   time.Duration
	}{
		"elected after 4.6 s": {lost(4600 * time.Millisecond), 0, "yes", nil, 4600*time.Millisecond + apiTimeout},
		"elected after 8.1 s": {lost(8100 * time.Millisecond), time.Minute, "yes", nil, 8100*time.Millisecond + apiTimeout},
		"answered after 5 s": {func(ctx context.Context, _ time.Duration) (string, error) {
			select {
			case <-time.After(5 * time.Second):
				return "yes", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}, 0, "yes", nil, 5 * time.Second},
		"nobody hears for 1 s": {func(_ context.Context, since time.Duration) (string, error) {
			if since < time.Second {
				return "", nats.ErrNoResponders
			}
			return "yes", nil
		}, 0, "yes", nil, time.Second + apiPause},
		"refused":                      {func(context.Context, time.Duration) (string, error) { return "", refused }, 0, "", refused, 0},
		"never answered":               {func(ctx context.Context, _ time.Duration) (string, error) { <-ctx.Done(); return "", ctx.Err() }, 0, "", gateway.ErrSilent, putTimeout},
		"never, and the reason counts": {func(context.Context, time.Duration) (string, error) { return "", io.EOF }, 3 * time.Second, "", io.EOF, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if row.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.within)
					defer cancel()
				}
				began := time.Now()
				var together, most atomic.Int64
				got, err := api(ctx, &engine{remote: &remote{}}, func(ctx context.Context) (string, error) {
					most.Store(max(most.Load(), together.Add(1)))
					defer together.Add(-1)
					return row.do(ctx, time.Since(began))
				})
				if took := time.Since(began); got != row.want || !errors.Is(err, row.err) || took > row.most {
					t.Errorf("%q, %v after %v", got, err, took)
				}
				if most.Load() > 5 {
					t.Errorf("%d requests at a time", most.Load())
				}
				synctest.Wait()
				if left := together.Load(); left > 0 {
					t.Errorf("%d requests are under way behind the end", left)
				}
			})
		})
	}
}

// A caller that goes gets its own error, whatever was answered before; an embedded server is asked once.
func TestAPIEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		var first atomic.Bool
		err := (&engine{remote: &remote{}}).api(ctx, func(ctx context.Context) error {
			if !first.Swap(true) {
				return io.EOF
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		asked := 0
		err = (&engine{}).api(t.Context(), func(context.Context) error { asked++; return io.EOF })
		if err != io.EOF || asked != 1 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}
