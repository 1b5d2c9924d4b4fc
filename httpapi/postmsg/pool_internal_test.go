package postmsg

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"stanzahook/pkg/gateway"
)

// The logins in progress and those that wait are bounded, of all and of one address.
func TestPlacesOfLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var p Logins
		var releases []func()
		ended := make(chan error, maxWaiting)
		for i := range maxLogins + maxWaiting {
			network := fmt.Sprint(i / maxOfNetwork)
			if i < maxLogins {
				release, err := p.take(ctx, network)
				if err != nil {
					t.Fatal(err)
				}
				releases = append(releases, release)
				continue
			}
			go func() {
				release, err := p.take(ctx, network)
				if err == nil {
					defer release()
				}
				ended <- err
			}()
			synctest.Wait()
			if i == maxLogins+maxOfNetwork {
				if _, err := p.take(ctx, "0"); !errors.Is(err, gateway.ErrBusy) {
					t.Errorf("an address over its share: %v", err)
				}
			}
		}
		if _, err := p.take(ctx, "another"); !errors.Is(err, gateway.ErrBusy) {
			t.Errorf("over all: %v", err)
		}
		if got, want := p.Counts(), (LoginCounts{maxLogins, maxWaiting, maxLogins, maxWaiting, 2}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		for _, release := range releases[1:] {
			release()
		}
		for range maxWaiting {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		releases[0]()
		synctest.Wait()
		if got := p.Counts(); got.UnderWay != 0 || got.Waiting != 0 || len(p.of) != 0 {
			t.Errorf("%+v", got)
		}
		cancel()
	})
}
