package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each file of testdata/bad has one mistake, but for many.yaml, and
// testdata/problems.txt has what is said about each, as it is printed.
// Whatever must not be shown there has "hunter" in it.
func TestProblems(t *testing.T) {
	t.Chdir("testdata")
	text, err := os.ReadFile("problems.txt")
	require.NoError(t, err)
	want := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		file, _, _ := strings.Cut(line, ":")
		want[file] = append(want[file], strings.TrimSuffix(line, "\n"))
	}
	files, err := filepath.Glob("bad/*.yaml")
	require.NoError(t, err)
	for file := range want {
		if !slices.Contains(files, file) {
			t.Errorf("problems.txt has %s, and there is no such file", file)
		}
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			c, err := Load(file, nil)
			problems, ok := errors.AsType[Problems](err)
			if !ok || c != nil {
				t.Fatalf("got %v, %v; want Problems and nothing else", c, err)
			}
			got := strings.Split(err.Error(), "\n")
			if !slices.Equal(got, want[file]) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want[file], "\n\t"))
			}
			if len(got) != len(problems) {
				t.Errorf("%d problems in %d lines", len(problems), len(got))
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Error("a secret is shown")
			}
		})
	}
}

// problemsOf loads a text that must be bad.
func problemsOf(t *testing.T, text string, env ...string) string {
	t.Helper()
	_, err := Parse("x.yaml", []byte(text), env)
	if _, ok := errors.AsType[Problems](err); !ok {
		t.Fatalf("got %v, want Problems", err)
	}
	return err.Error()
}

const minimal = "components:\n  - domain: bot.example.com\n    secret: hunter2\n"

func TestAliasesDoNotExplode(t *testing.T) {
	// Each list is twenty times the one before it: 20^6 values of a short text.
	text := minimal + "endpoints:\n"
	text += "  - &e0 {name: a, url: \"http://127.0.0.1/\"}\n"
	merges := []string{"*e0"}
	for i := 1; i < 7; i++ {
		name := "e" + string(rune('0'+i))
		text += "  - &" + name + " {<<: [" + strings.Repeat(merges[0]+", ", 20) + "]}\n"
		merges[0] = "*" + name
	}
	if got := problemsOf(t, text); !strings.Contains(got, "x.yaml:1: aliases make more than 200000 values of this file") {
		t.Errorf("got %.500s", got)
	}
}

func TestSyntaxErrorInALargeFile(t *testing.T) {
	good := strings.Repeat("# comment\n", 3000)
	got := problemsOf(t, minimal+good+"drain: 20s\nlog: level: info\n"+good)
	if !strings.HasPrefix(got, "x.yaml:3005: not valid YAML: ") {
		t.Errorf("got %s", got)
	}
}

func TestProblemsAreInOrder(t *testing.T) {
	got := problemsOf(t, "drain: 5\nlog: {level: loud}\ncomponents:\n  - domain: a b\n    keepalive: 1\n",
		"STANZAHOOK_STORE_SYNC=never", "STANZAHOOK_HTTP_LISTEN=nowhere")
	var places []string
	for line := range strings.Lines(got) {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	want := []string{"x.yaml:1", "x.yaml:2", "x.yaml:4", "x.yaml:4", "x.yaml:5", "STANZAHOOK_HTTP_LISTEN", "STANZAHOOK_STORE_SYNC"}
	if !slices.Equal(places, want) {
		t.Errorf("got  %v\nwant %v", places, want)
	}
}

// What is in a file that is named as a secret must not come out either.
func TestFilesOfSecretsAreNotShown(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "s"), []byte("hunter2\nhunter3\n"), 0o600))
	got := problemsOf(t, "components:\n  - domain: bot.example.com\n    secret_file: s\n    tls: {mode: direct, ca_file: s}\n"+
		"http:\n  tokens:\n    - {name: a, token_file: s, scopes: [send]}\n", "CREDENTIALS_DIRECTORY="+dir)
	if n := strings.Count(got, "\n") + 1; n != 3 || strings.Contains(got, "hunter") {
		t.Errorf("got %s", got)
	}
}

func FuzzParseConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	bad, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(f, err)
	for _, file := range append(files, bad...) {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// Without the files: it would read whatever the fuzzer comes up with.
		if strings.Contains(string(text), "_file") {
			t.Skip("names a file")
		}
		c, err := Parse("x.yaml", text, nil)
		if _, ok := errors.AsType[Problems](err); err != nil && !ok {
			t.Errorf("not a problem of the file: %v", err)
		}
		if (c == nil) != (err != nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}

// Slips of the hand that make YAML take a secret for something else.
func TestSlipsDoNotShowTheSecret(t *testing.T) {
	const component = "components:\n  - domain: bot.example.com\n"
	for name, text := range map[string]string{
		"no colon":               component + "    secret hunter2\n",
		"no colon, deeper":       component + "      secret hunter2\n",
		"no space":               component + "    secret:hunter2\n",
		"no space, deeper":       component + "      secret:hunter2\n",
		"equals":                 component + "    secret=hunter2\n",
		"no space, in braces":    "components: [{domain: bot.example.com, secret:hunter2}]\n",
		"equals, in braces":      "components: [{domain: bot.example.com, secret=hunter2}]\n",
		"no colon, in braces":    "components: [{domain: bot.example.com, secret hunter2}]\n",
		"comma, in braces":       "components: [{domain: bot.example.com, secret: one,hunter2}]\n",
		"comma twice, in braces": "components: [{domain: bot.example.com, secret: one,hunter2,hunter2}]\n",
		"header with a comma":    minimal + "endpoints: [{name: a, url: \"http://127.0.0.1/\", headers: {X-A: one,hunter2}}]\n",
		"header without colon":   minimal + "endpoints: [{name: a, url: \"http://127.0.0.1/\", headers: {X-A hunter2: one}}]\n",
		"anchor":                 component + "    secret: &hunter2\n",
		"alias":                  component + "    secret: *hunter2\n",
		"tag":                    component + "    secret: !hunter2 x\n",
		"tag of a handle":        component + "    secret: !hunter2!x y\n",
		"tag of YAML":            component + "    secret: !!hunter2 x\n",
		"tag that fits not":      component + "    secret: !!int hunter2\n",
		"binary":                 component + "    secret: !!binary hunter2\n",
		"escape":                 component + "    secret: \"\\hunter2\"\n",
		"percent":                component + "    secret: %hunter2\n",
		"at sign":                component + "    secret: @hunter2\n",
		"bracket":                component + "    secret: [hunter2\n",
		"list":                   component + "    secret: [hunter2]\n",
		"brace":                  component + "    secret: {hunter2}\n",
		"block":                  component + "    secret: |hunter2\n",
		"list below":             component + "    secret:\n      - hunter2\n",
		"section below":          component + "    secret:\n      value: hunter2\n",
		"quote in the middle":    component + "    secret: \"a\"hunter2\n",
		"colon":                  component + "    secret: a: hunter2\n",
		"signing secret":         minimal + "endpoints: [{name: a, url: \"http://127.0.0.1/\", signing_secrets: [whsec_one,hunter2]}]\n",
		"signing secret as key":  minimal + "endpoints: [{name: a, url: \"http://127.0.0.1/\", signing_secrets: {whsec_hunter2}}]\n",
		"signing secret alone":   minimal + "endpoints: [{name: a, url: \"http://127.0.0.1/\", signing_secrets whsec_hunter2: x}]\n",
		"proxy":                  minimal + "outbound: {proxy: \"http://u:hunter2@[x/\"}\n",
		"proxy without scheme":   minimal + "outbound:\n  proxy: u:hunter2@proxy.example.com:3128\n",
		"token as hash":          minimal + "http:\n  tokens:\n    - {name: ops, hash: hunter2, scopes: [send]}\n",
		"URL":                    minimal + "endpoints:\n  - {name: a, url: \"http://u:hunter2@[x/\"}\n",
	} {
		if got := problemsOf(t, text); strings.Contains(got, "hunter") {
			t.Errorf("%s: %s", name, got)
		} else {
			t.Logf("%s: %s", name, got)
		}
	}
}
