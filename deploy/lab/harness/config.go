//go:build linux

package harness

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
)

//go:embed stanzahook.yaml.tmpl
var templates embed.FS

// Config is what the configurations of the tests differ in.
type Config struct {
	Components   []Component
	Endpoints    []Endpoint
	MaxBodyBytes int
	PerSecond    int    // requests of a token; 0: any
	Hooks        string // the YAML of hooks
	Store        string // that of store; empty: a directory beside the file
	Replica      string // that of replica
	Listen       string // empty: any port of loopback
	Network      string // a private one that bots are in; empty: they are on loopback
	More         string // the YAML of what else there is, such as rooms
}

type Component struct {
	Domain, Server, Secret, Keepalive string
	MaxStanzaBytes                    int
}

type Endpoint struct {
	Name, URL, Component, Format string
	To, Timeout, MaxAge          string   // default: any, 15s, the product's
	Stanzas                      []string // default: messages
	Schedule                     []string // default: three short steps
}

// OneComponent is a component with one endpoint of format event.
func OneComponent(s *lab.Server, name string, b *Bot) Config {
	domain := name + ".localhost"
	return Config{
		Components: []Component{{Domain: domain, Server: s.ComponentAddr(), Secret: Secret}},
		Endpoints:  []Endpoint{{Name: "echo", URL: b.URL(), Component: domain}},
	}
}

// Write puts the configuration into a directory, where the store will be too.
func (c Config) Write(t testing.TB, dir string) string {
	t.Helper()
	funcs := template.FuncMap{"join": strings.Join, "hash": func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	}}
	const name = "stanzahook.yaml.tmpl"
	tmpl, err := template.New(name).Funcs(funcs).ParseFS(templates, name)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, tmpl.Execute(&b, c))
	return WriteConfig(t, dir, b.String())
}

// WriteConfig writes a configuration into a directory, and returns its file.
func WriteConfig(t testing.TB, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, "stanzahook.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
