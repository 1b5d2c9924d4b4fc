package store

import (
	"sync"
	"sync/atomic"
)

// recordBytes is about the size of a record without its stanza.
const recordBytes = 256

// Shares bounds how much of a common resource each owner uses. Owners without a name have
// no bound.
//
// It is kept in memory: records of earlier processes belong to no owner.
type Shares struct {
	most int64

	// Refused counts what exceeded its owner's share.
	Refused atomic.Int64

	mu   sync.Mutex
	used map[string]int64
}

// NewShares returns the shares of so many bytes: an owner may take a quarter.
func NewShares(bytes int64) *Shares {
	return &Shares{most: bytes / 4, used: make(map[string]int64)}
}

// Take charges an owner, and reports false if that exceeds the share. The first charge of
// an owner always fits.
func (s *Shares) Take(owner string, size int64) bool {
	if s == nil || owner == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used[owner]
	if used > 0 && used+size > s.most {
		s.Refused.Add(1)
		return false
	}
	s.used[owner] = used + size
	return true
}

// Give undoes Take.
func (s *Shares) Give(owner string, size int64) {
	if s == nil || owner == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[owner] -= size; s.used[owner] <= 0 {
		delete(s.used, owner)
	}
}
