package config

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/form"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
)

// load loads a file of testdata that must be good, without its sum.
func load(t *testing.T, name string, env ...string) *Config {
	t.Helper()
	c, err := Load(filepath.Join("testdata", name), env)
	require.NoError(t, err)
	c.Sum, c.Files, c.Origins = [32]byte{}, fileReader{}, Origins{}
	return c
}

// dump writes a line for each value of a configuration that is not zero.
func dump(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch value := v.Interface().(type) {
	case secret.String:
		text := value.Reveal()
		if strings.Contains(text, "\n") { // of a PEM file
			text = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
		}
		fmt.Fprintf(b, "%s: %q\n", path, text)
	case *outbound.Address:
		target, err := value.AppendTarget(nil, func(placeholder string) string { return placeholder })
		fmt.Fprintf(b, "%s: %s%s%s %v\n", path, value.Socket(), value.Base(), target, err)
	case *form.Form:
		fmt.Fprintf(b, "%s: %s\n", path, value.XML(nil))
	case map[string]*form.Form:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			dump(b, path+"."+name, reflect.ValueOf(value[name]))
		}
	case *x509.CertPool:
		fmt.Fprintf(b, "%s: certificates\n", path)
	case [sha256.Size]byte:
		fmt.Fprintf(b, "%s: %x\n", path, value)
	case fmt.Stringer:
		fmt.Fprintf(b, "%s: %v\n", path, value)
	default:
		switch v.Kind() {
		case reflect.Struct:
			for _, f := range reflect.VisibleFields(v.Type()) {
				dump(b, path+"."+f.Name, v.FieldByIndex(f.Index))
			}
		case reflect.Slice:
			for i := range v.Len() {
				dump(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.Map:
			if all, ok := value.(Variables); ok {
				for _, name := range slices.Sorted(maps.Keys(all)) {
					fmt.Fprintf(b, "%s.%s: %q\n", path, name, all[name])
				}
				return
			}
			if all, ok := value.(formsKeys); ok {
				for _, name := range slices.Sorted(maps.Keys(all)) {
					fmt.Fprintf(b, "%s.%s: %q\n", path, name, all[name])
				}
				return
			}
			for _, key := range slices.Sorted(maps.Keys(v.Interface().(map[string]secret.String))) {
				dump(b, path+"."+key, v.MapIndex(reflect.ValueOf(key)))
			}
		default:
			fmt.Fprintf(b, "%s: %#v\n", path, value)
		}
	}
}

// dumped is the dump of a whole configuration.
func dumped(c *Config) string {
	var b strings.Builder
	dump(&b, "", reflect.ValueOf(*c))
	return b.String()
}

// changes are the lines that only one of two dumps has: those of the first with a "-".
func changes(before, after string) string {
	var b strings.Builder
	only := func(sign, text, other string) {
		for line := range strings.Lines(text) {
			if !strings.Contains("\n"+other, "\n"+line) {
				b.WriteString(sign + line)
			}
		}
	}
	only("- ", before, after)
	only("+ ", after, before)
	return b.String()
}

// A file with the keys that are needed alone has the defaults, which are written out
// and not taken from the constants; one with every key has them all; the environment
// overrides both: what it changes is in a file of its own.
//
//	go test ./cmd/internal/config -run TestLoad -update
func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name, file string
		env        []string
	}{
		{"minimal", "minimal.yaml", nil},
		{"full", "full.yaml", nil},
		{"environment", "full.yaml", []string{
			"STANZAHOOK_HTTP_LISTEN=[::1]:1234", "STANZAHOOK_HTTP_MAX_BODY_BYTES=1MiB", "STANZAHOOK_HTTP_IQ_TIMEOUT=50s", "STANZAHOOK_HTTP_IQ_MAX_TIMEOUT=55s",
			"STANZAHOOK_HTTP_INSECURE_NO_AUTH=false", "STANZAHOOK_OUTBOUND_PROXY=http://app:hunter6@127.0.0.1:3128",
			"STANZAHOOK_STORE_DIR=elsewhere", // relative to where the program is started
			"STANZAHOOK_STORE_SYNC=interval", "STANZAHOOK_STORE_MAX_BYTES=2GiB", "STANZAHOOK_DELIVERIES_KEEP=2h", "STANZAHOOK_DELIVERIES_MAX_COUNT=8",
			"STANZAHOOK_DEAD_LETTERS_KEEP=3h", "STANZAHOOK_DEAD_LETTERS_MAX_BYTES=2MiB", "STANZAHOOK_DRAIN=1m", "STANZAHOOK_LOG_LEVEL=warn", "STANZAHOOK_LOG_FORMAT=json",
		}},
	} {
		c := load(t, test.file, test.env...)
		text := dumped(c)
		if test.env != nil {
			text = changes(dumped(load(t, test.file)), text)
		}
		file := "testdata/" + test.name + ".loaded.txt"
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			continue
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		have, wanted := strings.Split(text, "\n"), strings.Split(string(want), "\n")
		for i, line := range wanted {
			if i >= len(have) || have[i] != line {
				t.Fatalf("%s, line %d: got %q, want %q", file, i+1, have[min(i, len(have)-1)], line)
			}
		}
		if len(have) > len(wanted) {
			t.Errorf("%s: also %q", file, have[len(wanted):])
		}
		for _, e := range c.Endpoints {
			for i, key := range e.SigningKeys {
				if want, err := signature.ParseSecret(e.SigningSecrets[i].Reveal()); err != nil || !key.Equal(want) {
					t.Errorf("the signing key %d of %s is another (%v)", i, e.Name, err)
				}
			}
		}
	}
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
	require.NoError(t, err)
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
