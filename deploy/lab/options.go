package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Kind says which server software to run.
type Kind string

// The servers this package can run.
const (
	Prosody  Kind = "prosody"
	Ejabberd Kind = "ejabberd"
)

// DefaultHost is the users' domain if Options name none.
const DefaultHost = "localhost"

// Component is one external component (XEP-0114) the server accepts.
type Component struct {
	Domain string
	Secret string
	// Privileged grants it XEP-0356 rights on the users' domain: rosters (get and
	// set), messages on behalf of users, presence of the domain's users. With one
	// such component, Prosody's module also sends every user who comes online a
	// message from the host with an empty <privilege/> in it.
	Privileged bool
	// Roster is what a privileged component may do with rosters: RosterBoth,
	// RosterGet or RosterNone. Empty means RosterBoth.
	Roster string
}

// What Component.Roster may be.
const (
	RosterBoth = "both"
	RosterGet  = "get"
	RosterNone = "none"
)

// Options describe the server to start. Only Kind is required.
type Options struct {
	Kind Kind

	// Dir holds the configuration, the data and the log. Empty means a fresh
	// temporary directory, which Close removes. A directory named here is created
	// if it is missing, kept by Close, and may be used again for the same kind.
	Dir string

	Host       string            // the users' domain; empty means DefaultHost
	Users      map[string]string // localpart -> password
	Components []Component

	// MaxStanzaBytes limits the stanzas of components; a larger one makes the
	// server close the component's stream. 0 keeps the server's default.
	MaxStanzaBytes int

	// Nagle leaves Nagle's algorithm on in Prosody, as it is by default there.
	// ejabberd always has it off.
	Nagle bool

	// API opens ejabberd's HTTP API on loopback, with the commands of rosters
	// alone, to Admin with his password (HTTP Basic) and to nobody else.
	API   bool
	Admin string // one of Users

	// Modules are loaded on Prosody's users' domain in addition. They are also
	// looked for in the directory PluginPath, if that is not empty.
	Modules    []string
	PluginPath string

	// Root is a directory made by "install.sh newer", whose server is used instead
	// of the machine's; empty means what the variable PROSODY_ROOT or EJABBERD_ROOT
	// of the environment says, or else the machine's. It takes root to run that. The
	// server there sees Dir, PluginPath and the directory of temporary files at
	// their own paths.
	Root string

	// Edit, if not nil, makes another configuration of the one that is written,
	// at every start: for trying what somebody is told to write. Users, and who
	// else connects, must find the server where they would without it.
	Edit func(config []byte) ([]byte, error)

	// ClientPort is where clients connect; 0 picks a free port.
	ClientPort int
	// ComponentPort is where components connect; 0 picks a free port.
	ComponentPort int
}

// check returns the options with defaults filled in, or what is wrong with them.
func (o Options) check() (Options, error) {
	if o.Kind != Prosody && o.Kind != Ejabberd {
		return o, fmt.Errorf("unknown server kind %q: use %q or %q", o.Kind, Prosody, Ejabberd)
	}
	if o.Host == "" {
		o.Host = DefaultHost
	}
	if o.Root == "" {
		o.Root = os.Getenv(strings.ToUpper(string(o.Kind)) + "_ROOT")
	}
	if o.Root != "" {
		var err error
		if o.Root, err = filepath.Abs(o.Root); err != nil {
			return o, fmt.Errorf("the directory of newer servers: %w", err)
		}
	}
	if err := checkName(o.Host); err != nil {
		return o, fmt.Errorf("host %q: %w", o.Host, err)
	}
	if o.ClientPort < 0 || o.ClientPort > 65535 {
		return o, errors.New("ClientPort must be a port, at most 65535")
	}
	if o.MaxStanzaBytes < 0 || o.ComponentPort < 0 || o.ComponentPort > 65535 {
		return o, errors.New("MaxStanzaBytes and ComponentPort must not be negative, a port is at most 65535")
	}
	for name, password := range o.Users {
		if err := checkName(name); err != nil {
			return o, fmt.Errorf("user %q: %w", name, err)
		}
		if name == probeUser {
			return o, fmt.Errorf("user %q: the name is taken by the start-up check, use another", name)
		}
		if password == "" {
			return o, fmt.Errorf("user %q: the password is empty", name)
		}
	}
	if err := o.checkKind(); err != nil {
		return o, err
	}
	if err := o.checkComponents(); err != nil {
		return o, err
	}
	return o, nil
}

// checkKind looks at what only one of the servers can do.
func (o Options) checkKind() error {
	if o.Kind != Ejabberd && (o.API || o.Admin != "") {
		return errors.New("only ejabberd takes API and Admin")
	}
	if o.Kind != Prosody && (len(o.Modules) > 0 || o.PluginPath != "") {
		return errors.New("only Prosody takes Modules and PluginPath")
	}
	if _, ok := o.Users[o.Admin]; o.API != ok {
		return fmt.Errorf("the API needs an Admin who is one of Users; %q is not, or API is not set", o.Admin)
	}
	return nil
}

func (o Options) checkComponents() error {
	taken := map[string]bool{o.Host: true, probeDomain: true}
	for _, c := range o.Components {
		if err := checkName(c.Domain); err != nil {
			return fmt.Errorf("component %q: %w", c.Domain, err)
		}
		if taken[c.Domain] {
			return fmt.Errorf("component %q: the domain is used twice", c.Domain)
		}
		if c.Secret == "" {
			return fmt.Errorf("component %q: the secret is empty", c.Domain)
		}
		switch c.Roster {
		case "", RosterBoth, RosterGet, RosterNone:
		default:
			return fmt.Errorf("component %q: there is no right %q to rosters", c.Domain, c.Roster)
		}
		if c.Roster != "" && !c.Privileged {
			return fmt.Errorf("component %q: it has a right to rosters, but is not privileged", c.Domain)
		}
		taken[c.Domain] = true
	}
	return nil
}

// checkName accepts a localpart or domain that every server takes as it stands,
// so that "the same name" is a plain comparison everywhere.
func checkName(name string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if name != strings.ToLower(name) {
		return errors.New("use lower case: servers fold names")
	}
	for _, r := range name {
		if r <= ' ' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r) ||
			strings.ContainsRune(`"&'/:<>@\`, r) {
			return fmt.Errorf("%q is not allowed in a name", r)
		}
	}
	return nil
}
