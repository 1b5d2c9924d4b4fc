//go:build integration

package http

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Files that are refused: the spool is full, all places are taken, the quota of the service is used
// up, the service does not answer. Each answer says when another try may succeed, and of a message
// with such a file nothing is sent. What is said for it is in testdata.
func TestFilesRefusedSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said, relay := newFilesTranscript(t, "disco#info"), harness.NewRelay(t, s.ComponentAddr())
		x := startRefusing(t, s, said, relay.Addr(), "spool: 1MiB")
		x.p.AwaitUploads()
		x.spooled()
		x.places()
		x.quota(kind, relay)
		x.silence(relay)
		said.Step("what is sent now: alice has heard of none of these")
		x.call(202, "", "token-all", "/v1/messages", harness.AsJSON, strings.NewReader(theEnd), theEnd)
		x.gets("the end")
		said.Compare("files-refused", kind, *update)
	})
}

const theEnd = `{"to":"alice@localhost","from":"echo@files.localhost","body":"the end"}`

// spooled has files that go to disk first, as their length is not told.
func (x *refusing) spooled() {
	large := strings.Repeat("x", 1<<20+1)
	untold := func(status int, retryAfter, token, text string) {
		x.Helper()
		x.call(status, retryAfter, token, "/v1/files?name=untold.txt", "text/plain, chunked", struct{ io.Reader }{strings.NewReader(text)}, text)
	}
	x.said.Step("a file whose length is not told, one byte larger than the spool")
	untold(507, "60", "token-all", large)
	x.said.Step("its length is told: it does not go to disk")
	x.file(201, "", "token-all", "/v1/files?name=told.txt", large)
	x.said.Step("a message with it, as a form: nothing is sent")
	x.message(507, "60", "token-all", "echo@files.localhost", large)
	x.said.Step("")
	first := x.begin("token-one", "/v1/files?name=first.txt", "Transfer-Encoding: chunked", "5\r\nfirst\r\n")
	harness.Eventually(x, "it is spooled", func() bool { return metric(x.p, "stanzahook_uploads_spooled_bytes") == 1<<20 })
	x.said.Step("another caller has all of the spool")
	untold(507, "60", "token-two", "second")
	x.said.Step("the file of that caller ends, and is uploaded")
	first.end("0\r\n\r\n")
	x.said.Step("there is room again")
	untold(201, "", "token-two", "second")
}

// places has eight files on their way, which are all there may be.
func (x *refusing) places() {
	x.said.Step("")
	var all []begun
	for i := range 8 {
		token := []string{"token-one", "token-two"}[i/4] // a caller has half of the places
		all = append(all, x.begin(token, fmt.Sprintf("/v1/files?name=place-%d.txt", i), "Content-Length: 5", ""))
		harness.Eventually(x, "it has a place", func() bool { return metric(x.p, "stanzahook_uploads_running") == float64(i+1) })
	}
	x.said.Step("two callers have the eight places: one more file of theirs")
	x.file(429, "1", "token-one", "/v1/files?name=ninth.txt", "ninth")
	x.said.Step("one of a third caller")
	x.file(503, "1", "token-all", "/v1/files?name=ninth.txt", "ninth")
	x.said.Step("a message with one: nothing is sent")
	x.message(503, "1", "token-all", "echo@files.localhost", "ninth")
	x.said.Step("the first of the eight ends, and is uploaded")
	all[0].end("place")
	x.said.Step("the third caller has its place")
	x.file(201, "", "token-all", "/v1/files?name=ninth.txt", "ninth")
	x.said.Step("")
	for _, b := range all[1:] {
		b.end("place")
	}
}

// slotGiven is the answer with a slot.
var slotGiven = regexp.MustCompile(`(?s)<iq ([^>]*)type=['"]result['"]([^>]*)><slot.*</slot></iq>`)

// quota uses up what a bot may upload a day.
func (x *refusing) quota(kind lab.Kind, relay *harness.Relay) {
	x.said.Step("")
	const from = "quota@files.localhost"
	if kind == lab.Prosody { // ten files of the largest size
		for range 10 {
			if status, v := uploadTo(x.T, x.p, "/v1/files?name=big&from="+from, "", strings.Repeat("x", harness.UploadLimit)); status != 201 {
				x.Fatal(status, v)
			}
		}
		x.said.Step("the quota of a day is used up")
	} else { // it has none, so this is said in its name
		relay.Edit(func(d harness.Direction, piece []byte) []byte {
			if d == harness.ToServer {
				return piece
			}
			return slotGiven.ReplaceAll(piece, []byte(`<iq ${1}type='error'${2}><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`+
				`<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Quota exceeded</text></error></iq>`))
		})
		x.said.Step("the service says that a quota is used up (written into its answer)")
	}
	x.file(429, "3600", "token-all", "/v1/files?name=a.txt&from="+from, "hello")
	x.said.Step("a message with a file: nothing is sent")
	x.message(429, "3600", "token-all", from, "hello")
	relay.Edit(nil)
}

// silence has the service not answer: the requests for slots are lost.
func (x *refusing) silence(relay *harness.Relay) {
	x.said.Step("the service does not answer: a file, and a message with one, of which nothing is sent")
	var lost atomic.Int64
	relay.Passes(func(d harness.Direction, piece []byte) bool {
		if d == harness.ToClient || !strings.Contains(string(piece), "urn:xmpp:http:upload:0") {
			return true
		}
		lost.Add(1)
		return false
	})
	form := formTo("echo@files.localhost", "never", "hello")
	var answers []chan *http.Response
	for i, ask := range []struct{ path, media, body string }{{"/v1/files?name=a.txt", "text/plain", "hello"}, {"/v1/messages", formOfFiles, form}} {
		x.said.Sent(fmt.Sprintf("POST %s (token-all) %s %s", ask.path, ask.media, ask.body))
		done := make(chan *http.Response, 1)
		answers = append(answers, done)
		go func() { done <- x.post("token-all", ask.path, ask.media, strings.NewReader(ask.body)) }()
		harness.Eventually(x, "a slot is asked for", func() bool { return lost.Load() == int64(i+1) })
	}
	for _, a := range answers {
		x.got(<-a, 504, "")
	}
	relay.Passes(nil)
	x.said.Step("it answers again")
	x.file(201, "", "token-all", "/v1/files?name=a.txt", "hello")
}

// Files where the server has no upload service. The address of a file needs none.
func TestFilesWithoutService(t *testing.T) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "notes") }))
	t.Cleanup(source.Close)
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "files"))
		said := newFilesTranscript(t, "disco#info")
		x := startRefusing(t, s, said, s.ComponentAddr(), "service: auto")
		if status, v := uploadTo(t, x.p, "/v1/files?name=a.txt", "", "hello"); status != 501 { // now the search has ended
			t.Error(status, v)
		}
		said.Step("a file")
		x.file(501, "", "token-all", "/v1/files?name=a.txt&from=echo@files.localhost", "hello")
		said.Step("a message with one: nothing is sent")
		x.message(501, "", "token-all", "echo@files.localhost", "hello")
		said.Step("a message with the address of a file: alice gets it")
		link := fmt.Sprintf(`{"to":"alice@localhost","from":"echo@files.localhost","files":[{"url":"%s/notes.txt"}]}`, source.URL)
		x.call(202, "", "token-all", "/v1/messages", harness.AsJSON, strings.NewReader(link), link)
		x.gets("notes")
		said.Step("what is sent now")
		x.call(202, "", "token-all", "/v1/messages", harness.AsJSON, strings.NewReader(theEnd), theEnd)
		x.gets("the end")
		said.Compare("files-none", kind, *update)
	})
}
