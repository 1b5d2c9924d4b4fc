package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"stanzahook/deploy/lab"
)

// Who is who. The guest is for people who connect with a client of their own.
const (
	userName   = "alice"
	guestName  = "guest"
	botDomain  = "bot." + lab.DefaultHost
	botJID     = "echo@" + botDomain
	newsJID    = "news@" + botDomain
	configName = "stanzahook.yaml"
)

// stage is all that the demo starts.
type stage struct {
	options options
	out     *narrator

	dir       string // everything's files
	caretaker *process
	server    *lab.Server
	bot       *process
	bridge    *process // stanzahook
	client    *lab.Client
	api       *api

	secret        string // of the component
	guestPassword string
	botURL        string
}

// build starts everything. Also after an error, strike must be called.
func (s *stage) build(ctx context.Context) error {
	steps := []func(context.Context) error{s.makeDir, s.startServer, s.startBot, s.startBridge, s.login}
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
	s.caretaker, err = startCaretaker(dir)
	return err
}

func (s *stage) startServer(ctx context.Context) error {
	s.out.begin("Starting a private XMPP server (%s) with a user, %s@%s …", s.options.server, userName, lab.DefaultHost)
	s.secret, s.guestPassword = rand.Text(), rand.Text()
	server, err := lab.Start(ctx, lab.Options{
		Kind:       s.options.server,
		Dir:        filepath.Join(s.dir, "server"),
		Users:      map[string]string{userName: rand.Text(), guestName: s.guestPassword},
		Components: []lab.Component{{Domain: botDomain, Secret: s.secret}},
	})
	if err != nil {
		return err
	}
	s.server = server
	s.out.note("It listens on %s for users and on %s for components.", server.ClientAddr(), server.ComponentAddr())
	return nil
}

func (s *stage) startBot(ctx context.Context) error {
	s.out.begin("Starting the bot (examples/echo-go): a small web server that knows nothing of XMPP …")
	bot, err := startProcess(s.dir, s.options.bot, "-listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.bot = bot
	addr, err := bot.find(ctx, listenAddr)
	if err != nil {
		return fmt.Errorf("the bot did not start: %w", err)
	}
	s.botURL = "http://" + addr + "/"
	s.out.note("It waits for events at %s", s.botURL)
	return nil
}

// listenAddr is the address a bot prints; what else it prints is no address.
func listenAddr(line string) string {
	if _, err := netip.ParseAddrPort(line); err != nil {
		return ""
	}
	return line
}

func (s *stage) startBridge(ctx context.Context) error {
	s.out.begin("Starting stanzahook, which joins the server as the component %s …", botDomain)
	s.api = &api{token: rand.Text()}
	file := filepath.Join(s.dir, configName)
	if err := s.writeConfig(file); err != nil {
		return err
	}
	bridge, err := startProcess(s.dir, s.options.stanzahook, "serve", "--config", file)
	if err != nil {
		return err
	}
	s.bridge = bridge
	addr, err := bridge.find(ctx, startedAddr)
	if err != nil {
		return fmt.Errorf("stanzahook did not start: %w", err)
	}
	s.api.url = "http://" + addr
	if err := s.api.awaitReady(ctx, bridge.done); err != nil {
		return fmt.Errorf("stanzahook is not ready: %w", err)
	}
	s.out.note("It is connected, and takes HTTP requests at %s", s.api.url)
	return nil
}

// startedAddr is the HTTP address in the line of stanzahook's log that has it.
func startedAddr(line string) string {
	var entry struct{ Msg, HTTP string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "started" {
		return ""
	}
	return entry.HTTP
}

func (s *stage) login(ctx context.Context) error {
	s.out.begin("Logging in as %s with an XMPP client …", userName)
	client, err := s.server.Login(ctx, userName, "demo")
	if err != nil {
		return err
	}
	s.client = client
	s.out.note("Online as %s", client.JID())
	return nil
}

// strike ends all processes and removes all files.
func (s *stage) strike() error {
	var errs []error
	if s.client != nil {
		_ = s.client.Close() // an error means that the connection is gone already
	}
	s.bridge.stop()
	s.bot.stop()
	if s.server != nil {
		// No data to save: no need to wait for a shutdown.
		errs = append(errs, s.server.Kill(), s.server.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	s.caretaker.release()
	return errors.Join(errs...)
}

// logs are the ends of what stanzahook and the server have printed.
func (s *stage) logs() string {
	var b strings.Builder
	if s.bridge != nil {
		fmt.Fprintf(&b, "\nThe end of stanzahook's log:\n%s\n", s.bridge.tail())
	}
	if s.server != nil {
		lines := strings.Split(strings.TrimSpace(s.server.Logs()), "\n")
		fmt.Fprintf(&b, "\nThe end of the log of %s:\n%s\n", s.server.Kind(),
			strings.Join(lines[max(0, len(lines)-tailLines):], "\n"))
	}
	return b.String()
}
