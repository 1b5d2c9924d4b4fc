package webhook

import (
	"io"
	"net/http"
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
				for b.Loop() {
					if v := c.Post(b.Context(), ev); v.Outcome != Done || len(v.Replies) != 1 {
						b.Fatal(v)
					}
				}
			})
		}
	}
}
