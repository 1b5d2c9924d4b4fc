package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"
)

// accountFile says what was in the store when it was closed. The embedded
// server starts without a word when a file of it is damaged, and leaves out
// what it cannot read; this is how that is noticed.
const accountFile = "account.json"

// account is what a stream held.
type account struct {
	Records uint64 `json:"records"`
	Last    uint64 `json:"last"` // sequence
}

// countable reports whether nothing leaves a stream by itself.
func countable(stream string) bool {
	return strings.HasPrefix(stream, queuePrefix) || stream == outboxName || strings.HasPrefix(stream, "KV_")
}

func (s *Store) accounts(ctx context.Context) (map[string]account, error) {
	states, err := s.srv.States(ctx)
	all := make(map[string]account)
	for name, state := range states {
		if countable(name) {
			all[name] = account{state.Records, state.Last}
		}
	}
	return all, err
}

// checkIntegrity compares what is in the store with what was left in it, and removes
// the account, which holds for a store that is closed.
//
// Killed while the store is open: there is no account, and what a damaged file
// has lost goes unnoticed.
func (s *Store) checkIntegrity(ctx context.Context) error {
	path := filepath.Join(s.o.Dir, accountFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var was map[string]account
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err != nil {
		s.log.Warn("what the store held when it was closed cannot be read", zap.Error(err))
	}
	is, err := s.accounts(ctx)
	if err != nil {
		return fmt.Errorf("look at what is in the store: %w", err)
	}
	for name, before := range was {
		if now := is[name]; now.Records < before.Records {
			s.log.Error("records of the store are lost: its files were damaged while it was closed; restore them from a backup, or go on without",
				zap.String("stream", name), zap.Uint64("lost", before.Records-now.Records), zap.Uint64("left", now.Records))
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove %s: %w", accountFile, err)
	}
	return nil
}

// writeAccount writes the account, at the very end.
func (s *Store) writeAccount(ctx context.Context) {
	if s.srv.Broken() {
		return
	}
	is, err := s.accounts(ctx)
	var data []byte
	if err == nil {
		data, err = json.Marshal(is)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.o.Dir, accountFile), data, 0o600)
	}
	if err != nil {
		s.log.Warn("damage to the store while it is closed will go unnoticed: its account could not be written", zap.Error(err))
	}
}
