package lab

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionsCheck(t *testing.T) {
	good := func() Options {
		return Options{
			Kind:       Prosody,
			Users:      map[string]string{"alice": "pw"},
			Components: []Component{{Domain: "bot.localhost", Secret: "s"}},
		}
	}
	if o, err := good().check(); err != nil || o.Host != DefaultHost {
		t.Fatalf("good options: host %q, error %v", o.Host, err)
	}
	bad := map[string]func(*Options){
		"kind":              func(o *Options) { o.Kind = "openfire" },
		"host":              func(o *Options) { o.Host = "local host" },
		"upper-case user":   func(o *Options) { o.Users["Bob"] = "pw" },
		"user with an at":   func(o *Options) { o.Users["a@b"] = "pw" },
		"probe user":        func(o *Options) { o.Users[probeUser] = "pw" },
		"no password":       func(o *Options) { o.Users["bob"] = "" },
		"no domain":         func(o *Options) { o.Components[0].Domain = "" },
		"no secret":         func(o *Options) { o.Components[0].Secret = "" },
		"domain twice":      func(o *Options) { o.Components = append(o.Components, o.Components[0]) },
		"domain is host":    func(o *Options) { o.Components[0].Domain = DefaultHost },
		"negative limit":    func(o *Options) { o.MaxStanzaBytes = -1 },
		"port out of range": func(o *Options) { o.ComponentPort = 70000 },
		"unknown right":     func(o *Options) { o.Components[0].Privileged, o.Components[0].Roster = true, "all" },
		"right of nobody":   func(o *Options) { o.Components[0].Roster = RosterGet },
		"API of Prosody":    func(o *Options) { o.API, o.Admin = true, "alice" },
		"API of nobody":     func(o *Options) { o.Kind, o.API = Ejabberd, true },
		"API of a stranger": func(o *Options) { o.Kind, o.API, o.Admin = Ejabberd, true, "bob" },
		"admin without API": func(o *Options) { o.Kind, o.Admin = Ejabberd, "alice" },
		"ejabberd, modules": func(o *Options) { o.Kind, o.Modules = Ejabberd, []string{"remote_roster"} },
	}
	for name, spoil := range bad {
		o := good()
		spoil(&o)
		if _, err := o.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestQuoting(t *testing.T) {
	for in, want := range map[string]string{
		"plain":        `"plain"`,
		`a"b\c`:        `"a\034b\092c"`,
		"nl\n1":        `"nl\0101"`,
		"zoë \u202e x": "\"zoë \u202e x\"",
	} {
		if got := luaQuote(in); got != want {
			t.Errorf("luaQuote(%q) = %s, want %s", in, got, want)
		}
	}
	if got, want := erlBinary("zoë"), "<<122,111,195,171>>"; got != want {
		t.Errorf("erlBinary = %s, want %s", got, want)
	}
	if got, want := prosodyFileName("bob.b_1"), "bob%2eb%5f1"; got != want {
		t.Errorf("prosodyFileName = %s, want %s", got, want)
	}
}

func TestFreePort(t *testing.T) {
	first, err := freePort()
	require.NoError(t, err)
	second, err := freePort(first)
	require.NoError(t, err)
	for _, p := range []int{first, second} {
		if p < firstPort || p >= lastPort {
			t.Errorf("port %d is out of range", p)
		}
	}
	if first == second {
		t.Errorf("port %d was given out twice", first)
	}
}

func TestNotInstalled(t *testing.T) {
	if _, err := lookPath("no-such-program-anywhere"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v, want %v", err, exec.ErrNotFound)
	}
}

func TestDiagnose(t *testing.T) {
	if err := (prosody{}).diagnose("portmanager error\tFailed to open server port 1 on 127.0.0.1\n"); !errors.Is(err, errPortTaken) {
		t.Errorf("Prosody, port taken: %v", err)
	}
	if err := (prosody{}).diagnose("x\nmodulemanager error\tUnable to load module 'privilege'\n"); err == nil {
		t.Error("Prosody, missing module: no error")
	}
	if err := (ejabberd{}).diagnose("{shutdown,\n eaddrinuse}"); !errors.Is(err, errPortTaken) {
		t.Errorf("ejabberd, port taken: %v", err)
	}
	for _, b := range []backend{prosody{}, ejabberd{}} {
		if err := b.diagnose("all is well\n"); err != nil {
			t.Errorf("%T: %v", b, err)
		}
	}
}

func TestTail(t *testing.T) {
	if got := Tail("\n" + strings.Repeat("old\n", 30) + "new\n"); strings.Count(got, "old") != 19 || !strings.HasSuffix(got, "new") {
		t.Errorf("tail = %q", got)
	}
}
