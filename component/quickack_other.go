//go:build !linux

package component

import "net"

// ackQuickly has no TCP_QUICKACK to set here; with Prosody set
// network_settings = { nagle = false } instead.
func ackQuickly(c *net.TCPConn) net.Conn { return c }
