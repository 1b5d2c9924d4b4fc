// Package config reads a configuration file, the environment and the defaults into a
// [Config]: read.go reads the keys of the file and refuses unknown ones, load.go lays one
// over the other, validate*.go checks the result, section by section, and problem.go
// describes mistakes, with the line and what to do. It uses nothing of its neighbours in
// cmd/internal.
package config

import (
	"crypto/sha256"
	"crypto/x509"
	"net/netip"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// Config is one configuration file with the environment and the defaults laid
// over and under it, checked and ready for use: secrets are read from their
// files, names are in their canonical form, and no two keys contradict each
// other. Load makes it; it does not change afterwards.
//
// The mapstructure tags are the keys of the file. The same tags tell which
// keys are known (yaml.go) and which environment variables there are
// (env.go), so a field added here is known everywhere. A field tagged
// "-" is worked out from others, or from the file as a whole.
type Config struct {
	Components  []Component   `mapstructure:"components"`
	Endpoints   []Endpoint    `mapstructure:"endpoints"`
	Rosters     []Roster      `mapstructure:"rosters"`
	Rooms       []Room        `mapstructure:"rooms"`
	RoomPolicy  RoomPolicy    `mapstructure:"room_policy"`
	Bots        []Bot         `mapstructure:"bots"`
	BotsOnly    bool          `mapstructure:"bots_only"` // others do not exist
	Commands    []Command     `mapstructure:"commands"`
	Hooks       []Hook        `mapstructure:"hooks"`
	HTTP        HTTP          `mapstructure:"http"`
	MCP         MCP           `mapstructure:"mcp"`
	Outbound    Outbound      `mapstructure:"outbound"`
	Outbox      Outbox        `mapstructure:"outbox"`
	Deliveries  Deliveries    `mapstructure:"deliveries"`
	DeadLetters DeadLetters   `mapstructure:"dead_letters"`
	Store       Store         `mapstructure:"store"`
	Replica     Replica       `mapstructure:"replica"`
	Traces      Traces        `mapstructure:"traces"`
	Drain       time.Duration `mapstructure:"drain"`
	Log         Log           `mapstructure:"log"`

	Sum     [sha256.Size]byte `mapstructure:"-"` // of the file's content, to tell whether it was edited
	Files   fileReader        `mapstructure:"-"` // reads what the configuration names, also for MakeEndpoint
	Origins Origins           `mapstructure:"-"` // where each value came from
}

// Component is one XEP-0114 connection.
type Component struct {
	Domain         string        `mapstructure:"domain"` // canonical (lower case), unique
	Server         string        `mapstructure:"server"` // host:port
	Secret         secret.String `mapstructure:"secret"` // always set, wherever it came from
	SecretFile     string        `mapstructure:"secret_file"`
	TLS            TLS           `mapstructure:"tls"`
	Identity       Identity      `mapstructure:"identity"`
	Presence       string        `mapstructure:"presence"`
	Keepalive      time.Duration `mapstructure:"keepalive"`
	MaxStanzaBytes ByteSize      `mapstructure:"max_stanza_bytes"`
	Uploads        Uploads       `mapstructure:"uploads"`
}

// TLS says how the connection to the XMPP server is protected.
type TLS struct {
	Mode       string         `mapstructure:"mode"`
	CAFile     string         `mapstructure:"ca_file"`
	ServerName string         `mapstructure:"server_name"` // the host of server, if not given
	CAs        *x509.CertPool `mapstructure:"-"`           // from ca_file; nil: the system's
}

// Identity is what the component says about itself in service discovery
// (XEP-0030).
type Identity struct {
	Name     string `mapstructure:"name"`
	Category string `mapstructure:"category"`
	Type     string `mapstructure:"type"`
}

// Roster says where the rosters of one host's users come from, and how
// they get to the XMPP server.
type Roster struct {
	Host           string                   `mapstructure:"host"`      // canonical (lower case), unique
	URL            string                   `mapstructure:"url"`       // as written, with its %s
	Component      string                   `mapstructure:"component"` // a component's domain; the only one, if not given
	Backend        string                   `mapstructure:"backend"`
	EjabberdAPI    EjabberdAPI              `mapstructure:"ejabberd_api"`
	Mode           string                   `mapstructure:"mode"`
	Keep           []string                 `mapstructure:"keep"` // patterns; the domains of our components, if not given
	RefreshOnLogin bool                     `mapstructure:"refresh_on_login"`
	Interval       time.Duration            `mapstructure:"interval"` // 0: none
	Headers        map[string]secret.String `mapstructure:"headers"`  // canonical names, as in http.Header
	TLS            ClientTLS                `mapstructure:"tls"`      // of an https URL
	Timeout        time.Duration            `mapstructure:"timeout"`
	Concurrency    int                      `mapstructure:"concurrency"`
	KeepGlobs      []jid.Glob               `mapstructure:"-"` // Keep, parsed
	Address        *outbound.Address        `mapstructure:"-"` // URL, parsed
}

// EjabberdAPI is ejabberd's HTTP API, and the account that may use it.
// Without a URL it is not used.
type EjabberdAPI struct {
	URL          string        `mapstructure:"url"`
	User         string        `mapstructure:"user"` // a bare JID
	Password     secret.String `mapstructure:"password"`
	PasswordFile string        `mapstructure:"password_file"`

	TLS     ClientTLS         `mapstructure:"tls"` // of an https URL
	Address *outbound.Address `mapstructure:"-"`   // URL, parsed; nil: none
}

// ClientTLS is what requests to an https URL trust and show: authorities in
// place of the system's, and a certificate with its key, both files or none.
type ClientTLS struct {
	CAFile   string        `mapstructure:"ca_file"`
	CertFile string        `mapstructure:"cert_file"`
	KeyFile  string        `mapstructure:"key_file"`
	CA       secret.String `mapstructure:"-"` // the content of the files, so that a reload sees a change
	Cert     secret.String `mapstructure:"-"`
	Key      secret.String `mapstructure:"-"`
}

// HTTP is our own HTTP server.
type HTTP struct {
	Listen         string         `mapstructure:"listen"`          // host:port; an empty host is every address, port 0 a free one
	BasePath       string         `mapstructure:"base_path"`       // of every route, such as /xmpp; "": none
	TrustedProxies []string       `mapstructure:"trusted_proxies"` // networks or addresses whose X-Forwarded-For counts
	Hosts          []string       `mapstructure:"hosts"`           // other names of this server, for insecure_no_auth
	TLS            HTTPTLS        `mapstructure:"tls"`
	Tokens         []Token        `mapstructure:"tokens"`
	Basic          Basic          `mapstructure:"basic"`
	MaxBodyBytes   ByteSize       `mapstructure:"max_body_bytes"`
	IQTimeout      time.Duration  `mapstructure:"iq_timeout"`
	IQMaxTimeout   time.Duration  `mapstructure:"iq_max_timeout"`
	RateLimit      RateLimit      `mapstructure:"rate_limit"`
	InsecureNoAuth bool           `mapstructure:"insecure_no_auth"`
	Console        string         `mapstructure:"console"` // auto, on or off; see HasConsole
	Proxies        []netip.Prefix `mapstructure:"-"`       // TrustedProxies, parsed
}

// HTTPTLS is the certificate of the HTTP server; both files or none.
type HTTPTLS struct {
	CertFile string `mapstructure:"cert_file"` // PEM, those of intermediate authorities behind it
	KeyFile  string `mapstructure:"key_file"`
}

// Basic says which credentials of others count besides our tokens.
type Basic struct {
	Component bool     `mapstructure:"component"` // /rest: a component's domain and its secret
	Accounts  Accounts `mapstructure:"accounts"`
}

// Accounts says which XMPP accounts may use /msg, and how their passwords are checked.
// Without hosts: none.
type Accounts struct {
	Server string         `mapstructure:"server"` // host:port for clients
	Hosts  []string       `mapstructure:"hosts"`  // canonical (lower case)
	TLS    string         `mapstructure:"tls"`    // starttls, direct or none
	CAFile string         `mapstructure:"ca_file"`
	CAs    *x509.CertPool `mapstructure:"-"` // from ca_file; nil: the system's
	// AllowPlain lets passwords go in the clear over loopback without TLS.
	AllowPlain bool `mapstructure:"allow_plain"`
}

// RateLimit is how many requests each token may make; without PerSecond:
// any.
type RateLimit struct {
	PerSecond int `mapstructure:"per_second"`
	Burst     int `mapstructure:"burst"` // 0: as PerSecond
}

// Token is what one API token may do. The token itself is not kept.
type Token struct {
	Name      string     `mapstructure:"name"`
	Hash      [32]byte   `mapstructure:"hash"` // SHA-256 of the token, also when it came from token_file
	TokenFile string     `mapstructure:"token_file"`
	Scopes    []string   `mapstructure:"scopes"`
	From      []string   `mapstructure:"from"`      // lower-case patterns; none: every JID of every component
	FromGlobs []jid.Glob `mapstructure:"-"`         // From, parsed
	Rooms     []string   `mapstructure:"rooms"`     // patterns of the rooms that it may use; none: all
	RoomGlobs []jid.Glob `mapstructure:"-"`         // Rooms, parsed
	Endpoint  string     `mapstructure:"endpoint"`  // whose events alone it may pull, and agents with it by default; empty: those of all
	MaxBytes  ByteSize   `mapstructure:"max_bytes"` // of a file that it uploads; 0: as uploads.max_bytes
}

// MCP says whether the tools for agents are served by the Model Context Protocol.
type MCP struct {
	Enabled bool   `mapstructure:"enabled"`
	Path    string `mapstructure:"path"` // behind http.base_path
}

// Outbound says where requests to webhooks may go.
type Outbound struct {
	AllowNetworks []string       `mapstructure:"allow_networks"` // networks, or single addresses; public ones need none
	Proxy         secret.String  `mapstructure:"proxy"`          // an http or https URL, with a password perhaps; empty: none
	Networks      []netip.Prefix `mapstructure:"-"`              // AllowNetworks, parsed
}

// Outbox bounds the stanzas of HTTP callers that wait for the XMPP
// server, all components together.
type Outbox struct {
	MaxBytes ByteSize      `mapstructure:"max_bytes"` // at most a quarter of store.max_bytes is used
	MaxCount int           `mapstructure:"max_count"`
	MaxAge   time.Duration `mapstructure:"max_age"`
}

// Deliveries bounds the log of deliveries, all endpoints together.
type Deliveries struct {
	Keep        time.Duration `mapstructure:"keep"`
	MaxCount    int           `mapstructure:"max_count"`
	KeepAnswers bool          `mapstructure:"keep_answers"` // of success too; those of failure are kept always
}

// DeadLetters bounds the stored dead letters.
type DeadLetters struct {
	Keep     time.Duration `mapstructure:"keep"`
	MaxBytes ByteSize      `mapstructure:"max_bytes"` // at most a quarter of store.max_bytes is used
}

// Store is the store: an embedded one in a directory, or one on an external NATS.
type Store struct {
	Dir      string    `mapstructure:"dir"` // empty: it is on NATS
	NATS     StoreNATS `mapstructure:"nats"`
	Sync     string    `mapstructure:"sync"`
	MaxBytes ByteSize  `mapstructure:"max_bytes"`
}

// StoreNATS says how an external NATS is reached.
type StoreNATS struct {
	URL          string        `mapstructure:"url"` // one or several, with commas between them; empty: the store is embedded
	CredsFile    string        `mapstructure:"creds_file"`
	NKeyFile     string        `mapstructure:"nkey_file"`
	User         string        `mapstructure:"user"`
	Password     secret.String `mapstructure:"password"`
	PasswordFile string        `mapstructure:"password_file"`
	TLS          ClientTLS     `mapstructure:"tls"`
	Replicas     int           `mapstructure:"replicas"` // of every stream
	Name         string        `mapstructure:"name"`     // what streams and subjects begin with
}

// Replica is what this process is among several with one store on NATS.
type Replica struct {
	Name      string        `mapstructure:"name"`      // empty: the host's
	Advertise string        `mapstructure:"advertise"` // where other replicas reach this one; empty: http.listen
	Failover  time.Duration `mapstructure:"failover"`  // how long the active one may be silent
}

// LargestStanza is the largest max_stanza_bytes of the components.
func (cfg *Config) LargestStanza() int {
	largest := ByteSize(0)
	for i := range cfg.Components {
		largest = max(largest, cfg.Components[i].MaxStanzaBytes)
	}
	return int(largest)
}

// Place is where the store is, for people.
func (st *Store) Place() string {
	if st.onNATS() {
		return "NATS at " + st.NATS.URL
	}
	return st.Dir
}

// Traces says where spans are exported to, by OTLP over HTTP.
type Traces struct {
	Endpoint    string                   `mapstructure:"endpoint"` // an http or https URL; empty: no traces
	Headers     map[string]secret.String `mapstructure:"headers"`  // canonical names, as in http.Header
	TLS         ClientTLS                `mapstructure:"tls"`      // of an https URL
	Sample      Share                    `mapstructure:"sample"`   // of the traces that begin here
	ServiceName string                   `mapstructure:"service_name"`
	Address     *outbound.Address        `mapstructure:"-"` // Endpoint with its path, parsed; nil: none
}

// Share is a part of all, from 0 to 1.
type Share float64

// Log is the level and the format of the log.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// The words that a configuration chooses from.
const (
	TLSNone   = "none"
	TLSDirect = "direct"
	TLSStart  = "starttls"

	PresenceAuto    = "auto"
	PresenceForward = "forward"

	FormatEvent         = "event"
	FormatRESTJSON      = "rest-json"
	FormatRESTXML       = "rest-xml"
	FormatComponentHTTP = "component-http"

	StanzaMessage  = "message"
	StanzaPresence = "presence"
	StanzaIQ       = "iq"

	DeliveryQueued = "queued"
	DeliveryDirect = "direct"

	ExhaustedBounce = "bounce"
	ExhaustedDrop   = "drop"

	BackendAuto        = "auto"
	BackendPrivilege   = "privilege"
	BackendRemote      = "remote-roster"
	BackendEjabberdAPI = "ejabberd-api"

	ModeAuthoritative = "authoritative"
	ModeAdditive      = "additive"

	ScopeSend   = "send"
	ScopeQuery  = "query"
	ScopeRoster = "roster"
	ScopeRooms  = "rooms"
	ScopeEvents = "events"
	ScopeRead   = "read"
	ScopeAdmin  = "admin"

	ConsoleAuto = "auto" // on if listen is a loopback address
	ConsoleOn   = "on"
	ConsoleOff  = "off"

	SyncInterval = "interval"
	SyncAlways   = "always"

	LevelDebug = "debug"
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"

	LogAuto    = "auto" // console on a terminal, else json
	LogJSON    = "json"
	LogConsole = "console"
)
