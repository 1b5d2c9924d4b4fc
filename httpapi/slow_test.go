package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
)

// crowd is how many slow clients there are, if the process may have as many
// files open: each has two ends here.
func crowd(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return int(min(2000, (limit.Cur-100)/3))
}

func TestSlowClientsStopNobody(t *testing.T) {
	const head = "POST /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
	for _, c := range []struct{ name, text string }{
		{"that say nothing", ""},
		{"that send a part of a header", "POST /things HTTP/1.1\r\nHost:"},
		{"that send a part of a body", head + token + "\r\nContent-Length: 100000\r\n\r\n0123"},
		{"that send a part of a body in chunks", head + token + "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123"},
		{"that may not", head + "wrong\r\nContent-Length: 100000\r\n\r\n0123"},
	} {
		for _, connections := range []int{0, 100} {
			t.Run(fmt.Sprintf("%s, %d connections", c.name, connections), func(t *testing.T) {
				n := crowd(t)
				f := start(t, httpapi.Options{MaxConcurrent: 10, MaxConnections: connections}, take)
				for range n {
					conn, err := net.Dial("tcp", f.addr)
					require.NoError(t, err)
					defer func() { _ = conn.Close() }()
					_, _ = io.WriteString(conn, c.text) // it may be closed already
				}
				for range 20 {
					if resp, body := f.do(t, "POST", "/things", "0123"); resp.StatusCode != 200 || body != "4" {
						t.Fatalf("%d %s", resp.StatusCode, body)
					}
				}
			})
		}
	}
}

// endless is a body that counts how much of it was read.
type endless struct{ taken atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.taken.Add(int64(len(p)))
	return len(p), nil
}

// A body of 1 GiB is refused before it is read, or where the limit is; what the
// server takes of it is what the sockets hold.
func TestHugeBody(t *testing.T) {
	const gigabyte = 1 << 30
	for _, c := range []struct {
		name, token string
		length      int64
		status      int
	}{
		{"announced", token, gigabyte, 413},
		{"in chunks", token, -1, 413},
		{"from nobody", "wrong", gigabyte, 403},
		{"in chunks from nobody", "wrong", -1, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, httpapi.Options{}, take)
			body := new(endless)
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+f.addr+"/things", io.NopCloser(io.LimitReader(body, gigabyte)))
			require.NoError(t, err)
			r.ContentLength = c.length
			r.Header.Set("Authorization", "Bearer "+c.token)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			resp, err := transport.RoundTrip(r)
			runtime.ReadMemStats(&after)
			if err == nil { // the connection may break before the answer has been read
				if resp.StatusCode != c.status {
					t.Errorf("%d", resp.StatusCode)
				}
				_ = resp.Body.Close()
			}
			// The buffers of both sockets may grow to some megabytes.
			if n := body.taken.Load(); n > 64<<20 {
				t.Errorf("%d MiB were taken", n>>20)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d KiB were allocated", n>>10)
			}
			if resp, _ := f.do(t, "POST", "/things", "0123"); resp.StatusCode != 200 {
				t.Errorf("afterwards: %d", resp.StatusCode)
			}
		})
	}
}

// Bodies reserve memory for what has arrived of them, within the bound for all; those of one
// caller at most half of it.
func TestBodiesAreBounded(t *testing.T) {
	const size, each = 1 << 20, 50 // 64 MiB for all
	leave := make(chan struct{})
	inside := make(chan struct{}, 2*each)
	f := start(t, httpapi.Options{MaxBodyBytes: size, MaxConcurrent: 200, Tokens: tokensOf(map[string]string{"another": "send"})}, func(w http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-leave
		take(w, r)
	})
	text := strings.Repeat("x", size)
	statuses := make(chan int, 2*each)
	flood := func(token string) (held int) {
		for range each {
			go func() {
				statuses <- f.status(t, "POST", "/things", text, "Authorization", "Bearer "+token)
			}()
		}
		for refused := 0; held+refused < each; {
			select {
			case <-inside:
				held++
			case s := <-statuses:
				if refused++; s != http.StatusTooManyRequests && s != http.StatusServiceUnavailable {
					t.Errorf("status %d", s)
				}
			}
		}
		return held
	}
	first := flood(token)
	second := flood("another")
	if first > 32 || second > 32 || first < 25 || second < 25 {
		t.Errorf("%d and %d bodies of two callers were held; there is room for 64", first, second)
	}
	close(leave)
	for range first + second {
		if s := <-statuses; s != 200 {
			t.Errorf("status %d", s)
		}
	}
	if resp, _ := f.do(t, "POST", "/things", text); resp.StatusCode != 200 {
		t.Errorf("the memory did not come back: %d", resp.StatusCode)
	}
}

// An idle connection makes room for a new one; one with a request does not.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	leave := make(chan struct{})
	inside := make(chan struct{})
	f := start(t, httpapi.Options{MaxConnections: 2}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			inside <- struct{}{}
			<-leave
		}
		ok(w, r)
	})
	get := "GET /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	_, busy := f.raw(t, strings.Replace(strings.Replace(get, "GET", "POST", 1), "/1", "", 1))
	<-inside
	_, idle := f.raw(t, get)
	if line, err := idle.ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		t.Fatalf("%q %v", line, err)
	}
	// The server knows a moment after the client that the first one is idle.
	for deadline := time.Now().Add(time.Minute); ; {
		if resp, err := http.Get("http://" + f.addr + "/healthz"); err == nil { // else it has been closed at once
			_ = resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the idle connection makes no room")
		}
	}
	if _, err := io.ReadAll(idle); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the idle connection stays open: %v", err)
	}
	close(leave)
	if line, err := busy.ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		t.Errorf("%q %v", line, err)
	}
}
