package config

import (
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// Hook is an address for another tool, whose requests become messages.
type Hook struct {
	Name         string             `mapstructure:"name"`
	Adapter      string             `mapstructure:"adapter"`
	SecretHash   [32]byte           `mapstructure:"secret_hash"` // SHA-256 of the secret
	SecretHashes [][32]byte         `mapstructure:"secret_hashes"`
	Verify       Verify             `mapstructure:"verify"`
	From         string             `mapstructure:"from"`
	To           []string           `mapstructure:"to"`
	Targets      map[string]string  `mapstructure:"targets"` // JIDs by name
	Template     string             `mapstructure:"template"`
	Thread       string             `mapstructure:"thread"`
	Update       string             `mapstructure:"update"`
	Events       []string           `mapstructure:"events"`
	Split        bool               `mapstructure:"split"`
	Get          bool               `mapstructure:"get"`
	MaxChars     int                `mapstructure:"max_chars"`
	MaxBody      ByteSize           `mapstructure:"max_body"`
	RateLimit    RateLimit          `mapstructure:"rate_limit"`
	Hashes       [][32]byte         `mapstructure:"-"` // SecretHash and SecretHashes
	Verifier     *hook.Verifier     `mapstructure:"-"` // nil: requests are not signed
	Reader       *hook.Hook         `mapstructure:"-"`
	Sender       jid.JID            `mapstructure:"-"` // From, parsed
	Recipients   []jid.JID          `mapstructure:"-"` // To, parsed
	TargetJIDs   map[string]jid.JID `mapstructure:"-"` // Targets, parsed
	Rooms        []jid.JID          `mapstructure:"-"` // of both, those that are written as rooms
	Given        map[string]any     `mapstructure:"-"` // by the API: its keys, with secrets masked; nil: it is of the file
}

// Verify says how the requests of a hook are signed. A file may write the kind alone.
type Verify struct {
	Kind            string          `mapstructure:"kind"`
	Secret          secret.String   `mapstructure:"secret"`
	SecretFile      string          `mapstructure:"secret_file"`
	Secrets         []secret.String `mapstructure:"secrets"`
	SecretFiles     []string        `mapstructure:"secret_files"`
	TimestampHeader string          `mapstructure:"timestamp_header"`
}

// defaultHook is what an element of hooks is decoded over.
func defaultHook() Hook {
	return Hook{Update: hook.UpdateReply, MaxChars: hook.DefaultChars, MaxBody: MiB}
}
