package parts

import (
	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/upload"
)

// UploadClients are the clients of a component's uploads. The server says where files go,
// callers say where they come from: from this machine only if that is allowed for files.
func UploadClients(cfg *config.Config, c *config.Component) upload.Clients {
	const key = "components[].uploads.allow_networks"
	guard := outbound.NewGuard(cfg.Outbound.Networks)
	options := outbound.ClientOptions{Proxy: cfg.Outbound.ProxyURL(), IdleConns: c.Uploads.Concurrency}
	return upload.Clients{
		Put:   outbound.NewClient(guard.And(c.Uploads.Networks, key), options),
		Fetch: outbound.NewClient(guard.Strict().And(c.Uploads.Networks, key), options),
	}
}
