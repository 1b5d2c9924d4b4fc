package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far webhook-timestamp may be from the receiver's clock, in
// both directions. The specification leaves it open ("some allowable
// tolerance"); its libraries take the same.
const Tolerance = 5 * time.Minute

// The errors of [Verify] wrap one of these.
var (
	ErrHeader  = errors.New("missing or malformed")
	ErrTooOld  = errors.New("the webhook's timestamp is too old")
	ErrTooNew  = errors.New("the webhook's timestamp is too far in the future")
	ErrNoMatch = errors.New("no signature matches the webhook")
)

// Verify checks a request as its receiver (Standard Webhooks 1.0.0, "Verifying
// webhooks"): the three headers exist, the timestamp is within [Tolerance] of now,
// and at least one v1 signature is by one of the secrets. It skips other versions and
// malformed signatures, and compares in constant time. The error wraps [ErrHeader],
// [ErrTooOld], [ErrTooNew] or [ErrNoMatch].
func Verify(header http.Header, body []byte, secrets []Secret, now time.Time) error {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if header.Get(name) == "" {
			return fmt.Errorf("header %s: %w", name, ErrHeader)
		}
	}
	timestamp := header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("header %s: %w", HeaderTimestamp, ErrHeader)
	}
	switch at := time.Unix(seconds, 0); {
	case at.Before(now.Add(-Tolerance)):
		return ErrTooOld
	case at.After(now.Add(Tolerance)):
		return ErrTooNew
	}
	head := []byte(header.Get(HeaderID) + "." + timestamp + ".")
	given := signatures(header.Get(HeaderSignature))
	fits := false
	for _, key := range secrets {
		want := sum(key.mac(), nil, head, body)
		for _, signature := range given {
			if hmac.Equal(signature, want) {
				fits = true
			}
		}
	}
	if !fits {
		return ErrNoMatch
	}
	return nil
}

// signatures returns the signatures of version v1 in a list.
func signatures(list string) [][]byte {
	var all [][]byte
	for part := range strings.SplitSeq(list, " ") {
		text, found := strings.CutPrefix(part, version)
		if !found {
			continue
		}
		if signature, err := base64.StdEncoding.DecodeString(text); err == nil {
			all = append(all, signature)
		}
	}
	return all
}
