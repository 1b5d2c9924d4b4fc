package harness

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Notices is the socket of systemd, to which a service says how it is.
type Notices struct{ net.PacketConn }

// ListenNotices opens one; a name that begins with @ is an abstract one.
func ListenNotices(t testing.TB, name, watchdog string) Notices {
	t.Helper()
	c, err := net.ListenPacket("unixgram", name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", watchdog)
	t.Setenv("WATCHDOG_PID", "")
	return Notices{c}
}

// Next returns the next message that comes within a time; "" if none does.
func (n Notices) Next(t testing.TB, within time.Duration) string {
	t.Helper()
	require.NoError(t, n.SetReadDeadline(time.Now().Add(within)))
	b := make([]byte, 4096)
	size, _, err := n.ReadFrom(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	require.NoError(t, err)
	return string(b[:size])
}

// Expect is Next for a message that must come, and be this one.
func (n Notices) Expect(t testing.TB, want string) {
	t.Helper()
	if got := n.Next(t, 10*time.Second); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}
