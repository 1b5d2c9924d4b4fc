package main

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// load loads a file of testdata/config that must be good.
func load(t *testing.T, name string, env ...string) *Config {
	t.Helper()
	c, err := loadConfig(filepath.Join("testdata/config", name), env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func glob(t *testing.T, text string) jid.Glob {
	t.Helper()
	g, err := jid.ParseGlob(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// same compares two configurations field by field, so that a difference names
// itself.
func same(t *testing.T, path string, got, want reflect.Value) {
	t.Helper()
	switch {
	case reflect.DeepEqual(got.Interface(), want.Interface()):
	case got.Kind() == reflect.Struct && got.Type() != reflect.TypeFor[secret.String]():
		for i := range got.NumField() {
			same(t, path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
	case got.Kind() == reflect.Slice && got.Len() == want.Len() && got.Type().Elem().Kind() == reflect.Struct:
		for i := range got.Len() {
			same(t, fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
		}
	default:
		t.Errorf("%s is %#v, want %#v", path, got.Interface(), want.Interface())
	}
}

// The defaults are written out here and not taken from the constants, so that
// they are held against the manual.
func TestMinimalFileHasTheDefaults(t *testing.T) {
	want := Config{
		Components: []ComponentConfig{{
			Domain:         "bot.example.com",
			Server:         "127.0.0.1:5347",
			Secret:         secret.New("hunter2"),
			TLS:            TLSConfig{Mode: "none"},
			Identity:       IdentityConfig{Name: "Bots", Category: "component", Type: "generic"},
			Presence:       "auto",
			Keepalive:      30 * time.Second,
			MaxStanzaBytes: 262144,
		}},
		HTTP: HTTPConfig{
			Listen:       "127.0.0.1:5290",
			MaxBodyBytes: 196608,
			IQTimeout:    120 * time.Second,
			IQMaxTimeout: 300 * time.Second,
		},
		Outbox: OutboxConfig{MaxBytes: 268435456, MaxCount: 100000, MaxAge: 24 * time.Hour},
		Store:  StoreConfig{Dir: "/var/lib/stanzahook", Sync: "interval", MaxBytes: 4294967296},
		Drain:  20 * time.Second,
		Log:    LogConfig{Level: "info", Format: "json"},
	}
	same(t, "Config", reflect.ValueOf(*load(t, "minimal.yaml")), reflect.ValueOf(want))
}

func TestFullFile(t *testing.T) {
	got := load(t, "full.yaml")

	// A pool of certificates cannot be written down; see that it is there.
	if got.Components[0].TLS.CAs == nil {
		t.Error("ca_file was not read")
	}
	got.Components[0].TLS.CAs = nil

	schedule := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second,
		time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	}
	want := Config{
		Components: []ComponentConfig{
			{
				Domain:     "bot.example.com",
				Server:     "xmpp.example.com:5348",
				Secret:     secret.New("hunter2"),
				SecretFile: "testdata/config/bot.secret",
				TLS: TLSConfig{
					Mode: "direct", CAFile: "testdata/config/ca.pem", ServerName: "component.example.com",
				},
				Identity:       IdentityConfig{Name: "Robots", Category: "gateway", Type: "http"},
				Presence:       "forward",
				Keepalive:      10 * time.Second,
				MaxStanzaBytes: 524288,
			},
			{
				Domain:         "news.example.com",
				Server:         "127.0.0.1:5347",
				Secret:         secret.New("hunter3"),
				TLS:            TLSConfig{Mode: "none"},
				Identity:       IdentityConfig{Name: "Bots", Category: "component", Type: "generic"},
				Presence:       "auto",
				Keepalive:      30 * time.Second,
				MaxStanzaBytes: 262144,
			},
		},
		Endpoints: []EndpointConfig{
			{
				Name:        "echo",
				URL:         "http://127.0.0.1:8080/hook/{kind}?to={to}",
				ParsedURL:   parsed(t, "http://127.0.0.1:8080/hook/{kind}?to={to}"),
				Component:   "bot.example.com",
				Format:      "component-http",
				Stanzas:     []string{"message", "presence", "iq"},
				Delivery:    "queued",
				Timeout:     5 * time.Minute,
				Concurrency: 1000,
				Headers: map[string]secret.String{
					"Authorization": secret.New("Bearer hunter4"),
					"X-Tenant":      secret.New("north"),
				},
				Retry: RetryConfig{
					Schedule: []time.Duration{100 * time.Millisecond, 90 * time.Second},
					MaxAge:   time.Hour,
				},
				OnExhausted: "drop",
			},
			{
				Name:        "direct-by-format",
				URL:         "https://bots.example.com/",
				ParsedURL:   parsed(t, "https://bots.example.com/"),
				Format:      "component-http",
				Stanzas:     []string{"message"},
				Delivery:    "direct",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       RetryConfig{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "bounce",
			},
			{
				Name:        "defaults",
				URL:         "http://[::1]:8080/",
				ParsedURL:   parsed(t, "http://[::1]:8080/"),
				Format:      "event",
				Stanzas:     []string{"message"},
				Delivery:    "queued",
				Timeout:     15 * time.Second,
				Concurrency: 32,
				Retry:       RetryConfig{Schedule: schedule, MaxAge: 24 * time.Hour},
				OnExhausted: "bounce",
			},
		},
		HTTP: HTTPConfig{
			Listen: "127.0.0.1:8090",
			Tokens: []TokenConfig{
				{
					Name:   "ops",
					Hash:   sha256.Sum256([]byte("test")),
					Scopes: []string{"send", "query", "roster", "events", "admin"},
				},
				{
					Name:      "app",
					Hash:      sha256.Sum256([]byte("token-of-the-app")),
					TokenFile: "testdata/config/app.token",
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
		Outbox: OutboxConfig{MaxBytes: 67108864, MaxCount: 5, MaxAge: time.Hour},
		Store:  StoreConfig{Dir: "testdata/config/state", Sync: "always", MaxBytes: 1073741824},
		Drain:  0,
		Log:    LogConfig{Level: "debug", Format: "console"},
	}
	same(t, "Config", reflect.ValueOf(*got), reflect.ValueOf(want))
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	type short struct {
		Name, URL   string
		Timeout     time.Duration
		Concurrency int
		Retry       RetryConfig
	}
	gently := RetryConfig{Schedule: []time.Duration{10 * time.Second, 10 * time.Minute}, MaxAge: 2 * time.Hour}
	changed := RetryConfig{Schedule: gently.Schedule, MaxAge: 10 * time.Minute}
	want := []short{
		{"one", "http://127.0.0.1:8080/one", 3 * time.Second, 32, gently},
		{"two", "http://127.0.0.1:8080/two", 3 * time.Second, 32, gently},
		{"three", "http://127.0.0.1:8080/one", 3 * time.Second, 4, changed},
	}
	var got []short
	for _, e := range load(t, "anchors.yaml").Endpoints {
		got = append(got, short{e.Name, e.URL, e.Timeout, e.Concurrency, e.Retry})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLimits(t *testing.T) {
	c := load(t, "limits.yaml")
	if got := c.Endpoints[1].Component; got != c.Components[1].Domain || got != "bücher.example.com" {
		t.Errorf("one domain in two spellings is %q and %q", got, c.Components[1].Domain)
	}
	want := []string{"bücher.example.com", "*@xn--bcher-kva.example.com", "bücher.example.com"}
	if got := c.HTTP.Tokens[0].From; !reflect.DeepEqual(got, want) {
		t.Errorf("from is %q", got)
	}
}

// Elements must not share the memory of their default lists.
func TestElementsAreIndependent(t *testing.T) {
	e := load(t, "full.yaml").Endpoints
	e[1].Retry.Schedule[0], e[1].Stanzas[0] = 0, "x"
	if e[2].Retry.Schedule[0] != time.Second || e[2].Stanzas[0] != "message" {
		t.Error("a change of one endpoint's list changes the other's")
	}
}

func TestServerNameIsTheServersHost(t *testing.T) {
	c, err := parseConfig("x.yaml", []byte("components:\n  - domain: bot.example.com\n    secret: x\n"+
		"    server: xmpp.example.com:5347\n    tls: {mode: direct}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Components[0].TLS.ServerName; got != "xmpp.example.com" {
		t.Errorf("server_name is %q", got)
	}
}

func TestPrintingAConfigShowsNoSecret(t *testing.T) {
	c := load(t, "full.yaml")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if out := fmt.Sprintf(verb, *c); strings.Contains(out, "hunter") || strings.Contains(out, "68756e746572") {
			t.Errorf("%s shows a secret: %s", verb, out)
		}
	}
}
