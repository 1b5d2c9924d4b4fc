//go:build !linux

package httpapi

import "net"

// crowd is for Linux.
type crowd struct{}

func newCrowd(*connections, func() *Handler) *crowd { return nil }

func (*crowd) accept() (net.Conn, error) { return nil, nil }

func (*crowd) stop() {}

func (*crowd) close() {}
