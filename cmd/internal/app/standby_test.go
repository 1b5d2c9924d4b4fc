package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
)

// A standby answers itself what needs no token: its metrics, the document, the console.
func TestOpenRoutesOfStandby(t *testing.T) {
	load := func() (*config.Config, error) {
		return config.Parse("x.yaml", []byte("components: [{domain: bot.example.com, secret: one}]\nhttp: {listen: \"127.0.0.1:0\", base_path: /xmpp, insecure_no_auth: true}\nstore: {nats: {url: \"nats://127.0.0.1:1\", replicas: 1}}\nreplica: {name: b}\n"), nil)
	}
	cfg, err := load()
	require.NoError(t, err)
	s, err := StandBy(cfg, zap.NewNop(), &Reloader{Level: zap.NewAtomicLevel(), Load: load}, func(error) {})
	require.NoError(t, err)
	defer s.Close()
	for path, has := range map[string]string{"metrics": "stanzahook_build_info", "openapi.json": "openapi", "console/": "<html"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr+"/xmpp/"+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), has) {
			t.Errorf("%s: %d %.300s %v", path, resp.StatusCode, body, err)
		}
	}
}
