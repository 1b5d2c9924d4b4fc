//go:build integration

package http

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

var update = flag.Bool("update", false, "write testdata/*.transcript anew")

// newFilesTranscript is for the component files.localhost and upload.localhost, without stanzas
// that have one of the texts.
func newFilesTranscript(t *testing.T, without ...string) *harness.Transcript {
	without = append(without, "disco#items", "jabber:iq:roster")
	return harness.NewTranscript(t, func(stanza string) bool {
		return (strings.Contains(stanza, "@files.localhost") || strings.Contains(stanza, "upload.localhost")) &&
			!slices.ContainsFunc(without, func(text string) bool { return strings.Contains(stanza, text) })
	}, "alice")
}

// What is said when files are uploaded, sent and got, and when one of the parties does not want
// that, is in testdata, for both servers. alice has slixmpp.
func TestFilesSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said := newFilesTranscript(t)
		var elsewhere atomic.Bool
		wrong := harness.NewRelay(t, s.ComponentAddr())
		wrong.Edit(func(d harness.Direction, piece []byte) []byte {
			if d == harness.ToClient && elsewhere.Load() {
				return []byte(strings.ReplaceAll(string(piece), "http://127.0.0.1:", "http://10.0.0.1:"))
			}
			return piece
		})
		b := harness.NewBot(t)
		b.AnswerWith(func(*harness.Hook) (int, string, string) { return http.StatusNoContent, "", "" })
		c := harness.OneComponent(s, "files", b)
		link := said.Through("component", wrong.Addr())
		c.Components[0].Server = link.Addr()
		said.Step("the program finds the upload service (XEP-0363)")
		p := harness.LaunchConnected(t, c)
		p.AwaitUploads()

		said.Step("alice uploads a file, and sends its address to the bot (XEP-0066)")
		alice := person(t, said.Through("alice", s.ClientAddr()).Addr())
		harness.Eventually(t, "the event of the file", func() bool { return len(b.Got()) > 0 })
		var event struct {
			Data struct {
				From        string
				Text        *string
				Attachments json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal([]byte(b.Got()[0].Raw), &event))
		data, err := json.Marshal(event.Data)
		require.NoError(t, err)
		said.Got("data of the event: " + string(data))
		said.Step("a file of 11 bytes is uploaded")
		var file uploaded
		if r := said.Call(p, "POST", "/v1/files?name=a+b.txt&from=echo@files.localhost", "text/plain", "hello world"); r.Status != 201 || json.Unmarshal([]byte(r.Body), &file) != nil || bytesAt(t, file.URL) != "hello world" {
			t.Fatal(r)
		}
		said.Step("it is sent to alice, who downloads it")
		r := said.Call(p, "POST", "/v1/messages?wait=5s", harness.AsJSON, fmt.Sprintf(`{"to":"alice@localhost","from":"echo@files.localhost","id":"m","files":[{"id":%q}]}`, file.ID))
		var got struct{ Body, URL, Data string }
		if err := alice.Decode(&got); err != nil || r.Status != 200 || got.Data != "hello world" || got.Body != got.URL {
			t.Fatalf("%v %+v %v", r, got, err)
		}

		refused := func(step string, status int, path, media, body string) {
			t.Helper()
			said.Step(step)
			if r := said.Call(p, "POST", path, media, body); r.Status != status {
				t.Errorf("%s: %d %s", step, r.Status, r.Body)
			}
		}
		refused("a name that is a path, with letters that are not ASCII", 201, "/v1/files?name=..%2F..%2Fetc%2Fp%20%C3%A4%22x%22.png", "image/png", "x")
		said.Step("a body whose length is not told")
		chunked(t, said, p, "/v1/files?name=chunked.txt", "in pieces")
		refused("one byte more than the service takes", 413, "/v1/files?name=big.bin", "application/octet-stream", strings.Repeat("x", harness.UploadLimit+1))
		refused("an empty file", 400, "/v1/files?name=none.txt", "", "")
		refused("a file that is to be fetched from a private address", 422, "/v1/files", harness.AsJSON, `{"url":"http://10.0.0.1/secret"}`)
		refused("a message with such a file: nothing is sent", 422, "/v1/messages", harness.AsJSON, `{"to":"alice@localhost","from":"echo@files.localhost","body":"never","files":[{"fetch":"http://10.0.0.1/secret"}]}`)
		elsewhere.Store(true)
		refused("a slot at a private address", 502, "/v1/files?name=a.txt", "text/plain", "x")
		elsewhere.Store(false)
		if kind == lab.Prosody { // its quota is ten files of the largest size a day; ejabberd has none
			said.Step("")
			for range 10 {
				if status, v := uploadTo(t, p, "/v1/files?name=big&from=quota@files.localhost", "", strings.Repeat("x", harness.UploadLimit)); status != 201 {
					t.Fatal(status, v)
				}
			}
			refused("the quota of a day is used up", 429, "/v1/files?name=big&from=quota@files.localhost", "", strings.Repeat("x", harness.UploadLimit))
		}
		link.Shut.Store(true)
		link.Cut()
		harness.Eventually(t, "the link is down", func() bool {
			r, err := p.Call("POST", "/v1/files?name=a.txt", "token-all", "text/plain", "x")
			return err == nil && r.Status == http.StatusServiceUnavailable
		})
		refused("the component is not connected", 503, "/v1/files?name=a.txt", "text/plain", "x")
		said.Compare("files", kind, *update)
	})
}

// The same when the server's configuration is the default one.
func TestFilesSaidByDefault(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files")))
		said := newFilesTranscript(t)
		c := harness.OneComponent(s, "files", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		p := harness.LaunchConnected(t, c)
		p.AwaitUploads()
		said.Step("a file of 11 bytes")
		said.Call(p, "POST", "/v1/files?name=a.txt&from=echo@files.localhost", "text/plain", "hello world")
		said.Compare("files-default", kind, *update)
	})
}

// chunked uploads a text whose length is not told.
func chunked(t *testing.T, said *harness.Transcript, p *harness.Program, path, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.Addr+path, struct{ io.Reader }{strings.NewReader(text)})
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer token-all")
	r.Header.Set("Content-Type", "text/plain")
	said.Sent("POST " + path + " text/plain, chunked: " + text)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var v uploaded
	if err != nil || resp.StatusCode != 201 || json.Unmarshal(body, &v) != nil || bytesAt(t, v.URL) != text {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
	said.Got(fmt.Sprint(resp.StatusCode, " ", string(body)))
}

// person is alice with testdata/files.py, who sends a photo to the bot; it returns what she tells
// of files that come.
func person(t *testing.T, server string) *json.Decoder {
	t.Helper()
	photo := filepath.Join(t.TempDir(), "photo")
	require.NoError(t, os.WriteFile(photo, []byte("a photo"), 0o600))
	_, out := harness.StartPerson(t, "testdata/files.py", "alice", "slix", server, "echo@files.localhost", photo)
	return out
}
