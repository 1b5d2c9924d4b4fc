//go:build integration

package link

import (
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Killed when the bot hears for the first time that it is in a room: the next process knows the
// room, and what was said meanwhile comes as missed.
func TestKilledAtFirstJoin(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const toEcho = `"to":"echo@event.localhost"`
		heard, dead := make(chan struct{}), make(chan struct{})
		once := sync.OnceFunc(func() { close(heard) })
		s := newStageWith(t, kind, func(h *harness.Hook) (int, string, string) {
			if strings.Contains(h.Raw, "room.joined") && strings.Contains(h.Raw, toEcho) && strings.Contains(h.Raw, `"jid":"kept@rooms.localhost"`) {
				once()
				<-dead
			}
			return 204, "", ""
		})
		release := sync.OnceFunc(func() { close(dead) })
		defer release()
		harness.Eventually(t, "the bot hears that it is in", func() bool {
			select {
			case <-heard:
				return true
			default:
				return false
			}
		})
		s.p.Kill()
		release()
		s.says("m1", "while dead")
		s.p = harness.LaunchFile(t, s.file)
		s.event(toEcho, `"body":"while dead"`, `"missed":true`)
	})
}
