//go:build integration

package http

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The answer to an upload distinguishes a configured service that does not exist (501) from one that
// refuses (403), though the servers' errors are the same.
func TestFilesNowhere(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files")))
		there := 403 // as TestFilesRefused has it
		if kind == lab.Prosody && os.Getenv("PROSODY_ROOT") == "" {
			there = 201
		}
		for service, want := range map[string]int{"nowhere.localhost": 501, "files.elsewhere.example": 501, "upload.localhost": there} {
			p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: files.localhost, server: %q, secret: %q, uploads: {service: %s, allow_networks: [127.0.0.0/8]}}]
http:
  listen: "127.0.0.1:0"
  tokens: [{name: all, hash: %q, scopes: [send, read]}]
store: {dir: store}
`, s.ComponentAddr(), harness.Secret, service, harness.HashOf("token-all"))))
			if status, v := uploadTo(t, p, "/v1/files?name=a.txt", "", "x"); status != want || status == 501 && !strings.Contains(v.Detail, "components[].uploads.service") {
				t.Errorf("%s: %d %+v", service, status, v)
			}
			p.Stop()
		}
	})
}
