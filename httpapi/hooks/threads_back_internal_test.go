package hooks

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// A hook with many threads, or a recipient that sends the same error again and again, does not
// cost other hooks what is known of theirs, nor the places of their messages that come back.
func TestSharesOfThreads(t *testing.T) {
	all, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { all.Close() })
	threads := NewThreads(all.Threads(), zap.NewNop())
	ours, theirs := jid.MustParse("alerts@bot.example.com"), jid.MustParse("juliet@example.com")
	begin := func(hook, id string) {
		ref := message.Ref{Kind: message.Chat, Own: ours, Peer: theirs, ID: id, Mine: true}
		threads.begin(hook, id, theirs, ref)
	}
	bounced := func(id string) int {
		s, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: "error", From: theirs, To: ours, ID: id}, "", stanza.Limits{})
		require.NoError(t, err)
		threads.Bounced(s)
		return len(threads.back)
	}
	begin("quiet", "mine")
	begin("quiet", "other")
	for i := range 2 * store.MaxThreads {
		begin("loud", fmt.Sprint(i))
	}
	if n := bounced("mine"); n != 1 {
		t.Errorf("%d come back, want that of the quiet hook", n)
	}
	for range 2 * maxBack {
		bounced(fmt.Sprint(2*store.MaxThreads - 1))
	}
	if n := len(threads.back); n != 2 {
		t.Errorf("%d come back, want one of the loud hook", n)
	}
	for i := range maxBack {
		bounced(fmt.Sprint(2*store.MaxThreads - 1 - i))
	}
	if n := bounced("other"); n != maxBack/2+2 {
		t.Errorf("%d come back, want half of the places for the loud hook, and two", n)
	}
	if b := threads.Back(); b != (Back{Waiting: maxBack/2 + 2, ByShare: maxBack / 2}) {
		t.Errorf("%+v", b)
	}
	threads.goneBack(t.Context(), <-threads.back)
	if _, there := threads.firsts.get(messageKey{theirs, "mine"}); there || threads.backOf["quiet"] != 1 || len(threads.coming) != maxBack/2+1 {
		t.Errorf("%v, %v of the quiet hook, %d", there, threads.backOf["quiet"], len(threads.coming))
	}
}
