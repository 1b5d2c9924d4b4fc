package standby

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a kernel has not brought over when a connection is closed comes later, unless it is to be dropped.
func TestDropUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dial := func() (ours net.Conn, theirs net.Conn, sent int) {
		ours, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		theirs, err = l.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = theirs.Close() })
		for err = error(nil); err == nil; { // theirs reads nothing yet
			_ = ours.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			var n int
			n, err = ours.Write(make([]byte, 64<<10))
			sent += n
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes written: %v", sent, err)
		}
		return ours, theirs, sent
	}
	late, lateTheirs, lateSent := dial()
	dropped, droppedTheirs, droppedSent := dial()
	dropUnsent(func(local, remote netip.AddrPort) bool {
		return local.String() == dropped.LocalAddr().String() && remote.String() == l.Addr().String()
	})
	_, _ = late.Close(), dropped.Close()
	if n, err := io.Copy(io.Discard, lateTheirs); int(n) != lateSent || err != nil {
		t.Errorf("%d of %d bytes came late: %v", n, lateSent, err)
	}
	if n, err := io.Copy(io.Discard, droppedTheirs); int(n) >= droppedSent || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d of %d bytes came: %v", n, droppedSent, err)
	}
}
