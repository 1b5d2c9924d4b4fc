//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The archive of a room, page by page, from both ends.
func TestRoomArchive(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "\tmodules_enabled = { \"muc_mam\" }\n", map[string]any{
			"modules": map[string]any{"mod_mam": map[string]any{}, "mod_muc": map[string]any{"default_room_options": map[string]any{"mam": true}}},
		})
		x := launchInRooms(t, s, "\nrooms:\n  - {jid: kept@rooms.localhost, from: echo@event.localhost, nick: Echo, create: true, config: {persistentroom: true}}\n")
		const path = "/v1/rooms/kept@rooms.localhost"
		x.call("PUT", path+"?wait=30s", `{"nick":"Echo"}`, 200, `"state":"joined"`)
		for i := range 7 {
			x.call("POST", "/v1/messages?wait=30s&wait_for=echoed", fmt.Sprintf(`{"from":"echo@event.localhost","to":"kept@rooms.localhost","body":"line %d"}`, i), 200, `"echoed"`)
		}
		type page struct {
			Items []struct {
				Body, Time, Ref string
				ArchiveID       string `json:"archive_id"`
			}
			Next *string
		}
		read := func(query string) (p page, lines string) {
			t.Helper()
			if err := json.Unmarshal([]byte(x.call("GET", path+"/history?"+query, "", 200)), &p); err != nil {
				t.Error(err)
			}
			for _, m := range p.Items {
				lines += strings.TrimPrefix(m.Body, "line ")
				if m.Time == "" || m.Ref == "" || m.ArchiveID == "" {
					t.Errorf("%s: %+v", query, m)
				}
			}
			return p, lines
		}
		wants := func(got, want, what string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		all, lines := read("limit=100")
		wants(lines, "6543210", "all, newest first")
		if all.Next != nil {
			t.Errorf("there is no more: %v", *all.Next)
		}
		got, query := "", "limit=3"
		for range 4 {
			p, lines := read(query)
			got += lines + " "
			if p.Next == nil {
				break
			}
			query = "limit=3&before=" + *p.Next
		}
		wants(got, "654 321 0 ", "page by page, from the newest")
		if len(all.Items) == 7 {
			_, lines = read("limit=2&after=" + all.Items[4].ArchiveID)
			wants(lines, "43", "after line 2")
			_, lines = read("limit=100&start=" + all.Items[3].Time)
			if !strings.HasPrefix(lines, "654") || len(lines) == 7 && all.Items[3].Time != all.Items[6].Time {
				t.Errorf("since line 3: %q", lines)
			}
			_, lines = read("end=2001-01-01T00:00:00Z")
			wants(lines, "", "until long ago")
		}
		service := x.services()
		if !strings.Contains(strings.Join(service.Features, " "), "urn:xmpp:mam:2") {
			t.Errorf("%+v", service)
		}
		x.check("ok rooms rooms.localhost rooms can have an archive (XEP-0313)")
	})
}
