package main

import (
	"net"
	"net/netip"
	"strings"
	"time"
)

// defaultConfig is what holds for every key outside lists that neither the
// file nor the environment sets.
func defaultConfig() Config {
	return Config{
		HTTP: HTTPConfig{
			Listen:       "127.0.0.1:5290",
			Basic:        BasicConfig{Accounts: AccountsConfig{Server: "127.0.0.1:5222", TLS: tlsStart}},
			MaxBodyBytes: 192 * KiB,
			IQTimeout:    120 * time.Second,
			IQMaxTimeout: 300 * time.Second,
		},
		Outbound:    OutboundConfig{AllowNetworks: []string{"127.0.0.0/8", "::1/128"}},
		Outbox:      OutboxConfig{MaxBytes: 256 * MiB, MaxCount: 100_000, MaxAge: 24 * time.Hour},
		Deliveries:  DeliveriesConfig{Keep: 24 * time.Hour, MaxCount: 100_000},
		DeadLetters: DeadLettersConfig{Keep: 14 * 24 * time.Hour, MaxBytes: GiB},
		Store: StoreConfig{
			Dir:      "/var/lib/stanzahook",
			Sync:     syncInterval,
			MaxBytes: 4 * GiB,
		},
		Drain: 20 * time.Second,
		Log:   LogConfig{Level: levelInfo, Format: logAuto},
	}
}

// defaultComponent is what an element of components is decoded over.
func defaultComponent() ComponentConfig {
	return ComponentConfig{
		Server:         "127.0.0.1:5347",
		TLS:            TLSConfig{Mode: tlsNone},
		Identity:       IdentityConfig{Name: "Bots", Category: "component", Type: "generic"},
		Presence:       presenceAuto,
		Keepalive:      30 * time.Second,
		MaxStanzaBytes: 256 * KiB,
	}
}

// defaultEndpoint is what an element of endpoints is decoded over. Its slices
// are new ones at every call, because the decoder writes into them.
func defaultEndpoint() EndpointConfig {
	return EndpointConfig{
		Format:      formatEvent,
		Stanzas:     []string{stanzaMessage},
		Timeout:     15 * time.Second,
		Concurrency: 32,
		Retry: RetryConfig{
			Schedule: []time.Duration{
				time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second,
				time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
			},
			MaxAge: 24 * time.Hour,
		},
		OnExhausted: exhaustedBounce,
	}
}

// defaultRoster is what an element of rosters is decoded over.
func defaultRoster() RosterConfig {
	return RosterConfig{
		Backend:        backendAuto,
		Mode:           modeAuthoritative,
		RefreshOnLogin: true,
		Timeout:        10 * time.Second,
		Concurrency:    16,
	}
}

// fillDependent sets the defaults that follow from another key's value.
func (c *Config) fillDependent() {
	for i := range c.Components {
		component := &c.Components[i]
		if component.TLS.Mode == tlsDirect && component.TLS.ServerName == "" {
			component.TLS.ServerName, _, _ = net.SplitHostPort(component.Server)
		}
	}
	for i := range c.Endpoints {
		endpoint := &c.Endpoints[i]
		if endpoint.Delivery != "" {
			continue
		}
		// The modules make one attempt and bounce: who comes from there gets
		// the same. A copy has nobody to bounce to.
		endpoint.Delivery = deliveryDirect
		if endpoint.Format == formatEvent || endpoint.Copy {
			endpoint.Delivery = deliveryQueued
		}
	}
}

// isLoopback reports whether the host of an address is this machine only.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
