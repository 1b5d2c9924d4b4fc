package livecheck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// askedHost is a server whose host has the given features, and the store that keeps them.
type askedHost struct {
	*HostFeatures
	link *component.Link
	has  atomic.Pointer[[]string]
	at   time.Time
}

func newAskedHost(t *testing.T) *askedHost {
	t.Helper()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	h := &askedHost{at: time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)}
	h.tells()
	srv.Answer(func(s *stanza.Stanza) string {
		inner := ""
		for _, f := range *h.has.Load() {
			inner += "<feature var='" + f + "'/>"
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", s.ID, s.To, s.From, inner)
	})
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { st.Close() })
	h.HostFeatures = &HostFeatures{store: st.Features(), now: func() time.Time { return h.at }}
	h.link, _ = srv.Run(component.Options{})
	awaitAttempt(t.Context(), h.link)
	return h
}

func (h *askedHost) tells(all ...string) { h.has.Store(&all) }

// check is the row of "check --live".
func (h *askedHost) check(t *testing.T) v1.Check {
	t.Helper()
	i := &Inspection{Links: map[string]*component.Link{"bot.example.com": h.link}, Features: h.HostFeatures}
	all := i.hostFeatures(t.Context(), "bot.example.com", jid.MustParse("example.com"))
	if len(all) != 1 || all[0].What != "features" || all[0].Subject != "example.com" {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

// check warns of a lost feature for a month, over restarts.
func TestCheckLiveTellsLostFeatures(t *testing.T) {
	h := newAskedHost(t)
	const month = 30 * 24 * time.Hour
	var many []string
	for n := range 12 {
		many = append(many, fmt.Sprintf("f%02d", n))
	}
	for _, step := range []struct {
		after   time.Duration
		tells   []string
		verdict v1.Verdict
		found   string
	}{
		{0, nil, v1.CheckOK, "it reports no features (XEP-0030)"},
		{0, []string{"a", "b", "c", "b"}, v1.CheckOK, "3 features, stored to find lost ones later"},
		{90 * 24 * time.Hour, []string{"a", "b", "c"}, v1.CheckOK, "3 features, none lost"},
		{time.Hour, []string{"a", "d"}, v1.CheckWarn, "example.com no longer has b, c"},
		{month - time.Hour, []string{"a", "d", "c"}, v1.CheckWarn, "example.com no longer has b"},
		{time.Hour, []string{"a", "d", "c"}, v1.CheckOK, "3 features, none lost"},
		{0, nil, v1.CheckWarn, "example.com no longer has a, c, d"},
		{month, many, v1.CheckOK, "12 features, none lost"},
		{0, nil, v1.CheckWarn, "example.com no longer has f00, f01, f02, f03, f04, f05, f06, f07, f08, f09, and 2 more"},
	} {
		h.at = h.at.Add(step.after)
		h.tells(step.tells...)
		got := h.check(t)
		if got.Verdict != step.verdict || got.Found != step.found {
			t.Errorf("%v: %+v, want %s %s", step.tells, got, step.verdict, step.found)
		}
		if got.Verdict == v1.CheckWarn && !strings.Contains(*got.Advice, `a second VirtualHost "example.com"`) {
			t.Error(*got.Advice)
		}
	}
}

// A connection that lasts is enough: nobody has to run "check --live" before.
func TestFeaturesAreKept(t *testing.T) {
	h := newAskedHost(t)
	h.tells("a")
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.watchEvery(ctx, h.link, func() []jid.JID {
			asked <- struct{}{}
			return []jid.JID{jid.MustParse("example.com")}
		}, time.Millisecond, time.Millisecond)
	}()
	<-asked
	<-asked // so the first round is over
	cancel()
	<-done
	h.tells()
	if got := h.check(t); got.Found != "example.com no longer has a" {
		t.Errorf("%+v", got)
	}
}

// A host can make its record no larger than so much.
func TestFeaturesAreBounded(t *testing.T) {
	var told []string
	for n := range 3 * featuresMost {
		told = append(told, fmt.Sprintf("f%04d", n))
	}
	has := distinct(append(told, "", strings.Repeat("a", featureBytes+1)))
	if len(has) != featuresMost || slices.Contains(has, "") {
		t.Errorf("%d features", len(has))
	}
	now := time.Now()
	kept := remember(nil, has, now)
	for n := range 3 {
		kept = remember(kept, []string{fmt.Sprintf("new%d", n)}, now)
		if len(kept) > featuresMost {
			t.Fatalf("%d are kept", len(kept))
		}
	}
}
