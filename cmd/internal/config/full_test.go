package config

import (
	"crypto/sha256"
	"reflect"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

func TestFullFile(t *testing.T) {
	got := load(t, "full.yaml")

	// A pool of certificates cannot be written down; see that it is there.
	if got.Components[0].TLS.CAs == nil {
		t.Error("ca_file was not read")
	}
	got.Components[0].TLS.CAs = nil
	if got.HTTP.Basic.Accounts.CAs == nil {
		t.Error("ca_file of the accounts was not read")
	}
	got.HTTP.Basic.Accounts.CAs = nil

	schedule := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second,
		time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	}
	want := Config{
		Components: []Component{
			{
				Domain:     "bot.example.com",
				Server:     "xmpp.example.com:5348",
				Secret:     secret.New("hunter2"),
				SecretFile: "testdata/bot.secret",
				TLS: TLS{
					Mode: "direct", CAFile: "testdata/ca.pem", ServerName: "component.example.com",
				},
				Identity:       Identity{Name: "Robots", Category: "gateway", Type: "http"},
				Presence:       "forward",
				Keepalive:      10 * time.Second,
				MaxStanzaBytes: 524288,
			},
			{
				Domain:         "news.example.com",
				Server:         "127.0.0.1:5347",
				Secret:         secret.New("hunter3"),
				TLS:            TLS{Mode: "none"},
				Identity:       Identity{Name: "Bots", Category: "component", Type: "generic"},
				Presence:       "auto",
				Keepalive:      30 * time.Second,
				MaxStanzaBytes: 262144,
			},
		},
		Endpoints: []Endpoint{
			{
				Name:      "echo",
				URL:       "http://127.0.0.1:8080/hook/{kind}?to={to}",
				Address:   parsed(t, "http://127.0.0.1:8080/hook/{kind}?to={to}", "{kind}", "{to}"),
				Component: "bot.example.com",
				Format:    "component-http",
				Stanzas:   []string{"message", "presence", "iq"},
				Match: Match{
					To:        []string{"Echo@BOT.example.com", "*.bot@bot.example.com"},
					From:      []string{"*@Example.com"},
					Type:      []string{"normal", "available", "get"},
					Payload:   []string{"urn:xmpp:receipts", "jabber:client body", "urn:xmpp:ping ping"},
					ToGlobs:   []jid.Glob{glob(t, "echo@bot.example.com"), glob(t, "*.bot@bot.example.com")},
					FromGlobs: []jid.Glob{glob(t, "*@example.com")},
					Payloads:  []PayloadName{{"urn:xmpp:receipts", ""}, {"jabber:client", "body"}, {"urn:xmpp:ping", "ping"}},
				},
				Delivery:    "queued",
				Timeout:     5 * time.Minute,
				Concurrency: 1000,
				SigningSecrets: []secret.String{
					secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), secret.New("aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="),
				},
				SigningKeys: signingKeys(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="),
				Headers: map[string]secret.String{
					"Authorization": secret.New("Bearer hunter4"),
					"X-Tenant":      secret.New("north"),
				},
				Retry: Retry{
					Schedule: []time.Duration{100 * time.Millisecond, 90 * time.Second},
					MaxAge:   time.Hour,
				},
				OnExhausted: "drop",
			},
			{
				Name:    "direct-by-format",
				URL:     "https://bots.example.com/",
				Address: parsed(t, "https://bots.example.com/"),
				TLS: ClientTLS{
					CAFile: "testdata/ca.pem", CertFile: "testdata/server.pem", KeyFile: "testdata/server.key",
					CA: contents(t, "ca.pem"), Cert: contents(t, "server.pem"), Key: contents(t, "server.key"),
				},
				Format:      "component-http",
				Stanzas:     []string{"message"},
				Delivery:    "direct",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       Retry{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "bounce",
			},
			{
				Name:    "log",
				URL:     "http://10.1.2.3/",
				Address: parsed(t, "http://10.1.2.3/"),
				Format:  "rest-json",
				Stanzas: []string{"message"},
				Match: Match{
					Body: true, Type: []string{"chat"}, Payload: []string{"urn:xmpp:receipts request"},
					Payloads: []PayloadName{{"urn:xmpp:receipts", "request"}},
				},
				Copy:        true,
				Delivery:    "queued",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       Retry{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "drop",
			},
			{
				Name:        "rest",
				URL:         "unix:/run/bot.sock:/{kind}",
				Address:     parsed(t, "unix:/run/bot.sock:/{kind}", "{kind}"),
				Format:      "rest-xml",
				Stanzas:     []string{"message"},
				Delivery:    "direct",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       Retry{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "bounce",
			},
			{
				Name:        "defaults",
				URL:         "http://192.168.7.9:8080/",
				Address:     parsed(t, "http://192.168.7.9:8080/"),
				Format:      "event",
				Stanzas:     []string{"message"},
				Delivery:    "queued",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       Retry{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "bounce",
			},
		},
		Rosters: []Roster{
			{
				Host: "example.com", URL: "https://app.example.com/contacts/%s?x=%25", Component: "bot.example.com", Backend: "ejabberd-api",
				EjabberdAPI: EjabberdAPI{
					URL: "unix:/run/ejabberd/api.sock:/api", User: "admin@example.com", Password: secret.New("hunter2"), PasswordFile: "testdata/bot.secret",
					Address: parsed(t, "unix:/run/ejabberd/api.sock:/api"),
				},
				Mode: "additive", Keep: []string{"*@bot.example.com", "helper@example.com"},
				KeepGlobs: []jid.Glob{glob(t, "*@bot.example.com"), glob(t, "helper@example.com")},
				Interval:  time.Hour, Headers: map[string]secret.String{"Authorization": secret.New("Bearer hunter6")},
				Timeout: 3 * time.Second, Concurrency: 4,
				TLS:     ClientTLS{CAFile: "testdata/ca.pem", CA: contents(t, "ca.pem")},
				Address: parsed(t, "https://app.example.com/contacts/%s?x=%25", "%s"),
			},
			{
				Host: "example.org", URL: "unix:/run/app.sock:/%s", Component: "news.example.com", Backend: "auto", Mode: "authoritative",
				Keep:           []string{"bot.example.com", "news.example.com"},
				KeepGlobs:      []jid.Glob{glob(t, "bot.example.com"), glob(t, "news.example.com")},
				RefreshOnLogin: true, Timeout: 10 * time.Second, Concurrency: 16,
				Address: parsed(t, "unix:/run/app.sock:/%s", "%s"),
			},
		},
		HTTP: HTTP{
			Listen:         "127.0.0.1:8090",
			BasePath:       "/xmpp/v2",
			TrustedProxies: []string{"127.0.0.1", "10.1.2.3/16", "fd00::/8"},
			Proxies:        prefixes("127.0.0.1/32", "10.1.0.0/16", "fd00::/8"),
			Hosts:          []string{"hook.example.com", "2001:db8::1", "192.0.2.1"},
			TLS:            HTTPTLS{CertFile: "testdata/server.pem", KeyFile: "testdata/server.key"},
			Basic: Basic{Component: true, Accounts: Accounts{
				Server: "xmpp.example.com:5223", Hosts: []string{"example.com", "example.org"}, TLS: "direct", CAFile: "testdata/ca.pem",
			}},
			RateLimit: RateLimit{PerSecond: 20, Burst: 100},
			Tokens: []Token{
				{
					Name:   "ops",
					Hash:   sha256.Sum256([]byte("test")),
					Scopes: []string{"send", "query", "roster", "events", "admin"},
				},
				{
					Name:      "app",
					Hash:      sha256.Sum256([]byte("token-of-the-app")),
					TokenFile: "testdata/app.token",
					Scopes:    []string{"send"},
					From:      []string{"news.example.com", "*@bot.example.com", "a?min@*"},
					FromGlobs: []jid.Glob{
						glob(t, "news.example.com"), glob(t, "*@bot.example.com"), glob(t, "a?min@*"),
					},
				},
			},
			MaxBodyBytes:   65536,
			IQTimeout:      30 * time.Second,
			IQMaxTimeout:   time.Minute,
			InsecureNoAuth: true,
		},
		Outbound: Outbound{
			AllowNetworks: []string{"10.1.2.3", "127.0.0.1/8", "fd12::/16", "192.168.0.0/16"},
			Proxy:         secret.New("http://app:hunter5@10.1.2.3:3128"),
			Networks:      prefixes("10.1.2.3/32", "127.0.0.0/8", "fd12::/16", "192.168.0.0/16"),
		},
		Outbox:      Outbox{MaxBytes: 67108864, MaxCount: 5, MaxAge: time.Hour},
		Deliveries:  Deliveries{Keep: time.Hour, MaxCount: 7},
		DeadLetters: DeadLetters{Keep: 48 * time.Hour, MaxBytes: 3145728},
		Store:       Store{Dir: "testdata/state", Sync: "always", MaxBytes: 1073741824},
		Drain:       0,
		Log:         Log{Level: "debug", Format: "console"},
	}
	same(t, "Config", reflect.ValueOf(*got), reflect.ValueOf(want))
}
