package config

import (
	"strings"
	"testing"
)

// The process's own environment is not the one to read.
func TestEnvironmentIsTheArgument(t *testing.T) {
	t.Setenv("STANZAHOOK_LOG_LEVEL", "debug")
	if got := load(t, "minimal.yaml").Log.Level; got != "info" {
		t.Errorf("log.level is %s", got)
	}
}

func TestEnvironmentSetsWhatTheFileLeavesOut(t *testing.T) {
	if got := load(t, "minimal.yaml", "STANZAHOOK_LOG_LEVEL=debug").Log.Level; got != "debug" {
		t.Errorf("log.level is %s", got)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	for entry, want := range map[string]string{
		"STANZAHOOK_DRAIN=15":                    `STANZAHOOK_DRAIN: drain: "15" is not a duration; write for example 15s`,
		"STANZAHOOK_DRAIN=-1s":                   `STANZAHOOK_DRAIN: drain: -1s is less than nothing; write for example 20s, or 0s to stop at once`,
		"STANZAHOOK_LOG_LEVEL=loud":              `STANZAHOOK_LOG_LEVEL: log.level: "loud" is not known; write debug, info, warn or error`,
		"STANZAHOOK_HTTP_LISTEN=127.0.0.1:5347":  `STANZAHOOK_HTTP_LISTEN: http.listen: "127.0.0.1:5347" is the address of components[0].server; give one of them another port`,
		"STANZAHOOK_HTTP_LISTEN=x\x1b[2J":        `STANZAHOOK_HTTP_LISTEN: http.listen: "x\x1b[2J" is not host:port; write for example 127.0.0.1:5290`,
		"STANZAHOOK_HTTP_INSECURE_NO_AUTH=1":     `STANZAHOOK_HTTP_INSECURE_NO_AUTH: http.insecure_no_auth: "1" is not true or false`,
		"STANZAHOOK_STORE_MAX_BYTES=4G":          `STANZAHOOK_STORE_MAX_BYTES: store.max_bytes: "4G" is not a size; write for example 262144, 512KiB, 256MiB or 4GiB`,
		"STANZAHOOK_HTTP_LISTN=127.0.0.1:1":      `STANZAHOOK_HTTP_LISTN: unknown variable; did you mean STANZAHOOK_HTTP_LISTEN?`,
		"STANZAHOOK_COMPONENTS=bot":              `STANZAHOOK_COMPONENTS: components is a list and is set in the file only; a secret there can come from a *_file`,
		"STANZAHOOK_COMPONENTS_0_SECRET=hunter2": `STANZAHOOK_COMPONENTS_0_SECRET: components is a list and is set in the file only; a secret there can come from a *_file`,
		"STANZAHOOK_OUTBOUND_PROXY=hunter2":      `STANZAHOOK_OUTBOUND_PROXY: outbound.proxy: is not an http or https URL; write for example http://proxy.example.com:3128`,
		"STANZAHOOK_OUTBOUND_ALLOW_NETWORKS=::1": `STANZAHOOK_OUTBOUND_ALLOW_NETWORKS: outbound.allow_networks is a list and is set in the file only; a secret there can come from a *_file`,
		"STANZAHOOK_DEAD_LETTERS_KEEP=0s":        `STANZAHOOK_DEAD_LETTERS_KEEP: dead_letters.keep: 0s keeps nothing; write for example 336h`,
		"STANZAHOOK_HTTP_TOKENS=hunter2":         `STANZAHOOK_HTTP_TOKENS: http.tokens is a list and is set in the file only; a secret there can come from a *_file`,
	} {
		if got := problemsOf(t, minimal, entry); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", entry, got, want)
		}
	}
}

func TestEnvironmentOfOthersIsLeftAlone(t *testing.T) {
	c := load(t, "minimal.yaml",
		"STANZAHOOK_LOG_LEVEL=",                                            // empty: not set
		"STANZAHOOK_API=http://127.0.0.1:5290", "STANZAHOOK_TOKEN=hunter2", // of the client commands
		"STANZAHOOK_PORT=tcp://10.0.0.1:80", "STANZAHOOK_SERVICE_HOST=10.0.0.1", // of Kubernetes
		"STANZAHOOK_PORT_80_TCP_ADDR=10.0.0.1", "STANZAHOOK_HTTP_SERVICE_PORT=80",
		"HTTP_LISTEN=nowhere", "PATH=/bin", "=weird", "weird", "",
	)
	if c.HTTP.Listen != "127.0.0.1:5290" || c.Log.Level != "info" {
		t.Errorf("got %+v", c)
	}
}

// A mistake in the file stays one when the environment overrides it, and one in
// the environment does not hide behind it.
func TestBothAreChecked(t *testing.T) {
	got := problemsOf(t, minimal+"drain: 15\n", "STANZAHOOK_DRAIN=-1s")
	if !strings.Contains(got, `x.yaml:4: drain: "15"`) || !strings.Contains(got, "STANZAHOOK_DRAIN: drain: -1s") {
		t.Errorf("got %s", got)
	}
}
