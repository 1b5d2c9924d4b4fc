//go:build integration

package attack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

func streamAttacks() []attack { return []attack{removedTokens()} }

// heldOpen is a request that goes on for long: a stream, or a poll.
type heldOpen struct {
	name   string
	status int // that it must end with; a stream has had 200
	done   chan string
}

// A token that is removed, or loses its scope, ends the requests that are under way.
func removedTokens() attack {
	var held []heldOpen
	round := 0
	open := func(st *stage, name, token, path string, stream bool, status int) {
		req, err := st.request(st.t.Context(), "GET", path, token, "")
		if err != nil {
			st.t.Fatal(err)
		}
		if stream {
			req.Header.Set("Accept", "text/event-stream")
		}
		h := heldOpen{name, status, make(chan string, 1)}
		began := make(chan struct{})
		go func() { h.done <- followed(req, stream, began) }()
		<-began
		held = append(held, h)
	}
	return attack{
		name: "removed tokens",
		set: func(st *stage) {
			for _, name := range []string{"streamed", "polled", "demoted"} {
				for n := range strikes() { // what waits from one strike is not taken for the next one's
					each := fmt.Sprint(name, n+1)
					st.endpoints = append([]string{fmt.Sprintf("{name: %s, match: {to: %q}}", each, each+"@*")}, st.endpoints...)
				}
				st.addToken(name, "events")
			}
		},
		strike: func(ctx context.Context, st *stage) {
			if round++; round > 1 {
				for _, name := range []string{"streamed", "polled", "demoted"} {
					st.removeToken(name)
					st.addToken(name, "events")
				}
				st.reload()
			}
			held = nil
			open(st, "a stream", "streamed", fmt.Sprintf("/v1/endpoints/streamed%d/events", round), true, http.StatusOK)
			open(st, "a poll", "polled", fmt.Sprintf("/v1/endpoints/polled%d/events?wait=60s", round), false, http.StatusUnauthorized)
			open(st, "a stream without its scope", "demoted", fmt.Sprintf("/v1/endpoints/demoted%d/events", round), true, http.StatusOK)
			lastsUntil(ctx, 300*time.Millisecond) // the poll waits by then
			for _, name := range []string{"streamed", "polled", "demoted"} {
				st.removeToken(name)
			}
			st.addToken("demoted", "send")
			st.reload()
			// Nothing that comes now is theirs.
			c := st.mallory(fmt.Sprint("late", round))
			for _, name := range []string{"streamed", "polled", "demoted"} {
				st.say(c, "<message to='%s%d@%s' type='chat'><body>not for you</body></message>", name, round, st.domain)
			}
			for _, h := range held {
				select {
				case got := <-h.done:
					h.check(st, got)
				case <-time.After(5 * time.Second):
					st.t.Errorf("%s goes on without a token", h.name)
				}
			}
		},
	}
}

// followed reads an answer to its end; began is closed when it waits, or has its header.
func followed(req *http.Request, stream bool, began chan struct{}) string {
	if !stream {
		close(began)
	}
	resp, err := http.DefaultClient.Do(req)
	if stream {
		close(began)
	}
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(resp.Body))
	return fmt.Sprint(resp.StatusCode, " ", string(text), " ", err)
}

func (h heldOpen) check(st *stage, got string) {
	if !strings.HasPrefix(got, fmt.Sprint(h.status)) || strings.Contains(got, "not for you") {
		st.t.Errorf("%s ended with %q", h.name, got)
	}
	if h.status == http.StatusOK && !strings.Contains(got, "event: end") {
		st.t.Errorf("%s ended without a word: %q", h.name, got)
	}
}
