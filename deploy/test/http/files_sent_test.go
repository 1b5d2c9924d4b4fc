//go:build integration

package http

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// sentID is where "stanzahook send" shows the id of a message.
var sentID = regexp.MustCompile(`\(id [^)]*\)`)

// "stanzahook send --file" uploads files and sends them behind the text, or sends nothing. alice has
// slixmpp. What is said for it is in testdata.
func TestFilesSentByCommand(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said := newFilesTranscript(t, "disco#info")
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: files.localhost, server: %q, secret: %q}]
endpoints: [{name: echo}]
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: all, hash: %q, scopes: [send, read], from: ["*@files.localhost"]}
    - {name: small, hash: %q, scopes: [send], from: ["*@files.localhost"], max_bytes: 10}
store: {dir: store}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, harness.HashOf("token-all"), harness.HashOf("token-small"))))
		p.AwaitUploads()
		_, out := harness.StartPerson(t, "testdata/files.py", "alice", "slix", said.Through("alice", s.ClientAddr()).Addr(), "echo@files.localhost")
		gets := func(want ...string) {
			t.Helper()
			for _, text := range want {
				var v shared
				if err := out.Decode(&v); err != nil || v.Body != text && v.Data != text {
					t.Fatalf("alice got %+v %v, and not %q", v, err, text)
				}
			}
		}
		gets("") // she is online
		dir := t.TempDir()
		for name, text := range map[string]string{"notes.txt": "the notes", "page.html": "<p>the page</p>", "empty.txt": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		send := func(step, token string, code int, arguments ...string) {
			t.Helper()
			said.Step(step)
			all := append([]string{"send", "--to", "alice@localhost", "--from", "echo@files.localhost"}, arguments...)
			said.Sent("stanzahook " + strings.Join(all, " ") + " (" + token + ")")
			for i, a := range all {
				if i > 0 && all[i-1] == "--file" {
					all[i] = filepath.Join(dir, a)
				}
			}
			got, stdout, stderr := harness.RunProgram(t, []string{"STANZAHOOK_TOKEN=" + token, "STANZAHOOK_API=http://" + p.Addr}, all...)
			said.Got(fmt.Sprint("exit code ", got))
			for _, text := range []string{stdout, stderr} {
				if text != "" {
					said.Got(sentID.ReplaceAllString(strings.ReplaceAll(text, dir+"/", ""), "(id …)"))
				}
			}
			if got != code {
				t.Errorf("%s: exit code %d: %s%s", step, got, stdout, stderr)
			}
		}
		send("a file", "token-all", 0, "--file", "notes.txt")
		gets("the notes")
		send("a text and two files", "token-all", 0, "--body", "two files", "--file", "notes.txt", "--file", "page.html")
		gets("two files", "the notes", "<p>the page</p>")
		send("one file of two is empty: nothing is sent", "token-all", 1, "--body", "never", "--file", "notes.txt", "--file", "empty.txt")
		send("one is larger than the token may send: nothing is sent", "token-small", 1, "--body", "never", "--file", "notes.txt", "--file", "page.html")
		send("the end", "token-all", 0, "--body", "the end")
		gets("the end")
		said.Compare("files-sent", kind, *update)
	})
}
