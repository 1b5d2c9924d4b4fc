//go:build integration

package main

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// relay passes connections on to a server and counts them.
type relay struct {
	listener net.Listener
	count    atomic.Int64
	shut     atomic.Bool // new connections are closed at once
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &relay{listener: l}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			r.count.Add(1)
			if r.shut.Load() {
				_ = in.Close()
				continue
			}
			go pass(in, to)
		}
	}()
	return r
}

// pass copies both ways until one side ends.
func pass(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}
