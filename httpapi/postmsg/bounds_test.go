package postmsg

import (
	"fmt"
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
		if v.until.Len() != 3 || !v.has(v.fingerprint(who, "9")) {
			t.Errorf("%d are remembered, want the last 3", v.until.Len())
		}
		v.remove(v.fingerprint(who, "9"))
		if v.has(v.fingerprint(who, "9")) {
			t.Error("it is not forgotten")
		}
	})
}
