package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type prosody struct {
	root    string // the directory that it has for its /; empty: the machine's
	bin     string // seen from there
	plugins string // a directory that it needs to see besides; may be empty
}

func newProsody(root, plugins string) (backend, error) {
	if root != "" {
		const bin = "/usr/bin/prosody"
		if _, err := os.Stat(root + bin); err != nil {
			return nil, fmt.Errorf("a newer prosody is %w in %s: run deploy/lab/install.sh newer %[2]s", ErrNotInstalled, root)
		}
		return prosody{root, bin, plugins}, nil
	}
	bin, err := lookPath("prosody")
	if err != nil {
		return nil, fmt.Errorf("prosody is %w: run deploy/lab/install.sh prosody", ErrNotInstalled)
	}
	return prosody{bin: bin}, nil
}

func (p prosody) prepare(c config) error {
	text, err := c.renderEdited("prosody.cfg.lua.tmpl")
	if err != nil {
		return err
	}
	// Prosody keeps each account in a file of its own, which is read at login.
	accounts := filepath.Join(c.Dir, "data", prosodyFileName(c.Host), "accounts")
	for _, dir := range []string{accounts, filepath.Join(c.Dir, "certs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("prosody's data directory: %w", err)
		}
	}
	for _, a := range c.Accounts {
		file := filepath.Join(accounts, prosodyFileName(a.Name)+".dat")
		data := fmt.Sprintf("return { [\"password\"] = %s; };\n", luaQuote(a.Password))
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			return fmt.Errorf("account of %s: %w", a.Name, err)
		}
	}
	if err := os.WriteFile(p.configFile(c), text, 0o600); err != nil {
		return fmt.Errorf("prosody's configuration: %w", err)
	}
	return nil
}

func (p prosody) configFile(c config) string { return filepath.Join(c.Dir, "prosody.cfg.lua") }

func (p prosody) command(c config) *exec.Cmd {
	args := []string{p.bin, "-F", "--config", p.configFile(c)}
	if p.root != "" {
		args = inRoot(p.root, args, c.Dir, p.plugins)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = serverEnv(c)
	return cmd
}

func (prosody) usersReady(config) bool { return true } // prepare made them

// diagnose: Prosody goes on without a port it could not open and without a module
// it could not load.
func (prosody) diagnose(output string) error {
	for line := range strings.Lines(output) {
		if strings.Contains(line, "Failed to open server port") {
			return errPortTaken
		}
		if strings.Contains(line, "Unable to load module") {
			return fmt.Errorf("prosody lacks a module (run deploy/lab/install.sh prosody): %s", strings.TrimSpace(line))
		}
	}
	return nil
}

// prosodyFileName writes a name as Prosody's data manager does.
func prosodyFileName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}
