package httpapi

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainHeads are heads of requests, and whether they are plain.
var plainHeads = map[string]bool{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                        true,
	"POST /hooks/in/wrong HTTP/1.1\r\nHost: x:5281\r\nContent-Length: 1010\r\n\r\nxxx":                                         true,
	"POST /v1/messages?wait=10&a= HTTP/1.1\r\nhost: X.example.com\r\nauthorization:  Bearer wrong \r\nuser-agent: a b\r\n\r\n": true,
	"POST /msg/a@b HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                false,
	"GET /a%20b HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                   false,
	"GET //x HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                      false,
	"GET /x? HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                      false,
	"GET http://y/x HTTP/1.1\r\nHost: x\r\n\r\n":                                                                               false,
	"GET /x HTTP/1.0\r\nHost: x\r\n\r\n":                                                                                       false,
	"GET /x HTTP/1.1\nHost: x\n\n":                                                                                             false,
	"GET /x  HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                      false,
	"GET /x HTTP/1.1\r\n\r\n":                                                                                                  false,
	"GET /x HTTP/1.1\r\nHost: \r\n\r\n":                                                                                        false,
	"GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n":                                                                            false,
	"GET /x HTTP/1.1\r\nHost : x\r\n\r\n":                                                                                      false,
	"GET /x HTTP/1.1\r\nHost: x\r\n y\r\n\r\n":                                                                                 false,
	"GET /x HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n":                                                                            false,
	"GET /x HTTP/1.1\r\nHost: x\r\nA: ü\r\n\r\n":                                                                               false,
	"GET /x HTTP/1.1\r\nHost: x\r\nA: b\r\na: c\r\n\r\n":                                                                       false,
	"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                                                                  false,
	"GET /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n":                                                         false,
	"GET /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n":                                                               false,
	"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n":                                                                 false,
	"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n":                                                                 false,
	"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n":                                                               false,
	"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n":                                               false,
	"get /x HTTP/1.1\r\nHost: x\r\n\r\n":                                                                                       false,
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                                         false,
	"GET /x HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 1) + "\r":                                                    false,
	"GET /x HTTP/1.1\r\nHost: x\r\n" + manyHeaders(plainHeaders-1) + "\r\n":                                                    true,
	"GET /x HTTP/1.1\r\nHost: x\r\n" + manyHeaders(plainHeaders) + "\r\n":                                                      false,
}

func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("A" + strings.Repeat("b", i) + ": c\r\n")
	}
	return b.String()
}

func TestPlainHead(t *testing.T) {
	p := newPlainHead()
	for text, plain := range plainHeads {
		assert.Equal(t, plain, asNetHTTP(t, p, text), "%q", text)
	}
	text := "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n"
	assert.Zero(t, testing.AllocsPerRun(100, func() { p.read(text) }))
}

// asNetHTTP reports whether a head is plain. If it is, net/http reads the same.
func asNetHTTP(t *testing.T, p *plainHead, text string) bool {
	got := p.read(text)
	if got == nil {
		return false
	}
	want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	require.NoError(t, err, "%q", text)
	want.Body = http.NoBody
	require.Equal(t, want, got, "%q", text)
	return true
}

// What is read as plain is what net/http reads.
func FuzzPlainHead(f *testing.F) {
	for text := range plainHeads {
		f.Add(text)
	}
	p := newPlainHead()
	f.Fuzz(func(t *testing.T, text string) { asNetHTTP(t, p, text) })
}
