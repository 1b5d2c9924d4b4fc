// Package dev is "stanzahook dev": the bridge in this process, with a peer in place of an XMPP
// server, and a person or a script in place of its users.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/webhook"
)

// DefaultBot is where the bots of the examples listen.
const DefaultBot = "http://127.0.0.1:8080/hook"

// StartFunc starts the bridge with the configuration that load returns, also at a reload.
// The bridge calls onBroken when only a new process can go on. stop ends it.
type StartFunc func(ctx context.Context, load func() (*config.Config, error), onBroken func()) (addr string, stop func(), err error)

// Options are the flags of "stanzahook dev".
type Options struct {
	Bot, Format, Secret, Listen, Script string
	Timeout, Patience                   time.Duration
}

// Check returns what is wrong with the flags.
func (o *Options) Check() error {
	if _, err := outbound.ParseAddress(o.Bot, webhook.Placeholders()...); err != nil {
		return fmt.Errorf("--bot: the URL %w", err)
	}
	switch o.Format {
	case config.FormatEvent, config.FormatRESTJSON, config.FormatRESTXML, config.FormatComponentHTTP:
	default:
		return fmt.Errorf("--format: %q is none of event, rest-json, rest-xml, component-http", o.Format)
	}
	for flag, d := range map[string]time.Duration{"timeout": o.Timeout, "patience": o.Patience} {
		if d < time.Millisecond {
			return errors.New("--" + flag + ": write a duration, such as 2s")
		}
	}
	if o.Secret != "" {
		if _, err := signature.ParseSecret(o.Secret); err != nil {
			return fmt.Errorf("--secret: %w", err)
		}
	}
	return nil
}

// Run runs the bridge and lets the user, or a script, talk with the bot.
func Run(outer context.Context, in io.Reader, out io.Writer, start StartFunc, o Options) error {
	var steps []step
	if o.Script != "" {
		var err error
		if steps, err = readScript(o.Script); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	// Killed before it is removed: the directory stays in the system's directory for
	// temporary files. It holds nothing that anybody needs.
	dir, err := os.MkdirTemp("", "stanzahook-dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := startBridge(ctx, start, o, dir, cancel)
	if err != nil {
		return err
	}
	screen := terminal.NewScreen(in, out, o.Script == "")
	s := newSession(b, o, screen)
	defer screen.Close()
	defer b.stop()
	b.peer.Answer(s.onStanza)
	following, err := s.followDeliveries(ctx, cancel)
	if err != nil {
		return err
	}
	screen.Print(terminal.Dim, "API: export "+instance.EnvAPI+"="+b.api.URL+" "+instance.EnvToken+"="+b.api.Bearer)
	if o.Script != "" {
		err = s.play(ctx, o.Script, steps)
	} else {
		screen.Print(terminal.Dim, "You are "+s.user+", and write to the bot at "+o.Bot+". /help shows what else there is.")
		err = s.converse(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && outer.Err() == nil {
		err = cause
	}
	cancel(nil)
	<-following
	return err
}
