//go:build integration

package guides

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// After an operator's mistake at the server, "check --live" names what its users
// have lost: on Prosody a second block of the same host replaces the modules of the
// first, and nothing else says so.
func TestCheckLiveTellsLostModules(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		var mistake atomic.Bool
		o := harness.ServerOptions(kind, "event")
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
		s := harness.StartServer(t, o)
		dir, c := t.TempDir(), harness.OneComponent(s, "event", harness.NewBot(t))
		p := harness.LaunchLinked(t, c.Write(t, dir))
		expect := func(verdict, found string) {
			t.Helper()
			got := liveCheck(t, p, "features")
			if got.Subject != "localhost" || got.Verdict != verdict || found != "" && got.Found != found {
				t.Errorf("%+v", got)
			}
		}
		restart := func(now bool) {
			t.Helper()
			n := p.Connects()
			require.NoError(t, s.Stop(t.Context()))
			mistake.Store(now)
			require.NoError(t, s.Restart(t.Context()))
			p.AwaitLinks(n + 1)
			p.AwaitReady()
		}
		lost := "localhost no longer has urn:xmpp:ping"
		if kind == lab.Prosody {
			lost = "localhost no longer has urn:xmpp:blocking"
		}
		expect("ok", "")
		expect("ok", "")
		restart(true)
		expect("warn", lost)
		// The warning outlives restarts of the server and of stanzahook, until the host is mended.
		p.StopWell()
		p = harness.LaunchLinked(t, c.Write(t, dir))
		expect("warn", lost)
		restart(false)
		expect("ok", "")
	})
}

// liveCheck is the row of this kind that "check --live" prints of a running
// instance.
func liveCheck(t *testing.T, p *harness.Program, what string) harness.Check {
	t.Helper()
	env := []string{"STANZAHOOK_API=http://" + p.Addr, "STANZAHOOK_TOKEN=token-admin"}
	_, out, errs := harness.RunProgram(t, env, "check", "--live", "--json")
	var got harness.CheckAnswer
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	for _, one := range got.Checks {
		if one.What == what {
			return one
		}
	}
	t.Fatalf("there is no %s in %s", what, out)
	return harness.Check{}
}

// A disk without a byte left has failed, with an instance and without one.
func TestCheckLiveFullDisk(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		dir := harness.SmallDisk(t, "64m")
		c := harness.OneComponent(s, "lost", harness.NewBot(t))
		file := c.Write(t, dir)
		p := harness.LaunchLinked(t, file)
		if got := liveCheck(t, p, "store"); got.Verdict != "ok" {
			t.Errorf("%+v", got)
		}
		harness.FillDisk(t, dir)
		p.AwaitNotReady("disk")
		if got := liveCheck(t, p, "store"); got.Verdict != "fail" {
			t.Errorf("%+v", got)
		}
		p.Stop()
		code, out, errs := harness.RunProgram(t, nil, "check", "--live", "--config", file, "--json")
		var got harness.CheckAnswer
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		for _, one := range got.Checks[1:] {
			if one.What == "store" && one.Verdict == "fail" && code == 1 {
				return
			}
		}
		t.Errorf("%d %s%s", code, out, errs)
	})
}
