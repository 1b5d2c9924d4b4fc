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

	"stanzahook/pkg/store/internal/stream"
)

// inventoryFile says what was in the store when it was closed. The embedded server
// starts without a word when one of its files is damaged, and leaves out what it cannot
// read; a comparison with the inventory shows that.
const inventoryFile = "account.json"

// holding is what a stream held.
type holding struct {
	Records uint64 `json:"records"`
	Last    uint64 `json:"last"` // sequence
}

// countable reports whether nothing leaves a stream by itself.
func countable(stream string) bool {
	return stream == recentName || strings.HasPrefix(stream, earlierPrefix) || stream == olderName || stream == outboxName || strings.HasPrefix(stream, "KV_")
}

func inventory(ctx context.Context, srv *stream.Server) (map[string]holding, error) {
	states, err := srv.States(ctx)
	all := make(map[string]holding)
	for name, state := range states {
		if countable(name) {
			all[name] = holding{state.Records, state.Last}
		}
	}
	return all, err
}

// checkIntegrity compares what is in the store with its inventory, and removes the
// inventory, which holds for a store that is closed.
//
// Killed while the store is open: there is no inventory, and what a damaged file has
// lost goes unnoticed.
func checkIntegrity(ctx context.Context, srv *stream.Server, dir string, log *zap.Logger) error {
	path := filepath.Join(dir, inventoryFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var was map[string]holding
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err != nil {
		log.Warn("store inventory unreadable", zap.Error(err))
	}
	is, err := inventory(ctx, srv)
	if err != nil {
		return fmt.Errorf("list the streams: %w", err)
	}
	for name, before := range was {
		if now := is[name]; now.Records < before.Records {
			log.Error("records of the store are lost", zap.String("hint", "files were damaged while the store was closed; restore a backup, or go on without"),
				zap.String("stream", name), zap.Uint64("lost", before.Records-now.Records), zap.Uint64("left", now.Records))
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove %s: %w", inventoryFile, err)
	}
	return nil
}

// writeInventory writes the inventory, at the very end.
func writeInventory(ctx context.Context, srv *stream.Server, dir string, log *zap.Logger) {
	if srv.Broken() {
		return
	}
	is, err := inventory(ctx, srv)
	var data []byte
	if err == nil {
		data, err = json.Marshal(is)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, inventoryFile), data, 0o600)
	}
	if err != nil {
		log.Warn("store inventory not written", zap.Error(err), zap.String("hint", "damage to the store while it is closed will not be noticed"))
	}
}
