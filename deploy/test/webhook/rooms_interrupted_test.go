//go:build integration

package webhook

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/deploy/lab/harness"
)

// So many words are said within a moment, and so many of them come before the connection breaks.
const wordsSaid, wordsHeard = 12, 5

func wordID(i int) string { return fmt.Sprint("word-", i) }

// words takes the words that have come, in the order in which they came, when the last one is there.
func (st *peopleStage) words(last int) {
	st.T.Helper()
	var came []said
	harness.Eventually(st.T, wordID(last), func() bool {
		st.listener.mu.Lock()
		defer st.listener.mu.Unlock()
		if !slices.ContainsFunc(st.listener.came, func(ev said) bool { return ev.Data.ID == wordID(last) }) {
			return false
		}
		var others []said
		for _, ev := range st.listener.came {
			if strings.HasPrefix(ev.Data.ID, "word-") {
				came = append(came, ev)
			} else {
				others = append(others, ev)
			}
		}
		st.listener.came = others
		return true
	})
	for _, ev := range came {
		st.got("event", ev)
	}
}

// interrupted: much is said within a moment, and in the midst of it the connection breaks. Each word comes
// once, in order.
func (st *peopleStage) interrupted(link, forgets *harness.Relay) {
	w := &swallower{}
	st.step("sybil says much at once, and in the midst of it nothing reaches the bot any more")
	forgets.Edit(w.edit)
	var all strings.Builder
	for i := 1; i <= wordsSaid; i++ {
		fmt.Fprintf(&all, "<message to='%s' type='groupchat' id='%s'><body>word %d</body></message>", opsRoom, wordID(i), i)
	}
	st.xml("%s", all.String())
	harness.Eventually(st.T, "the server has sent all of it", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.words == wordsSaid
	})
	st.words(wordsHeard)
	st.step("the connection breaks, and the bot joins again")
	forgets.Edit(nil)
	link.Cut()
	st.words(wordsSaid)
	st.isIn(opsRoom)
	st.settle(opsRoom, true)
	st.listener.mu.Lock()
	defer st.listener.mu.Unlock()
	for _, ev := range st.listener.came {
		if strings.HasPrefix(ev.Data.ID, "word-") {
			st.Errorf("once more: %s", ev.raw)
		}
	}
}
