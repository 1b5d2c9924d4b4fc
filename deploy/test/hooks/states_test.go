//go:build integration

package hooks

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// alert reports a state of a group of one alert.
func (s *stage) alert(group, state string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"groupKey":%q,"status":%q,"alerts":[{"status":%[2]q,"labels":{"alertname":%[1]q}}]}`, group, state)
	r, err := s.p.Call("POST", "/hooks/alertmanager/s3cret-alertmanager", "", harness.AsJSON, body)
	if err != nil || r.Status != 202 {
		s.t.Fatalf("%+v %v", r, err)
	}
}

// echoed waits until the program has so many copies of its messages from the room.
func (s *stage) echoed(copies int) {
	s.t.Helper()
	harness.Eventually(s.t, fmt.Sprint(copies, " copies of the room"), func() bool {
		r, err := s.p.Call("GET", "/metrics", "", "", "")
		_, rest, _ := strings.Cut(r.Body, "\nstanzahook_room_own_messages_total ")
		line, _, _ := strings.Cut(rest, "\n")
		n, parse := strconv.Atoi(line)
		return err == nil && parse == nil && n >= copies
	})
}

// An alert that is resolved replies to the message that it fires, to a user by the message's
// id and in a room by the room's, after a restart and after a kill; resolved before it fires,
// the other way round.
func TestLaterStates(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind, "", "alertmanager")
		refers := func(what string, first, later read, inRoom bool) {
			t.Helper()
			want, to := first.ID, "alertmanager@hooks.localhost"
			if inRoom {
				if want, to = first.Stanza, first.Sender; first.By != room {
					t.Errorf("%s: the id is by %q", what, first.By)
				}
			}
			if want == "" || later.Reply != want || later.ReplyTo != to || later.Replace != "" {
				t.Errorf("%s: %+v is no reply to %q of %+v", what, later, want, first)
			}
		}
		s.alert("a", "firing")
		toUser, inRoom := s.chat("alertmanager", "🔥 FIRING a"), s.said("alertmanager", "🔥 FIRING a")
		if toUser.Reply != "" || inRoom.Reply != "" {
			t.Errorf("the first is a reply: %+v %+v", toUser, inRoom)
		}
		s.echoed(1)
		s.p.StopWell()
		s.again()
		s.alert("a", "resolved")
		refers("to the user, over a restart", toUser, s.chat("alertmanager", "✅ RESOLVED a"), false)
		refers("in the room, over a restart", inRoom, s.said("alertmanager", "✅ RESOLVED a"), true)

		s.alert("b", "resolved")
		toUser, inRoom = s.chat("alertmanager", "✅ RESOLVED b"), s.said("alertmanager", "✅ RESOLVED b")
		s.alert("c", "firing") // what is known of it is written after what is known of the one before
		s.said("alertmanager", "🔥 FIRING c")
		s.echoed(3)
		s.p.Kill()
		s.again()
		s.alert("b", "firing")
		refers("to the user, over a kill", toUser, s.chat("alertmanager", "🔥 FIRING b"), false)
		refers("in the room, over a kill", inRoom, s.said("alertmanager", "🔥 FIRING b"), true)
	})
}

// With update: correct the later state corrects the first message (XEP-0308), over a restart.
func TestCorrections(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind, ", update: correct", "alertmanager")
		s.alert("a", "firing")
		toUser, inRoom := s.chat("alertmanager", "🔥 FIRING a"), s.said("alertmanager", "🔥 FIRING a")
		s.p.Kill()
		s.again()
		s.alert("a", "resolved")
		if m := s.chat("alertmanager", "✅ RESOLVED a"); m.Replace != toUser.ID || m.Reply != "" {
			t.Errorf("to the user: %+v does not correct %+v", m, toUser)
		}
		if m := s.said("alertmanager", "✅ RESOLVED a"); m.Replace != inRoom.ID || m.Reply != "" {
			t.Errorf("in the room: %+v does not correct %+v", m, inRoom)
		}
	})
}
