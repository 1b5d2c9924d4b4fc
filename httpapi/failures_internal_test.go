package httpapi

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailuresAreForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Failures
		for i := range pairFailures {
			if wait := f.Begin("a", "x"); wait != 0 {
				t.Fatalf("%d: wait %v", i, wait)
			}
			f.End("a", "x", Wrong)
			time.Sleep(time.Second)
		}
		if wait := f.Begin("a", "x"); wait != 55*time.Second {
			t.Errorf("the pair waits %v, want 55s", wait)
		}
		for name, address := range map[string]string{"a": "y", "b": "x"} {
			if wait := f.Wait(name, address); wait != 0 {
				t.Errorf("%s from %s waits %v", name, address, wait)
			}
		}
		time.Sleep(55 * time.Second)
		if wait := f.Begin("a", "x"); wait != 0 {
			t.Errorf("after a minute: wait %v", wait)
		}
		f.End("a", "x", Wrong)
		if wait := f.Begin("a", "x"); wait != time.Second {
			t.Errorf("the failures of the last minute: wait %v, want 1s", wait)
		}
	})
}

// Strangers cannot lock a name out for an address from which it logs in; the bound
// for the name holds for all others, and that for the pair for everybody.
func TestKnownAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Failures
		f.Begin("a", "home")
		f.End("a", "home", Right)
		for i := range nameFailures {
			address := fmt.Sprint(i)
			if wait := f.Begin("a", address); wait != 0 {
				t.Fatalf("%d: wait %v", i, wait)
			}
			f.End("a", address, Wrong)
		}
		if f.Wait("a", "new") == 0 {
			t.Error("the bound for the name does not hold")
		}
		if wait := f.Wait("a", "home"); wait != 0 {
			t.Errorf("it is locked out where it logs in: %v", wait)
		}
		for range pairFailures {
			f.Note("a", "home", Wrong)
		}
		if f.Wait("a", "home") == 0 {
			t.Error("one may guess without end where it logs in")
		}
		time.Sleep(knownKeep)
		for i := range nameFailures {
			f.Note("a", fmt.Sprint(i), Wrong)
		}
		if f.Wait("a", "home") == 0 {
			t.Error("an address is known for longer than a day")
		}
	})
}

// One address may not try one password with many names.
func TestManyNamesOfOneAddress(t *testing.T) {
	var f Failures
	for i := range nameFailures {
		f.Note(fmt.Sprint("u", i), "x", Wrong)
	}
	if f.Wait("another", "x") == 0 || f.Wait("another", "y") != 0 {
		t.Error("the address is not limited, or another one is")
	}
}

// However many names and addresses somebody has, the tables stay bounded, and what
// is known of others stays.
func TestFailuresAreBounded(t *testing.T) {
	var f Failures
	f.Begin("victim", "home")
	f.End("victim", "home", Right)
	for i := range nameFailures {
		f.Note("guessed", fmt.Sprint("bot", i%(nameFailures/pairFailures)), Wrong)
	}
	for i := range 3 * maxFailing {
		name := fmt.Sprint(i)
		if wait := f.Begin(name, name); wait != 0 {
			t.Fatalf("a newcomer waits %v", wait)
		}
		f.End(name, name, Wrong)
	}
	for i := range 3 * knownAddresses { // one account logs in from everywhere
		f.Note("rich", fmt.Sprint(i), Right)
	}
	for i := range 2 * maxFailing { // as do many
		f.Note(fmt.Sprint("rich", i), "x", Right)
	}
	c := f.Counts()
	if c.Pairs > maxFailing || c.Names > maxFailing || c.Addresses > maxFailing || c.Known > maxKnown {
		t.Errorf("%+v", c)
	}
	if f.Wait("guessed", "new") == 0 || f.Wait("guessed", "bot1") == 0 {
		t.Error("the failures of others were pushed out")
	}
	if !f.known.has("victim", "home", time.Now()) {
		t.Error("a known address was pushed out")
	}
	if rich, _ := f.known.names.Peek("rich"); rich.Len() != knownAddresses {
		t.Errorf("%d addresses of one account are known", rich.Len())
	}
}

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::1": "2001:db8::/64"} {
		if got := network(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
}
