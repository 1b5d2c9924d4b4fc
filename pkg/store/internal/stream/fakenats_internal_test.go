package stream

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// serveFrozen is a NATS server that answers until a connection is made, and reads nothing
// after that.
func serveFrozen(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = conn.Write([]byte(`INFO {"server_id":"x","version":"2.11.0","proto":1,"headers":true,"max_payload":8388608}` + "\r\n"))
			for lines := bufio.NewReader(conn); ; {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if strings.HasPrefix(line, "PING") {
					_, _ = conn.Write([]byte("PONG\r\n"))
					return // the connection stays open
				}
			}
		}()
	}
}

func connectFrozen(t *testing.T, address string, options []nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("nats://"+address, options...)
	require.NoError(t, err)
	return nc
}

// serveNATS runs a NATS server in this process that listens, with JetStream.
func serveNATS(t *testing.T, jetStream bool) *server.Server {
	t.Helper()
	return serveNATSWith(t, &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, JetStream: jetStream, StoreDir: t.TempDir(), MaxPayload: 8 << 20})
}

func serveNATSWith(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	srv, err := server.NewServer(o)
	require.NoError(t, err)
	go srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv
}
