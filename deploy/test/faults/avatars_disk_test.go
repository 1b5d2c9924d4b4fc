//go:build integration

package faults

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
)

// The disk is full while bots get avatars: they are refused, and nobody sees anything of them.
// Those that are there are still shown. With room again they are taken, and there after a restart.
func TestAvatarsDiskFull(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	dir := harness.SmallDisk(t, "128m")
	file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: %q}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n", srv.Addr(), "secret of the server", filepath.Join(dir, "store")))
	p := harness.LaunchLinked(t, file)
	put := func(bot string, n int) int {
		t.Helper()
		r, err := p.Call("PUT", "/v1/bots/"+url.PathEscape(bot+"@bot.example.com"), "", harness.AsJSON, fmt.Sprintf(`{"name":"Number %d","avatar":%q}`, n, base64.StdEncoding.EncodeToString(photo(t, n))))
		if err != nil {
			t.Fatal(err)
		}
		return r.Status
	}
	// shows checks what a user and a program see of a bot.
	shows := func(when, bot string, n int) {
		t.Helper()
		id := fmt.Sprint("v", time.Now().UnixNano())
		srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='u@example.com/r' to='%s@bot.example.com'><vCard xmlns='vcard-temp'/></iq>", id, bot))
		got := srv.ExpectID(id).Inner()
		r := p.Get("/v1/bots/" + bot + "@bot.example.com/avatar")
		if n < 0 {
			if !strings.Contains(got, "service-unavailable") || r.Status != 404 {
				t.Errorf("%s: %s has %.300s, %d", when, bot, got, r.Status)
			}
			return
		}
		if !strings.Contains(got, fmt.Sprintf("<FN>Number %d</FN>", n)) || !strings.Contains(got, base64.StdEncoding.EncodeToString(photo(t, n))) || r.Body != string(photo(t, n)) {
			t.Errorf("%s: %s has %.300s, %d", when, bot, got, r.Status)
		}
	}
	if status := put("echo", 1); status != 201 {
		t.Fatal(status)
	}
	free := harness.FillDisk(t, dir)
	n := 2
	harness.Eventually(t, "an avatar is refused", func() bool { // what NATS has room for already is taken
		status := put("echo", n)
		if status == 200 {
			n++
			return false
		}
		if status != 503 && status != 507 {
			t.Errorf("on a full disk: %d", status)
		}
		return true
	})
	if status := put("new", n+1); status != 503 && status != 507 {
		t.Errorf("a new one on a full disk: %d", status)
	}
	shows("on a full disk", "echo", n-1)
	shows("on a full disk", "new", -1)
	free()
	harness.Eventually(t, "there is room again", func() bool { return put("echo", n) == 200 })
	if status := put("new", n+1); status != 201 {
		t.Errorf("with room again: %d", status)
	}
	for _, when := range []string{"with room again", "after a restart"} {
		shows(when, "echo", n)
		shows(when, "new", n+1)
		if when == "with room again" {
			p.StopWell()
			p = harness.LaunchLinked(t, file)
		}
	}
}
