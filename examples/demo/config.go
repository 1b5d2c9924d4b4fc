package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"stanzahook/deploy/lab"
)

// configText is a whole configuration: the rest has defaults. Port 0 is a free one.
var configText = template.Must(template.New("").Parse(`components:
  - domain: {{printf "%q" .Domain}}
    server: {{printf "%q" .Server}}
    secret: {{printf "%q" .Secret}}
    uploads:
      allow_networks: [127.0.0.1/32]    # where this server's upload service is
endpoints:
  - name: echo
    url: {{printf "%q" .Bot}}
rosters:
  - host: {{printf "%q" .Host}}
    url: {{printf "%q" .Contacts}}
{{- with .API}}
    ejabberd_api:
      url: {{printf "%q" .}}
      user: {{printf "%q" $.Admin}}
      password_file: {{printf "%q" $.PasswordFile}}
{{- end}}
http:
  listen: {{.Listen}}
  tokens:
    - name: demo
      hash: "sha256:{{.Hash}}"
      scopes: [send, query, roster, rooms, events, admin]
store:
  dir: {{printf "%q" .Store}}
drain: 2s
`))

func (s *stage) writeConfig(file string) error {
	values := map[string]string{
		"Domain":   botDomain,
		"Server":   s.server.ComponentAddr(),
		"Secret":   s.secret,
		"Bot":      s.botURL,
		"Listen":   s.listen,
		"Host":     s.server.Host(),
		"Contacts": s.contactsURL + "%s",
		"Hash":     fmt.Sprintf("%x", sha256.Sum256([]byte(s.api.token))),
		"Store":    filepath.Join(s.dir, "store"),
	}
	if s.server.Kind() == lab.Ejabberd {
		const name = "admin.password" // in a file of its own: people are shown the configuration
		values["API"], values["Admin"], values["PasswordFile"] = s.server.APIURL(), adminName+"@"+s.server.Host(), name
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(s.adminPassword), 0o600); err != nil {
			return fmt.Errorf("the password for ejabberd's API: %w", err)
		}
	}
	var b bytes.Buffer
	err := configText.Execute(&b, values)
	if err != nil {
		return fmt.Errorf("stanzahook's configuration: %w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("stanzahook's configuration: %w", err)
	}
	return nil
}
