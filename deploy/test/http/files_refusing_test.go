//go:build integration

package http

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const formOfFiles = "multipart/form-data; boundary=b"

// formTo is a message to alice with a file.
func formTo(from, body, file string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n" + fmt.Sprintf(`{"to":"alice@localhost","from":%q,"body":%q}`, from, body) +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n" + file + "\r\n--b--\r\n"
}

// refusing is a program whose files are refused, and alice with slixmpp, who gets none of them.
type refusing struct {
	*testing.T
	p    *harness.Program
	said *harness.Transcript
	out  *json.Decoder // what alice gets
}

// startRefusing starts them. uploads are the settings of uploads; server is where the component
// connects to. Each of three callers may send.
func startRefusing(t *testing.T, s *lab.Server, said *harness.Transcript, server, uploads string) *refusing {
	t.Helper()
	x := &refusing{T: t, said: said}
	x.p = harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: files.localhost, server: %q, secret: %q, uploads: {%s}}]
endpoints: [{name: echo}]
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: all, hash: %q, scopes: [send, read]}
    - {name: one, hash: %q, scopes: [send]}
    - {name: two, hash: %q, scopes: [send]}
store: {dir: store}
`, said.Through("component", server).Addr(), harness.Secret, uploads, harness.HashOf("token-all"), harness.HashOf("token-one"), harness.HashOf("token-two"))))
	_, x.out = harness.StartPerson(t, "testdata/files.py", "alice", "slix", said.Through("alice", s.ClientAddr()).Addr(), "echo@files.localhost")
	x.gets("") // she is online
	return x
}

// gets waits for a message to alice, which must be the next one.
func (x *refusing) gets(text string) {
	x.Helper()
	var v shared
	if err := x.out.Decode(&v); err != nil || v.Body != text && v.Data != text {
		x.Fatalf("alice got %+v %v, and not %q", v, err, text)
	}
}

// call posts with a token, as lines of the transcript.
func (x *refusing) call(status int, retryAfter, token, path, media string, body io.Reader, shown string) {
	x.Helper()
	if len(shown) > 1000 {
		shown = fmt.Sprintf("(%d bytes)", len(shown))
	}
	x.said.Sent(fmt.Sprintf("POST %s (%s) %s %s", path, token, media, shown))
	x.got(x.post(token, path, media, body), status, retryAfter)
}

// post posts with a token.
func (x *refusing) post(token, path, media string, body io.Reader) *http.Response {
	r, err := http.NewRequestWithContext(x.Context(), "POST", "http://"+x.p.Addr+path, body)
	if err != nil {
		x.Error(err)
		return nil
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", media)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		x.Error(err)
		return nil
	}
	return resp
}

// got reads an answer into the transcript, with its Retry-After.
func (x *refusing) got(resp *http.Response, status int, retryAfter string) {
	x.Helper()
	if resp == nil {
		x.FailNow()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	after := resp.Header.Get("Retry-After")
	if err != nil || resp.StatusCode != status || after != retryAfter {
		x.Errorf("%d %q %s %v, want %d %q", resp.StatusCode, after, body, err, status, retryAfter)
	}
	line := fmt.Sprint(resp.StatusCode)
	if after != "" {
		line += " Retry-After: " + after
	}
	x.said.Got(line + " " + string(body))
}

// file posts a text as a file whose length is told.
func (x *refusing) file(status int, retryAfter, token, path, text string) {
	x.Helper()
	x.call(status, retryAfter, token, path, "text/plain", strings.NewReader(text), text)
}

// message posts a message with a file.
func (x *refusing) message(status int, retryAfter, token, from, file string) {
	x.Helper()
	text := formTo(from, "never", file)
	x.call(status, retryAfter, token, "/v1/messages", formOfFiles, strings.NewReader(text), text)
}

// begun is a request whose body has not ended.
type begun struct {
	*refusing
	net.Conn
}

// begin sends the head of a request, and a part of its body.
func (x *refusing) begin(token, path, header, part string) begun {
	x.Helper()
	conn, err := net.Dial("tcp", x.p.Addr)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: text/plain\r\n%s\r\n\r\n%s", path, x.p.Addr, token, header, part)
	return begun{x, conn}
}

// end sends the rest, and reads the answer: the file was uploaded.
func (b begun) end(rest string) {
	b.Helper()
	_, _ = io.WriteString(b.Conn, rest) // the answer says what became of it
	resp, err := http.ReadResponse(bufio.NewReader(b.Conn), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.got(resp, 201, "")
}
