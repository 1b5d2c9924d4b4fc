//go:build integration

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/httpapi/v1"
)

// After an operator's mistake at the server, "check --live" names what its users
// have lost: on Prosody a second block of the same host replaces the modules of the
// first, and nothing else says so.
func TestCheckLiveTellsLostModules(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var mistake atomic.Bool
			o := labOptions(kind, "event")
			if kind == lab.Prosody {
				o.Modules = []string{"carbons", "blocklist"}
			}
			o.Edit = func(config []byte) ([]byte, error) {
				const ping = "  mod_ping: {}\n"
				switch {
				case !mistake.Load():
				case kind == lab.Prosody:
					config = append(config, "\nVirtualHost \"localhost\"\n\tmodules_enabled = { \"carbons\" }\n"...)
				case !bytes.Contains(config, []byte(ping)):
					return nil, errors.New("there is no mod_ping")
				default:
					config = bytes.Replace(config, []byte(ping), nil, 1)
				}
				return config, nil
			}
			s, err := lab.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			showLog(t, string(kind), s.Logs)
			dir, c := t.TempDir(), oneComponent(s, "event", newBot(t))
			p := launchIn(t, dir, c)
			p.awaitLinks(1)
			expect := func(verdict v1.Verdict, found string) {
				t.Helper()
				got := liveCheck(t, p, "features")
				if got.Subject != "localhost" || got.Verdict != verdict || found != "" && got.Found != found {
					t.Errorf("%+v", got)
				}
			}
			restart := func(now bool) {
				t.Helper()
				n := p.connects()
				if err := s.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				mistake.Store(now)
				if err := s.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				p.awaitLinks(n + 1)
				p.awaitReady()
			}
			lost := "localhost no longer has urn:xmpp:ping"
			if kind == lab.Prosody {
				lost = "localhost no longer has urn:xmpp:blocking"
			}
			expect(v1.CheckOK, "")
			expect(v1.CheckOK, "")
			restart(true)
			expect(v1.CheckWarn, lost)
			// The warning outlives restarts of the server and of stanzahook, until the host is mended.
			if code := p.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			p = launchIn(t, dir, c)
			p.awaitLinks(1)
			expect(v1.CheckWarn, lost)
			restart(false)
			expect(v1.CheckOK, "")
		})
	}
}

// checkAnswer is what "check --json" prints.
type checkAnswer struct{ Checks []v1.Check }

// liveCheck is the row of this kind that "check --live" prints of a running
// instance.
func liveCheck(t *testing.T, p *program, what string) v1.Check {
	t.Helper()
	env := []string{"STANZAHOOK_API=http://" + p.addr, "STANZAHOOK_TOKEN=token-admin"}
	_, out, errs := runProgram(t, env, "check", "--live", "--json")
	var got checkAnswer
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	for _, one := range got.Checks {
		if one.What == what {
			return one
		}
	}
	t.Fatalf("there is no %s in %s", what, out)
	return v1.Check{}
}

// A disk without a byte left has failed, with an instance and without one.
func TestCheckLiveFullDisk(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		dir := smallDisk(t, "64m")
		c := oneComponent(s, "lost", newBot(t))
		file := c.write(t, dir)
		p := launchFile(t, file)
		p.awaitLinks(1)
		if got := liveCheck(t, p, "store"); got.Verdict != v1.CheckOK {
			t.Errorf("%+v", got)
		}
		fillDisk(t, dir)
		p.awaitNotReady("disk")
		if got := liveCheck(t, p, "store"); got.Verdict != v1.CheckFail {
			t.Errorf("%+v", got)
		}
		p.stop()
		code, out, errs := runProgram(t, nil, "check", "--live", "--config", file, "--json")
		var got checkAnswer
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		for _, one := range got.Checks[1:] {
			if one.What == "store" && one.Verdict == v1.CheckFail && code == 1 {
				return
			}
		}
		t.Errorf("%d %s%s", code, out, errs)
	})
}
