package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// rostersGuide is what deploy/guide/rosters.md tells people to write and to run.
type rostersGuide struct {
	prosody  string            // for prosody.cfg.lua
	ejabberd string            // for ejabberd.yml
	configs  map[string]string // stanzahook.yaml, by server
	contacts string            // the web application's answer
	lines    []string          // those to run, and their answers
}

func readRostersGuide(t *testing.T) rostersGuide {
	t.Helper()
	data, err := os.ReadFile("../../deploy/guide/rosters.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	lua, answers, blocks := codeBlocks(text, "lua"), codeBlocks(text, "json"), codeBlocks(text, "yaml")
	if len(lua) != 1 || len(answers) != 1 || len(blocks) != 3 {
		t.Fatalf("%d blocks of Lua, %d of JSON, %d of YAML", len(lua), len(answers), len(blocks))
	}
	g := rostersGuide{prosody: lua[0], ejabberd: blocks[0], contacts: answers[0]}
	whole, part := readYAML(t, blocks[1]), readYAML(t, blocks[2])
	maps.Copy(whole, part)
	out, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	g.configs = map[string]string{"prosody": blocks[1], "ejabberd": string(out)}
	for line := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(line, "    "); ok && (strings.HasPrefix(code, "curl ") || strings.HasPrefix(code, "stanzahook ") || code[0] == '{') {
			g.lines = append(g.lines, strings.TrimSpace(code))
		}
	}
	return g
}

func readYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return m
}

// What the guide shows is accepted: here by us, in the integration test by the
// servers.
func TestRostersGuideIsAccepted(t *testing.T) {
	g := readRostersGuide(t)
	for server, text := range g.configs {
		text = strings.Replace(text, "sha256:…", "sha256:"+strings.Repeat("0a", 32), 1)
		c, err := config.Parse("rosters.md", []byte(text), nil)
		if err != nil {
			t.Errorf("the configuration for %s: %v", server, err)
			continue
		}
		if (c.Rosters[0].EjabberdAPI.URL != "") != (server == "ejabberd") {
			t.Errorf("for %s the API is %q", server, c.Rosters[0].EjabberdAPI.URL)
		}
	}
	want, err := roster.Decode([]byte(g.contacts), jid.MustParse("john@example.com"))
	if err != nil || len(want) != 2 {
		t.Errorf("the contacts are read as %v, error %v", want, err)
	}
}
