package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type ejabberd struct {
	root string // the directory that it has for its /; empty: the machine's
	erl  string // the Erlang launcher, seen from there
	libs string // the directory ejabberd is installed in, likewise, for ERL_LIBS
}

func newEjabberd(root string) (backend, error) {
	if root != "" {
		return newEjabberdIn(root)
	}
	erl, err := lookPath("erl")
	if err != nil {
		return nil, fmt.Errorf("ejabberd (its Erlang) is %w: run deploy/lab/install.sh ejabberd", ErrNotInstalled)
	}
	// /usr/lib/x86_64-linux-gnu/ejabberd-23.01/ebin/ejabberd.app and the like
	for _, pattern := range []string{"/usr/lib/*/ejabberd-*", "/usr/lib/erlang/lib/ejabberd-*"} {
		apps, err := filepath.Glob(pattern + "/ebin/ejabberd.app")
		if err != nil {
			return nil, fmt.Errorf("looking for ejabberd: %w", err)
		}
		if len(apps) > 0 {
			return ejabberd{erl: erl, libs: filepath.Dir(filepath.Dir(filepath.Dir(apps[0])))}, nil
		}
	}
	return nil, fmt.Errorf("ejabberd is %w: run deploy/lab/install.sh ejabberd", ErrNotInstalled)
}

// newEjabberdIn finds ejabberd in a directory made by install.sh newer.
func newEjabberdIn(root string) (backend, error) {
	apps, err := filepath.Glob(root + "/usr/lib/*/ejabberd-*/ebin/ejabberd.app")
	if err != nil {
		return nil, fmt.Errorf("looking for ejabberd: %w", err)
	}
	if len(apps) == 0 {
		return nil, fmt.Errorf("a newer ejabberd is %w in %s: run deploy/lab/install.sh newer %[2]s", ErrNotInstalled, root)
	}
	libs := filepath.Dir(filepath.Dir(filepath.Dir(apps[0])))
	return ejabberd{root, "/usr/bin/erl", strings.TrimPrefix(libs, root)}, nil
}

// The names are also used by the Erlang side, relative to the directory.
const (
	ejabberdUsers = "users.erl"
	ejabberdReady = "users-ready"
)

// Names are looked up nowhere but in this list: no DNS.
const ejabberdInetrc = `{lookup, [file]}.
{host, {127,0,0,1}, ["localhost"]}.
`

func (e ejabberd) prepare(c config) error {
	text, err := c.renderEdited("ejabberd.yml.tmpl")
	if err != nil {
		return err
	}
	users, err := c.render("ejabberd-users.erl.tmpl")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"ejabberd.yml": text,
		ejabberdUsers:  users,
		"inetrc":       []byte(ejabberdInetrc),
	} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), data, 0o600); err != nil {
			return fmt.Errorf("ejabberd's configuration: %w", err)
		}
	}
	err = os.Remove(filepath.Join(c.Dir, ejabberdReady))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mark of the last start: %w", err)
	}
	return nil
}

// command runs Erlang itself rather than ejabberdctl, which insists on root or a
// service user. Without -name or -sname the node is no distributed one: it starts
// no epmd and listens on no port but ours.
func (e ejabberd) command(c config) *exec.Cmd {
	args := []string{
		e.erl,
		"-noinput",
		"+sbwt", "none", // idle schedulers sleep instead of spinning: many servers share the machine
		"-mnesia", "dir", `"data"`,
		"-s", "ejabberd", // returns once it runs; the next line is then evaluated
		"-eval", fmt.Sprintf("ok = file:eval(%q).", ejabberdUsers),
	}
	if e.root != "" {
		args = inRoot(e.root, args, c.Dir)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(serverEnv(c),
		"HOME="+c.Dir,
		"ERL_LIBS="+e.libs,
		"ERL_INETRC="+filepath.Join(c.Dir, "inetrc"),
		"ERL_CRASH_DUMP_BYTES=0",
		"EJABBERD_CONFIG_PATH="+filepath.Join(c.Dir, "ejabberd.yml"),
		"EJABBERD_LOG_PATH="+filepath.Join(c.Dir, "log", "ejabberd.log"),
	)
	return cmd
}

func (ejabberd) usersReady(c config) bool {
	_, err := os.Stat(filepath.Join(c.Dir, ejabberdReady))
	return err == nil
}

// diagnose: ejabberd gives up by itself when something is wrong, and says why.
func (ejabberd) diagnose(output string) error {
	if strings.Contains(output, "eaddrinuse") {
		return errPortTaken
	}
	return nil
}
