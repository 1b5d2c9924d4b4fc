package cli

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/store"
)

// inProgram runs the program with a command line. Its serve opens the store, and ends.
func inProgram(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = Run(t.Context(), args, &out, &errs, Bridge{Serve: func(ctx context.Context, file string) error {
		path, err := config.Find(file)
		if err != nil {
			return err
		}
		cfg, err := config.Load(path, os.Environ())
		if err != nil {
			return err
		}
		s, err := store.Open(ctx, store.Options{Dir: cfg.Store.Dir, MaxBytes: 64 << 20, Log: zap.NewNop()})
		if err != nil {
			return err
		}
		s.Close()
		return nil
	}})
	return code, out.String(), errs.String()
}

// stdin makes a text the standard input.
func stdin(t *testing.T, text string) {
	t.Helper()
	before := os.Stdin
	t.Cleanup(func() { os.Stdin = before })
	f, err := os.Create(filepath.Join(t.TempDir(), "stdin"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	os.Stdin = f
}

// standIn answers as a running stanzahook does, "STATUS BODY", one answer after the
// other and then the last again.
func standIn(t *testing.T, script ...string) (asked *[]string) {
	c := textCase{script: script}
	t.Setenv(EnvAPI, c.serve(t).URL+"/")
	t.Setenv(envToken, "t")
	return &c.asked
}

var updateTexts = flag.Bool("update-texts", false, "write testdata/texts.txt anew")

// What the commands print is in testdata/texts.txt: for each case the command line, what
// it wrote to standard output and to standard error, its exit code, and what it asked
// the instance. Names that differ from run to run are replaced: INSTANCE, DIR.
//
//	go test ./cmd/internal/cli -run TestTexts -update-texts
func TestTexts(t *testing.T) {
	t.Setenv("TZ", "UTC")
	t.Setenv(envToken, "")
	t.Setenv(EnvAPI, "")
	const file = "testdata/texts.txt"
	golden, err := filepath.Abs(file)
	require.NoError(t, err)
	want, err := os.ReadFile(golden)
	if err != nil && !*updateTexts {
		t.Fatal(err)
	}
	var all strings.Builder
	cases := textCases
	for _, line := range usageErrors {
		cases = append(cases, textCase{name: "usage", run: line})
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			text := c.text(t)
			all.WriteString(text)
			if !*updateTexts && !strings.Contains(string(want), text) {
				t.Errorf("not in %s:\n%s", file, text)
			}
			if strings.Contains(text, "\x1b") || c.name == "usage" && !strings.Contains(text, "--help' for how it is used.\n-- exit code 2") {
				t.Errorf("%q", text)
			}
		})
	}
	if *updateTexts {
		require.NoError(t, os.WriteFile(golden, []byte(all.String()), 0o644))
	} else if !t.Failed() && all.String() != string(want) {
		t.Errorf("%s has cases that are not made, or in another order", file)
	}
}

// textCase is one run of a command.
type textCase struct {
	name    string
	run     string   // the command line
	args    []string // the same, where there are spaces in it
	stdin   string
	config  string            // ./stanzahook.yaml; empty: there is none
	file    string            // ./cat.txt; empty: there is none
	answers map[string]string // of the instance, by method and path: "STATUS BODY"
	script  []string          // the same, one after the other; neither: there is no instance
	token   string
	tls     bool   // the instance speaks HTTPS
	api     string // the scheme of its address, and the one to write in place of it
	asked   []string
}

// text runs the command, and returns its part of the file.
func (c *textCase) text(t *testing.T) string {
	dir := t.TempDir()
	t.Chdir(dir)
	replace := []string{dir, "DIR"}
	if c.answers != nil || c.script != nil {
		s := c.serve(t)
		t.Setenv(EnvAPI, s.URL)
		if from, to, ok := strings.Cut(c.api, " "); ok {
			t.Setenv(EnvAPI, to+strings.TrimPrefix(s.URL, from))
		}
		replace = append(replace, strings.TrimPrefix(strings.TrimPrefix(s.URL, "http://"), "https://"), "INSTANCE")
	}
	t.Setenv(envToken, c.token)
	for name, content := range map[string]string{"stanzahook.yaml": c.config, "cat.txt": c.file} {
		if content == "" {
			continue
		}
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	stdin(t, c.stdin)
	if c.args == nil {
		c.args = strings.Fields(c.run)
	}
	code, out, errs := inProgram(t, c.args...)
	if left, err := os.ReadDir("."); err != nil || c.name == "usage" && len(left) > 0 {
		t.Errorf("%v: %v", left, err)
	}
	text := fmt.Sprintf("== %s\n$ stanzahook %s\n%s", c.name, strings.Join(c.args, " "), out)
	if errs != "" {
		text += "-- stderr\n" + errs
	}
	text += fmt.Sprintf("-- exit code %d\n", code)
	for _, asked := range c.asked {
		text += "-- asked " + asked + "\n"
	}
	return strings.NewReplacer(replace...).Replace(text + "\n")
}

func (c *textCase) serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.asked = append(c.asked, strings.TrimSpace(strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Authorization"), string(body)}, " ")))
		answer := c.answers[r.Method+" "+r.URL.Path]
		if c.script != nil {
			answer = c.script[min(len(c.asked), len(c.script))-1]
		}
		status, text := 404, `{"detail":"there is nothing at this path"}`
		if answer != "" {
			number, rest, _ := strings.Cut(answer, " ")
			if _, err := fmt.Sscan(number, &status); err != nil {
				t.Error(err)
			}
			text = rest
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if c.tls {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}
