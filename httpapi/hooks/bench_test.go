package hooks_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// SetReadDeadline and SetWriteDeadline are for http.ResponseController.
func (*discard) SetReadDeadline(time.Time) error  { return nil }
func (*discard) SetWriteDeadline(time.Time) error { return nil }

// cpu is the time that the process has used of the processors.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHook is what a request of 1 KiB costs without the network and the XMPP server, and
// without what net/http does, of 64 callers at once. Strangers are slowed down: what they cost
// is cpu-ns/op.
func BenchmarkHook(b *testing.B) {
	g := newRig(b, nil)
	body := `{"text":"` + strings.Repeat("x", 900) + `"}`
	for _, c := range []struct {
		name, path string
		status     int
	}{
		{"right", "/hooks/json/s3cret-json", 202}, {"wrong secret", "/hooks/json/s3cret-wrong", 401}, {"unknown", "/hooks/nope", 401},
		{"services", "/services/a/b/c", 401}, {"api", "/api/chat.postMessage", 401}, {"gotify", "/hooks/gotify/message?token=x", 401},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(64)
			before := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				r := httptest.NewRequest("POST", c.path, nil)
				r.ContentLength = int64(len(body))
				data := bytes.NewReader(nil)
				for pb.Next() {
					data.Reset([]byte(body))
					r.Body = io.NopCloser(data)
					w := &discard{header: make(http.Header)}
					if g.ServeHTTP(w, r); w.status != c.status {
						b.Errorf("%s: %d", c.path, w.status)
						return
					}
				}
			})
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkStranger is what a request costs that is refused, below the rate at which
// strangers wait: rounds of 64, of one caller and of 64 at once. The time between the
// rounds does not count.
func BenchmarkStranger(b *testing.B) {
	const round, pause = 64, 70 * time.Millisecond // 64 turns at 1,000 a second
	g := newRig(b, nil)
	body := strings.Repeat("x", 1000)
	knock := func(path string, n int) {
		r := httptest.NewRequest("POST", path, nil)
		r.ContentLength = int64(len(body))
		for range n {
			r.Body = io.NopCloser(strings.NewReader(body))
			w := &discard{header: make(http.Header)}
			if g.ServeHTTP(w, r); w.status != http.StatusUnauthorized {
				b.Errorf("%s: %d", path, w.status)
			}
		}
	}
	for _, path := range []string{"/hooks/json/s3cret-wrong", "/hooks/nope", "/services/a/b/c", "/api/chat.postMessage", "/hooks/gotify/message?token=x"} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", path, callers), func(b *testing.B) {
				b.ReportAllocs()
				var used time.Duration
				for n := 0; n < b.N; n += round {
					b.StopTimer()
					time.Sleep(pause) // strangers have their burst again
					b.StartTimer()
					before := cpu(b)
					var wg sync.WaitGroup
					for range callers {
						wg.Go(func() { knock(path, min(round, b.N-n)/callers) })
					}
					wg.Wait()
					used += cpu(b) - before
				}
				b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
