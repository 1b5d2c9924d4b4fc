package v1_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
)

// shelf is an XMPP server that takes files.
type shelf struct {
	*gatewaytest.Network
	api   http.Handler
	refer string // the inner XML of the answer for a slot; empty: a slot
	down  bool

	mu    sync.Mutex
	files []string
	bots  []string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{Network: &gatewaytest.Network{MaxBytes: 10_000}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "fetched")
			return
		}
		data, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.files = append(s.files, string(data))
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(web.Close)
	guard := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	clients := upload.Clients{Put: outbound.NewClient(guard, outbound.ClientOptions{}), Fetch: outbound.NewClient(guard.Strict().And(nil, "uploads.allow_networks"), outbound.ClientOptions{})}
	uploads := upload.New(upload.Options{
		Components: map[string]upload.Settings{"bot.example.com": {MaxBytes: 1000, Spool: 4 << 20, Timeout: 10 * time.Second, Concurrency: 8, Clients: clients}},
		Dir:        t.TempDir(),
		Service: func(context.Context, string) (upload.Service, error) {
			return upload.Service{JID: jid.MustParse("upload.example.com"), Software: "ejabberd"}, nil
		},
		Request: func(_ context.Context, ask *stanza.Stanza) (*stanza.Stanza, error) {
			if s.down {
				return nil, gateway.ErrDown
			}
			s.mu.Lock()
			n := len(s.files)
			s.bots = append(s.bots, ask.From.String())
			s.mu.Unlock()
			typ, inner := "error", s.refer
			if inner == "" {
				typ, inner = "result", fmt.Sprintf("<slot xmlns='%s'><put url='%s/'/><get url='https://files.example.com/%d'/></slot>", upload.Namespace, web.URL, n)
			}
			return stanza.Parse(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", typ, ask.ID, ask.To, ask.From, inner), stanza.Limits{})
		},
	})
	s.api = serve(v1.Options{Deliveries: &fake{}, Sender: s.Network, Sent: sent, Uploads: uploads})
	return s
}

// formOf is a form: pairs of a name and a value; that of a file begins with its name and a
// colon.
func formOf(t *testing.T, parts ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		if parts[i] == "file" {
			name, data, _ := strings.Cut(parts[i+1], ":")
			f, err := w.CreateFormFile("file", name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(f, data)
		} else if err := w.WriteField(parts[i], parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

// A file is the body, a part of a form, or fetched.
func TestUploads(t *testing.T) {
	s := newShelf(t)
	form, asForm := formOf(t, "from", "alice@bot.example.com", "type", "text/plain", "file", `../../etc/p ä.txt:hello`)
	for _, c := range []struct{ path, body, media, want, bot string }{
		{"/v1/files?name=a.json", `{"x":1}`, "application/json", `"name":"a.json","size":7,"type":"application/json"`, "bot.example.com"},
		{"/v1/files?from=echo@bot.example.com", "hello", "application/x-www-form-urlencoded", `"name":"file","size":5,"type":"text/plain"`, "echo@bot.example.com"},
		{"/v1/files?name=x.png&id=file_my-own-id", "\x89PNG\r\n\x1a\n", "", `"id":"file_my-own-id","url":"https://files.example.com/2","name":"x.png","size":8,"type":"image/png"`, "bot.example.com"},
		{"/v1/files", form, asForm, `"name":"p ä.txt","size":5,"type":"text/plain"`, "alice@bot.example.com"},
	} {
		w := ask(s.api, "sender", "POST", c.path, c.body, "Content-Type", c.media)
		if w.Code != 201 || !strings.Contains(w.Body.String(), c.want) || s.bots[len(s.bots)-1] != c.bot {
			t.Errorf("%s: %d %s by %v", c.path, w.Code, w.Body, s.bots)
		}
	}
	w := ask(s.api, "sender", "GET", "/v1/files/file_my-own-id", "")
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"state":"done","sent":8,"size":8,"file":{"id":"file_my-own-id"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	isProblem(t, ask(s.api, "bound", "GET", "/v1/files/file_my-own-id", ""), 404, "no file with the id")
	if w := ask(s.api, "all", "GET", "/v1/files/file_my-own-id", ""); w.Code != 200 {
		t.Errorf("an operator: %d", w.Code)
	}
	long, asLong := formOf(t, "file", "x:"+strings.Repeat("x", 1001))
	late, asLate := formOf(t, "file", "x:y", "from", "bot.example.com")
	odd, asOdd := formOf(t, "what", "x", "file", "x:y")
	none, asNone := formOf(t, "from", "bot.example.com")
	heavy, asHeavy := formOf(t, "message", `{"to":"u@example.com"}`, "file", "x:"+strings.Repeat("x", 11))
	before := len(s.files)
	for _, c := range []struct {
		token, path, body, media string
		status                   int
		text                     string
	}{
		{"asker", "/v1/files", "x", "", 403, "scope"},
		{"bound", "/v1/files?from=bob@bot.example.com", "x", "", 403, "bob@bot.example.com"},
		{"sender", "/v1/files?from=x/y", "x", "", 400, "from"},
		{"sender", "/v1/files?id=../x", "x", "", 400, "id"},
		{"sender", "/v1/files?id=file_my-own-id", "x", "", 409, "exists already"},
		{"sender", "/v1/files", "", "", 400, "empty"},
		{"sender", "/v1/files", strings.Repeat("x", 1001), "", 413, "1000"},
		{"sender", "/v1/files", long, asLong, 413, "1000"},
		{"small", "/v1/files", strings.Repeat("x", 11), "", 413, "larger than 10 bytes"},
		{"small", "/v1/files", long, asLong, 413, "larger than 10 bytes"},
		{"small", "/v1/messages", heavy, asHeavy, 413, "larger than 10 bytes"},
		{"sender", "/v1/files", odd, asOdd, 400, "what"},
		{"sender", "/v1/files", none, asNone, 400, "file"},
		{"sender", "/v1/files", "--x", "multipart/form-data", 400, "form"},
		{"sender", "/v1/files", "--x", "multipart/form-data; boundary=y", 400, "form"},
		{"sender", "/v1/files", `{"url":"http://127.0.0.1/x"}`, "application/json", 422, "127.0.0.1"},
		{"sender", "/v1/files", `{"url":"http://10.0.0.1/x"}`, "application/json", 422, "uploads.allow_networks"},
		{"sender", "/v1/files", `{"url":"file:///etc/passwd"}`, "application/json", 422, "not an http"},
		{"sender", "/v1/files", `{"path":"/etc/passwd"}`, "application/json", 400, "unknown field"},
		{"sender", "/v1/files", `{}`, "application/json", 400, "url"},
	} {
		w := ask(s.api, c.token, "POST", c.path, c.body, "Content-Type", c.media)
		isProblem(t, w, c.status, c.text)
	}
	if len(s.files) != before {
		t.Error("a file was sent")
	}
	if w := ask(s.api, "small", "POST", "/v1/files", strings.Repeat("x", 10)); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s.api, "sender", "POST", "/v1/files", late, "Content-Type", asLate); w.Code != 201 { // what follows the file does not count
		t.Errorf("%d %s", w.Code, w.Body)
	}
	isProblem(t, ask(s.api, "sender", "POST", "/v1/files", "x", "Content-Encoding", "gzip"), 415, "Content-Encoding")
}

// What the server says no with is answered with what to do.
func TestUploadRefusals(t *testing.T) {
	s := newShelf(t)
	for _, c := range []struct {
		inner, text string
		status      int
		retry       string
	}{
		{"<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", "bots: {server: bot.example.com}", 403, ""},
		{"<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Daily quota reached</text></error>", "Daily quota reached", 429, "3600"},
		{"<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><file-too-large xmlns='" + upload.Namespace + "'><max-file-size>3</max-file-size></file-too-large></error>", `"max_bytes":3`, 413, ""},
		{"<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", "upload.example.com", 501, ""},
	} {
		s.refer = c.inner
		w := ask(s.api, "sender", "POST", "/v1/files", "hello")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%d %s, Retry-After %q", w.Code, w.Body, w.Header().Get("Retry-After"))
		}
		// nothing is sent when a file cannot be
		isProblem(t, ask(s.api, "sender", "POST", "/v1/messages", `{"to":"u@example.com","body":"hi","files":[{"url":"https://x.example.com/1"},{"id":"file_none-such"}]}`), 404, "nothing was sent")
	}
	s.down = true
	isProblem(t, ask(s.api, "sender", "POST", "/v1/files", "hello"), 503, "no connection")
	if n := len(s.Sent()); n != 0 {
		t.Errorf("%d stanzas were sent", n)
	}
}

// A message with files is several: the text first, then one for each file.
func TestMessagesWithFiles(t *testing.T) {
	s := newShelf(t)
	up := ask(s.api, "sender", "POST", "/v1/files?name=a.png&id=file_12345678", "\x89PNG\r\n\x1a\n")
	if up.Code != 201 {
		t.Fatal(up.Body)
	}
	type answer struct {
		ID, State, Ref string
		Files          []struct{ ID, Ref, URL, State string }
	}
	send := func(body string, headers ...string) (answer, []*stanza.Stanza) {
		t.Helper()
		before := len(s.Sent())
		w := ask(s.api, "sender", "POST", "/v1/messages", body, headers...)
		var v answer
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return v, s.Sent()[before:]
	}
	isFile := func(x *stanza.Stanza, id, url string) {
		t.Helper()
		f := message.Read(x)
		if all := f.Attachments(x); x.ID != id || len(all) != 1 || all[0].URL != url || all[0].Source != "sfs" || f.Text(x) != "" || !strings.Contains(x.XML(), "<body>"+url+"</body><x xmlns='jabber:x:oob'>") || !strings.Contains(x.XML(), "origin-id") {
			t.Errorf("%s", x.XML())
		}
	}
	v, all := send(`{"to":"u@example.com","body":"see","id":"m","files":[{"id":"file_12345678"},{"url":"https://x.example.com/1","name":"b.txt","type":"text/plain","size":3}]}`)
	if len(all) != 3 || all[0].ID != "m" || !strings.Contains(all[0].XML(), "<body>see</body>") || v.ID != "m" || len(v.Files) != 2 || v.Files[0].ID != "m-1" || v.Files[0].URL != "https://files.example.com/0" || v.Files[1].State != "confirmed" {
		t.Fatalf("%+v", v)
	}
	isFile(all[1], "m-1", "https://files.example.com/0")
	isFile(all[2], "m-2", "https://x.example.com/1")
	v, all = send(`{"to":"u@example.com","id":"n","files":[{"id":"file_12345678"}]}`)
	if len(all) != 1 || v.ID != "n" || v.Files[0].ID != "n" || v.Ref != v.Files[0].Ref {
		t.Fatalf("%+v", v)
	}
	isFile(all[0], "n", "https://files.example.com/0")
	_, all = send(fmt.Sprintf(`{"id":"r","reply_to":%q,"track":true,"files":[{"id":"file_12345678"}]}`, v.Ref))
	if isFile(all[0], "r", "https://files.example.com/0"); !strings.Contains(all[0].XML(), "<reply xmlns='urn:xmpp:reply:0' id='n'") || !strings.Contains(all[0].XML(), "<markable") {
		t.Errorf("%s", all[0].XML())
	}
	form, media := formOf(t, "message", `{"to":"u@example.com","body":"two","id":"f"}`, "file", "a:one", "file", "b:two")
	v, all = send(form, "Content-Type", media)
	if len(all) != 3 || len(v.Files) != 2 || s.files[1] != "one" || s.files[2] != "two" {
		t.Fatalf("%+v %q", v, s.files)
	}
	isFile(all[2], "f-2", "https://files.example.com/2")
	early, asEarly := formOf(t, "file", "a:one", "message", `{"to":"u@example.com"}`)
	fileless, asFileless := formOf(t, "message", `{"to":"u@example.com","body":"x"}`)
	sent := len(s.Sent())
	for _, c := range []struct {
		body, media string
		status      int
		text        string
	}{
		{`{"to":"u@example.com","files":[]}`, "", 400, "files"},
		{`{"to":"u@example.com","files":[{"path":"/etc/passwd"}]}`, "", 400, "files"},
		{`{"to":"u@example.com","files":[{"url":"file:///etc/passwd"}]}`, "", 400, "files[0]"},
		{`{"to":"u@example.com","files":[{"fetch":"http://127.0.0.1/x"}]}`, "", 422, "files[0]"},
		{fmt.Sprintf(`{"retract":%q,"files":[{"id":"file_12345678"}]}`, v.Ref), "", 422, "retract"},
		{`{"files":[{"id":"file_12345678"}]}`, "", 400, "to"},
		{early, asEarly, 400, "first part"},
		{fileless, asFileless, 400, "file"},
	} {
		isProblem(t, ask(s.api, "sender", "POST", "/v1/messages", c.body, "Content-Type", c.media), c.status, c.text)
	}
	if n := len(s.Sent()); n != sent {
		t.Errorf("%d stanzas were sent", n-sent)
	}
}
