package webhook

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// pressed is a text with a coding.
func pressed(coding, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "raw":
		w, _ = flate.NewWriter(&b, 5)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func withLength(head, body string) string {
	return fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// oddAnswers returns unusual answers and their meaning, by describeAnswer. An answer with
// the word close in it closes the connection.
func oddAnswers() map[string][2]string {
	const ok = "HTTP/1.1 200 OK"
	long := strings.Repeat("x", maxAnswer+1)
	all := map[string][2]string{
		"usual":                      {ok + "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", "200 text/plain hi"},
		"bare LF":                    {ok + "\nContent-Type: text/plain\nContent-Length: 2\n\nhi", "200 text/plain hi"},
		"LF at the end":              {ok + "\r\nContent-Length: 2\r\n\nhi", "200  hi"},
		"bare CR":                    {ok + "\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"no reason":                  {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"status 99":                  {"HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nhi", "99  hi"},
		"status of two digits":       {"HTTP/1.1 20 X\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"status of four":             {"HTTP/1.1 2000 X\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"status 999":                 {"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nhi", "999  hi"},
		"HTTP/1.0":                   {"HTTP/1.0 200 OK\r\nX: close\r\n\r\nhi", "200  hi"},
		"HTTP/1.2":                   {"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"HTTP/2.0":                   {"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"lower case":                 {"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"folded":                     {ok + "\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Length: 2\r\n\r\nhi", "200 text/plain hi"},
		"begins folded":              {ok + "\r\n X: y\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"space before the colon":     {ok + "\r\nContent-Length : 2\r\n\r\nhi", "error "},
		"no colon":                   {ok + "\r\nabc\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"no name":                    {ok + "\r\n: x\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"NUL":                        {ok + "\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"obs-text":                   {ok + "\r\nX: a\xffb\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"type, twice":                {ok + "\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", "200 text/plain hi"},
		"length, twice":              {ok + "\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"two lengths":                {ok + "\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "error "},
		"lengths in a list":          {ok + "\r\nContent-Length: 2, 2\r\n\r\nhi", "error "},
		"length with a sign":         {ok + "\r\nContent-Length: +2\r\n\r\nhi", "error "},
		"length in hex":              {ok + "\r\nContent-Length: 0x2\r\n\r\nhi", "error "},
		"length below zero":          {ok + "\r\nContent-Length: -2\r\n\r\nhi", "error "},
		"empty length":               {ok + "\r\nContent-Length: \r\nX: close\r\n\r\nhi", "error "},
		"length too large":           {ok + "\r\nContent-Length: 99999999999999999999\r\n\r\nhi", "error "},
		"fewer than it says":         {ok + "\r\nContent-Length: 5\r\nX: close\r\n\r\nhi", "error "},
		"no length":                  {ok + "\r\nX: close\r\n\r\nhi", "200  hi"},
		"Connection: close":          {ok + "\r\nConnection: close\r\n\r\nhi", "200  hi"},
		"Connection: keep-alive":     {ok + "\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"chunked":                    {ok + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\n\r\n", "200  hi"},
		"chunked, with a trailer":    {ok + "\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", "200  hi"},
		"chunked, bare LF":           {ok + "\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n", "error "},
		"chunked, broken off":        {ok + "\r\nTransfer-Encoding: chunked\r\nX: close\r\n\r\n2\r\nhi\r\n", "error "},
		"chunked, no number":         {ok + "\r\nTransfer-Encoding: chunked\r\n\r\nz\r\nhi\r\n0\r\n\r\n", "error "},
		"chunked and a length":       {ok + "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "200  hi"},
		"chunked, twice":             {ok + "\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "error "},
		"Transfer-Encoding: gzip":    {ok + "\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "error "},
		"Transfer-Encoding: CHUNKED": {ok + "\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "200  hi"},
		"204":                        {"HTTP/1.1 204 No Content\r\n\r\n", "204  "},
		"204 with a length":          {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", "204  "},
		"304":                        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "304  "},
		"early words":                {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok + "\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"many early words":           {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 50) + ok + "\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"early words without end":    {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 3000) + ok + "\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"another protocol":           {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhi", "101  "},
		"another protocol, unnamed":  {"HTTP/1.1 101 Switching Protocols\r\n\r\nhi", "101  "},
		"a long head":                {ok + "\r\nX: " + long[:50<<10] + "\r\nContent-Length: 2\r\n\r\nhi", "200  hi"},
		"too long a head":            {ok + "\r\nX: " + long[:80<<10] + "\r\nContent-Length: 2\r\n\r\nhi", "error "},
		"no HTTP":                    {"hello, close\r\n\r\n", "error "},
		"TLS":                        {"\x15\x03\x01\x00\x02\x02\x46close", "error the port speaks TLS; write https:// in the URL"},
		"nothing":                    {"", "error the endpoint closed the connection without an answer"},
		"Retry-After":                {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "503   7s"},
		"too long":                   {withLength(ok, long), "200 unread: the answer is longer than 1 MiB"},
		"too long, chunked":          {ok + "\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long), "200 unread: the answer is longer than 1 MiB"},
		"too long, and a failure":    {withLength("HTTP/1.1 500 X", long), "500 unread: the answer is longer than 1 MiB"},
		"the longest":                {withLength(ok, long[1:]), "200  " + long[1:]},

		"gzip":                      {withLength(ok+"\r\nContent-Encoding: gzip", pressed("gzip", "hi")), "200  hi"},
		"x-gzip, in parts":          {withLength(ok+"\r\nContent-Encoding: X-GZip", pressed("gzip", "h")+pressed("gzip", "i")), "200  hi"},
		"gzip, chunked":             {ok + "\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(pressed("gzip", "hi")), pressed("gzip", "hi")), "200  hi"},
		"gzip until the end":        {ok + "\r\nContent-Encoding: gzip\r\nX: close\r\n\r\n" + pressed("gzip", "hi"), "200  hi"},
		"deflate":                   {withLength(ok+"\r\nContent-Encoding: deflate", pressed("zlib", "hi")), "200  hi"},
		"deflate without its frame": {withLength(ok+"\r\nContent-Encoding: deflate", pressed("raw", "hi")), "200  hi"},
		"deflate, then gzip":        {withLength(ok+"\r\nContent-Encoding: deflate, gzip", pressed("gzip", pressed("zlib", "hi"))), "200  hi"},
		"gzip three times":          {withLength(ok+"\r\nContent-Encoding: gzip, gzip, gzip", "x"), "200 unread: the answer is compressed 3 times (Content-Encoding: gzip, gzip, gzip); send it as it is"},
		"identity":                  {withLength(ok+"\r\nContent-Encoding: identity", "hi"), "200  hi"},
		"a charset":                 {withLength(ok+"\r\nContent-Encoding: UTF-8", "hi"), "200  hi"},
		"gzip of nothing":           {withLength(ok+"\r\nContent-Encoding: gzip", ""), "200  "},
		"gzip of nothing, chunked":  {ok + "\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200  "},
		"br":                        {withLength(ok+"\r\nContent-Encoding: br", "hi"), "200 unread: the answer has Content-Encoding: br, though it was asked for with Accept-Encoding: identity; send it as it is, or with gzip or deflate"},
		"zstd, and a failure":       {withLength("HTTP/1.1 500 X\r\nContent-Encoding: zstd", "hi"), "500 unread: the answer has Content-Encoding: zstd, though it was asked for with Accept-Encoding: identity; send it as it is, or with gzip or deflate"},
		"no gzip":                   {withLength(ok+"\r\nContent-Encoding: gzip", "hello, world"), "200 unread: the answer has Content-Encoding: gzip, and cannot be decoded so (gzip: invalid header)"},
		"half of a gzip":            {withLength(ok+"\r\nContent-Encoding: gzip", pressed("gzip", "hi")[:20]), "200 unread: the answer has Content-Encoding: gzip, and cannot be decoded so (unexpected EOF)"},
		"gzip, broken off":          {ok + "\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\nX: close\r\n\r\n" + pressed("gzip", "hi")[:20], "error "},
		"gzip, too long":            {withLength(ok+"\r\nContent-Encoding: gzip", pressed("gzip", long)), "200 unread: the answer is longer than 1 MiB"},
		"gzip, the longest":         {withLength(ok+"\r\nContent-Encoding: gzip", pressed("gzip", long[1:])), "200  " + long[1:]},
	}
	return all
}

func describeAnswer(a *Answer, err error) string {
	switch {
	case err != nil:
		return "error " + err.Error()
	case a.Unread != nil:
		return fmt.Sprintf("%d unread: %v", a.Status, a.Unread)
	case a.RetryAfter != 0:
		return fmt.Sprintf("%d %s %s %v", a.Status, a.MediaType, a.Body, a.RetryAfter)
	}
	return fmt.Sprintf("%d %s %s", a.Status, a.MediaType, a.Body)
}

// The same answer means the same over our own client and over net/http's, and over a
// socket what it does over TCP.
func TestSameAnswerOverBothClients(t *testing.T) {
	cases := oddAnswers()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		test := cases[name]
		for _, network := range networks() {
			t.Run(name+"/"+network, func(t *testing.T) {
				t.Parallel()
				sameAnswer(t, network, test[0], test[1])
			})
		}
	}
}

func sameAnswer(t *testing.T, network, answer, want string) {
	t.Helper()
	target, _ := rawOver(t, network, answer)
	timeout := 10 * time.Second
	if strings.Contains(answer, "Content-Length : ") {
		timeout = time.Second // an answer without a length, for whose end both wait in vain
	}
	e := &Endpoint{URL: target, Timeout: timeout}
	r := client(t, e)
	defer r.Close()
	if r.plain == nil {
		t.Fatal("requests go by net/http")
	}
	own := describeAnswer(r.plain.post(noValues, noFields, []byte("x"), watch{}))
	e.URL, _ = rawOver(t, network, answer)
	other := client(t, e)
	defer other.Close()
	u, err := other.address.URL(noValues)
	if err != nil {
		t.Fatal(err)
	}
	theirs := describeAnswer(other.full(t.Context(), u, make(http.Header), []byte("x"), watch{}))
	if own != want && !(want == "error " && strings.HasPrefix(own, want)) {
		t.Errorf("own client: %.200s", own)
	}
	if theirs != own && !strings.Contains(theirs, "server response headers exceeded") { // its words for the long head
		t.Errorf("net/http: %.200s\nown client: %.200s", theirs, own)
	}
}

// FuzzQuickAnswer holds the reader of usual answers against net/http's.
func FuzzQuickAnswer(f *testing.F) {
	for _, test := range oddAnswers() {
		if len(test[0]) < 4096 {
			f.Add([]byte(test[0]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > plainBuffer {
			return
		}
		c := &plainConn{in: bufio.NewReaderSize(bytes.NewReader(data), plainBuffer)}
		if _, err := c.in.Peek(1); err != nil {
			return
		}
		a, ok, err := c.quick()
		if !ok && err == nil {
			if c.in.Buffered() != len(data) {
				t.Fatal("some of it was read")
			}
			return
		}
		in := bufio.NewReaderSize(bytes.NewReader(data), plainBuffer)
		resp, wrong := http.ReadResponse(in, nil)
		var want *Answer
		if wrong == nil {
			want, wrong = readAnswer(resp, watch{}, nil)
		}
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%v; net/http: %v", err, wrong)
		}
		if err == nil && (describeAnswer(a, nil) != describeAnswer(want, nil) || resp.Close || c.in.Buffered() != in.Buffered()) {
			t.Fatalf("%s; net/http: %s, close %v; %d and %d bytes are left", describeAnswer(a, nil), describeAnswer(want, nil), resp.Close, c.in.Buffered(), in.Buffered())
		}
	})
}

// The name that is looked up, and the one that is said, are those of net/http.
func TestInternationalisedHost(t *testing.T) {
	r := client(t, &Endpoint{URL: "http://Bücher.example/{to}", Timeout: time.Second})
	defer r.Close()
	line, err := r.plain.appendTarget(nil, noValues)
	u, err2 := r.address.URL(noValues)
	if err != nil || err2 != nil || r.plain.pool.addr != "xn--bcher-kva.example:80" || string(line) != "POST / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n" || u.Host != "xn--bcher-kva.example" {
		t.Errorf("%s, %q, %v, %v, %v", r.plain.pool.addr, line, u, err, err2)
	}
}
