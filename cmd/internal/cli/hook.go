package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
)

// newHook is what "hook new" prints: the address, once, and what to write into the
// configuration, where only the hash of its secret is.
type newHook struct {
	Name    string   `json:"name"`
	Adapter string   `json:"adapter"`
	URL     string   `json:"url"`
	Secret  string   `json:"secret"`
	Hash    string   `json:"hash"`
	From    string   `json:"from"`
	To      []string `json:"to"`

	base, file string // of --url and --config
}

func hookCommand() *cobra.Command {
	cmd := group("hook", "Make, list and test addresses for other tools, whose requests become messages",
		`Make addresses for other tools, whose requests become messages; list and test those of
the running instance, with a token of the scope admin.`, "new", "list", "test", "requests", "put", "delete")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(hookNewCommand(), hookList(a), hookTest(a), hookRequests(a), hookPut(a), hookDelete(a))
	return cmd
}

func hookList(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "list",
		Short:   "List the hooks, with what became of their requests",
		Long:    "List the hooks of the running instance, with what became of their requests since it\nstarted.",
		Example: "  stanzahook hook list",
		Args:    cobra.NoArgs,
	}, as(hookTable().print), func([]string) (instance.Request, error) { return instance.Request{Path: "/v1/hooks"}, nil })
}

func hookTable() table[v1.Hook] {
	return table[v1.Hook]{
		none:  "there are no hooks",
		heads: "NAME\tADAPTER\tFROM\tREQUESTS\tFAILED\tLAST ERROR",
		rows: func(h *v1.Hook, row func(...any)) {
			last := ""
			if h.LastError != nil {
				last = h.LastError.Error
			}
			row(h.Name, h.Adapter, h.Source, h.Count, h.Failed, last)
		},
	}
}

func hookTest(a *api) *cobra.Command {
	var send bool
	cmd := a.command(&cobra.Command{
		Use:   "test NAME [--send]",
		Short: "Show the message that a hook makes of a sample",
		Long: `Show the message that a hook, with its template, makes of a sample of what its tool posts.
Nothing is sent without --send.`,
		Example: "  stanzahook hook test alerts --send",
		Args:    cobra.ExactArgs(1),
	}, as(printHookTest), func(args []string) (instance.Request, error) {
		r := instance.Request{Method: http.MethodPost, Path: hookPath(args[0]) + "/test"}
		if send {
			r.Path += "?send=1"
		}
		return r, nil
	})
	cmd.Flags().BoolVar(&send, "send", false, "send it too")
	return cmd
}

func printHookTest(w io.Writer, test *struct{ Messages []v1.HookMessage }) error {
	if len(test.Messages) == 0 {
		_, err := fmt.Fprintln(w, "nothing is sent: the text is empty")
		return err
	}
	for _, m := range test.Messages {
		state := "not sent"
		if m.State != "" {
			state = m.State
		}
		if m.Error != "" {
			state += ": " + m.Error
		}
		if _, err := fmt.Fprintf(w, "to %s (%s):\n%s\n", m.To, state, m.Body); err != nil {
			return err
		}
	}
	return nil
}

func hookNewCommand() *cobra.Command {
	var h newHook
	cmd := &cobra.Command{
		Use:   "new --name NAME --adapter TOOL --from JID --to JID,…",
		Short: "Print the address of a new hook, and its lines for the configuration",
		Long: "Print the address of a new hook, and its lines for hooks in the configuration.\n\n" +
			"The secret in the address is not stored. If you lose it, make a new one. Adapters are\n" +
			wrapped(hook.Adapters()) + ".\n" +
			"The address begins with --url; without it, with http.listen of the configuration.",
		Example: "  stanzahook hook new --name alerts --adapter alertmanager \\\n" +
			"    --from alerts@bot.example.com --to juliet@example.com",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := h.check(); err != nil {
				return err
			}
			if err := h.make(); err != nil {
				return failed(err)
			}
			if asJSON(cmd) {
				return failed(encodeJSON(cmd.OutOrStdout(), h))
			}
			return failed(h.print(cmd.OutOrStdout()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&h.Name, "name", "", "of the hook; part of its address")
	f.StringVar(&h.Adapter, "adapter", "", "the tool, such as alertmanager")
	f.StringVar(&h.From, "from", "", "address of a component that the messages come from")
	f.StringSliceVar(&h.To, "to", nil, "addresses that get the messages; xmpp:ROOM?join is a room for certain")
	f.StringVar(&h.base, "url", "", "how the tool reaches stanzahook, such as https://xmpp.example.com")
	f.StringVar(&h.file, "config", "", "configuration file, for http.listen")
	jsonFlag(cmd, "as JSON")
	completeFlag(cmd, "adapter", hook.Adapters()...)
	return cmd
}

// wrapped is a list of words in lines.
func wrapped(words []string) string {
	half := len(words) * 2 / 3
	return strings.Join(words[:half], ", ") + ",\n" + strings.Join(words[half:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func (h *newHook) check() error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(h.Name) {
		return fmt.Errorf("--name: %q is not a name; write up to 63 of a-z 0-9 _ and -, beginning with a letter or digit", h.Name)
	}
	if _, err := hook.New(hook.Options{Adapter: h.Adapter}); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if len(h.To) == 0 {
		return errors.New("--to is missing; write who gets the messages")
	}
	if _, err := jid.Parse(h.From); err != nil {
		return fmt.Errorf("--from: %q is not an address; write for example alerts@bot.example.com", h.From)
	}
	for _, text := range h.To {
		address, isRoom := config.RoomURI(text)
		to, err := jid.Parse(address)
		if err != nil {
			return fmt.Errorf("--to: %q is not an address; write for example juliet@example.com", text)
		}
		if isRoom && (to.Local() == "" || !to.IsBare()) {
			return fmt.Errorf("--to: %q is not a room; write for example 'xmpp:ops@rooms.example.com?join'", text)
		}
	}
	return nil
}

// make draws the secret, as that of a token.
func (h *newHook) make() error {
	base := strings.TrimSuffix(h.base, "/")
	if base == "" {
		path, err := config.Find(h.file)
		if err != nil {
			return fmt.Errorf("--url is missing, and no configuration says where stanzahook listens: %w", err)
		}
		cfg, err := config.Load(path, nil)
		if err != nil {
			return err
		}
		host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
		if err != nil {
			return err
		}
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "127.0.0.1"
		}
		scheme := "http://"
		if cfg.HTTP.TLS.CertFile != "" {
			scheme = "https://"
		}
		base = scheme + net.JoinHostPort(host, port) + cfg.HTTP.BasePath
	}
	var t newToken
	t.make()
	h.Secret = strings.TrimPrefix(t.Token, tokenPrefix)
	h.Hash = hashOf(h.Secret)
	h.URL = base + "/hooks/" + h.Name + "/" + h.Secret
	return nil
}

func (h *newHook) print(w io.Writer) error {
	to := make([]string, len(h.To))
	for i, text := range h.To {
		to[i] = strconv.Quote(text)
	}
	_, err := fmt.Fprintf(w, "Address, shown this once:\n\n  %s\n\nFor the configuration, under hooks:\n\n  - name: %s\n    adapter: %s\n    secret_hash: %q\n    from: %s\n    to: [%s]\n",
		h.URL, h.Name, h.Adapter, h.Hash, strconv.Quote(h.From), strings.Join(to, ", "))
	return err
}
