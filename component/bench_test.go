package component_test

import (
	"io"
	"net"
	"testing"

	"stanzahook/component"
	"stanzahook/component/componenttest"
)

// benchLink is a link to an in-process peer that routes markers back and
// forgets everything else.
func benchLink(b *testing.B) *component.Link {
	b.Helper()
	srv := componenttest.NewServer(b, domain, "secret")
	srv.Forget()
	return srv.Connect(component.Options{})
}

// One stanza at a time: the round trip of a marker.
func BenchmarkConfirmedOneByOne(b *testing.B) {
	l := benchLink(b)
	s := message("x", "u@example.com")
	for b.Loop() {
		if err := componenttest.Confirm(b.Context(), l, s); err != nil {
			b.Fatal(err)
		}
	}
}

// Up to 64 stanzas unconfirmed, as with 64 HTTP callers.
func BenchmarkConfirmedWindow64(b *testing.B) {
	l := benchLink(b)
	s := message("x", "u@example.com")
	window := make(chan struct{}, 64)
	for b.Loop() {
		window <- struct{}{}
		if err := l.Send(s, func(error) { <-window }); err != nil {
			b.Fatal(err)
		}
	}
	for range cap(window) {
		window <- struct{}{}
	}
}

// For comparison: the same bytes into a socket, without queue and marker.
func BenchmarkUnconfirmedWrite(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	x := []byte(message("x", "u@example.com").XML())
	for b.Loop() {
		if _, err := c.Write(x); err != nil {
			b.Fatal(err)
		}
	}
}
