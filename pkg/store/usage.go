package store

import (
	"context"
	"fmt"
)

// Usage is how much of the store is used.
type Usage struct {
	Bytes, MaxBytes int64
	Refuses         error // why nothing more is taken now; nil: it is
}

// Usage returns how much of the store is used.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	u := Usage{MaxBytes: s.o.MaxBytes, Refuses: s.refuses()}
	info, err := s.eng.Load().js.AccountInfo(ctx)
	if err != nil {
		return u, fmt.Errorf("store: %w", err)
	}
	u.Bytes = int64(info.Store)
	return u, nil
}
