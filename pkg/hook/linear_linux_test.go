package hook_test

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"stanzahook/pkg/hook"
)

// Four times the text takes about four times the steps, whatever it is; were it the square,
// it would be 16 times. Steps are counted as the CPU time of this thread, which the load of
// the machine changes little, and never as the clock.
func TestMarkupIsLinear(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	took := func(make func(string) string, unit string, n int) time.Duration {
		text := strings.Repeat(unit, n/len(unit)+1)[:n]
		least := time.Hour
		for range 2 {
			start := used()
			make(text)
			least = min(least, used()-start)
		}
		return least
	}
	for name, make := range map[string]func(string) string{"slacktext": hook.Slacktext, "mdtext": hook.Mdtext, "emoji": hook.Emoji} {
		for _, unit := range []string{"<", "<\n", "<<>", "`", "` ``", "[", "[a](", "[a](b", "![", "<!--", "**", "~~a", "__", ":a", "::", "<a", "<br", "![a](u \""} {
			const n = hook.MaxMarkup / 4
			var few, many time.Duration
			for range 5 {
				// What takes less than a millisecond in all is not the square of a length.
				if few, many = took(make, unit, n), took(make, unit, 4*n); many < max(10*few, time.Millisecond) {
					break
				}
			}
			if many >= max(10*few, time.Millisecond) {
				t.Errorf("%s of %q: %v for %d bytes, %v for %d", name, unit, few, n, many, 4*n)
			}
		}
	}
}
