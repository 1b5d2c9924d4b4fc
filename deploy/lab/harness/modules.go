//go:build linux

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Modules are modules of Prosody's community that do what we do, for a Prosody that has
// them beside our component.
type Modules struct {
	Own   string // a directory with all that Prosody needs
	Port  string // of Prosody's HTTP server
	token string // a file with mod_rest's
}

// FindModules returns the modules of these names in the directory MODULES.
func FindModules(t testing.TB, names ...string) *Modules {
	t.Helper()
	dir, err := filepath.Abs(os.Getenv("MODULES"))
	require.NoError(t, err)
	own := t.TempDir()
	m := &Modules{Own: own, token: filepath.Join(own, "token"), Port: FreePort(t)}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name, name+".lua")); err != nil {
			t.Fatalf("MODULES=%s has to have the Prosody modules: %v", dir, err)
		}
		require.NoError(t, os.Symlink(filepath.Join(dir, name), filepath.Join(own, name)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(own, "mod_issue_token.lua"), []byte(issueToken), 0o600))
	return m
}

// issueToken is a module that writes a token for its component into a file, as mod_rest
// on a component takes nothing else.
const issueToken = `
local tokens = module:depends("tokenauth");
local f = assert(io.open(module:get_option_string("issue_token_file"), "w"));
f:write((tokens.create_jid_token(module.host, module.host, "prosody:operator", 3600)));
f:close();
`

// WithHTTP gives a configuration of Prosody an HTTP server, and more settings.
func (m *Modules) WithHTTP(config []byte, settings string) string {
	return strings.Replace(string(config), "http_ports = { }", fmt.Sprintf(`http_ports = { %s }; http_interfaces = { "127.0.0.1" }%s`, m.Port, settings), 1)
}

// Rest is a component of mod_rest at a domain.
func (m *Modules) Rest(domain string) string {
	return fmt.Sprintf("Component %q \"rest\"\n\tmodules_enabled = { \"issue_token\" }\n\tissue_token_file = %q\n", domain, m.token)
}

// RestToken is mod_rest's, once Prosody has started.
func (m *Modules) RestToken(t testing.TB) string {
	t.Helper()
	var token string
	Eventually(t, "a token of mod_rest", func() bool {
		data, err := os.ReadFile(m.token)
		token = string(data)
		return err == nil && token != ""
	})
	return token
}
