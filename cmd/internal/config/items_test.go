package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"stanzahook/pkg/secret"
)

// Every key is shown with where its value came from, and no secret is.
func TestItems(t *testing.T) {
	cfg, err := Load("testdata/full.yaml", []string{"STANZAHOOK_LOG_LEVEL=warn", "STANZAHOOK_OUTBOUND_PROXY=http://app:hunter6@127.0.0.1:3128"})
	if err != nil {
		t.Fatal(err)
	}
	items := make(map[string]Item)
	for _, i := range cfg.Items() {
		if _, twice := items[i.Key]; twice {
			t.Errorf("%s is there twice", i.Key)
		}
		items[i.Key] = i
		if text := fmt.Sprint(i.Value); strings.Contains(text, "hunter") || strings.Contains(text, "whsec_") || strings.HasPrefix(text, HashPrefix) && text != HashPrefix+"***" {
			t.Errorf("%s shows %s", i.Key, text)
		}
	}
	for key, want := range map[string]Item{
		"log.level":             {Value: "warn", Source: FromEnvironment},
		"outbound.proxy":        {Value: secret.Hidden, Source: FromEnvironment},
		"http.console":          {Value: "auto", Source: FromDefault},
		"http.insecure_no_auth": {Value: true, Source: FromFile},
		"http.iq_timeout":       {Value: "30s", Source: FromFile},
		"http.max_body_bytes":   {Value: "64KiB", Source: FromFile},
		"deliveries.max_count":  {Value: 7, Source: FromFile},
		"components[0].secret":  {Value: secret.Hidden, Source: FromFile},
	} {
		want.Key, want.Line = key, items[key].Line
		if got := items[key]; !reflect.DeepEqual(got, want) || (want.Source == FromFile) != (got.Line > 0) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	// All keys of the reference, and no others.
	walk(reflect.ValueOf(Config{}), "", func(path, name string, value reflect.Value) {
		if isVariable(path) && isLeaf(value.Type()) {
			if _, ok := items[join(path, name)]; !ok {
				t.Errorf("%s is not shown", join(path, name))
			}
		}
	})
}

func TestConsoleByListener(t *testing.T) {
	for _, c := range []struct {
		console, listen string
		want            bool
	}{
		{"auto", "127.0.0.1:5290", true}, {"auto", "[::1]:5290", true}, {"auto", "localhost:5290", true},
		{"auto", "0.0.0.0:5290", false}, {"auto", ":5290", false}, {"auto", "192.0.2.1:5290", false},
		{"on", "0.0.0.0:5290", true}, {"off", "127.0.0.1:5290", false},
	} {
		h := HTTP{Console: c.console, Listen: c.listen}
		if h.HasConsole() != c.want {
			t.Errorf("%s at %s: %v", c.console, c.listen, !c.want)
		}
	}
}
