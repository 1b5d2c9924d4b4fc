package postmsg

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"stanzahook/pkg/jid"
)

// fingerprint stands for an account and its password. Looking one up tells
// nothing by its time: nobody outside knows the salt, so nobody can choose one
// that is near to another.
type fingerprint [sha256.Size]byte

// verified remembers for a while which passwords were right. Its size is
// bounded; the one that was right longest ago goes first.
type verified struct {
	salt [32]byte
	keep time.Duration
	max  int

	mu    sync.Mutex
	order *list.List // of proof, the oldest first
	all   map[fingerprint]*list.Element
}

type proof struct {
	seal  fingerprint
	until time.Time
}

func newVerified(keep time.Duration, max int) *verified {
	v := &verified{keep: keep, max: max, order: list.New(), all: make(map[fingerprint]*list.Element)}
	_, _ = rand.Read(v.salt[:]) // it never fails, says its documentation
	return v
}

// fingerprint hashes an account and its password. No JID holds a NUL, so two
// different pairs are never the same bytes.
func (v *verified) fingerprint(who jid.JID, password string) fingerprint {
	h := sha256.New()
	h.Write(v.salt[:])
	h.Write([]byte(who.String()))
	h.Write([]byte{0})
	h.Write([]byte(password))
	return fingerprint(h.Sum(nil))
}

func (v *verified) has(seal fingerprint) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire()
	return v.all[seal] != nil
}

func (v *verified) add(seal fingerprint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire()
	v.drop(v.all[seal])
	if len(v.all) >= v.max {
		v.drop(v.order.Front())
	}
	v.all[seal] = v.order.PushBack(proof{seal, time.Now().Add(v.keep)})
}

func (v *verified) remove(seal fingerprint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(v.all[seal])
}

// expire drops what is too old. All are kept for the same time, so the oldest
// is the first to go.
func (v *verified) expire() {
	for e := v.order.Front(); e != nil && !time.Now().Before(e.Value.(proof).until); e = v.order.Front() {
		v.drop(e)
	}
}

func (v *verified) drop(e *list.Element) {
	if e != nil {
		v.order.Remove(e)
		delete(v.all, e.Value.(proof).seal)
	}
}
