package cli

import (
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/dev"
	"stanzahook/pkg/webhook"
)

func devCommand(start dev.StartFunc) *cobra.Command {
	var o dev.Options
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Talk to your bot without an XMPP server",
		Long: `Talk to your bot without an XMPP server: the command runs the bridge in this process,
with its own store, and plays the users. You type as a user, and see what the bot
answers; if it does not, you see why. Nothing is left behind.

Users are NAME@dev.localhost, bots are NAME@bot.localhost, rooms are
NAME@rooms.dev.localhost. You begin as alice, and write to bot. At the prompt:

` + dev.Help("  ") + `

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
			if err := o.Check(); err != nil {
				return err
			}
			return failed(dev.Run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), start, o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Bot, "bot", dev.DefaultBot, "the bot's URL")
	f.StringVar(&o.Format, "format", string(webhook.FormatEvent), "the format of its requests: event, rest-json, rest-xml or component-http")
	f.DurationVar(&o.Timeout, "timeout", webhook.DefaultTimeout, "how long it may take to answer")
	f.StringVar(&o.Secret, "secret", "", "whsec_… to sign the requests with (default: they are not signed)")
	f.StringVar(&o.Listen, "listen", "", "address of the HTTP API (default: 127.0.0.1:5290, or any port if that is taken)")
	f.StringVar(&o.Script, "script", "", "file with what to type and what to expect")
	f.DurationVar(&o.Patience, "patience", 5*time.Second, "how long an expectation waits")
	completeFlag(cmd, "format", config.FormatEvent, config.FormatRESTJSON, config.FormatRESTXML, config.FormatComponentHTTP)
	return cmd
}
