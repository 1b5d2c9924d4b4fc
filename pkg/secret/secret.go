package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Hidden is shown by every String instead of its text.
const Hidden = "<secret>"

// String is a text that is never printed. The zero value is an unset secret; it
// prints like any other.
//
// Strings cannot be compared with == (they would compare their addresses);
// use [String.Equal].
type String struct {
	// fmt prints an unexported field of another struct by reflection, without its
	// methods. It prints a pointer to a string as an address, whatever the verb; it
	// would print a string as it is.
	text *string
	_    [0]func() // makes == a compile error
}

// New returns text as a secret.
func New(text string) String { return String{text: &text} }

// Reveal returns the text. Nothing else does.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is unset or empty.
func (s String) IsZero() bool { return s.Reveal() == "" }

// Equal reports whether both hold the same text. For texts of equal length
// the time it takes does not depend on where they differ.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [Hidden]. It implements fmt.Stringer.
func (s String) String() string { return Hidden }

// Format writes [Hidden] for every verb, %x and %d as well, and ignores width
// and precision: a part of a secret is a secret. It implements fmt.Formatter.
func (s String) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = io.WriteString(f, `"`+Hidden+`"`)
		return
	}
	_, _ = io.WriteString(f, Hidden)
}

// MarshalText returns [Hidden]. It implements encoding.TextMarshaler, for
// encoding/json and xml, the yaml packages, log/slog and others.
func (s String) MarshalText() ([]byte, error) { return []byte(Hidden), nil }
