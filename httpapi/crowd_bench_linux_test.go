package httpapi

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// How long a request on a connection of its own takes in peace, and while there is a crowd, which is
// silent here: what the crowd's way of waiting costs by itself.
func BenchmarkFreshConnection(b *testing.B) {
	for _, c := range []struct {
		name  string
		crowd bool
	}{{"peace", false}, {"crowd", true}} {
		b.Run(c.name, func(b *testing.B) {
			x := besiege(b, Options{})
			x.crowd(c.crowd)
			text := requests["a token"]
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				c, err := net.Dial("tcp", x.addr)
				if err != nil {
					b.Fatal(err)
				}
				if _, err = io.WriteString(c, text); err == nil {
					_, err = io.Copy(io.Discard, c)
				}
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				_ = c.Close()
				time.Sleep(time.Millisecond) // the process has nothing to do meanwhile
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
