package parts

import (
	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
)

// Hooks are the hooks of a configuration, in its order.
func Hooks(cfg *config.Config) []*hooks.Hook {
	var all []*hooks.Hook
	for i := range cfg.Hooks {
		c := &cfg.Hooks[i]
		all = append(all, &hooks.Hook{
			Name: c.Name, Adapter: c.Adapter, Hashes: c.Hashes, Verify: c.Verifier, Reader: c.Reader, From: c.Sender, To: c.Recipients, Targets: c.TargetJIDs, Rooms: c.Rooms,
			Get: c.Get, MaxBody: int64(c.MaxBody), Rate: httpapi.RateLimit(c.RateLimit),
		})
	}
	return all
}
