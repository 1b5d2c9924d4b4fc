package postmsg

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"stanzahook/pkg/jid"
)

// fingerprint stands for an account and its password. The time of a lookup tells
// nothing: without the salt nobody can choose one that is near to another.
type fingerprint [sha256.Size]byte

// verified remembers for a while which passwords were right. If it is full, the one that
// was right longest ago goes first.
type verified struct {
	salt  [32]byte
	keep  time.Duration
	until *lru.Cache[fingerprint, time.Time]
}

func newVerified(keep time.Duration, max int) *verified {
	v := &verified{keep: keep}
	v.until, _ = lru.New[fingerprint, time.Time](max) // fails only for size 0
	_, _ = rand.Read(v.salt[:])                       // never fails
	return v
}

// fingerprint hashes an account and its password. No JID has a NUL, so two different
// pairs are never the same bytes.
func (v *verified) fingerprint(who jid.JID, password string) fingerprint {
	h := sha256.New()
	h.Write(v.salt[:])
	h.Write([]byte(who.String()))
	h.Write([]byte{0})
	h.Write([]byte(password))
	return fingerprint(h.Sum(nil))
}

func (v *verified) has(seal fingerprint) bool {
	until, ok := v.until.Peek(seal)
	return ok && time.Now().Before(until)
}

func (v *verified) add(seal fingerprint) { v.until.Add(seal, time.Now().Add(v.keep)) }

func (v *verified) remove(seal fingerprint) { v.until.Remove(seal) }
