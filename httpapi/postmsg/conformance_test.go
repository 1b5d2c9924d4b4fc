package postmsg_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// conformance is one file of testdata/conformance: a request, its answer, and the sent
// stanzas with the way that they took.
type conformance struct {
	setup                 string
	request, answer, sent string
}

func readCase(t *testing.T, file string) conformance {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, ok1 := strings.Cut(string(text), "--- request\n")
	request, rest, ok2 := strings.Cut(rest, "\n--- answer\n")
	answer, sent, ok3 := strings.Cut(rest, "\n--- sent\n")
	if !ok1 || !ok2 || !ok3 {
		t.Fatalf("%s is no case", file)
	}
	c := conformance{request: request, answer: answer, sent: strings.TrimSuffix(sent, "\n")}
	for line := range strings.Lines(head) {
		if s, ok := strings.CutPrefix(line, "setup: "); ok {
			c.setup = strings.TrimSpace(s)
		}
	}
	return c
}

// http makes the request. "User: name:password" stands for Basic credentials,
// "Hex:" and "Fill:" for bodies that cannot be written well.
func (c conformance) http(t *testing.T) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(c.request, "\n\n")
	lines := strings.Split(head, "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "User":
			header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
		case "Hex":
			raw, err := hex.DecodeString(value)
			require.NoError(t, err)
			body = string(raw)
		case "Fill":
			n, err := strconv.Atoi(value)
			require.NoError(t, err)
			body = strings.Repeat("x", n)
		case "":
		default:
			header.Set(name, value)
		}
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for name := range header {
		r.Header[name] = header[name]
	}
	return r
}

func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/conformance/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			c := readCase(t, file)
			n := newNetwork(t, c.setup)
			w := httptest.NewRecorder()
			n.handler.ServeHTTP(w, c.http(t))
			status, rest, _ := strings.Cut(c.answer, "\n")
			if strconv.Itoa(w.Code) != status {
				t.Errorf("%d %s, want %s", w.Code, w.Body, status)
			}
			if w.Code == http.StatusCreated && w.Body.Len() > 0 {
				t.Errorf("the answer has a body: %s", w.Body)
			}
			for line := range strings.SplitSeq(rest, "\n") {
				name, value, isHeader := strings.Cut(line, ": ")
				if isHeader && !strings.Contains(name, " ") && w.Header().Get(name) != "" {
					if got := w.Header().Get(name); got != value {
						t.Errorf("%s: %q, want %q", name, got, value)
					}
				} else if !strings.Contains(w.Body.String(), line) {
					t.Errorf("%q says nothing of %q", w.Body, line)
				}
			}
			if got := n.sent(); got != c.sent {
				t.Errorf("sent:\n%s\nwant:\n%s", got, c.sent)
			}
		})
	}
}
