//go:build integration

package http

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// putsThrough makes the component that speaks through a relay put its files by way of another one,
// to the server of an upload: it sees them begin.
func putsThrough(t *testing.T, link *harness.Relay, uploaded string) *harness.Relay {
	t.Helper()
	u, err := url.Parse(uploaded)
	require.NoError(t, err)
	puts := harness.NewRelay(t, u.Host)
	old := strings.NewReplacer(`put url='http://`+u.Host, `put url='http://`+puts.Addr(), `put url="http://`+u.Host, `put url="http://`+puts.Addr())
	link.Edit(func(d harness.Direction, piece []byte) []byte {
		if d == harness.ToClient {
			return []byte(old.Replace(string(piece)))
		}
		return piece
	})
	return puts
}

// metric returns the first value of a metric.
func metric(p *harness.Program, name string) float64 {
	for line := range strings.Lines(p.Get("/metrics").Body) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(key, name+"{") {
			v, _ := strconv.ParseFloat(value, 64) // 0, which is waited on
			return v
		}
	}
	return 0
}

// shared is what alice tells of a message.
type shared struct{ Body, URL, Data string }

// A kill in the middle of an upload, of a message with files, and after a message with a file was
// accepted. Nothing is sent of the first two, and nothing is left of them on disk; who repeats the
// second with its Idempotency-Key sends it once. The third is sent once, by the next process. alice
// has slixmpp. What is said for it is in testdata.
func TestFilesKilled(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said := newFilesTranscript(t, "disco#info") // which each process asks for
		c, dir := harness.OneComponent(s, "files", harness.NewBot(t)), t.TempDir()
		edited := harness.NewRelay(t, s.ComponentAddr())
		link := said.Through("component", edited.Addr())
		c.Components[0].Server = link.Addr()
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
		var p *harness.Program
		start := func() {
			t.Helper()
			said.Step("")
			p = harness.LaunchIn(t, dir, c)
			p.AwaitLinks(1)
			p.AwaitUploads()
		}
		start()
		_, v := uploadTo(t, p, "/v1/files?name=before.txt", "text/plain", "before")
		puts := putsThrough(t, edited, v.URL)

		// begins sends a request whose body ends too early.
		begins := func(path, media, body string, length int, headers string) net.Conn {
			t.Helper()
			conn, err := net.Dial("tcp", p.Addr)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer token-all\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", path, p.Addr, media, length, headers, body)
			return conn
		}
		killed := func() {
			t.Helper()
			p.Kill()
			said.Got("(no answer: the process is killed)")
			start()
			if left, err := filepath.Glob(filepath.Join(dir, "store", "upload-*")); err != nil || len(left) > 0 {
				t.Errorf("left on disk: %v %v", left, err)
			}
		}

		said.Step("half of a file has come, and is at the upload service")
		said.Sent("POST /v1/files?name=half.bin&id=file_the-half-one application/octet-stream, half of it")
		begins("/v1/files?name=half.bin&id=file_the-half-one", "application/octet-stream", strings.Repeat("x", harness.UploadLimit/2), harness.UploadLimit, "")
		harness.Eventually(t, "it is put", func() bool { return puts.Count.Load() == 1 })
		killed()
		said.Step("the next process knows nothing of it")
		if r := said.Call(p, "GET", "/v1/files/file_the-half-one", "", ""); r.Status != 404 {
			t.Error(r)
		}

		const form, key = "multipart/form-data; boundary=b", "photos-of-today"
		part := func(name string) string {
			return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/plain\r\n\r\n"
		}
		message := "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n" + `{"to":"alice@localhost","from":"echo@files.localhost","body":"two files"}` + "\r\n" + part("one.txt") + "one\r\n" + part("two.txt")
		whole := message + strings.Repeat("2", 1000) + "\r\n--b--\r\n"
		said.Step("a message with two files: one is uploaded, and half of the other has come")
		said.Sent("POST /v1/messages " + form + ", Idempotency-Key: " + key + ", " + message + "222…")
		begins("/v1/messages", form, message+strings.Repeat("2", 500), len(whole), "Idempotency-Key: "+key+"\r\n")
		harness.Eventually(t, "the second one comes", func() bool {
			return puts.Count.Load() == 2 && metric(p, "stanzahook_uploads_spooled_bytes") > 100
		})
		killed()
		for _, when := range []string{"it is sent again, all of it: alice gets it once", "and once more: it is not sent"} {
			said.Step(when)
			said.Sent("POST /v1/messages " + form + ", Idempotency-Key: " + key + ", " + message + "222…")
			r := p.V1Raw("/v1/messages", whole, "Content-Type", form, "Idempotency-Key", key)
			said.Got(fmt.Sprint(r.Status, " ", r.Body))
			if r.Status != 202 {
				t.Fatal(r)
			}
			if r.Header.Get("Idempotency-Replayed") == "" {
				gets("two files", "one", strings.Repeat("2", 1000))
			}
		}

		said.Step("")
		_, v = uploadTo(t, p, "/v1/files?name=kept.txt&from=echo@files.localhost", "text/plain", "kept")
		said.Step("a message with a file is accepted while the server is away; then the process is killed")
		link.Shut.Store(true)
		link.Cut()
		harness.Eventually(t, "the link is down", func() bool { return p.Get("/readyz").Status == 503 })
		var sent struct{ State string }
		r := said.Call(p, "POST", "/v1/messages", harness.AsJSON, fmt.Sprintf(`{"to":"alice@localhost","from":"echo@files.localhost","body":"one more","files":[{"id":%q}]}`, v.ID))
		if err := json.Unmarshal([]byte(r.Body), &sent); err != nil || r.Status != 202 || sent.State != "queued" {
			t.Fatal(r, err)
		}
		p.Kill()
		said.Step("the next process sends it: alice gets it once")
		link.Shut.Store(false)
		p = harness.LaunchIn(t, dir, c)
		gets("one more", "kept")
		said.Step("what is sent now comes after it, and nothing comes between")
		if r := said.Call(p, "POST", "/v1/messages", harness.AsJSON, `{"to":"alice@localhost","from":"echo@files.localhost","body":"the end"}`); r.Status != 202 {
			t.Error(r)
		}
		gets("the end")
		said.Compare("files-killed", kind, *update)
	})
}
