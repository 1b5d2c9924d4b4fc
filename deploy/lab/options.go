package lab

import (
	"errors"
	"fmt"
	"io"
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
}

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

	// ComponentPort is where components connect; 0 picks a free port.
	ComponentPort int

	// Log gets everything the server prints, in addition to Server.Logs. It is
	// written to from another goroutine.
	Log io.Writer
}

// check returns the options with defaults filled in, or what is wrong with them.
func (o Options) check() (Options, error) {
	if o.Kind != Prosody && o.Kind != Ejabberd {
		return o, fmt.Errorf("unknown server kind %q: use %q or %q", o.Kind, Prosody, Ejabberd)
	}
	if o.Host == "" {
		o.Host = DefaultHost
	}
	if err := checkName(o.Host); err != nil {
		return o, fmt.Errorf("host %q: %w", o.Host, err)
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
	taken := map[string]bool{o.Host: true, probeDomain: true}
	for _, c := range o.Components {
		if err := checkName(c.Domain); err != nil {
			return o, fmt.Errorf("component %q: %w", c.Domain, err)
		}
		if taken[c.Domain] {
			return o, fmt.Errorf("component %q: the domain is used twice", c.Domain)
		}
		if c.Secret == "" {
			return o, fmt.Errorf("component %q: the secret is empty", c.Domain)
		}
		taken[c.Domain] = true
	}
	return o, nil
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
