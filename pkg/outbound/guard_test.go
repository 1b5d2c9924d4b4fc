package outbound_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"stanzahook/pkg/outbound"
)

func networks(t *testing.T, texts ...string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, text := range texts {
		p, err := outbound.ParseNetwork(text)
		if err != nil {
			t.Fatalf("%s %v", text, err)
		}
		all = append(all, p)
	}
	return all
}

// Each address with what a guard says that allows nothing special, and one
// that allows everything it can.
func TestCheck(t *testing.T) {
	strict := outbound.NewGuard(nil)
	open := outbound.NewGuard(networks(t, "0.0.0.0/0", "::/0"))
	const passes, listed, never = "passes", "if listed", "never"
	for addr, want := range map[string]string{
		"8.8.8.8": passes, "1.1.1.1": passes, "9.255.255.255": passes, "11.0.0.0": passes, "100.63.255.255": passes,
		"100.128.0.0": passes, "126.255.255.255": passes, "128.0.0.0": passes, "169.253.255.255": passes,
		"169.255.0.0": passes, "172.15.255.255": passes, "172.32.0.0": passes, "192.167.255.255": passes,
		"198.17.255.255": passes, "198.20.0.0": passes, "223.255.255.255": passes, "168.63.129.17": passes,
		"2606:4700::1111": passes, "2a00:1450::1": passes, "2001:4860:4860::8888": passes,
		"::ffff:8.8.8.8": passes, "64:ff9b::8.8.8.8": passes, "64:ff9b:1::808:808": passes, "2002:808:808::1": passes,

		"0.0.0.0": listed, "0.1.2.3": listed, "10.0.0.0": listed, "10.255.255.255": listed, "100.64.0.1": listed,
		"100.127.255.255": listed, "127.0.0.1": listed, "127.255.255.255": listed, "172.16.0.1": listed,
		"172.31.255.255": listed, "192.0.0.1": listed, "192.0.2.1": listed, "192.88.99.1": listed,
		"192.168.1.1": listed, "198.18.0.1": listed, "198.19.255.255": listed, "198.51.100.7": listed,
		"203.0.113.7": listed, "224.0.0.1": listed, "239.255.255.250": listed, "240.0.0.1": listed,
		"255.255.255.255": listed,
		"::":              listed, "::1": listed, "fc00::1": listed, "fd12:3456::1": listed, "fec0::1": listed, "ff02::1": listed,
		"2001:db8::1": listed, "3fff::1": listed, "100::1": listed, "2001:2::1": listed, "2001::1": listed, "4000::1": listed,
		"::8.8.8.8": listed, "::ffff:127.0.0.1": listed, "::ffff:10.1.2.3": listed, "64:ff9b::10.1.2.3": listed,
		"64:ff9b:1::10.1.2.3": listed, "64:ff9b:1:a01:2:300::": listed, "2002:a01:203::1": listed, "2002:7f00:1::": listed,
		"2001:0:808:808::f7f7:f7f7": listed,

		"169.254.0.0": never, "169.254.169.254": never, "169.254.170.2": never, "169.254.255.255": never,
		"168.63.129.16": never, "100.100.100.200": never, "192.0.0.192": never,
		"fe80::1": never, "fe80::1%eth0": never, "febf::1": never, "fd00:ec2::254": never, "fd00:ec2::23": never,
		"fd20:ce::254": never, "fd00:c1::a9fe:a9fe": never, "fd00:42::42": never,
		"::ffff:169.254.169.254": never, "::ffff:100.100.100.200": never, "::169.254.169.254": never,
		"64:ff9b::a9fe:a9fe": never, "64:ff9b:1::a9fe:a9fe": never, "2002:a9fe:a9fe::1": never, "2002:a83f:8110::": never,
		"64:ff9b:1:a9fe:a9:fe00::":       never, // as translated with a prefix of 48 bits,
		"64:ff9b:1:ffa9:fe:a9fe::":       never, // of 56,
		"64:ff9b:1:ffff:a9:fea9:fe00::":  never, // of 64
		"64:ff9b:1:1::a9fe:a9fe":         never, // and of 96
		"2001:0:a9fe:a9fe::":             never, // Teredo: the relay,
		"2001:0:808:808::5601:5601":      never, // and the client
		"64:ff9b:1:a9fe:a9:fe00:808:808": never,

		"2a00::5efe:8.8.8.8": listed, "2a00::200:5efe:10.1.2.3": listed, "2a00::300:5efe:8.8.8.8": listed, "2a00::5eff:a9fe:a9fe": passes,
		"2a00::400:5efe:8.8.8.8": passes, "2a00::5efe:a9fe:a9fe": never, "2a00::200:5efe:a9fe:a9fe": never, "2a00::5efe:168.63.129.16": never,
		"fd00::5efe:a9fe:a9fe": never,
	} {
		a := netip.MustParseAddr(addr)
		got := never
		switch {
		case strict.Check(a) == nil:
			got = passes
		case open.Check(a) == nil:
			got = listed
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%v)", addr, got, want, strict.Check(a))
		}
		if got == passes && open.Check(a) != nil {
			t.Errorf("%s: listing it refuses it", addr)
		}
		for _, g := range []*outbound.Guard{strict, open} {
			if err := g.Check(a); err != nil && (!errors.Is(err, outbound.ErrRefused) || !strings.HasPrefix(err.Error(), a.WithZone("").String())) {
				t.Errorf("%s: %v", addr, err)
			}
		}
	}
	if err := open.Check(netip.Addr{}); !errors.Is(err, outbound.ErrRefused) {
		t.Errorf("no address: %v", err)
	}
}

// An IPv4 address gets the same verdict in every form that carries it.
func TestFormsOfAnAddress(t *testing.T) {
	g := outbound.NewGuard(networks(t, "10.0.0.0/9", "127.0.0.1"))
	random := rand.New(rand.NewPCG(3, 4))
	firsts := []byte{0, 8, 10, 100, 127, 168, 169, 172, 192, 198, 203, 224, 240, 255}
	for range 20_000 {
		b := [4]byte{firsts[random.IntN(len(firsts))], byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}
		if b[0] == 169 && random.IntN(2) == 0 {
			b[1] = 254
		}
		want := g.Check(netip.AddrFrom4(b)) == nil
		for _, form := range [][16]byte{
			{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
			{1: 0x64, 2: 0xff, 3: 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
			{1: 0x64, 2: 0xff, 3: 0x9b, 5: 1, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
			{0: 0x20, 1: 0x02, 2: b[0], 3: b[1], 4: b[2], 5: b[3], 15: 1},
		} {
			if got := g.Check(netip.AddrFrom16(form)) == nil; got != want {
				t.Fatalf("%v passes: %v; %v passes: %v", netip.AddrFrom4(b), want, netip.AddrFrom16(form), got)
			}
		}
	}
}

func TestListedNetworks(t *testing.T) {
	g := outbound.NewGuard(networks(t, "10.1.2.3", "192.168.7.9/24", "::ffff:172.16.0.0/108", "fd12::/16", "64:ff9b:1:7::/64"))
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "10.1.2.4": false, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "2002:a01:203::9": true,
		"192.168.7.1": true, "192.168.8.1": false, "172.16.0.9": true, "172.31.0.9": true, "172.32.0.9": true, "fd12::1": true, "fd13::1": false,
		"127.0.0.1": false, "64:ff9b:1:7::1": true, "64:ff9b:1:8::1": false, "64:ff9b:1:7::a9fe:a9fe": false,
	} {
		if err := g.Check(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	g := outbound.NewGuard(nil)
	for addr, want := range map[string]string{
		"10.1.2.3":              "10.1.2.3 is a private address (RFC 1918); if it is meant, add 10.1.2.3/32 to outbound.allow_networks",
		"2a00::5efe:9.9.9.9":    "2a00::5efe:909:909 is an address of an ISATAP tunnel (RFC 5214); if it is meant, add 2a00::5efe:909:909/128 to outbound.allow_networks",
		"::1":                   "::1 is a loopback address; if it is meant, add ::1/128 to outbound.allow_networks",
		"64:ff9b::10.1.2.3":     "64:ff9b::a01:203 (which leads to 10.1.2.3) is a private address (RFC 1918); if it is meant, add 10.1.2.3/32 to outbound.allow_networks",
		"169.254.169.254":       "169.254.169.254 is a link-local or cloud metadata address, and those are always refused",
		"::ffff:169.254.0.1":    "::ffff:169.254.0.1 (which leads to 169.254.0.1) is a link-local or cloud metadata address, and those are always refused",
		"64:ff9b:1:8::a9fe:a9f": "64:ff9b:1:8::a9fe:a9f (which leads to 169.254.10.159) is a link-local or cloud metadata address, and those are always refused",
	} {
		err := g.Check(netip.MustParseAddr(addr))
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		refusal, ok := errors.AsType[*outbound.Refusal](err)
		if !ok || refusal.Always != strings.Contains(want, "always") {
			t.Errorf("%s: %+v", addr, refusal)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "10.1.2.3/8": "10.0.0.0/8", "::1": "::1/128", "fd00::1/8": "fd00::/8", "0.0.0.0/0": "0.0.0.0/0",
		"::ffff:10.0.0.1": "10.0.0.1/32", "::ffff:10.0.0.0/104": "10.0.0.0/8", "169.0.0.0/8": "169.0.0.0/8", "64:ff9b:1::/48": "64:ff9b:1::/48",
	} {
		if got, err := outbound.ParseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is neither a network", "localhost": "is neither a network", "10.0.0.0/33": "is neither a network", "10.0.0/8": "is neither a network",
		"10.1": "is neither a network", "::1%lo": "is neither a network", "fe80::%eth0/10": "is neither a network", "*": "is neither a network",
		"169.254.169.254": "always refused", "169.254.0.0/16": "always refused", "fe80::/64": "always refused",
		"::ffff:169.254.0.0/112": "always refused", "fd00:ec2::254": "always refused",
		"64:ff9b::/96": "the IPv4 network itself", "2002:a00::/24": "the IPv4 network itself",
	} {
		if got, err := outbound.ParseNetwork(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v; want %s", text, got, err, want)
		}
	}
}

// A guard for addresses that others choose reaches this machine only if that is listed for it.
func TestStrict(t *testing.T) {
	base := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")})
	strict := base.Strict().And([]netip.Prefix{netip.MustParsePrefix("127.0.0.5/32"), netip.MustParsePrefix("192.168.0.0/16")}, "components[].uploads.allow_networks")
	for addr, want := range map[string]bool{"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "127.0.0.5": true, "10.0.0.1": true, "192.168.1.1": true, "172.16.0.1": false, "8.8.8.8": true, "169.254.169.254": false} {
		err := strict.Check(netip.MustParseAddr(addr))
		if (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
		if r, ok := errors.AsType[*outbound.Refusal](err); ok && !r.Always && !strings.HasSuffix(err.Error(), "components[].uploads.allow_networks") {
			t.Error(err)
		}
	}
	if err := base.Check(netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Error("the guard that it was made of has changed:", err)
	}
}
