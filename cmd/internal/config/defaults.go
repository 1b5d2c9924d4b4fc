package config

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"stanzahook/pkg/message"
	"stanzahook/pkg/webhook"
)

// Default is what holds for every key outside lists that neither the
// file nor the environment sets.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Listen:       "127.0.0.1:5290",
			Basic:        Basic{Accounts: Accounts{Server: "127.0.0.1:5222", TLS: TLSStart}},
			MaxBodyBytes: 192 * KiB,
			IQTimeout:    120 * time.Second,
			IQMaxTimeout: 300 * time.Second,
			Console:      ConsoleAuto,
		},
		MCP:         MCP{Path: "/mcp"},
		RoomPolicy:  defaultRoomPolicy(),
		Outbound:    Outbound{AllowNetworks: []string{"127.0.0.0/8", "::1/128"}},
		Outbox:      Outbox{MaxBytes: 256 * MiB, MaxCount: 100_000, MaxAge: 24 * time.Hour},
		Deliveries:  Deliveries{Keep: 24 * time.Hour, MaxCount: 100_000},
		DeadLetters: DeadLetters{Keep: 14 * 24 * time.Hour, MaxBytes: GiB},
		Store: Store{
			Dir:      "/var/lib/stanzahook",
			NATS:     StoreNATS{Name: "stanzahook"},
			Sync:     SyncInterval,
			MaxBytes: 4 * GiB,
		},
		Replica: Replica{Failover: 2 * time.Second},
		Traces:  Traces{Sample: 1, ServiceName: "stanzahook"},
		Drain:   20 * time.Second,
		Log:     Log{Level: LevelInfo, Format: LogAuto},
	}
}

// defaultComponent is what an element of components is decoded over.
func defaultComponent() Component {
	return Component{
		Server:         "127.0.0.1:5347",
		TLS:            TLS{Mode: TLSNone},
		Identity:       Identity{Name: "Bots", Category: "component", Type: "generic"},
		Presence:       PresenceAuto,
		Keepalive:      30 * time.Second,
		MaxStanzaBytes: 256 * KiB,
		Uploads:        Uploads{Service: UploadsAuto, MaxBytes: 100 * MiB, Timeout: 5 * time.Minute, Spool: 256 * MiB, Concurrency: 8},
	}
}

// defaultEndpoint is what an element of endpoints is decoded over. Its slices
// are new ones at every call, because the decoder writes into them.
func defaultEndpoint() Endpoint {
	return Endpoint{
		Format:       FormatEvent,
		Stanzas:      []string{StanzaMessage},
		Rooms:        []string{webhook.RoomMessages, webhook.RoomSelf},
		Events:       eventWords(message.DefaultEvents()),
		Encrypted:    string(webhook.EncryptedReply),
		ReplyInRooms: webhook.ReplyPlain,
		Batch:        1,
		Stream:       webhook.StreamFinal,
		Timeout:      15 * time.Second,
		Concurrency:  32,
		Retry: Retry{
			Schedule: []time.Duration{
				time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second,
				time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
			},
			MaxAge: 24 * time.Hour,
		},
		OnExhausted: ExhaustedBounce,
	}
}

// defaultRoster is what an element of rosters is decoded over.
func defaultRoster() Roster {
	return Roster{
		Backend:        BackendAuto,
		Mode:           ModeAuthoritative,
		RefreshOnLogin: true,
		Timeout:        10 * time.Second,
		Concurrency:    16,
	}
}

// fillDependent sets the defaults that follow from another key's value.
func (cfg *Config) fillDependent() {
	for i := range cfg.Components {
		component := &cfg.Components[i]
		if component.TLS.Mode == TLSDirect && component.TLS.ServerName == "" {
			component.TLS.ServerName, _, _ = net.SplitHostPort(component.Server)
		}
	}
	for i := range cfg.Endpoints {
		endpoint := &cfg.Endpoints[i]
		if endpoint.Delivery != "" {
			continue
		}
		// The Prosody modules make one attempt and bounce, so their formats do
		// the same. A copy has no sender to bounce to.
		endpoint.Delivery = DeliveryDirect
		if endpoint.Format == FormatEvent || endpoint.Copy {
			endpoint.Delivery = DeliveryQueued
		}
	}
}

// IsLoopback reports whether the host of an address is this machine only.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
