package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
	"stanzahook/deploy/lab/harness"
)

// What the README shows is what is in the tree and what the program accepts.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	for _, file := range []string{"examples/echo-python/bot.py", "examples/echo-shell/bot.sh"} {
		code, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(readme, "\n"+strings.TrimSpace(string(code))+"\n```") {
			t.Errorf("the README's %s is not the file", file)
		}
	}
	for _, text := range harness.CodeBlocks(readme, "yaml") {
		if !strings.HasPrefix(text, "components:") {
			continue // a piece of ejabberd.yml
		}
		text = strings.NewReplacer("sha256:…", "sha256:"+strings.Repeat("0a", 32), "secret: …", "secret: x").Replace(text)
		c, err := config.Parse("README.md", []byte(text), nil)
		if err != nil {
			t.Errorf("a configuration in the README: %v", err)
			continue
		}
		for _, r := range c.Rosters { // as the README says
			d := config.DefaultRoster()
			d.Host, d.URL, d.Component, d.Keep, d.KeepGlobs = r.Host, r.URL, r.Component, []string{c.Components[0].Domain}, r.KeepGlobs
			d.Headers, d.Address = r.Headers, r.Address
			if len(r.Headers) > 0 || !reflect.DeepEqual(r, d) {
				t.Errorf("the README's rosters are %+v, not the defaults %+v", r, d)
			}
		}
	}
}
