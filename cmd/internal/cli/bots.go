package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/pkg/profile"
)

func botsCommand() *cobra.Command {
	cmd := group("bots", "Show and set names, pictures and presence of bots, through the running instance",
		`Show and set what bots show of themselves, through the running instance, with a token of the
scope admin, or that of the bot itself (the scope send, and its address as the only from).`, "list", "put", "presence", "delete")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(botsList(a), botsPut(a), botsPresence(a), botsDelete(a))
	return cmd
}

// bot is a bot with a profile, as far as it is printed.
type bot struct {
	JID, Name, Source string
	Avatar            *struct {
		Type          string
		Width, Height int
	}
	Presence struct {
		Show, Status string
		Until        *time.Time
	}
}

func botPath(address string) string { return "/v1/bots/" + url.PathEscape(address) }

func botsList(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "list",
		Short:   "List the bots with a profile",
		Long:    "List the bots with a profile, 1000 at most, sorted by address. Bots need no profile to work.",
		Example: "  stanzahook bots list",
		Args:    cobra.NoArgs,
	}, as(botTable().print), func([]string) (instance.Request, error) {
		return instance.Request{Path: "/v1/bots", Query: url.Values{"limit": {"1000"}}}, nil
	})
}

func botTable() table[bot] {
	return table[bot]{
		none:  "no bot has a profile; add one under bots in the configuration, or with \"stanzahook bots put\"",
		heads: "BOT\tNAME\tAVATAR\tSHOW\tSTATUS\tUNTIL\tFROM",
		rows: func(b *bot, row func(...any)) {
			row(b.JID, b.Name, b.picture(), b.Presence.Show, b.Presence.Status, b.Presence.Until, b.Source)
		},
		more: "there are more; GET /v1/bots gives all of them",
	}
}

func (b *bot) picture() string {
	if b.Avatar == nil {
		return ""
	}
	return fmt.Sprintf("%s %dx%d", b.Avatar.Type, b.Avatar.Width, b.Avatar.Height)
}

func printBot(w io.Writer, b *bot) error {
	show := b.Presence.Show
	if show == "" {
		show = "available"
	}
	picture := b.picture()
	if picture == "" {
		picture = "none"
	}
	_, err := fmt.Fprintf(w, "%s is shown as %s: %s; avatar: %s\n", b.JID, b.Name, show, picture)
	return err
}

func botsPut(a *api) *cobra.Command {
	var picture string
	var ask struct {
		Name     string            `json:"name,omitempty"`
		Avatar   []byte            `json:"avatar,omitempty"` // in base64
		VCard    map[string]string `json:"vcard"`
		Presence profile.Presence  `json:"presence"`
		NoReply  bool              `json:"noreply"`
	}
	card := make(map[string]*string)
	cmd := a.command(&cobra.Command{
		Use:   "put ADDRESS",
		Short: "Replace the profile of a bot",
		Long: `Replace the profile of a bot: what you leave out is removed. The instance keeps the profile
in its store; contacts that are online, and rooms, see the change at once.`,
		Example: "  stanzahook bots put echo@bot.example.com --name Echo --avatar echo.png --note 'Says it again'",
		Args:    cobra.ExactArgs(1),
	}, as(printBot), func(args []string) (instance.Request, error) {
		ask.VCard = make(map[string]string)
		for key, value := range card {
			if *value != "" {
				ask.VCard[key] = *value
			}
		}
		if picture != "" {
			var err error
			if ask.Avatar, err = readPicture(picture); err != nil {
				return instance.Request{}, fmt.Errorf("--avatar: %s: %w", picture, err)
			}
		}
		return instance.Request{Method: http.MethodPut, Path: botPath(args[0]), Body: ask}, nil
	})
	f := cmd.Flags()
	f.StringVar(&ask.Name, "name", "", "the name that people see (default: the localpart)")
	f.StringVar(&picture, "avatar", "", "the file of a picture: PNG, JPEG, GIF or WebP, at most 100 KiB and 512 x 512 pixels")
	for _, key := range [...][2]string{{"note", "what the bot does"}, {"url", "a page about it"}, {"email", "whom to write to about it"}, {"org", "whose it is"}} {
		card[key[0]] = f.String(key[0], "", key[1])
	}
	presenceFlags(cmd, &ask.Presence)
	f.BoolVar(&ask.NoReply, "noreply", false, "nobody reads messages to it")
	return cmd
}

// readPicture reads a picture, and says what is wrong with it before it is sent.
func readPicture(file string) ([]byte, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(in, profile.MaxAvatar+1))
	if err == nil {
		_, err = profile.ReadAvatar(data)
	}
	return data, err
}

func presenceFlags(cmd *cobra.Command, p *profile.Presence) {
	cmd.Flags().StringVar(&p.Show, "show", "", "chat, away, xa or dnd (default: available)")
	cmd.Flags().StringVar(&p.Status, "status", "", "a text beside it")
}

func botsPresence(a *api) *cobra.Command {
	var ask struct {
		profile.Presence
		Until *time.Time `json:"until,omitempty"`
	}
	var lasts time.Duration
	cmd := a.command(&cobra.Command{
		Use:     "presence ADDRESS",
		Short:   "Set how available a bot is, for a time or until it is set again",
		Long:    "Set how available a bot with a profile is, for a time or until it is set again. After the\ntime, the presence of its profile counts again.",
		Example: "  stanzahook bots presence echo@bot.example.com --show dnd --status Deploying --for 10m",
		Args:    cobra.ExactArgs(1),
	}, as(printBot), func(args []string) (instance.Request, error) {
		if lasts < 0 {
			return instance.Request{}, fmt.Errorf("--for: %v is less than nothing; write for example 10m", lasts)
		}
		if lasts > 0 {
			until := time.Now().Add(lasts).UTC()
			ask.Until = &until
		}
		return instance.Request{Method: http.MethodPut, Path: botPath(args[0]) + "/presence", Body: ask}, nil
	})
	presenceFlags(cmd, &ask.Presence)
	cmd.Flags().DurationVar(&lasts, "for", 0, "for how long (default: until it is set again)")
	return cmd
}

func botsDelete(a *api) *cobra.Command {
	return a.remove(&cobra.Command{
		Use:     "delete ADDRESS",
		Short:   "Remove what was set for a bot",
		Long:    "Remove what was set for a bot. A bot of the configuration file has the profile of the file\nagain.",
		Example: "  stanzahook bots delete echo@bot.example.com",
	}, botPath)
}
