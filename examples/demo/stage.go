package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stanzahook/deploy/lab"
)

// Who is who. John is for people who connect with a client of their own; the admin
// may use ejabberd's HTTP API.
const (
	userName   = "alice"
	friendName = "john"
	adminName  = "admin"
	botDomain  = "bot." + lab.DefaultHost
	botJID     = "echo@" + botDomain
	newsJID    = "news@" + botDomain
	configName = "stanzahook.yaml"
	bridgeName = "stanzahook"
)

// stage is all that the demo starts.
type stage struct {
	options options
	out     *narrator

	dir      string // everything's files
	release  func() // lets the caretaker of dir go
	server   *lab.Server
	programs []*program
	bridge   *program // stanzahook, one of them
	client   *lab.Client
	api      *api

	secret         string // of the component
	friendPassword string
	adminPassword  string
	botURL         string
	listen         string // of stanzahook
	contactsURL    string // a user's name follows
}

// build starts everything. Also after an error, strike must be called.
func (s *stage) build(ctx context.Context) error {
	steps := []func(context.Context) error{s.makeDir, s.startServer, s.startBot, s.startContacts, s.startBridge, s.login}
	for _, step := range steps {
		if err := s.bounded(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// bounded runs a step with a limit on its time.
func (s *stage) bounded(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %s", patience))
	defer cancel()
	return step(ctx)
}

func (s *stage) makeDir(context.Context) error {
	dir, err := os.MkdirTemp("", "stanzahook-demo-")
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	s.dir = dir
	release, err := startCaretaker(dir)
	if err == nil {
		s.release = release
	}
	return err
}

func (s *stage) startServer(ctx context.Context) error {
	s.out.begin("Starting a private XMPP server (%s) with two users at %s, %s and %s …", s.options.server, lab.DefaultHost, userName, friendName)
	s.secret, s.friendPassword, s.adminPassword = rand.Text(), rand.Text(), rand.Text()
	o := lab.Options{
		Kind:       s.options.server,
		Dir:        filepath.Join(s.dir, "server"),
		Users:      map[string]string{userName: rand.Text(), friendName: s.friendPassword},
		Components: []lab.Component{{Domain: botDomain, Secret: s.secret, Privileged: true}},
	}
	o.Edit = func(config []byte) ([]byte, error) {
		return withUploads(append(config, roomsOf(o.Kind)...), o.Kind, s.dir)
	}
	if s.options.keep && freeOr(usualClients) == usualClients {
		o.ClientPort = usualClientPort
	}
	if o.Kind == lab.Ejabberd { // whose rosters need more than a privilege
		o.API, o.Admin = true, adminName
		o.Users[adminName] = s.adminPassword
	}
	server, err := lab.Start(ctx, o)
	if err != nil {
		return err
	}
	s.server = server
	s.out.note("It listens on %s for users and on %s for components.", server.ClientAddr(), server.ComponentAddr())
	return nil
}

func (s *stage) startBot(ctx context.Context) error {
	if s.options.botURL != "" {
		s.botURL = s.options.botURL
		s.out.begin("Using your bot at %s; start it now if it does not run …", s.botURL)
		return nil
	}
	s.out.begin("Starting the bot (examples/echo-go): a small web server that knows nothing of XMPP …")
	url, err := s.startExample(ctx, "bot", s.options.bot)
	if err != nil {
		return fmt.Errorf("the bot did not start: %w", err)
	}
	s.botURL = url
	s.out.note("It waits for events at %s", s.botURL)
	return nil
}

func (s *stage) startContacts(ctx context.Context) error {
	s.out.begin("Starting a web application that knows who is whose contact (examples/contacts-go) …")
	url, err := s.startExample(ctx, "contacts", s.options.contacts)
	if err != nil {
		return fmt.Errorf("the web application did not start: %w", err)
	}
	s.contactsURL = url + "contacts/"
	for _, name := range []string{userName, friendName} {
		if err := s.setContacts(ctx, name, "{}"); err != nil {
			return err
		}
	}
	s.out.note("It tells at %sUSER; %s and %s have no contacts.", s.contactsURL, userName, friendName)
	return nil
}

// startExample starts one of the examples, and returns its URL.
func (s *stage) startExample(ctx context.Context, name, path string) (url string, err error) {
	p, err := s.start(name, path, "-listen", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr, err := p.find(ctx, listenAddr)
	return "http://" + addr + "/", err
}

// listenAddr is the address an example prints; what else it prints is no address.
func listenAddr(line string) string {
	if _, err := netip.ParseAddrPort(line); err != nil {
		return ""
	}
	return line
}

func (s *stage) startBridge(ctx context.Context) error {
	s.out.begin("Starting stanzahook, which joins the server as the component %s …", botDomain)
	s.api = &api{token: rand.Text()}
	s.listen = "127.0.0.1:0"
	if s.options.keep {
		s.listen = freeOr(usualAddr)
	}
	file := filepath.Join(s.dir, configName)
	if err := s.writeConfig(file); err != nil {
		return err
	}
	bridge, err := s.start(bridgeName, s.options.stanzahook, "serve", "--config", file)
	if err != nil {
		return err
	}
	s.bridge = bridge
	addr, err := bridge.find(ctx, logged("started"))
	if err != nil {
		return fmt.Errorf("stanzahook did not start: %w", err)
	}
	s.api.url = "http://" + addr
	if _, err := bridge.find(ctx, logged("connected")); err != nil {
		return fmt.Errorf("stanzahook is not connected: %w", err)
	}
	s.out.note("It is connected, and takes HTTP requests at %s", s.api.url)
	return nil
}

// usualAddr is where stanzahook listens in what is kept running, so that one's shell and
// scripts fit the next time, too.
const usualAddr = "127.0.0.1:5290"

// So with the XMPP server's port for clients.
const (
	usualClients    = "127.0.0.1:5222"
	usualClientPort = 5222
)

// freeOr returns an address where nobody listens, else any.
func freeOr(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // nothing was accepted
	return addr
}

// logged returns what finds the line of stanzahook's log with a message, and takes the
// HTTP address or the component out of it.
func logged(message string) func(line string) string {
	return func(line string) string {
		var entry struct{ Msg, HTTP, Component string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != message {
			return ""
		}
		return entry.HTTP + entry.Component
	}
}

func (s *stage) login(ctx context.Context) error {
	s.out.begin("Logging in as %s with an XMPP client …", userName)
	client, err := s.server.Login(ctx, userName, "demo")
	if err != nil {
		return err
	}
	s.client = client
	// Who has asked for the roster is told when it changes (RFC 6121 section 2.1.6).
	roster, err := s.roster(ctx)
	if err != nil {
		return err
	}
	s.out.note("Online as %s; contacts in the roster: %d", client.JID(), len(roster))
	return nil
}

// strike ends all processes and removes all files.
func (s *stage) strike() error {
	var errs []error
	if s.client != nil {
		_ = s.client.Close() // an error means that the connection is gone already
	}
	for _, p := range slices.Backward(s.programs) {
		p.stop()
	}
	if s.server != nil {
		// No data to save: no need to wait for a shutdown.
		errs = append(errs, s.server.Kill(), s.server.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	s.release()
	return errors.Join(errs...)
}

// logs are the ends of what stanzahook and the server have printed.
func (s *stage) logs() string {
	var b strings.Builder
	if s.bridge != nil {
		fmt.Fprintf(&b, "\nThe end of stanzahook's log:\n%s\n", lab.Tail(s.bridge.text()))
	}
	if s.server != nil {
		fmt.Fprintf(&b, "\nThe end of the log of %s:\n%s\n", s.server.Kind(), lab.Tail(s.server.Logs()))
	}
	return b.String()
}
