//go:build integration

package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The ways in which files come to the program, the messages that have them, and what is tried when
// the upload service cannot be reached or refuses them; on both servers. alice has slixmpp. What is
// said for it is in testdata.
func TestFilesWays(t *testing.T) {
	var photo bytes.Buffer
	if err := png.Encode(&photo, image.NewGray(image.Rect(0, 0, 20, 10))); err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/notes.txt":
			_, _ = w.Write([]byte("notes"))
		case "/moved.txt":
			http.Redirect(w, r, "/notes.txt", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(source.Close)
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said := newFilesTranscript(t, "disco#info")
		var found atomic.Bool
		relay := harness.NewRelay(t, s.ComponentAddr())
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components:
  - {domain: files.localhost, server: %q, secret: %q, uploads: {allow_networks: [127.0.0.1/32]}}
endpoints: [{name: echo}]
http:
  listen: "127.0.0.1:0"
  tokens: [{name: all, hash: %q, scopes: [send, read]}]
store: {dir: store}
`, said.Through("component", relay.Addr()).Addr(), harness.Secret, harness.HashOf("token-all"))))
		p.AwaitUploads()
		_, out := harness.StartPerson(t, "testdata/files.py", "alice", "slix", said.Through("alice", s.ClientAddr()).Addr(), "echo@files.localhost")
		gets := func(want ...string) {
			t.Helper()
			for _, text := range want {
				var v shared
				if err := out.Decode(&v); err != nil || v.Body != text && !strings.Contains(v.Data, text) {
					t.Fatalf("alice got %+v %v, and not %q", v, err, text)
				}
			}
		}
		gets("") // she is online
		call := func(step string, status int, path, media, body string) (v uploaded) {
			t.Helper()
			said.Step(step)
			method := "POST"
			if body == "" {
				method = "GET"
			}
			r := said.Call(p, method, path, media, body)
			if err := json.Unmarshal([]byte(r.Body), &v); err != nil || r.Status != status {
				t.Fatalf("%s: %d %s %v", step, r.Status, r.Body, err)
			}
			return v
		}
		const form = "multipart/form-data; boundary=b"
		field := func(name, value string) string {
			return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
		}
		call("a form, with the bot, a name and a type", 201, "/v1/files?id=file_the-list", form, field("from", "echo@files.localhost")+field("name", "list.csv")+field("type", "text/csv")+
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.bin\"\r\n\r\na,b\r\n--b--\r\n")
		call("what became of it", 200, "/v1/files/file_the-list", "", "")
		call("a file that is fetched", 201, "/v1/files", harness.AsJSON, fmt.Sprintf(`{"from":"echo@files.localhost","url":"%s/notes.txt"}`, source.URL))
		call("one that is not there", 502, "/v1/files", harness.AsJSON, fmt.Sprintf(`{"url":"%s/none.txt"}`, source.URL))
		call("one that is elsewhere now", 502, "/v1/files", harness.AsJSON, fmt.Sprintf(`{"url":"%s/moved.txt"}`, source.URL))
		said.Step("")
		_, v := uploadTo(t, p, "/v1/files?name=photo.png&from=echo@files.localhost&id=file_the-photo", "image/png", photo.String())
		puts := putsThrough(t, relay, v.URL)
		call("an image, whose size is known", 200, "/v1/files/file_the-photo", "", "")
		page := call("a page, which is never shown inline", 201, "/v1/files?name=page.html&from=echo@files.localhost", "text/html", "<p>a page</p>")
		call("a text and files of each kind: they go in this order", 200, "/v1/messages?wait=5s", harness.AsJSON, fmt.Sprintf(
			`{"to":"alice@localhost","from":"echo@files.localhost","id":"m","body":"four files","files":[{"id":"file_the-photo"},{"id":%q},{"fetch":"%s/notes.txt"},{"url":"%[2]s/notes.txt","name":"notes.txt","type":"text/plain","size":5}]}`, page.ID, source.URL))
		gets("four files", "PNG", "<p>a page</p>", "notes", "notes")
		call("a file that is not known", 404, "/v1/messages", harness.AsJSON, `{"to":"alice@localhost","from":"echo@files.localhost","body":"never","files":[{"id":"file_of-nobody"}]}`)

		puts.CutHalf(harness.ToServer)
		call("the connection to the upload service breaks: another slot is asked for", 201, "/v1/files?name=again.txt", "text/plain", "again")
		puts.Shut.Store(true)
		puts.Cut()
		said.Step("it cannot be reached: there are three tries")
		said.Sent("POST /v1/files?name=never.txt text/plain never")
		status, refused := uploadTo(t, p, "/v1/files?name=never.txt", "text/plain", "never")
		said.Got(fmt.Sprint(status)) // the words are those of the kernel
		if status != 502 || !strings.Contains(refused.Detail, "could not be sent to the address that the upload service has given") {
			t.Errorf("%d %+v", status, refused)
		}
		puts.Shut.Store(false)
		relay.Edit(func(d harness.Direction, piece []byte) []byte {
			if d == harness.ToClient && !found.Load() {
				return []byte(strings.NewReplacer("/file_share/", "/nowhere/", "/upload/", "/nowhere/").Replace(string(piece)))
			}
			return piece
		})
		call("it refuses the file: there is one try", 502, "/v1/files?name=refused.txt", "text/plain", "refused")
		found.Store(true)
		call("what is sent now: alice has heard of none of these", 202, "/v1/messages", harness.AsJSON, `{"to":"alice@localhost","from":"echo@files.localhost","body":"the end"}`)
		gets("the end")
		said.Compare("files-ways", kind, *update)
	})
}
