package deliverylog

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
)

// Place is where a delivery stands in a list: by when it was received, and then by its id. An
// id alone does not say: that of what is said in a room has no time in it, so that it is the
// same when the room is asked once more.
type Place struct {
	at int64 // milliseconds
	id string
}

// PlaceOf returns the place of an event.
func PlaceOf(received time.Time, id string) Place { return Place{received.UnixMilli(), id} }

// Place returns where a delivery stands.
func (d *Delivery) Place() Place { return PlaceOf(d.Received, d.ID) }

// IsZero reports whether it is no place: that of an empty cursor.
func (p Place) IsZero() bool { return p.id == "" }

// String returns the cursor of the page behind a place.
func (p Place) String() string { return strconv.FormatInt(p.at, 10) + "." + p.id }

// ParsePlace is the way back from String; that of "" is zero. Errors: gateway.ErrCursor.
func ParsePlace(cursor string) (Place, error) {
	if cursor == "" {
		return Place{}, nil
	}
	text, id, _ := strings.Cut(cursor, ".")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id == "" {
		return Place{}, fmt.Errorf("%w: it is not the cursor of a list of deliveries", gateway.ErrCursor)
	}
	return Place{at, id}, nil
}

// Compare returns a negative number if p was received before q, a positive one if after.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.at, q.at), strings.Compare(p.id, q.id))
}

// compareBytes is Compare with an entry where it lies.
func compareBytes(at int64, id []byte, q Place) int {
	if n := cmp.Compare(at, q.at); n != 0 {
		return n
	}
	switch {
	case string(id) < q.id:
		return -1
	case string(id) > q.id:
		return 1
	}
	return 0
}

// LastFirst orders deliveries: those received last first.
func LastFirst(a, b *Delivery) int { return b.Place().Compare(a.Place()) }
