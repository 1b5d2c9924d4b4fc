package v1

import (
	"context"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// goalOf reads the state that a caller waits for; empty: none.
func goalOf(values url.Values) (store.SentState, error) {
	switch text := values.Get("wait_for"); {
	case text == "":
		return "", nil
	case values.Get("wait") == "":
		return "", wrongf("wait_for: needs wait; write for example wait=30s")
	case text == string(store.SentEchoed), text == string(store.SentReceived), text == string(store.SentDisplayed):
		return store.SentState(text), nil
	default:
		return "", wrongf("wait_for: %q is not one of echoed, received, displayed", text)
	}
}

// await waits until a message of a caller has reached a state, or one that it cannot leave
// for that, and returns the state that it has then; at the end of the wait, or of the
// caller's right to wait, the one so far.
func (m messages) await(ctx context.Context, id, caller string, goal store.SentState, wait time.Duration, state gateway.State) gateway.State {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	release := func() {}
	defer func() { release() }()
	for first := true; ; first = false {
		news := m.news()
		if found, err := m.sent(ctx, id, caller); err == nil {
			if state = gateway.State(found.State); found.State.Final(goal) {
				return state
			}
		}
		if first {
			ctx, release = httpapi.Wait(ctx, httpapi.Needs(gateway.ScopeSend))
		}
		select {
		case <-news:
		case <-ctx.Done():
			return state
		}
	}
}
