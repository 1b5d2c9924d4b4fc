//go:build integration

package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// victim is a user who writes to the bot and a caller who posts, while somebody attacks.
type victim struct {
	st     *stage
	client harness.User
	http   *http.Client
	within time.Duration // an answer has to come; see answerWithin

	mu    sync.Mutex
	n     int
	came  map[string]time.Time // by text: when the answer came
	wrong []string             // what came that is no answer to the victim
	moved chan struct{}
}

// score is how they fared in one phase.
type score struct {
	sent, answered, posts, posted int
	chat, http                    []time.Duration
	problems                      map[string]int // of the posts
	missing                       map[string]int // answers, by the bot's address
}

const (
	victimPace = 25 * time.Millisecond
	// answerWithin is how long they wait, and where the machine is so busy that an answer
	// without an attack takes a hundredth of that, up to mostWithin: far more than an
	// answer takes, and far less than an attack that works holds them up.
	answerWithin = 8 * time.Second
	mostWithin   = 30 * time.Second
	// latencyFloor is up to where a p99 is noise.
	latencyFloor = 15 * time.Millisecond
)

func newVictim(st *stage) *victim {
	v := &victim{
		st: st, client: harness.Login(st.t, st.server, "alice"), came: make(map[string]time.Time), moved: make(chan struct{}, 1),
		within: answerWithin,
		http:   &http.Client{Timeout: mostWithin, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	if !fullAttacks() { // beside other tests: what never comes is what counts
		v.within = mostWithin
	}
	go v.read()
	return v
}

func (v *victim) read() {
	for {
		r, err := v.client.Next(v.st.t.Context(), func(r lab.Received) bool { return r.Kind == "message" })
		if err != nil {
			return
		}
		v.mu.Lock()
		switch {
		case r.Type == "error":
			v.wrong = append(v.wrong, "error "+r.Error+" from "+r.From)
		case strings.HasPrefix(r.Body, "victim-"):
			v.came[r.Body] = time.Now()
		case r.Body != "":
			v.wrong = append(v.wrong, r.From+": "+r.Body)
		}
		v.mu.Unlock()
		select {
		case v.moved <- struct{}{}:
		default:
		}
	}
}

// during writes and posts while something happens, and for attackTime at least.
func (v *victim) during(happens func(ctx context.Context)) score {
	v.st.t.Helper()
	ctx, cancel := context.WithTimeout(v.st.t.Context(), strikeTime())
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		happens(ctx)
	}()
	var s score
	s.problems = make(map[string]int)
	sent := make(map[string]message)
	var posts sync.WaitGroup
	tick := time.NewTicker(victimPace)
	defer tick.Stop()
	until := time.Now().Add(attackTime())
	for end := over; end != nil || time.Now().Before(until); {
		select {
		case <-tick.C:
		case <-end:
			end = nil
			continue
		}
		v.n++
		text := fmt.Sprint("victim-", v.n)
		to := v.st.victims[v.n%len(v.st.victims)]
		sent[text] = message{to, time.Now()}
		v.client.Send("<message to='%s' type='chat' id='%s'><body>%s</body></message>", to, text, text)
		s.posts++
		posts.Go(func() { v.post(&s, text) })
	}
	posts.Wait()
	s.sent = len(sent)
	v.await(sent, &s)
	return s
}

// adapt sets how long they wait by how long answers took in a calm phase.
func (v *victim) adapt(calm score) {
	if n := len(calm.chat); n > 0 {
		slices.Sort(calm.chat)
		v.within = min(max(v.within, 100*calm.chat[n/2]), mostWithin)
	}
}

// message is one that was sent to the bot.
type message struct {
	to string
	at time.Time
}

// await waits for the answers.
func (v *victim) await(sent map[string]message, s *score) {
	deadline := time.After(v.within)
	for late := false; ; {
		v.mu.Lock()
		s.chat, s.missing = s.chat[:0], make(map[string]int)
		for text, m := range sent {
			if came, ok := v.came[text]; ok && came.Sub(m.at) < v.within {
				s.chat = append(s.chat, came.Sub(m.at))
			} else {
				s.missing[m.to]++
			}
		}
		v.mu.Unlock()
		if s.answered = len(s.chat); s.answered == s.sent || late {
			return
		}
		select {
		case <-v.moved:
		case <-deadline:
			late = true
		}
	}
}

// post sends a message to another user.
func (v *victim) post(s *score, text string) {
	at := time.Now()
	status, err := v.postOnce(text)
	took := time.Since(at)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil && status/100 == 2 {
		s.posted++
		s.http = append(s.http, took)
		return
	}
	s.problems[fmt.Sprint(status, " ", err)]++
}

func (v *victim) postOnce(text string) (int, error) {
	req, err := v.st.post(v.st.t.Context(), text)
	if err != nil {
		return 0, err
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// compareScores fails if the victims suffered. How long they waited is compared in the
// full form alone, by the medians of the phases.
func compareScores(t *testing.T, calm, harmed []score) {
	t.Helper()
	for i, h := range harmed {
		t.Logf("calm: %v; under attack: %v", calm[i], h)
		if calm[i].answered < calm[i].sent || calm[i].posted < calm[i].posts {
			t.Errorf("already without an attack not all was answered: %v", calm[i])
		}
		if h.answered*100 < h.sent*95 {
			t.Errorf("the user got %d answers of %d; missing are %v", h.answered, h.sent, h.missing)
		}
		if h.posted*100 < h.posts*95 {
			t.Errorf("the caller could post %d messages of %d: %v", h.posted, h.posts, h.problems)
		}
	}
	if !fullAttacks() {
		return
	}
	for what, of := range map[string]func(score) []time.Duration{
		"the user's answers": func(s score) []time.Duration { return s.chat },
		"the caller's posts": func(s score) []time.Duration { return s.http },
	} {
		before, after := medianHighest(calm, of), medianHighest(harmed, of)
		t.Logf("%s: p99 %v, under attack %v", what, before, after)
		if after > max(2*before, latencyFloor) {
			t.Errorf("%s took %v (p99), without the attack %v", what, after, before)
		}
	}
}

// medianHighest is the median of the phases' p99.
func medianHighest(all []score, of func(score) []time.Duration) time.Duration {
	var p []time.Duration
	for _, s := range all {
		if d := slices.Sorted(slices.Values(of(s))); len(d) > 0 {
			p = append(p, d[len(d)*99/100])
		}
	}
	if len(p) == 0 {
		return 0
	}
	slices.Sort(p)
	return p[len(p)/2]
}

func (s score) String() string {
	return fmt.Sprintf("%d of %d answered, %d of %d posted %v", s.answered, s.sent, s.posted, s.posts, s.problems)
}

// unfooled fails if the user got anything but answers to what he wrote.
func (v *victim) unfooled() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.wrong) > 0 {
		v.st.t.Errorf("the user got %d things that are none of his answers, first %s", len(v.wrong), v.wrong[0])
	}
}
