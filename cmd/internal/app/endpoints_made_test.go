package app

import (
	"errors"
	"fmt"
	"testing"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/pkg/gateway"
)

// There is room for so many endpoints of the API, and for so much in them.
func TestMadeEndpointsFit(t *testing.T) {
	many := func(n, size int) (all made.Items[config.Endpoint]) {
		for i := range n {
			all, _, _ = all.With(fmt.Sprint(i), nil, make([]byte, size))
		}
		return all
	}
	for _, x := range []struct {
		n, size int
		full    bool
	}{{made.Max, 4000, false}, {made.Max + 1, 1, true}, {64, 64 << 10, false}, {65, 64 << 10, true}} {
		if err := endpointsFit(many(x.n, x.size)); (err != nil) != x.full || x.full && !errors.Is(err, gateway.ErrFull) {
			t.Errorf("%d of %d bytes: %v", x.n, x.size, err)
		}
	}
}
