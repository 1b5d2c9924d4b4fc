package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/plural"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
)

// checking is one run of "stanzahook check".
type checking struct {
	api      *api
	file     string // --config
	live     bool
	user     jid.JID
	explicit bool // --api or the environment has the address of the instance
	found    checked
}

// checked is the result of a check, as --json prints it.
type checked struct {
	OK       bool            `json:"ok"`
	Config   string          `json:"config"` // the file; empty: none was needed
	Problems config.Problems `json:"problems"`
	Checks   []v1.Check      `json:"checks"`
}

func checkCommand() *cobra.Command {
	var c checking
	var user string
	cmd := &cobra.Command{
		Use:   "check [--config FILE] [--live [--user JID]]",
		Short: "Check the configuration, and with --live the running system",
		Long: `Check the configuration: every mistake is shown, with its key and line.

With --live, check everything it is about: the links and their privileges, the way
through the server, endpoints, rosters, the store and the clock. The running
instance is asked, with a token of the scope admin; if none runs, the command
connects by itself for a moment. It never connects beside a running instance: that
would take stanzas away from it. It changes nothing, and sends no request to an
endpoint.

The exit code is 1 if a check failed; warn is for what works only in part.`,
		Example: `  stanzahook check --config /etc/stanzahook/stanzahook.yaml
  STANZAHOOK_TOKEN=sh_… stanzahook check --live --user juliet@example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user != "" {
				var err error
				if c.user, err = jid.Parse(user); err != nil || c.user.Local() == "" || !c.user.IsBare() {
					return fmt.Errorf("--user: %q is not the address of a user; write for example juliet@example.com", user)
				}
				if !c.live {
					return errors.New("--user goes with --live")
				}
			}
			c.explicit = c.api.URL != "" || os.Getenv(EnvAPI) != ""
			return c.run(cmd)
		},
	}
	c.api = apiFlags(cmd, config.ScopeAdmin)
	f := cmd.Flags()
	f.StringVar(&c.file, "config", "", "configuration file")
	f.BoolVar(&c.live, "live", false, "check the running instance too, or connect if none runs")
	f.StringVar(&user, "user", "", "read the roster of this user, such as juliet@example.com")
	jsonFlag(cmd, "as JSON")
	return cmd
}

func (c *checking) run(cmd *cobra.Command) error {
	cfg, err := c.readConfig()
	if err == nil && c.live {
		err = c.lookAround(cmd.Context(), cfg)
	}
	problems, mistaken := errors.AsType[config.Problems](err)
	c.found.Problems = append(config.Problems{}, problems...)
	if err != nil && !mistaken {
		return failed(err)
	}
	sum := v1.NewChecked(c.found.Checks)
	c.found.OK, c.found.Checks = sum.OK && err == nil, sum.Checks
	if err := c.print(cmd); err != nil {
		return failed(err)
	}
	switch {
	case mistaken && asJSON(cmd):
		return failed(errors.New(plural.Count(len(problems), "mistake") + " in the configuration"))
	case mistaken:
		return failed(err)
	case !sum.OK:
		n := 0
		for _, one := range sum.Checks {
			if one.Verdict == v1.CheckFail {
				n++
			}
		}
		return failed(fmt.Errorf("%d of %d checks failed", n, len(sum.Checks)))
	}
	return nil
}

// readConfig reads and checks the configuration. Where only an instance elsewhere is
// asked there may be none; then it returns nil.
func (c *checking) readConfig() (*config.Config, error) {
	path, err := config.Find(c.file)
	if err != nil {
		if c.live && c.explicit && c.file == "" {
			return nil, nil
		}
		return nil, err
	}
	c.found.Config = path
	cfg, err := config.Load(path, os.Environ())
	if err == nil {
		c.found.Checks = livecheck.Configured(path, cfg)
	}
	return cfg, err
}

func (c *checking) print(cmd *cobra.Command) error {
	if asJSON(cmd) {
		return encodeJSON(cmd.OutOrStdout(), c.found)
	}
	if len(c.found.Checks) == 0 {
		return nil
	}
	return printTable(cmd.OutOrStdout(), "", func(row func(...any)) {
		for _, one := range c.found.Checks {
			row(one.Verdict, one.What, one.Subject, one.Found)
			if one.Advice != nil {
				row("", "", "", "→ "+*one.Advice)
			}
		}
	})
}
