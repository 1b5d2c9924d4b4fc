package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"stanzahook/pkg/secret"
)

// The least and most bytes of a key (Standard Webhooks 1.0.0, "Symmetric").
const (
	MinKeyBytes = 24
	MaxKeyBytes = 64
)

// Prefix is the prefix of a secret in text form.
const Prefix = "whsec_"

// Secret is a key for signatures. It is never printed: fmt prints [secret.Hidden] for
// every verb, and encoding/json an empty object. The zero Secret is invalid.
type Secret struct {
	key secret.String // the decoded bytes
}

// makeOne says how to make a secret.
const makeOne = `make one: echo "whsec_$(openssl rand -base64 32)"`

// ParseSecret reads a secret: whsec_ and the key in base64 (standard alphabet,
// padded). The prefix may be left out, as in the libraries of the standard. The
// key has MinKeyBytes to MaxKeyBytes bytes. Errors begin with "the secret" and
// show neither the text nor the key.
func ParseSecret(text string) (Secret, error) {
	if strings.HasPrefix(text, "whsk_") || strings.HasPrefix(text, "whpk_") {
		return Secret{}, errors.New("the secret is a key of an asymmetric signature; needed is one that begins with whsec_; " + makeOne)
	}
	digits := strings.TrimPrefix(text, Prefix)
	if digits == "" {
		return Secret{}, errors.New("the secret is empty; write whsec_ and 24 to 64 random bytes in base64; " + makeOne)
	}
	key, err := base64.StdEncoding.DecodeString(digits)
	if err != nil || strings.ContainsAny(digits, "\r\n") { // the decoder skips line breaks
		return Secret{}, errors.New("the secret is not whsec_ and base64 (letters, digits, + and /, padded with =, in one line); " + makeOne)
	}
	if n := len(key); n < MinKeyBytes || n > MaxKeyBytes {
		return Secret{}, fmt.Errorf("the secret has a key of %d bytes; it takes %d to %d; %s", n, MinKeyBytes, MaxKeyBytes, makeOne)
	}
	return Secret{key: secret.New(string(key))}, nil
}

// Equal reports whether both have the same key, in a time that does not depend
// on where they differ.
func (s Secret) Equal(other Secret) bool { return s.key.Equal(other.key) }

// Format writes [secret.Hidden] for every verb. It implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Hidden) }

// String returns [secret.Hidden]. It implements fmt.Stringer.
func (s Secret) String() string { return secret.Hidden }
