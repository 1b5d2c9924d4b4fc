package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/webhook"
)

// defaultBot is where the bots of the examples listen.
const defaultBot = "http://127.0.0.1:8080/hook"

// devOptions are the flags of "stanzahook dev".
type devOptions struct {
	bot, format, secret, listen, script string
	timeout, patience                   time.Duration
}

func devCommand(start StartFunc) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Talk to your bot without an XMPP server",
		Long: `Talk to your bot without an XMPP server: the command runs the bridge in this process,
with its own store, and plays the users. You type as a user, and see what the bot
answers; if it does not, you see why. Nothing is left behind.

Users are NAME@dev.localhost, bots are NAME@bot.localhost, rooms are
NAME@rooms.dev.localhost. You begin as alice, and write to bot. At the prompt:

` + devHelp("  ") + `

A bot that sends by itself finds the HTTP API at the address that is printed first, with
the token in STANZAHOOK_TOKEN if that is set.

With --script the lines come from a file, and the exit code is 1 if something is not as
expected; it says what came instead, and why. Empty lines and lines that begin with # are
skipped. Expectations are about what comes next for the user, or in the room:

  < TEXT         it is exactly this text
  <~ RE2         the text matches this regular expression
  <! CONDITION   it is this stanza error, such as recipient-unavailable
  <none 1s       nothing comes within this time`,
		Example: `  stanzahook dev --bot http://127.0.0.1:3000/hook
  stanzahook dev --script greeting.dev --timeout 2s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return failed(runDev(cmd, start, o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.bot, "bot", defaultBot, "the bot's URL")
	f.StringVar(&o.format, "format", string(webhook.FormatEvent), "the format of its requests: event, rest-json, rest-xml or component-http")
	f.DurationVar(&o.timeout, "timeout", webhook.DefaultTimeout, "how long it may take to answer")
	f.StringVar(&o.secret, "secret", "", "whsec_… to sign the requests with (default: they are not signed)")
	f.StringVar(&o.listen, "listen", "", "address of the HTTP API (default: 127.0.0.1:5290, or any port if that is taken)")
	f.StringVar(&o.script, "script", "", "file with what to type and what to expect")
	f.DurationVar(&o.patience, "patience", 5*time.Second, "how long an expectation waits")
	chooses(cmd, "format", config.FormatEvent, config.FormatRESTJSON, config.FormatRESTXML, config.FormatComponentHTTP)
	return cmd
}

// check returns what is wrong with the flags.
func (o *devOptions) check() error {
	if _, err := outbound.ParseAddress(o.bot, webhook.Placeholders()...); err != nil {
		return fmt.Errorf("--bot: the URL %w", err)
	}
	switch o.format {
	case config.FormatEvent, config.FormatRESTJSON, config.FormatRESTXML, config.FormatComponentHTTP:
	default:
		return fmt.Errorf("--format: %q is none of event, rest-json, rest-xml, component-http", o.format)
	}
	for flag, d := range map[string]time.Duration{"timeout": o.timeout, "patience": o.patience} {
		if d < time.Millisecond {
			return errors.New("--" + flag + ": write a duration, such as 2s")
		}
	}
	if o.secret != "" {
		if _, err := signature.ParseSecret(o.secret); err != nil {
			return fmt.Errorf("--secret: %w", err)
		}
	}
	return nil
}

// runDev runs the bridge and lets the user, or a script, talk with the bot.
func runDev(cmd *cobra.Command, start StartFunc, o devOptions) error {
	var steps []devStep
	if o.script != "" {
		var err error
		if steps, err = readScript(o.script); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	// Killed before it is removed: the directory stays in the system's directory for
	// temporary files. It holds nothing that anybody needs.
	dir, err := os.MkdirTemp("", "stanzahook-dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := startDevBridge(ctx, start, o, dir, cancel)
	if err != nil {
		return err
	}
	screen := newDevScreen(cmd.InOrStdin(), cmd.OutOrStdout(), o.script == "")
	s := newDevSession(b, o, screen)
	defer screen.close()
	defer b.stop()
	b.peer.Answer(s.onStanza)
	following, err := s.followDeliveries(ctx, cancel)
	if err != nil {
		return err
	}
	screen.print(dim, "API: export "+EnvAPI+"="+b.api.url+" "+envToken+"="+b.api.bearer)
	if o.script != "" {
		err = s.play(ctx, o.script, steps)
	} else {
		screen.print(dim, "You are "+s.user+", and write to the bot at "+o.bot+". /help shows what else there is.")
		err = s.converse(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && cmd.Context().Err() == nil {
		err = cause
	}
	cancel(nil)
	<-following
	return err
}
