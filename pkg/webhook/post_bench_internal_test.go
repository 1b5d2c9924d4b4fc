package webhook

import (
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// One request after the other, by network and client; the bot is in the process.
func BenchmarkPost(b *testing.B) {
	ev := eventOf(b, receiptWanted)
	for _, network := range networks() {
		for _, own := range []bool{true, false} {
			name := network + "/own"
			if !own {
				name = network + "/net-http"
			}
			b.Run(name, func(b *testing.B) {
				l, target := listen(b, network)
				bot := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Content-Type", mediaText)
					_, _ = io.WriteString(w, "pong")
				})}
				go func() { _ = bot.Serve(l) }() // until the end
				defer bot.Close()
				c := client(b, &Endpoint{Name: "echo", URL: target, Timeout: 10 * time.Second})
				if !own {
					c.plain = nil
				}
				b.ReportAllocs()
				before := processTime(b)
				for b.Loop() {
					if v := c.Post(b.Context(), ev); v.Outcome != Done || len(v.Replies) != 1 {
						b.Fatal(v)
					}
				}
				b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op") // the bot's too
			})
		}
	}
}

// processTime is the processor time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
