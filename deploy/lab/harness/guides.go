package harness

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// CodeBlocks returns the blocks of a language in a page of Markdown.
func CodeBlocks(page, language string) []string {
	var blocks []string
	for _, part := range strings.Split(page, "```"+language+"\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, code)
	}
	return blocks
}

// ReadYAML reads a map.
func ReadYAML(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return m
}

// joinYAML puts more into what is there already: lists behind each other, maps into
// each other.
func joinYAML(there, more any) any {
	if list, ok := there.([]any); ok {
		return append(list, more.([]any)...)
	}
	into, ok := there.(map[string]any)
	if !ok {
		return more
	}
	for key, value := range more.(map[string]any) {
		if old, ok := into[key]; ok {
			value = joinYAML(old, value)
		}
		into[key] = value
	}
	return into
}

// AddYAML puts more into the YAML of a server's configuration.
func AddYAML(config []byte, more map[string]any) ([]byte, error) {
	var whole map[string]any
	if err := yaml.Unmarshal(config, &whole); err != nil {
		return nil, err
	}
	return yaml.Marshal(joinYAML(whole, more))
}

// RostersGuide is what deploy/guide/rosters.md tells people to write and to run.
type RostersGuide struct {
	Prosody  string            // for prosody.cfg.lua
	Ejabberd string            // for ejabberd.yml
	Configs  map[string]string // stanzahook.yaml, by server
	Contacts string            // the web application's answer
	Lines    []string          // those to run, and their answers
}

// ReadRostersGuide reads it.
func ReadRostersGuide(t testing.TB) RostersGuide {
	t.Helper()
	text := Page(t, "deploy/guide/rosters.md")
	lua, answers, blocks := CodeBlocks(text, "lua"), CodeBlocks(text, "json"), CodeBlocks(text, "yaml")
	if len(lua) != 1 || len(answers) != 1 || len(blocks) != 4 {
		t.Fatalf("%d blocks of Lua, %d of JSON, %d of YAML", len(lua), len(answers), len(blocks))
	}
	g := RostersGuide{Prosody: lua[0], Ejabberd: blocks[0] + blocks[1], Contacts: answers[0]}
	whole, part := ReadYAML(t, blocks[2]), ReadYAML(t, blocks[3])
	maps.Copy(whole, part)
	out, err := yaml.Marshal(whole)
	require.NoError(t, err)
	g.Configs = map[string]string{"prosody": blocks[2], "ejabberd": string(out)}
	for line := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(line, "    "); ok && (strings.HasPrefix(code, "curl ") || strings.HasPrefix(code, "stanzahook ") || code[0] == '{') {
			g.Lines = append(g.Lines, strings.TrimSpace(code))
		}
	}
	return g
}

// WithRosters takes the # off the part about rosters of a configuration that "init" has
// written.
func WithRosters(config string) string {
	before, after, _ := strings.Cut(config, "# rosters:\n")
	part, rest, _ := strings.Cut(after, "\n\n")
	return before + "rosters:\n" + regexp.MustCompile(`(?m)^# `).ReplaceAllString(part, "") + "\n\n" + rest
}

// HashOf is how a configuration has a token.
func HashOf(token string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))) }
