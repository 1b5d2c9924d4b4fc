package postmsg

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/pkg/jid"
)

func TestVerifiedIsRememberedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerified(time.Minute, 3)
		who := jid.MustParse("me@example.com")
		a := v.fingerprint(who, "pw")
		v.add(a)
		if !v.has(a) || v.has(v.fingerprint(who, "pw2")) || v.has(v.fingerprint(jid.MustParse("m@example.com"), "epw")) {
			t.Error("what is remembered is not what was right")
		}
		if a == newVerified(time.Minute, 3).fingerprint(who, "pw") {
			t.Error("another process knows it too")
		}
		time.Sleep(time.Minute)
		if v.has(a) {
			t.Error("it is remembered for longer than a minute")
		}
		for i := range 10 {
			v.add(v.fingerprint(who, fmt.Sprint(i)))
		}
		if len(v.all) != 3 || v.order.Len() != 3 || !v.has(v.fingerprint(who, "9")) {
			t.Errorf("%d are remembered, want the last 3", len(v.all))
		}
		v.remove(v.fingerprint(who, "9"))
		if v.has(v.fingerprint(who, "9")) {
			t.Error("it is not forgotten")
		}
	})
}

func TestFailuresAreForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailures()
		for i := range maxFailures {
			if wait := f.begin("a", "x"); wait != 0 {
				t.Fatalf("%d: wait %v", i, wait)
			}
			f.end("a", "x", true)
			time.Sleep(time.Second)
		}
		if wait := f.begin("a", "y"); wait != 55*time.Second {
			t.Errorf("the account waits %v, want 55s", wait)
		}
		if wait := f.begin("b", "x"); wait != 55*time.Second {
			t.Errorf("the address waits %v, want 55s", wait)
		}
		time.Sleep(55 * time.Second)
		if wait := f.begin("a", "x"); wait != 0 {
			t.Errorf("after a minute: wait %v", wait)
		}
		f.end("a", "x", true)
		if wait := f.begin("a", "x"); wait != time.Second {
			t.Errorf("the failures of the last minute: wait %v, want 1s", wait)
		}
	})
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	for i := range maxFailing + 100 {
		name := fmt.Sprint(i)
		f.begin(name, name)
		f.end(name, name, true)
	}
	if len(f.accounts.all) != maxFailing || f.accounts.order.Len() != maxFailing || len(f.addresses.all) != maxFailing {
		t.Errorf("%d accounts, %d addresses; want %d", len(f.accounts.all), len(f.addresses.all), maxFailing)
	}
}

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::1": "2001:db8::/64"} {
		if got := network(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
}
