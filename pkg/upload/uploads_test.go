package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))))
	return b.Bytes()
}

// A file goes to its slot, and what it is made of is known, whether its length is or not.
func TestPut(t *testing.T) {
	data := picture(t)
	for _, size := range []int64{int64(len(data)), -1} {
		r := newRig(t, nil)
		f, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Name: `../../etc/p ä"x".png`, Size: size, Body: iotest.OneByteReader(bytes.NewReader(data))})
		require.NoError(t, err)
		sum := sha256.Sum256(data)
		want := File{f.ID, message.File{URL: "https://files.example.com/1", Name: `p ä"x".png`, Size: int64(len(data)), Type: "image/png", SHA256: hex.EncodeToString(sum[:]), Width: 30, Height: 20}}
		if f != want || !ValidID(f.ID) {
			t.Errorf("got %+v, want %+v", f, want)
		}
		if !bytes.Equal(r.files["/put/1"], data) {
			t.Error("other bytes arrived")
		}
		h := r.heads[0]
		if h.Get("Authorization") != "Bearer x" || h.Get("X-Evil") != "" || h.Get("Cookie") != "" || h.Get("Content-Type") != "image/png" || len(h["Authorization"]) != 1 {
			t.Errorf("headers: %v", h)
		}
		ask := r.asked[0]
		if ask.From != bot || ask.To.String() != "upload.example.com/slot" {
			t.Errorf("asked %s", ask.XML())
		}
		if got, ok := r.Get(f.ID, "app"); !ok || got.State != Done || got.Sent != f.Size || got.File != f {
			t.Errorf("record %+v", got)
		}
		if _, ok := r.Get(f.ID, "other"); ok {
			t.Error("another caller sees it")
		}
		if use := r.Uses()[0]; use.Running != 0 || use.Spooled != 0 || use.Done != 1 {
			t.Errorf("use %+v", use)
		}
		if left, err := os.ReadDir(r.components["bot.example.com"].o.Dir); err != nil || len(left) > 0 {
			t.Errorf("spooled files are left: %v %v", left, err)
		}
	}
}

// What a service says no with becomes a reason, with the lines that mend it.
func TestRefusals(t *testing.T) {
	fails := func(typ, condition, more string) string {
		return fmt.Sprintf("<error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>%s</error>", typ, condition, more)
	}
	large := "<file-too-large xmlns='" + Namespace + "'><max-file-size>1000</max-file-size></file-too-large>"
	for _, c := range []struct {
		inner, software string
		reason          Reason
		max             int64
		says            string
	}{
		{fails("auth", "forbidden", ""), "Prosody", Forbidden, 0, `http_file_share_access = { "example.com", "bot.example.com" }`},
		{fails("auth", "forbidden", "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Access denied by service policy</text>"), "ejabberd", Forbidden, 0, "bots: {server: bot.example.com}"},
		{fails("auth", "forbidden", ""), "", Forbidden, 0, "ejabberd: set acl"},
		{fails("modify", "not-acceptable", large), "Prosody", TooLarge, 1000, "http_file_share_size_limit"},
		{fails("modify", "not-acceptable", large), "ejabberd", TooLarge, 1000, "max_size: 104857600"},
		{fails("wait", "resource-constraint", "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Daily quota reached</text>"), "Prosody", Quota, 0, "Daily quota reached; Prosody: in Component \"upload.example.com\" \"http_file_share\" set http_file_share_daily_quota"},
		{fails("cancel", "service-unavailable", ""), "", NoService, 0, "no upload service at upload.example.com"},
		{fails("modify", "bad-request", ""), "", Refused, 0, "bad-request"},
		{"<slot xmlns='" + Namespace + "'><put url='file:///etc/passwd'/><get url='https://x.example.com/'/></slot>", "", PutFailed, 0, "no http or https URL"},
		{"<slot xmlns='" + Namespace + "'><put url='https://user:pw@x.example.com/'/><get url='https://x.example.com/'/></slot>", "", PutFailed, 0, "no http or https URL"},
		{"<slot xmlns='" + Namespace + "'><put url='https://x.example.com/'/><get url='javascript:alert(1)'/></slot>", "", PutFailed, 0, "no http or https URL"},
		{"<slot xmlns='" + Namespace + "'><put url='https://x.example.com/'/></slot>", "", PutFailed, 0, "lacks an address"},
		{"", "", PutFailed, 0, "no slot"},
		{"<slot xmlns='" + Namespace + "'><put url='http://10.0.0.1/x'/><get url='https://x.example.com/'/></slot>", "", Guarded, 0, "10.0.0.1"},
		{"<slot xmlns='" + Namespace + "'><put url='http://169.254.169.254/x'/><get url='https://x.example.com/'/></slot>", "", Guarded, 0, "169.254.169.254"},
	} {
		r := newRig(t, nil)
		r.service.Software, r.service.Unseen = c.software, true
		r.slot = func(ask *stanza.Stanza) string {
			if p, _ := ask.Payload(); p.Space != Namespace {
				return "<query xmlns='http://jabber.org/protocol/disco#info'/>"
			}
			return c.inner
		}
		_, err := r.Put(t.Context(), Upload{Bot: bot, Name: "a", Size: 3, Body: strings.NewReader("abc")})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Reason != c.reason || e.MaxBytes != c.max || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.inner, c.software, err)
		}
		if len(r.files) > 0 {
			t.Errorf("%s: a file was sent", c.inner)
		}
	}
}

// A service that does not exist is another error than one that refuses, whatever the server answers.
func TestNoSuchService(t *testing.T) {
	for _, no := range []string{
		"<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Access denied by service policy</text></error>",
		"<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Communication with remote domains is not enabled</text></error>",
	} {
		r := newRig(t, nil)
		r.service.Unseen = true
		r.slot = func(*stanza.Stanza) string { return no }
		_, err := r.Put(t.Context(), Upload{Bot: bot, Name: "a", Size: 3, Body: strings.NewReader("abc")})
		if reasonOf(err) != NoService || !strings.Contains(err.Error(), "components[].uploads.service") || strings.Contains(err.Error(), "http_file_share_access") {
			t.Error(err)
		}
		if len(r.asked) != 2 || r.asked[1].To.String() != "upload.example.com/slot" || r.asked[1].From != bot {
			t.Errorf("%d questions", len(r.asked))
		}
	}
}

// A file that is not as it was said is not uploaded.
func TestLies(t *testing.T) {
	r := newRig(t, nil)
	r.service.MaxBytes = 2000
	for _, c := range []struct {
		size   int64
		body   io.Reader
		reason Reason
	}{
		{0, strings.NewReader(""), Empty},
		{-1, strings.NewReader(""), Empty},
		{1001, strings.NewReader(strings.Repeat("x", 1000)), Broken},
		{3, strings.NewReader("ab"), Broken},
		{999, strings.NewReader(strings.Repeat("x", 1000)), Broken},
		{1<<20 + 1, strings.NewReader("x"), TooLarge},
		{2001, strings.NewReader(strings.Repeat("x", 2001)), TooLarge}, // what the service said
		{-1, strings.NewReader(strings.Repeat("x", 1<<20+1)), TooLarge},
		{1000, io.MultiReader(strings.NewReader(strings.Repeat("x", 600)), iotest.ErrReader(os.ErrDeadlineExceeded)), Slow},
		{-1, iotest.ErrReader(errors.New("gone")), Broken},
	} {
		_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Size: c.size, Body: c.body})
		if reasonOf(err) != c.reason {
			t.Errorf("size %d: %v, want %s", c.size, err, c.reason)
		}
	}
	if use := r.Uses()[0]; use.Running != 0 || use.Spooled != 0 || use.Done != 0 || use.Failed != 10 {
		t.Errorf("use %+v", use)
	}
}

// A PUT that the network broke is made again with a new slot, if the file can be read again.
func TestAgain(t *testing.T) {
	small, large := strings.Repeat("x", 300), strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		fails int
		size  int64
		body  string
		slots int
		ok    bool
	}{{2, 300, small, 3, true}, {2, -1, large, 3, true}, {3, -1, large, 3, false}, {1, 1 << 20, large, 1, false}} {
		r := newRig(t, nil)
		r.fails = c.fails
		f, err := r.Put(t.Context(), Upload{Bot: bot, Size: c.size, Body: strings.NewReader(c.body)})
		if (err == nil) != c.ok || len(r.asked) != c.slots || !c.ok && reasonOf(err) != PutFailed {
			t.Errorf("%d of %d bytes: %v after %d slots", c.fails, c.size, err, len(r.asked))
		}
		if sum := sha256.Sum256([]byte(c.body)); c.ok && f.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%d of %d bytes: another hash", c.fails, c.size)
		}
	}
}

// What the HTTP server answers counts; redirects are not followed.
func TestAnswersOfPut(t *testing.T) {
	for _, status := range []int{200, 201, 204, 302, 307, 401, 403, 409, 413, 500} {
		r := newRig(t, nil)
		r.put = func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path != "/put/1" {
				t.Errorf("status %d: %s", status, q.URL)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status) // before the body was read
			return true
		}
		_, err := r.Put(t.Context(), Upload{Bot: bot, Size: 1 << 20, Body: strings.NewReader(strings.Repeat("x", 1<<20))})
		e, _ := errors.AsType[*Error](err)
		if (err == nil) != (status < 300) || err != nil && e.Reason != PutFailed || err != nil && e.Status != 0 && e.Status != status {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// Errors of the link and silence stay what they are.
func TestLinkErrors(t *testing.T) {
	r := newRig(t, nil)
	o := r.components["bot.example.com"].o
	o.Request = func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) { return nil, gateway.ErrDown }
	if _, err := r.Put(t.Context(), Upload{Bot: bot, Size: 1, Body: strings.NewReader("x")}); !errors.Is(err, gateway.ErrDown) {
		t.Error(err)
	}
	o.Request = func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) { return nil, context.DeadlineExceeded }
	if _, err := r.Put(t.Context(), Upload{Bot: bot, Size: 1, Body: strings.NewReader("x")}); reasonOf(err) != Silent {
		t.Error(err)
	}
}

// A caller that goes quiet, or away, is given up, and its body is not read afterwards.
func TestSlowCaller(t *testing.T) {
	for _, given := range []bool{true, false} {
		r := newRig(t, func(s *Settings) { s.Timeout = 50 * time.Millisecond })
		body, w := io.Pipe()
		go func() { _, _ = w.Write(make([]byte, 600)) }()
		size := int64(1000)
		if !given {
			size = -1
		}
		_, err := r.Put(t.Context(), Upload{Bot: bot, Size: size, Body: body, Interrupt: func() { _ = body.CloseWithError(os.ErrDeadlineExceeded) }})
		if reasonOf(err) != Slow {
			t.Errorf("length known %v: %v", given, err)
		}
	}
}

// So many files go at a time, and one caller has half of the places.
func TestPlaces(t *testing.T) {
	r := newRig(t, nil)
	arrived, leave := make(chan struct{}, 100), make(chan struct{})
	var most, now atomic.Int64
	r.put = func(w http.ResponseWriter, q *http.Request) bool {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		_, _ = io.Copy(io.Discard, q.Body)
		arrived <- struct{}{}
		<-leave
		w.WriteHeader(http.StatusCreated)
		return true
	}
	var wg sync.WaitGroup
	begin := func(caller string) {
		wg.Go(func() {
			if _, err := r.Put(t.Context(), Upload{Bot: bot, Caller: caller, Size: 1, Body: strings.NewReader("x")}); err != nil {
				t.Error(err)
			}
		})
		<-arrived
	}
	try := func(caller string) Reason {
		_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: caller, Size: 1, Body: strings.NewReader("x")})
		return reasonOf(err)
	}
	for range 4 {
		begin("greedy")
	}
	if why := try("greedy"); why != Share {
		t.Errorf("the fifth of a caller: %s", why)
	}
	for i := range 4 {
		begin(fmt.Sprint(i))
	}
	if why := try("late"); why != Busy {
		t.Errorf("the ninth: %s", why)
	}
	close(leave)
	wg.Wait()
	if use := r.Uses()[0]; most.Load() != 8 || use.Running != 0 || use.ByShare != 1 || use.Crowded != 1 {
		t.Errorf("%d at a time, %+v", most.Load(), use)
	}
}

// Of the places of a caller, each of the people for whom it uploads has half.
func TestPlacesOfPeople(t *testing.T) {
	p := places{most: 8}
	for i, c := range []struct {
		holder
		want Reason
	}{
		{holder{"bot", "mallory"}, ""}, {holder{"bot", "mallory"}, ""}, {holder{"bot", "mallory"}, Share},
		{holder{"bot", "alice"}, ""}, {holder{"bot", "bob"}, ""}, {holder{"bot", "carol"}, Share}, // the caller has half of all
		{holder{"app", ""}, ""}, {holder{"app", ""}, ""}, {holder{"app", ""}, ""}, {holder{"app", ""}, ""},
		{holder{"other", "mallory"}, Busy},
	} {
		if why := p.take(c.holder, 1); why != c.want {
			t.Errorf("%d: %+v: %q, want %q", i, c.holder, why, c.want)
		}
	}
	p.give(holder{"bot", "mallory"}, 1)
	if why := p.take(holder{"bot", "carol"}, 1); why != "" {
		t.Errorf("after one is free: %q", why)
	}
	for _, h := range []holder{{"bot", "mallory"}, {"bot", "alice"}, {"bot", "bob"}, {"bot", "carol"}, {"app", ""}, {"app", ""}, {"app", ""}, {"app", ""}} {
		p.give(h, 1)
	}
	if p.used != 0 || len(p.held) != 0 {
		t.Errorf("%+v", p.held)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (z zeros) limited(n int64) io.Reader { return io.LimitReader(z, n) }

// A file is fetched from an address that the guard allows.
func TestFetch(t *testing.T) {
	data := picture(t)
	var answer func(w http.ResponseWriter, q *http.Request)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { answer(w, q) }))
	defer source.Close()
	for _, c := range []struct {
		url    string
		answer func(w http.ResponseWriter, q *http.Request)
		reason Reason
		says   string
	}{
		{"/a%20b/c%2Fd.png?x=1", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }, "", ""},
		{"/chunked", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(data)
		}, "", ""},
		{"/moved", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/x"); w.WriteHeader(302) }, Source, "redirects"},
		{"/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, Source, "404"},
		{"/empty", func(http.ResponseWriter, *http.Request) {}, Source, "empty"},
		{"/short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(data)
		}, Source, ""},
		{"/large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000000000")
			w.(http.Flusher).Flush()
		}, TooLarge, "larger than 1048576"},
		{"http://10.1.2.3/x", nil, Guarded, "10.1.2.3"},
		{"http://169.254.169.254/latest", nil, Guarded, "169.254"},
		{"file:///etc/passwd", nil, Guarded, "no"},
		{"unix:/run/x:/y", nil, Guarded, "not an http"},
		{"http://u:p@example.com/", nil, Guarded, "not an http"},
	} {
		r := newRig(t, nil)
		answer = c.answer
		address := c.url
		if address[0] == '/' {
			address = source.URL + address
		}
		f, err := r.Fetch(t.Context(), Upload{Bot: bot, Caller: "app"}, address)
		if reasonOf(err) != c.reason || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.url, err)
		}
		if c.reason == "" && (err != nil || f.Type != "image/png" || f.Width != 30 || !bytes.Equal(r.files["/put/1"], data)) {
			t.Errorf("%s: %+v %v", c.url, f, err)
		}
		if c.reason == "" && c.url[1] == 'a' && f.Name != "d.png" {
			t.Errorf("name %q", f.Name)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"a b.txt": "a b.txt", "../../etc/passwd": "passwd", `C:\x\y.png`: "y.png", "": "file", ".": "file", "..": "file", "/": "file", "...": "file",
		"a\r\nb\x00.txt": "a__b_.txt", "u\u0308.png": "ü.png", "x\u202egnp.exe": "x_gnp.exe", "\xff.png": "_.png", "\uFFFE": "_",
		strings.Repeat("ä", 200) + ".jpeg": strings.Repeat("ä", 97) + ".jpeg",
	} {
		if got := Name(in); got != want || len(got) > maxName || stanza.CheckText(got) >= 0 {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestType(t *testing.T) {
	for _, c := range []struct{ given, head, want string }{
		{"", "<html><script>", "text/html"}, {"image/png; x=y", "", "image/png"}, {"IMAGE/PNG", "", "image/png"}, {"application/octet-stream", "%PDF-1.4", "application/pdf"},
		{"not a type", "\x00\x01", "application/octet-stream"}, {"a/b\r\nX: y", "hello", "text/plain"}, {strings.Repeat("a", 100) + "/b", "hello", "text/plain"},
	} {
		if got := typeOf(c.given, []byte(c.head)); got != c.want {
			t.Errorf("%q %q: %q", c.given, c.head, got)
		}
	}
	for _, hostile := range []string{"", "\x89PNG\r\n\x1a\n", "GIF89a", "\xff\xd8\xff\xe0", string(picture(t)[:20]), "RIFF\xff\xff\xff\xffWEBPVP8 "} {
		for _, media := range []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"} {
			if w, h := dimensions(media, []byte(hostile)); w != 0 && hostile != "GIF89a" || h < 0 {
				t.Errorf("%q as %s: %d×%d", hostile, media, w, h)
			}
		}
	}
}

// Records have a bound, of which one caller has half, and an end.
func TestRecords(t *testing.T) {
	var r records
	now := time.Now()
	first := r.begin(&Upload{ID: "file_12345678", Caller: "a", Size: 1}, now)
	if first == nil || r.begin(&Upload{ID: "file_12345678", Caller: "a", Size: 1}, now) != nil {
		t.Error("an id was given twice")
	}
	for range maxRecords {
		r.begin(&Upload{Caller: "a", Size: 1}, now)
	}
	if n := r.count(); n != maxRecords/2 {
		t.Errorf("%d records of one caller", n)
	}
	if _, ok := r.get("file_12345678", "a", now); ok {
		t.Error("the oldest is there")
	}
	for i := range maxRecords {
		r.begin(&Upload{Caller: fmt.Sprint("b", i%3), Size: 1}, now)
	}
	if n := r.count(); n != maxRecords {
		t.Errorf("%d records", n)
	}
	x := r.begin(&Upload{Caller: "c", Size: 1}, now)
	r.end(x, File{ID: x.File.ID}, nil)
	if _, ok := r.get(x.File.ID, "", now.Add(keepFor+1)); ok {
		t.Error("it has no end")
	}
}
