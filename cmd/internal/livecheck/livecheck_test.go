package livecheck

import (
	"net"
	"testing"
	"time"
)

func TestClocks(t *testing.T) {
	for apart, want := range map[time.Duration]string{
		3 * time.Second: "our clock is 3s ahead of example.com's",
		-time.Minute:    "our clock is 1m0s behind example.com's",
	} {
		if got := clocks(apart, "example.com"); got != want {
			t.Errorf("%v: %s", apart, got)
		}
	}
}

func TestCanListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if c := canListen(taken.Addr().String()); c.Verdict != "fail" {
		t.Errorf("%+v", c)
	}
}
