package delivery

import "testing"

// How many events of a lane are read at a time follows from how far apart they lie.
func TestNear(t *testing.T) {
	for _, c := range []struct{ all, tail, least, most int }{
		{1000, 1000, usual.read, 1 << 20}, // it is alone
		{6400, 64, usual.read, 1 << 20},   // one of a hundred, all of it within 4 MB
		{1_000_000, 10_000, 64, 128},      // one of a hundred
		{1_000_000, 100, 0, 1},            // one of ten thousand
		{1_000_000, 0, 0, 1}, {0, 0, 1, 1 << 20},
	} {
		q := &queue{count: c.all}
		if n := q.near(&lane{tail: c.tail}); n < c.least || n > c.most {
			t.Errorf("%d of %d events: %d at a time", c.tail, c.all, n)
		}
	}
}
