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
	return strings.HasPrefix(stream, queuePrefix) || stream == outStream || strings.HasPrefix(stream, "KV_")
}

func accounts(ctx context.Context, e *engine) (map[string]account, error) {
	all := make(map[string]account)
	list := e.js.ListStreams(ctx)
	for info := range list.Info() {
		if countable(info.Config.Name) {
			all[info.Config.Name] = account{info.State.Msgs, info.State.LastSeq}
		}
	}
	return all, list.Err()
}

// audit compares what is in the store with what was left in it, and removes
// the account, which holds for a store that is closed.
//
// Killed while the store is open: there is no account, and what a damaged file
// has lost goes unnoticed.
func (s *Store) audit(ctx context.Context) error {
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
	is, err := accounts(ctx, s.eng.Load())
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

// leave writes the account, at the very end.
func (s *Store) leave(ctx context.Context) {
	e := s.eng.Load()
	if e.broken.Load() {
		return
	}
	is, err := accounts(ctx, e)
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
