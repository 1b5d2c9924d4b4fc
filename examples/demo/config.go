package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// configText is a whole configuration: the rest has defaults. Port 0 is a free one.
var configText = template.Must(template.New("").Parse(`components:
  - domain: {{printf "%q" .Domain}}
    server: {{printf "%q" .Server}}
    secret: {{printf "%q" .Secret}}
endpoints:
  - name: echo
    url: {{printf "%q" .Bot}}
http:
  listen: 127.0.0.1:0
  tokens:
    - name: demo
      hash: "sha256:{{.Hash}}"
      scopes: [send, query]
store:
  dir: {{printf "%q" .Store}}
drain: 2s
`))

func (s *stage) writeConfig(file string) error {
	var b bytes.Buffer
	err := configText.Execute(&b, map[string]string{
		"Domain": botDomain,
		"Server": s.server.ComponentAddr(),
		"Secret": s.secret,
		"Bot":    s.botURL,
		"Hash":   fmt.Sprintf("%x", sha256.Sum256([]byte(s.api.token))),
		"Store":  filepath.Join(s.dir, "store"),
	})
	if err != nil {
		return fmt.Errorf("stanzahook's configuration: %w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("stanzahook's configuration: %w", err)
	}
	return nil
}
