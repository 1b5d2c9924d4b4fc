package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/jid"
)

// tokenPrefix makes a token recognisable, also for scanners of leaked secrets.
const tokenPrefix = "sh_"

// newToken is what "token new" prints: the token, once, and what to write into
// the configuration, where only its hash is.
type newToken struct {
	Name   string   `json:"name"`
	Token  string   `json:"token"`
	Hash   string   `json:"hash"`
	Scopes []string `json:"scopes"`
	From   []string `json:"from,omitempty"`
	Rooms  []string `json:"rooms,omitempty"`
}

func tokenCommand() *cobra.Command {
	cmd := group("token", "Make tokens for the HTTP API", "Make tokens for the HTTP API.", "new")
	cmd.AddCommand(tokenNewCommand())
	return cmd
}

func tokenNewCommand() *cobra.Command {
	var t newToken
	cmd := &cobra.Command{
		Use:   "new --name NAME --scopes SCOPE,… [--from JID,…] [--rooms JID,…]",
		Short: "Print a new token, and its line for the configuration",
		Long: "Print a new token, and its line for http.tokens in the configuration.\n\n" +
			"The token is not stored. If you lose it, create a new one. Scopes are send (messages\n" +
			"and presence), query (IQs), roster, rooms (join, leave and change rooms), events (pulling),\n" +
			"read (see what happens, without message texts) and admin. --from are the bare addresses\n" +
			"it may send from, * and ? being wildcards; without it, all. --rooms are the rooms that it\n" +
			"may read, speak in and change; without it, all.",
		Example: "  stanzahook token new --name ops --scopes send,query,admin\n" +
			"  stanzahook token new --name shop --scopes send --from shop@bot.example.com\n" +
			"  stanzahook token new --name ops --scopes send,rooms --rooms '*@rooms.example.com'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			t.make()
			if asJSON(cmd) {
				return failed(encodeJSON(cmd.OutOrStdout(), t))
			}
			return failed(t.print(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().StringVar(&t.Name, "name", "", "who uses it; shown in the log")
	cmd.Flags().StringSliceVar(&t.Scopes, "scopes", nil, "what it may do: send, query, roster, rooms, events, read, admin")
	cmd.Flags().StringSliceVar(&t.From, "from", nil, "addresses it may send from (default: all)")
	cmd.Flags().StringSliceVar(&t.Rooms, "rooms", nil, "rooms it may use (default: all)")
	jsonFlag(cmd, "as JSON")
	completeFlag(cmd, "scopes", config.ScopeSend, config.ScopeQuery, config.ScopeRoster, config.ScopeRooms, config.ScopeEvents, config.ScopeRead, config.ScopeAdmin)
	return cmd
}

// check applies the rules of the configuration.
func (t *newToken) check() error {
	known := []string{config.ScopeSend, config.ScopeQuery, config.ScopeRoster, config.ScopeRooms, config.ScopeEvents, config.ScopeRead, config.ScopeAdmin}
	switch {
	case t.Name == "":
		return errors.New("--name is missing; write who uses the token, for example ops")
	case strings.Contains(t.Name, ":") || config.HasControl(t.Name):
		return fmt.Errorf("--name: %q has a colon or a control character in it", t.Name)
	case len(t.Scopes) == 0:
		return fmt.Errorf("--scopes is missing; write at least one of %s", strings.Join(known, ", "))
	}
	for i, scope := range t.Scopes {
		if !slices.Contains(known, scope) {
			return fmt.Errorf("--scopes: %q is not known; write %s", scope, config.Alternatives(known))
		}
		if slices.Contains(t.Scopes[:i], scope) {
			return fmt.Errorf("--scopes: %q is there twice", scope)
		}
	}
	for _, from := range t.From {
		if _, err := jid.ParseGlob(strings.ToLower(from)); err != nil || config.HasControl(from) {
			return fmt.Errorf("--from: %q is no pattern of bare JIDs; write for example bot.example.com or *@bot.example.com", from)
		}
	}
	for _, room := range t.Rooms {
		if _, err := jid.ParseGlob(strings.ToLower(room)); err != nil || config.HasControl(room) {
			return fmt.Errorf("--rooms: %q is no pattern of rooms; write for example ops@rooms.example.com or *@rooms.example.com", room)
		}
	}
	return nil
}

// make draws the token: 32 random bytes, so that a plain hash is enough.
func (t *newToken) make() {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails: see crypto/rand
	t.Token = tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	t.Hash = hashOf(t.Token)
}

// hashOf is the hash of a secret, as the configuration has it.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return config.HashPrefix + hex.EncodeToString(sum[:])
}

func (t *newToken) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "Token, shown this once:\n\n  %s\n\nFor the configuration, under http.tokens:\n\n  %s\n", t.Token, t.line())
	return err
}

// line is the token's element of http.tokens, in YAML.
func (t *newToken) line() string {
	return fmt.Sprintf("- {name: %s, hash: %q, scopes: [%s]%s%s}", strconv.Quote(t.Name), t.Hash, strings.Join(t.Scopes, ", "), patterns("from", t.From), patterns("rooms", t.Rooms))
}

// patterns is a key with patterns, in YAML; empty without any. A pattern may begin with *,
// which YAML takes for an alias.
func patterns(key string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, p := range list {
		quoted[i] = strconv.Quote(p)
	}
	return ", " + key + ": [" + strings.Join(quoted, ", ") + "]"
}
