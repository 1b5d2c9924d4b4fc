package config

import (
	"crypto/x509"
	"reflect"
	"slices"
)

// NeedRestart are the changes between two configurations that take a new
// process.
func NeedRestart(old, next *Config) []string {
	var all []string
	say := func(same bool, key string) {
		if !same {
			all = append(all, key+": changed; restart stanzahook to apply it")
		}
	}
	say(sameComponents(old.Components, next.Components), "components")
	say(reflect.DeepEqual(old.Store, next.Store), "store")
	say(old.Replica == next.Replica, "replica")
	say(old.Outbox == next.Outbox, "outbox")
	say(old.Deliveries == next.Deliveries, "deliveries")
	say(old.DeadLetters == next.DeadLetters, "dead_letters")
	say(old.HTTP.Listen == next.HTTP.Listen, "http.listen")
	say((old.HTTP.TLS.CertFile == "") == (next.HTTP.TLS.CertFile == ""), "http.tls")
	say(old.Log.Format == next.Log.Format, "log.format")
	say(reflect.DeepEqual(old.Traces, next.Traces), "traces")
	return all
}

// sameComponents compares components with all they have but the authorities that they
// trust.
func sameComponents(a, b []Component) bool {
	return slices.EqualFunc(a, b, func(x, y Component) bool {
		x.TLS.CAs, y.TLS.CAs, x.TLS.CAFile, y.TLS.CAFile = nil, nil, "", ""
		return reflect.DeepEqual(x, y)
	})
}

// SameTrust compares pools of certificates; nil are the system's.
func SameTrust(a, b *x509.CertPool) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(b))
}

// Differences names the sections that are other in another configuration, and of
// lists the elements by name.
func Differences(old, next *Config) []string {
	var all []string
	say := func(same bool, name string) {
		if !same {
			all = append(all, name)
		}
	}
	same := SameEndpoints(old, next)
	for _, e := range next.Endpoints {
		say(same[e.Name], "endpoint "+e.Name)
	}
	for _, e := range old.Endpoints {
		_, there := same[e.Name]
		say(there, "endpoint "+e.Name+" (removed)")
	}
	for i, c := range next.Components {
		say(SameTrust(old.Components[i].TLS.CAs, c.TLS.CAs), "component "+c.Domain+" (ca_file)")
	}
	say(reflect.DeepEqual(old.Rosters, next.Rosters), "rosters")
	say(reflect.DeepEqual(old.Rooms, next.Rooms), "rooms")
	say(reflect.DeepEqual(old.RoomPolicy, next.RoomPolicy), "room_policy")
	say(reflect.DeepEqual(old.Bots, next.Bots), "bots")
	say(old.BotsOnly == next.BotsOnly, "bots_only")
	say(reflect.DeepEqual(old.Commands, next.Commands), "commands")
	say(sameHooks(old.Hooks, next.Hooks), "hooks")
	say(reflect.DeepEqual(old.HTTP.Tokens, next.HTTP.Tokens), "http.tokens")
	a, b := old.HTTP, next.HTTP
	a.Tokens, b.Tokens, a.Basic.Accounts.CAs, b.Basic.Accounts.CAs = nil, nil, nil, nil
	say(reflect.DeepEqual(a, b), "http")
	say(old.MCP == next.MCP, "mcp")
	say(reflect.DeepEqual(old.Outbound, next.Outbound), "outbound")
	say(old.Drain == next.Drain, "drain")
	return all
}

// SameEndpoints says of each endpoint of a configuration whether another has the same.
func SameEndpoints(old, next *Config) map[string]bool {
	before := make(map[string]*Endpoint)
	for i := range old.Endpoints {
		before[old.Endpoints[i].Name] = &old.Endpoints[i]
	}
	same := make(map[string]bool)
	for i := range next.Endpoints {
		e := &next.Endpoints[i]
		same[e.Name] = before[e.Name] != nil && reflect.DeepEqual(before[e.Name], e)
	}
	return same
}

// sameHooks compares hooks by their keys.
func sameHooks(a, b []Hook) bool {
	return slices.EqualFunc(a, b, func(x, y Hook) bool {
		x.Reader, y.Reader = nil, nil // made of the keys
		return reflect.DeepEqual(x, y)
	})
}
