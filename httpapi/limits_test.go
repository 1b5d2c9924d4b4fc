package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi"
)

func TestBodyLimit(t *testing.T) {
	f := start(t, httpapi.Options{MaxBodyBytes: 10}, take)
	if resp, body := f.do(t, "POST", "/things", "0123456789"); resp.StatusCode != 200 || body != "10" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	resp, body := f.do(t, "POST", "/things", "0123456789x")
	isProblem(t, resp, body, 413)

	// without a length beforehand
	_, in := f.raw(t, "POST /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789x\r\n0\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 413 ") {
		t.Errorf("%q %v", line, err)
	}
}

// A body that does not arrive ends in 408, and one nobody wants does not hold the
// connection.
func TestSlowBody(t *testing.T) {
	f := start(t, httpapi.Options{BodyTimeout: 100 * time.Millisecond}, take)
	for _, c := range []struct{ path, authorization, status string }{
		{"/things", "Bearer " + token, " 408 "},
		{"/things", "Bearer wrong", " 403 "},
		{"/nothing", "Bearer wrong", " 404 "},
	} {
		_, in := f.raw(t, "POST "+c.path+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+c.authorization+"\r\nContent-Length: 100\r\n\r\n01234")
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, c.status) {
			t.Errorf("%s: %q %v", c.path, line, err)
		}
		for { // to the end of the connection, which the deadline of raw would turn into an error
			if _, err := in.ReadByte(); err != nil {
				if err.Error() != "EOF" && !strings.Contains(err.Error(), "reset") {
					t.Errorf("%s: the connection stays open: %v", c.path, err)
				}
				break
			}
		}
	}
}

// The deadline of the body does not end a handler that waits longer than it, and
// the caller's going is noticed.
func TestLongHandlerAfterBody(t *testing.T) {
	gone := make(chan error, 1)
	f := start(t, httpapi.Options{BodyTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if _, fault := httpapi.ReadBody(w, r); fault != nil {
			httpapi.WriteProblem(w, r, fault)
			return
		}
		if r.Header.Get("Wait") == "ever" {
			<-r.Context().Done()
			gone <- r.Context().Err()
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
			fmt.Fprint(w, "done")
		case <-r.Context().Done():
			gone <- r.Context().Err()
		}
	})
	if resp, body := f.do(t, "POST", "/things", "x"); resp.StatusCode != 200 || body != "done" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c, _ := f.raw(t, "POST /things HTTP/1.1\r\nHost: x\r\nWait: ever\r\nAuthorization: Bearer "+token+"\r\nContent-Length: 1\r\n\r\nx")
	time.AfterFunc(100*time.Millisecond, func() { _ = c.Close() })
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("the handler was not told")
	}
}

func TestConcurrencyBound(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	f := start(t, httpapi.Options{MaxConcurrent: 2, Tokens: tokensOf(map[string]string{"other": "", "third": ""})}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			inside <- struct{}{}
			<-leave
		}
		ok(w, r)
	})
	statuses := make(chan int, 2)
	for _, token := range []string{token, "other"} { // one may have half of the slots
		go func() {
			statuses <- f.status(t, "POST", "/things", "", "Authorization", "Bearer "+token)
		}()
		<-inside
	}
	resp, body := f.do(t, "GET", "/things/1", "")
	isProblem(t, resp, body, 429)
	resp, body = f.do(t, "GET", "/things/1", "", "Authorization", "Bearer third")
	isProblem(t, resp, body, 503)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if resp, _ := f.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Error("healthz is refused under load")
	}
	close(leave)
	for range 2 {
		if s := <-statuses; s != 200 {
			t.Errorf("status %d", s)
		}
	}
	if resp, _ := f.do(t, "GET", "/things/1", ""); resp.StatusCode != 200 {
		t.Error("the slots did not come back")
	}
}

func TestHeaderLimit(t *testing.T) {
	f := start(t, httpapi.Options{}, ok)
	for size, want := range map[int]int{80 << 10: http.StatusRequestHeaderFieldsTooLarge, 16 << 10: http.StatusRequestHeaderFieldsTooLarge, 14 << 10: http.StatusOK} {
		resp, _ := f.do(t, "POST", "/things", "", "X-Long", strings.Repeat("x", size))
		if resp.StatusCode != want {
			t.Errorf("%d bytes: %d", size, resp.StatusCode)
		}
	}
}

// Stop waits for requests in flight, and cuts them off when it may not wait.
func TestStop(t *testing.T) {
	for _, patient := range []bool{true, false} {
		inside, leave := make(chan struct{}), make(chan struct{})
		s := httpapi.NewServer(httpapi.New(httpapi.Options{Listen: "127.0.0.1:0", NoAuth: true}, httpapi.Mount{Prefix: "/x", Routes: []httpapi.Route{{
			Method: "GET", Path: "/x", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(inside)
				select {
				case <-leave:
				case <-r.Context().Done():
				}
			})}}}))
		addr, err := s.Start()
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() {
			resp, err := http.Get("http://" + addr + "/x")
			if err == nil {
				_ = resp.Body.Close()
			}
			got <- err
		}()
		<-inside
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if patient {
			time.AfterFunc(50*time.Millisecond, func() { close(leave) })
		} else {
			cancel()
		}
		if err := s.Stop(ctx); (err == nil) != patient {
			t.Errorf("patient %v: %v", patient, err)
		}
		if err := <-got; (err == nil) != patient {
			t.Errorf("patient %v: the caller got %v", patient, err)
		}
		cancel()
	}
}

func TestRateLimit(t *testing.T) {
	f := start(t, httpapi.Options{Rate: httpapi.RateLimit{PerSecond: 1, Burst: 2}, Tokens: tokensOf(map[string]string{"other": ""})}, ok)
	statuses := make([]int, 3)
	for i := range statuses {
		resp, body := f.do(t, "POST", "/things", "")
		if statuses[i] = resp.StatusCode; i == 2 && resp.StatusCode != 200 { // it may have taken a second to get here
			isProblem(t, resp, body, 429)
			if resp.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
			}
		}
	}
	if statuses[0] != 200 || statuses[1] != 200 {
		t.Errorf("%v", statuses)
	}
	if resp, _ := f.do(t, "POST", "/things", "", "Authorization", "Bearer other"); resp.StatusCode != 200 {
		t.Errorf("another token: %d", resp.StatusCode)
	}
	if resp, _ := f.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("healthz: %d", resp.StatusCode)
	}
}
