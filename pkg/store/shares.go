package store

import (
	"sync"
	"sync/atomic"
)

// recordBytes is about what a record takes besides its stanza.
const recordBytes = 256

// Shares says how much of something that is there for all each owner has taken, so
// that none takes it all. Owners without a name have no bound.
//
// It is kept in memory alone: what a process before has stored belongs to nobody.
type Shares struct {
	most int64

	// Refused counts what was over its owner's share.
	Refused atomic.Int64

	mu   sync.Mutex
	used map[string]int64
}

// NewShares returns the shares of so many bytes: an owner may take a quarter.
func NewShares(bytes int64) *Shares {
	return &Shares{most: bytes / 4, used: make(map[string]int64)}
}

// Take gives an owner what something of this size takes, and reports false if it is over
// his share. Who has nothing may take anything.
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

// Give takes back what Take gave.
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
