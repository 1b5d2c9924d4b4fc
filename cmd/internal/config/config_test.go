package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
)

// load loads a file of testdata that must be good. Its sum, which changes with
// each comment in it, is left out.
func load(t *testing.T, name string, env ...string) *Config {
	t.Helper()
	c, err := Load(filepath.Join("testdata", name), env)
	if err != nil {
		t.Fatal(err)
	}
	c.Sum = [32]byte{}
	return c
}

func parsed(t *testing.T, text string, placeholders ...string) *outbound.Address {
	t.Helper()
	a, err := outbound.ParseAddress(text, placeholders...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// contents are those of a file that a configuration names.
func contents(t *testing.T, name string) secret.String {
	t.Helper()
	s, err := secret.FromFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func glob(t *testing.T, text string) jid.Glob {
	t.Helper()
	g, err := jid.ParseGlob(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func signingKeys(t *testing.T, texts ...string) []signature.Secret {
	t.Helper()
	var keys []signature.Secret
	for _, text := range texts {
		key, err := signature.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
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
		Components: []Component{{
			Domain:         "bot.example.com",
			Server:         "127.0.0.1:5347",
			Secret:         secret.New("hunter2"),
			TLS:            TLS{Mode: "none"},
			Identity:       Identity{Name: "Bots", Category: "component", Type: "generic"},
			Presence:       "auto",
			Keepalive:      30 * time.Second,
			MaxStanzaBytes: 262144,
		}},
		HTTP: HTTP{
			Listen:       "127.0.0.1:5290",
			Basic:        Basic{Accounts: Accounts{Server: "127.0.0.1:5222", TLS: "starttls"}},
			MaxBodyBytes: 196608,
			IQTimeout:    120 * time.Second,
			IQMaxTimeout: 300 * time.Second,
		},
		Outbound: Outbound{
			AllowNetworks: []string{"127.0.0.0/8", "::1/128"},
			Networks:      prefixes("127.0.0.0/8", "::1/128"),
		},
		Outbox:      Outbox{MaxBytes: 268435456, MaxCount: 100000, MaxAge: 24 * time.Hour},
		Deliveries:  Deliveries{Keep: 24 * time.Hour, MaxCount: 100000},
		DeadLetters: DeadLetters{Keep: 336 * time.Hour, MaxBytes: 1073741824},
		Store:       Store{Dir: "/var/lib/stanzahook", Sync: "interval", MaxBytes: 4294967296},
		Drain:       20 * time.Second,
		Log:         Log{Level: "info", Format: "auto"},
	}
	same(t, "Config", reflect.ValueOf(*load(t, "minimal.yaml")), reflect.ValueOf(want))
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	type short struct {
		Name, URL   string
		Timeout     time.Duration
		Concurrency int
		Retry       Retry
	}
	gently := Retry{Schedule: []time.Duration{10 * time.Second, 10 * time.Minute}, MaxAge: 2 * time.Hour}
	changed := Retry{Schedule: gently.Schedule, MaxAge: 10 * time.Minute}
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
	c, err := Parse("x.yaml", []byte("components:\n  - domain: bot.example.com\n    secret: x\n"+
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
