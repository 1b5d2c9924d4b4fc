package cli

import (
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
)

var updateTexts = flag.Bool("update-texts", false, "write testdata/texts.txt anew")

// What the commands print is in testdata/texts.txt: for each case the command line,
// what it wrote to standard output and to standard error, and its exit code. Names
// that differ from run to run are replaced: INSTANCE, DIR.
//
//	go test ./cmd/internal/cli -run TestTexts -update-texts
func TestTexts(t *testing.T) {
	t.Setenv("TZ", "UTC")
	t.Setenv(envToken, "")
	t.Setenv(EnvAPI, "")
	const file = "testdata/texts.txt"
	golden, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(golden)
	if err != nil && !*updateTexts {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, c := range textCases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			replace := []string{dir, "DIR"}
			if c.answers != nil {
				s := c.serve(t)
				t.Setenv(EnvAPI, s.URL)
				if from, to, ok := strings.Cut(c.api, " "); ok {
					t.Setenv(EnvAPI, to+strings.TrimPrefix(s.URL, from))
				}
				replace = append(replace, strings.TrimPrefix(strings.TrimPrefix(s.URL, "http://"), "https://"), "INSTANCE")
			}
			t.Setenv(envToken, c.token)
			if c.config != "" {
				if err := os.WriteFile("stanzahook.yaml", []byte(c.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, out, errs := inProgram(t, c.args...)
			text := fmt.Sprintf("== %s\n$ stanzahook %s\n%s", c.name, strings.Join(c.args, " "), out)
			if errs != "" {
				text += "-- stderr\n" + errs
			}
			text = strings.NewReplacer(replace...).Replace(fmt.Sprintf("%s-- exit code %d\n\n", text, code))
			all.WriteString(text)
			if !*updateTexts && !strings.Contains(string(want), text) {
				t.Errorf("not in %s:\n%s", file, text)
			}
		})
	}
	if *updateTexts {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !t.Failed() && all.String() != string(want) {
		t.Errorf("%s has cases that are not made, or in another order", file)
	}
}

// textCase is one run of a command.
type textCase struct {
	name    string
	args    []string
	config  string            // ./stanzahook.yaml; empty: there is none
	answers map[string]string // of the instance, by method and path: status and body; nil: there is none
	token   string
	tls     bool   // the instance speaks HTTPS
	api     string // the scheme of its address, and the one to write in place of it
}

func (c *textCase) serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := 404, `{"detail":"there is nothing at this path"}`
		if answer, ok := c.answers[r.Method+" "+r.URL.Path]; ok {
			var rest string
			if _, err := fmt.Sscanf(answer, "%d", &status); err != nil {
				t.Error(err)
			}
			if _, rest, ok = strings.Cut(answer, " "); ok {
				body = rest
			}
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
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
