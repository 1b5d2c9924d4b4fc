package livecheck

import (
	"context"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
)

// NATS says how the NATS of a configuration is reached; nil if its store is embedded.
func NATS(cfg *config.Config) *store.NATS {
	n := &cfg.Store.NATS
	if n.URL == "" {
		return nil
	}
	return &store.NATS{
		URL: n.URL, Name: n.Name, Replicas: n.Replicas, CredsFile: n.CredsFile, NKeyFile: n.NKeyFile, User: n.User, Password: n.Password.Reveal(), TLS: n.TLS.Config(),
		Beat: cfg.Replica.Failover / 7, // they say something eight times within the failover time
	}
}

// aloneOnNATS is Alone for a store on NATS. If a process uses the streams, nothing is
// connected to the XMPP server.
func aloneOnNATS(ctx context.Context, cfg *config.Config, user jid.JID) ([]v1.Check, error) {
	const what = "store"
	var all []v1.Check
	for _, p := range store.ProbeNATS(ctx, *NATS(cfg), int64(cfg.Store.MaxBytes), cfg.LargestStanza()) {
		switch {
		case p.Err != nil:
			return append(all, failing(what, p.About, p.Err.Error()+"; nothing else is checked, because an instance may be running", "mend that first")), nil
		case p.InUse:
			return append(all, failing(what, p.About, "another stanzahook uses these streams; nothing else is checked, because a second connection would take stanzas away from it",
				"say with --api where it listens")), nil
		case p.Advice != "":
			all = append(all, warning(what, p.About, p.Found, p.Advice))
		default:
			all = append(all, fine(what, p.About, p.Found))
		}
	}
	i, disconnect, err := connect(ctx, cfg, user)
	if err != nil {
		return nil, err
	}
	defer disconnect()
	last := all[len(all)-1]
	i.Store = func(context.Context) v1.Check { return last }
	all = all[:len(all)-1]
	return append(append(all, i.Run(ctx)...), canListen(cfg.HTTP.Listen)), nil
}
