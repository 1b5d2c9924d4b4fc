package livecheck

import (
	"bytes"
	"context"
	"fmt"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/store"
)

// SameConfig checks whether the instance runs with the content of a configuration file
// that has this SHA-256; without one it checks nothing. The environment may have set
// other values.
func SameConfig(cfg *config.Config, sum []byte) []v1.Check {
	const what = "configuration"
	switch {
	case sum == nil:
		return nil
	case bytes.Equal(sum, cfg.Sum[:]):
		return []v1.Check{fine(what, "", "the running instance has read this content of the file")}
	}
	return []v1.Check{warning(what, "", "the running instance has read another content of the configuration; what follows is about that one",
		"run stanzahook reload, or restart it; or the instance at this address is not the one of this file: say with --api where that is")}
}

// Store checks the store that this process has open, and that is at a place.
func Store(ctx context.Context, s *store.Store, place string) v1.Check {
	const what = "store"
	advice := "make room on the disk, or raise store.max_bytes"
	if s.Remote() != nil {
		advice = "raise store.max_bytes, and the limits of the NATS account and servers"
	}
	u, err := s.Usage(ctx)
	switch {
	case err != nil:
		return failing(what, "", "it does not answer: "+err.Error(), "see the log")
	case u.Refuses != nil:
		return failing(what, "", u.Refuses.Error(), advice)
	}
	if err := s.Ready(ctx); err != nil {
		return failing(what, "", err.Error(), "see the log")
	}
	return fine(what, "", fmt.Sprintf("%s: %d of %d MiB used", place, u.Bytes>>20, u.MaxBytes>>20))
}
