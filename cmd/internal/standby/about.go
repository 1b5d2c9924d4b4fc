package standby

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"strings"

	"stanzahook/cmd/internal/config"
)

// Name is the name of the replica with a configuration: by default, the first part of the
// host's name.
func Name(cfg *config.Config) string {
	if cfg.Replica.Name != "" {
		return cfg.Replica.Name
	}
	const most = 32
	host, err := os.Hostname()
	name, _, _ := strings.Cut(host, ".")
	if err != nil || name == "" {
		return "replica"
	}
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, name)
	return name[max(0, len(name)-most):] // the end tells apart what an orchestrator has made
}

// configHash is a hash of a configuration without its secrets, and without what replicas need
// not have in common.
func configHash(cfg *config.Config) string {
	h := sha256.New()
	for _, i := range cfg.Items() {
		if i.Source == config.FromAPI || i.Key == "http.listen" || strings.HasPrefix(i.Key, "replica.") {
			continue
		}
		note(h, i.Key, i.Value)
	}
	return short(h)
}

// secretsHash is a hash of the secrets of a configuration, without those of this replica alone. Nobody can
// try secrets on it without the key of the replicas.
func secretsHash(cfg *config.Config, key []byte) string {
	h := hmac.New(sha256.New, append([]byte("secrets\n"), key...))
	cfg.Secrets(func(key, text string) { note(h, key, []byte(text)) })
	return short(h)
}

// note adds a key and its value to a hash.
func note(h hash.Hash, key string, value any) {
	text, err := json.Marshal([]any{key, value})
	if err != nil { // no value is of such a kind
		text = fmt.Append(nil, key, err)
	}
	_, _ = h.Write(text) // never fails
}

func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil))[:12] }
