//go:build integration

package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A module of Prosody's community, in a directory of its own.
func TestPluginPath(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	code := `module:add_feature("urn:example:lab");`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mod_lab_example.lua"), []byte(code), 0o600))
	o := Options{Kind: Prosody, Users: map[string]string{"alice": "a"}, Modules: []string{"lab_example"}, PluginPath: dir}
	s := start(t, ctx, o)
	alice := login(t, ctx, s, "alice")
	defer alice.Close()
	require.NoError(t, alice.SendRaw("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"))
	r, err := alice.Next(ctx, func(r Received) bool { return r.ID == "d" })
	if err != nil || !strings.Contains(r.Inner, "urn:example:lab") {
		t.Errorf("the module is not there: %+v, error %v", r, err)
	}
	o.Modules = []string{"lab_missing"}
	if s, err := Start(ctx, o); err == nil {
		s.Close()
		t.Error("a module that is missing was not missed")
	} else if !strings.Contains(err.Error(), "lacks a module") {
		t.Error(err)
	}
}
