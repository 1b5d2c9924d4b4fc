package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Ports come from below the range that systems hand out for outgoing connections
// (Linux: 32768 and up). A port from inside it could be lent to any connection
// while the server is stopped, and then Restart could not have it back; worse, a
// client that keeps trying such a port on loopback can end up connected to itself.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePort finds a loopback port that nobody listens on, other than those in
// taken. Somebody may still take it before the server does: Start tries again.
func freePort(taken ...int) (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if slices.Contains(taken, port) {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d", firstPort, lastPort)
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
