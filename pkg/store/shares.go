package store

import (
	"strings"
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
	used map[string]*share
}

// share is what one owner has taken. The name is a copy: an owner's own may be cut out of
// a stanza, and would keep all of it in memory.
type share struct {
	name  string
	bytes int64
}

// NewShares returns the shares of so many bytes: an owner may take a quarter.
func NewShares(bytes int64) *Shares {
	return &Shares{most: bytes / 4, used: make(map[string]*share)}
}

// Take charges an owner, and reports false if that exceeds the share. The first charge of
// an owner always fits.
func (s *Shares) Take(owner string, size int64) bool {
	if s == nil || owner == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.used[owner]
	if of == nil {
		of = &share{name: strings.Clone(owner)}
		s.used[of.name] = of
	} else if of.bytes > 0 && of.bytes+size > s.most {
		s.Refused.Add(1)
		return false
	}
	of.bytes += size
	return true
}

// of returns what an owner has taken; nil if that is nothing.
func (s *Shares) of(owner string) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[owner]
}

// Give undoes Take.
func (s *Shares) Give(owner string, size int64) {
	if s == nil || owner == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveLocked(s.used[owner], size)
}

// give is Give, of a share of these.
func (s *Shares) give(of *share, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveLocked(of, size)
}

func (s *Shares) giveLocked(of *share, size int64) {
	if of == nil {
		return
	}
	if of.bytes -= size; of.bytes <= 0 && s.used[of.name] == of {
		delete(s.used, of.name)
	}
}
