package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

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
	asJSON   bool
	explicit bool // somebody says where the instance is
	found    checked
}

// checked is what a check has shown; with --json it is printed.
type checked struct {
	OK       bool          `json:"ok"`
	Config   string        `json:"config"` // the file; empty: none was needed
	Problems []problemJSON `json:"problems"`
	Checks   []v1.Check    `json:"checks"`
}

// problemJSON is a Problem.
type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // 0: not in a line of the file
	Variable string `json:"variable,omitempty"`
	Key      string `json:"key"`
	Text     string `json:"text"`
}

func checkCommand() *cobra.Command {
	var c checking
	var user string
	cmd := &cobra.Command{
		Use:   "check [--config FILE] [--live [--user JID]]",
		Short: "Check the configuration, and with --live everything it is about",
		Long: `Check the configuration: every mistake is shown, with its key and line.

With --live, look at everything it is about: the links and what the server lets
the components do, the way through the server, endpoints, rosters, the store and
the clock. The running instance is asked, with a token of the scope admin; if
none runs, the command connects by itself for a moment. It never connects beside
a running instance: that would take stanzas away from it. Nothing is changed,
and no endpoint gets a request.

The exit code is 1 if something has failed; a warn is something that works only
in part.`,
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
			c.explicit = c.api.url != "" || os.Getenv(EnvAPI) != ""
			return c.run(cmd)
		},
	}
	c.api = apiFlags(cmd, config.ScopeAdmin)
	f := cmd.Flags()
	f.StringVar(&c.file, "config", "", "configuration file")
	f.BoolVar(&c.live, "live", false, "look at the running instance too, or connect if none runs")
	f.StringVar(&user, "user", "", "read the roster of this user, such as juliet@example.com")
	f.BoolVar(&c.asJSON, "json", false, "as JSON")
	return cmd
}

func (c *checking) run(cmd *cobra.Command) error {
	cfg, err := c.readConfig()
	if err == nil && c.live {
		err = c.lookAround(cmd.Context(), cfg)
	}
	problems, mistaken := errors.AsType[config.Problems](err)
	for _, p := range problems {
		c.found.Problems = append(c.found.Problems, problemJSON(p))
	}
	if err != nil && !mistaken {
		return failed(err)
	}
	sum := v1.NewChecked(c.found.Checks)
	c.found.OK, c.found.Checks = sum.OK && err == nil, sum.Checks
	if err := c.print(cmd.OutOrStdout()); err != nil {
		return failed(err)
	}
	switch {
	case mistaken && c.asJSON:
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

// readConfig reads the configuration and notes what it says. There may be none
// where only an instance elsewhere is asked; then it returns nil.
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

func (c *checking) print(w io.Writer) error {
	if c.asJSON {
		if c.found.Problems == nil {
			c.found.Problems = []problemJSON{}
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(c.found)
	}
	if len(c.found.Checks) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, one := range c.found.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", onTerminal(string(one.Verdict)), onTerminal(one.What), onTerminal(one.Subject), onTerminal(one.Found))
		if one.Advice != nil {
			fmt.Fprintf(t, "\t\t\t→ %s\n", onTerminal(*one.Advice))
		}
	}
	return t.Flush()
}
