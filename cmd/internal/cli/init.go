package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/jid"
)

const (
	// configName is the file that init writes.
	configName = "stanzahook.yaml"
	// serviceConfig is the configuration of the systemd unit.
	serviceConfig = "/etc/stanzahook/" + configName
)

// initialised is the result of init, as --json prints it.
type initialised struct {
	File  string   `json:"file"`
	Token string   `json:"token"` // empty: the file was there, and is as it was
	Paste []paste  `json:"paste"`
	Run   []string `json:"run"`  // on the server's machine, afterwards
	Then  []string `json:"then"` // on this machine
	Note  string   `json:"note"` // what else is left to do; may be empty
}

func initCommand() *cobra.Command {
	var a attachment
	var dir, address string
	var force bool
	cmd := &cobra.Command{
		Use:   "init --server prosody|ejabberd --domain bot.example.com [--host example.com] [--rooms] [--uploads]",
		Short: "Write a configuration, and print what the XMPP server needs",
		Long: `Write a configuration with a fresh secret and a token for the API, and print the
lines for the configuration of the XMPP server, and the commands to run there.

With --host, the server lets the component read and change the rosters of that
domain's users, send messages as they, and see when they log in (XEP-0356). The
section rosters of the configuration is there to be filled in. With --rooms, there are
lines for rooms, too: an archive, many rooms, and bots that may make them. With
--uploads, there are lines for the service that bots send files by. If there is a
configuration already, it stays, and these lines alone are printed.

With --nats, everything is stored on NATS servers of yours, three or five of which
keep each record if there are as many, and not in a directory.

The token is shown only once. An existing configuration is not overwritten.
Only its owner can read it; in a directory that root keeps for a group, such as
/etc/stanzahook of the package, that group can read it too: the service is in it.`,
		Example: `  stanzahook init --server prosody --domain bot.example.com
  stanzahook init --server ejabberd --domain bot.example.com --host example.com --dir /etc/stanzahook
  stanzahook init --server prosody --domain bot.example.com --nats nats://n1:4222,nats://n2:4222`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.check(address); err != nil {
				return err
			}
			made, err := a.write(dir, force)
			if err != nil {
				return failed(err)
			}
			if asJSON(cmd) {
				return failed(encodeJSON(cmd.OutOrStdout(), made))
			}
			return failed(made.print(cmd.OutOrStdout()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.Server, "server", "", "the XMPP server: prosody or ejabberd")
	f.StringVar(&a.Domain, "domain", "", "the domain of the bots, for example bot.example.com")
	f.StringVar(&a.Host, "host", "", "the domain of users whose rosters to keep, for example example.com (default: none)")
	f.StringVar(&address, "address", "127.0.0.1:5347", "the address of the server for components")
	f.BoolVar(&a.HasRooms, "rooms", false, "print what the server needs for bots in rooms, too")
	f.BoolVar(&a.HasUploads, "uploads", false, "print what the server needs for files of bots, too")
	f.StringVar(&a.NATS, "nats", "", "NATS servers to store on, with commas between (default: an embedded store)")
	f.StringVar(&dir, "dir", ".", "where to write "+configName)
	f.BoolVar(&force, "force", false, "overwrite a configuration that is there, its secrets and tokens included")
	jsonFlag(cmd, "as JSON")
	completeFlag(cmd, "server", serverProsody, serverEjabberd)
	return cmd
}

// check looks at the flags, and brings the domains to their canonical form.
func (a *attachment) check(address string) error {
	domain := func(flag, text string) (string, error) {
		j, err := jid.Parse(text)
		if err != nil || !j.IsDomain() || config.HasControl(text) {
			return "", fmt.Errorf("--%s: %q is not a domain; write for example %s", flag, text, map[string]string{"domain": "bot.example.com", "host": "example.com"}[flag])
		}
		return j.Domain(), nil
	}
	switch {
	case a.Server == "":
		return errors.New("--server is missing; write prosody or ejabberd")
	case a.Server != serverProsody && a.Server != serverEjabberd:
		return fmt.Errorf("--server: %q is not known; write prosody or ejabberd", a.Server)
	case a.Domain == "":
		return errors.New("--domain is missing; write the domain of the bots, for example bot.example.com")
	}
	var err error
	if a.Domain, err = domain("domain", a.Domain); err != nil {
		return err
	}
	if a.Host != "" {
		if a.Host, err = domain("host", a.Host); err != nil {
			return err
		}
		if a.Host == a.Domain {
			return errors.New("--host: that is the domain of the bots; write the one of the users")
		}
	}
	if err := a.at(address); err != nil {
		return fmt.Errorf("--address: %w", err)
	}
	return nil
}

// write makes the secrets and writes the configuration.
func (a attachment) write(dir string, force bool) (*initialised, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	token := newToken{Name: "ops", Scopes: []string{config.ScopeSend, config.ScopeQuery, config.ScopeRoster, config.ScopeRooms, config.ScopeEvents, config.ScopeAdmin}}
	token.make()
	a.Secret, a.Password, a.Token = rand.Text(), rand.Text(), token.line()
	a.Store = "store    # beside this file"
	if strings.HasPrefix(dir+"/", "/etc/") {
		a.Store = config.Default().Store.Dir
	}
	file := filepath.Join(dir, configName)
	if _, err := os.Stat(file); err == nil && !force && (a.HasRooms || a.HasUploads) {
		made := &initialised{File: file, Run: a.commands(true), Then: then(file)[:1]}
		made.Paste, err = a.pastes(true)
		return made, err
	}
	text, err := a.render("stanzahook.yaml.tmpl", "stanzahook.yaml.tmpl")
	if err != nil {
		return nil, err
	}
	if _, err := config.Parse(file, []byte(text), nil); err != nil {
		return nil, fmt.Errorf("with these names the configuration is not right: %w", err)
	}
	made := &initialised{File: file, Token: token.Token, Run: a.commands(false), Then: then(file), Note: a.note()}
	if made.Paste, err = a.pastes(false); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	return made, writeNew(file, text, force)
}

// then are the commands that are left to be run on this machine.
func then(file string) []string {
	check := "stanzahook check --live --config " + file
	if file == serviceConfig {
		return []string{check, "systemctl enable --now stanzahook"}
	}
	return []string{check, "stanzahook serve --config " + file}
}

// writeNew writes a file for its owner alone, or for the group of a directory that is
// kept for one. It replaces an existing file only with force, and then atomically.
func writeNew(file, text string, force bool) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+configName+"-") // mode 0600
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its other name by then, or is not wanted
	_, err = f.WriteString(text)
	if group, ok := groupOf(filepath.Dir(file)); ok && err == nil {
		err = errors.Join(f.Chown(-1, group), f.Chmod(0o640))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if force {
		err = os.Rename(f.Name(), file)
	} else {
		err = os.Link(f.Name(), file)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already, and is left as it is; --force overwrites it, its secrets and tokens included", file)
	case err != nil:
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// groupOf returns the group that root keeps a directory for: one that the group can
// look into and others cannot. What root wrote there for root alone, a service of
// that group could not read.
func groupOf(dir string) (int, bool) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return 0, false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != 0 || owner.Gid == 0 || info.Mode().Perm()&0o057 != 0o050 {
		return 0, false
	}
	return int(owner.Gid), true
}

func (m *initialised) print(w io.Writer) error {
	var b strings.Builder
	if m.Token == "" {
		fmt.Fprintf(&b, "%s is there already, and is left as it is. What the XMPP server needs besides:\n", m.File)
	} else {
		fmt.Fprintf(&b, "Written: %s\nThe token for the API, shown this once:\n\n  %s\n", m.File, m.Token)
	}
	for _, p := range m.Paste {
		fmt.Fprintf(&b, "\n==> %s, %s:\n\n%s", p.File, p.Where, p.Text)
	}
	b.WriteString("\n==> Then, where the XMPP server runs:\n\n")
	for _, line := range m.Run {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n==> And here:\n\n")
	for _, line := range m.Then {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if m.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", m.Note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
