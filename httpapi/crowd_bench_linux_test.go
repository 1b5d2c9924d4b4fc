package httpapi

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
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

// What it takes to recognise that nobody knows a caller, once its request has come.
func BenchmarkRecognize(b *testing.B) {
	for name, text := range map[string]string{
		"door":  "POST /door/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 1010\r\n\r\n",
		"token": "POST /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 1010\r\n\r\n",
		"curl":  "POST /v1/x HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nAuthorization: Bearer wrong\r\nContent-Type: application/json\r\nContent-Length: 1010\r\n\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			x := besiege(b, Options{})
			w := &crowd{handler: x.Handler, head: newPlainHead(), buffer: bufio.NewReaderSize(nil, 4<<10)}
			v := &visitor{socket: &rawSocket{addr: netip.MustParseAddrPort("192.0.2.1:1")}}
			seen := []byte(text + strings.Repeat("x", 1010))
			b.ReportAllocs()
			for b.Loop() {
				if _, why := w.recognize(v, seen); why == nil {
					b.Fatal("somebody")
				}
			}
		})
	}
}
