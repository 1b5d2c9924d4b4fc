//go:build integration

package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// uploaded is an answer of POST /v1/files.
type uploaded struct {
	ID, URL, Name, Type, Detail string
	Size, Max                   int64 `json:",omitempty"`
	MaxBytes                    int64 `json:"max_bytes"`
}

func uploadTo(t *testing.T, p *harness.Program, path, media, body string) (int, uploaded) {
	t.Helper()
	r, err := p.Call("POST", path, "token-all", media, body)
	var v uploaded
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &v)
	}
	if err != nil {
		t.Fatalf("%s: %d %s %v", path, r.Status, r.Body, err)
	}
	return r.Status, v
}

// bytesAt returns what is at an address.
func bytesAt(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return string(data)
}

// Files go to the upload services of both servers, whatever they are called and however they
// come, and to people in messages.
func TestFiles(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		b := harness.NewBot(t)
		p := harness.LaunchConnected(t, harness.OneComponent(s, "files", b))
		alice := harness.Login(t, s, "alice")
		bare, _, _ := strings.Cut(alice.JID(), "/")

		status, v := uploadTo(t, p, "/v1/files?name=a+b.txt&from=echo@files.localhost", "text/plain", "hello world")
		if status != 201 || v.Size != 11 || v.Type != "text/plain" || bytesAt(t, v.URL) != "hello world" {
			t.Errorf("%d %+v", status, v)
		}
		for _, name := range []string{`..%2F..%2Fetc%2Fp%20%C3%A4%22x%22.png`, "..", "%E2%80%AEgnp.exe", strings.Repeat("x", 500) + ".txt", "a%0D%0Ab"} {
			if status, v := uploadTo(t, p, "/v1/files?name="+name, "image/png", "x"); status != 201 || bytesAt(t, v.URL) != "x" {
				t.Errorf("%s: %d %+v", name, status, v)
			}
		}
		form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.bin\"\r\n\r\nspooled\r\n--b--\r\n"
		if status, v := uploadTo(t, p, "/v1/files", "multipart/form-data; boundary=b", form); status != 201 || v.Name != "c.bin" || bytesAt(t, v.URL) != "spooled" {
			t.Errorf("a form: %d %+v", status, v)
		}
		if status, v := uploadTo(t, p, "/v1/files?name=big", "", strings.Repeat("x", harness.UploadLimit+1)); status != 413 || v.MaxBytes != harness.UploadLimit {
			t.Errorf("too large: %d %+v", status, v)
		}
		if status, v := uploadTo(t, p, "/v1/files?name=none", "", ""); status != 400 {
			t.Errorf("empty: %d %+v", status, v)
		}

		body := fmt.Sprintf(`{"to":%q,"from":"echo@files.localhost","body":"look","id":"m","files":[{"id":%q}]}`, bare, v.ID)
		if r, err := p.Call("POST", "/v1/messages?wait=5s", "token-all", harness.AsJSON, body); err != nil || r.Status != 200 || !strings.Contains(r.Body, v.URL) {
			t.Fatalf("%d %s %v", r.Status, r.Body, err)
		}
		text := alice.Await("the text", func(r lab.Received) bool { return r.ID == "m" })
		file := alice.Await("the file", func(r lab.Received) bool { return r.ID == "m-1" })
		m := stanza.Must(stanza.Parse("<message>"+file.Inner+"</message>", stanza.Limits{}))
		f := message.Read(m)
		if all := f.Attachments(m); text.Body != "look" || file.Body != v.URL || len(all) != 1 || all[0].URL != v.URL || *all[0].Size != 11 {
			t.Errorf("%+v %+v", text, file)
		}

		services := p.V1(200, "/v1/status", "").Services
		found := false
		for _, x := range services {
			found = found || x.Kind == "upload" && x.JID == "upload.localhost" && x.Limits["max_file_bytes"] == harness.UploadLimit
		}
		if !found {
			t.Errorf("status: %+v", services)
		}
	})
}

// If the server refuses uploads of components, as ejabberd and Prosody 13 do by default, the
// error has the lines of its configuration that allow them. On Prosody there is a quota besides.
func TestFilesRefused(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		asked := map[lab.Kind]string{lab.Ejabberd: "mod_http_upload: {access: upload}", lab.Prosody: `http_file_share_access = { "localhost", "files.localhost" }`}[kind]
		if kind == lab.Ejabberd || os.Getenv("PROSODY_ROOT") != "" {
			s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files")))
			p := harness.LaunchConnected(t, harness.OneComponent(s, "files", harness.NewBot(t)))
			if status, v := uploadTo(t, p, "/v1/files?name=a.txt", "", "x"); status != 403 || !strings.Contains(v.Detail, asked) || !strings.Contains(v.Detail, "files.localhost") {
				t.Errorf("%d %+v", status, v)
			}
		}
		if kind == lab.Ejabberd {
			return
		}
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		p := harness.LaunchConnected(t, harness.OneComponent(s, "files", harness.NewBot(t)))
		for range 20 { // 10 files of the largest size are a day's
			status, v := uploadTo(t, p, "/v1/files?name=big", "", strings.Repeat("x", harness.UploadLimit))
			if status == 201 {
				continue
			}
			if status != 429 || !strings.Contains(v.Detail, "http_file_share_daily_quota") {
				t.Errorf("%d %+v", status, v)
			}
			return
		}
		t.Error("there is no quota")
	})
}

// slixmpp sends a file to a bot, which answers with one.
func TestFilesOfPeople(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		b := harness.NewBot(t)
		b.AnswerWith(func(*harness.Hook) (int, string, string) { return http.StatusNoContent, "", "" })
		p := harness.LaunchConnected(t, harness.OneComponent(s, "files", b))
		out := person(t, s.ClientAddr())
		harness.Eventually(t, "the event of the file", func() bool { return len(b.Got()) > 0 })
		var event struct {
			Data struct {
				Text        *string
				Attachments []message.Attachment
			}
		}
		hook := b.Got()[0]
		if err := json.Unmarshal([]byte(hook.Raw), &event); err != nil || len(event.Data.Attachments) != 1 || event.Data.Text == nil || *event.Data.Text != "" {
			t.Fatalf("%s %v", hook.Raw, err)
		}
		if a := event.Data.Attachments[0]; a.Source != "oob" || bytesAt(t, a.URL) != "a photo" {
			t.Errorf("%+v", a)
		}
		form := "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n" + fmt.Sprintf(`{"to":%q,"from":"echo@files.localhost"}`, hook.From) +
			"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"answer.txt\"\r\n\r\nan answer\r\n--b--\r\n"
		if r, err := p.Call("POST", "/v1/messages", "token-all", "multipart/form-data; boundary=b", form); err != nil || r.Status != 202 {
			t.Fatalf("%d %s %v", r.Status, r.Body, err)
		}
		var got struct {
			Body, URL, Data, From string
			SFS                   bool
		}
		if err := out.Decode(&got); err != nil || got.Data != "an answer" || got.Body != got.URL || !got.SFS || got.From != "echo@files.localhost" {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// The bot of the examples takes a photo and answers with its mirror image.
func TestFilesPhotoBot(t *testing.T) {
	program := filepath.Join(t.TempDir(), "photo-go")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "stanzahook/examples/photo-go").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var photo bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 16, 8))
	for y := range 8 {
		for x := range 8 {
			img.SetGray(x, y, color.Gray{255}) // white on the left
		}
	}
	require.NoError(t, png.Encode(&photo, img))
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		c := harness.OneComponent(s, "files", harness.NewBot(t))
		port := harness.FreePort(t)
		c.Endpoints[0].URL = "http://127.0.0.1:" + port + "/hook"
		p := harness.LaunchConnected(t, c)
		bot := exec.Command(program, "-listen", "127.0.0.1:"+port, "-api", "http://"+p.Addr, "-from", "127.0.0.1")
		bot.Env = append(os.Environ(), "STANZAHOOK_TOKEN=token-all")
		harness.StartProcess(t, bot, port)
		alice := harness.Login(t, s, "alice")
		_, v := uploadTo(t, p, "/v1/files?name=photo.png", "image/png", photo.String())
		alice.Send("<message to='echo@files.localhost' type='chat' id='p'><body>%s</body><x xmlns='jabber:x:oob'><url>%s</url></x></message>", v.URL, v.URL)
		r := alice.Await("the answer", func(r lab.Received) bool { return r.Kind == "message" && r.From == "echo@files.localhost" })
		if !strings.HasPrefix(r.Body, "http://127.0.0.1:") {
			t.Fatalf("%+v", r)
		}
		answer, err := jpeg.Decode(strings.NewReader(bytesAt(t, r.Body)))
		require.NoError(t, err)
		left, _, _, _ := answer.At(1, 4).RGBA()
		right, _, _, _ := answer.At(14, 4).RGBA()
		if left > 0x4000 || right < 0xc000 {
			t.Errorf("left %x, right %x", left, right)
		}
	})
}
