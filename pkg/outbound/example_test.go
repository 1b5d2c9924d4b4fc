package outbound_test

import (
	"errors"
	"fmt"
	"net/netip"

	"stanzahook/pkg/outbound"
)

func ExampleGuard_Check() {
	loopback, err := outbound.ParseNetwork("127.0.0.0/8")
	if err != nil {
		fmt.Println("127.0.0.0/8", err)
		return
	}
	g := outbound.NewGuard([]netip.Prefix{loopback})
	for _, addr := range []string{"127.0.0.1", "10.1.2.3", "::ffff:169.254.169.254"} {
		err := g.Check(netip.MustParseAddr(addr))
		fmt.Println(errors.Is(err, outbound.ErrRefused), err)
	}
	// Output:
	// false <nil>
	// true 10.1.2.3 is a private address (RFC 1918); if it is meant, add 10.1.2.3/32 to outbound.allow_networks
	// true ::ffff:169.254.169.254 (which leads to 169.254.169.254) is a link-local or cloud metadata address, and those are always refused
}
