package hooks_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/store"
)

// A delivery with the same id is sent once, with the same answer; one that failed is sent
// by its repetition, with the same id of the message.
func TestOnce(t *testing.T) {
	g := newRig(t, nil)
	call := func(id string) *httptest.ResponseRecorder {
		return g.call("POST", "/hooks/github/s3cret-github", string(hook.Sample("github").Body), "X-GitHub-Event: push", "X-GitHub-Delivery: "+id)
	}
	first, again := call("d1"), call("d1")
	if first.Code != 202 || again.Code != 202 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" || len(g.net.Sent()) != 1 {
		t.Errorf("%d %s, %d %s, sent %d", first.Code, first.Body, again.Code, again.Body, len(g.net.Sent()))
	}
	g.net.Err = gateway.ErrFull
	if w := call("d2"); w.Code != 507 {
		t.Errorf("outbox full: %d %s", w.Code, w.Body)
	}
	g.net.Err = nil
	if w := call("d2"); w.Code != 202 {
		t.Errorf("repeated: %d %s", w.Code, w.Body)
	}
	sent := g.net.Sent()
	if len(sent) != 3 || sent[1].ID != sent[2].ID || sent[0].ID == sent[1].ID {
		t.Errorf("sent %v", sent)
	}
	g.requests.err = gateway.ErrFull
	if w := call("d3"); w.Code != 507 || len(g.net.Sent()) != 3 {
		t.Errorf("store full: %d %s", w.Code, w.Body)
	}
	if st := g.statuses.Get("github"); st.Requests != 5 || st.Sent != 2 || st.Failed != 2 || !strings.Contains(st.LastError, "store is full") {
		t.Errorf("%+v", st)
	}
}

// A delivery is sent again by GitHub, Gitea and Forgejo with the id that it had; Idempotency-Key
// is for those that have none.
func TestRedeliveries(t *testing.T) {
	for _, c := range [][2]string{
		{"github", "X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958"}, {"github", "Idempotency-Key: k"}, {"gitea", "X-Gitea-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473"},
		{"gitea", "X-Forgejo-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473"}, {"gitea", "X-GitHub-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473"}, {"gitea", "Idempotency-Key: k"},
	} {
		g := newRig(t, nil)
		for range 3 {
			g.answers(fmt.Sprint(c), 202, "POST", "/hooks/"+c[0]+"/s3cret-"+c[0], string(hook.Sample(c[0]).Body), "X-GitHub-Event: push", c[1])
		}
		g.answers(fmt.Sprintf("%v, another", c), 202, "POST", "/hooks/"+c[0]+"/s3cret-"+c[0], string(hook.Sample(c[0]).Body), "X-GitHub-Event: push", c[1]+"2")
		if n := len(g.net.Sent()); n != 2 {
			t.Errorf("%v: %d messages, want one of each delivery", c, n)
		}
	}
}

// The id of a delivery that says something else, as another sender may write it, or a tool that
// begins anew, keeps no message from being sent.
func TestSameIDOfAnother(t *testing.T) {
	for adapter, id := range map[string]string{"text": "Idempotency-Key: 1", "json": "Idempotency-Key: 1", "ntfy": "Idempotency-Key: 1", "slack": "Idempotency-Key: 1", "gitlab": "X-Gitlab-Event-UUID: 1", "github": "X-GitHub-Delivery: 1"} {
		g := newRig(t, nil)
		body := string(hook.Sample(adapter).Body)
		for i, body := range []string{body, body + "\n", body} {
			w := g.call("POST", "/hooks/"+adapter+"/s3cret-"+adapter, body, "X-GitHub-Event: push", id)
			if again := w.Header().Get("Idempotency-Replayed") != ""; w.Code >= 300 || again != (i == 2) {
				t.Errorf("%s, the request %d: %d, repeated: %v", adapter, i, w.Code, again)
			}
		}
		if n := len(g.net.Sent()); n != 2 {
			t.Errorf("%s: %d messages, not 2", adapter, n)
		}
	}
}

// Killed after the id was stored and before the answer: the repetition sends, with the id
// that was stored.
func TestKilledBeforeTheAnswer(t *testing.T) {
	g := newRig(t, nil)
	const id = "01HZX0000000000000000000ZZ"
	g.requests.all = map[string]store.IdempotentRequest{"hook github\x00d1": {ID: id}}
	w := g.call("POST", "/hooks/github/s3cret-github", string(hook.Sample("github").Body), "X-GitHub-Event: push", "X-GitHub-Delivery: d1")
	if sent := g.net.Sent(); w.Code != 202 || len(sent) != 1 {
		t.Errorf("%d %s, sent %v", w.Code, w.Body, sent)
	}
}

// A state that is reported again within the hour is not; two together are one.
func TestSameStateOnce(t *testing.T) {
	g := newRig(t, nil)
	call := func() *httptest.ResponseRecorder {
		return g.call("POST", "/hooks/alertmanager/s3cret-alertmanager", string(hook.Sample("alertmanager").Body))
	}
	g.net.Entered, g.net.Leave = make(chan struct{}), make(chan struct{})
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- call() }()
	<-g.net.Entered
	if w := call(); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("at the same time: %d %s", w.Code, w.Body)
	}
	g.net.Leave <- struct{}{}
	if w := <-done; w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	g.net.Entered = nil
	if w := call(); w.Code != 202 || len(g.net.Sent()) != 1 {
		t.Errorf("%d %s, sent %d", w.Code, w.Body, len(g.net.Sent()))
	}
	for key, r := range g.requests.all { // an hour later
		r.ID = "01HZX0000000000000000000ZZ"
		g.requests.all[key] = r
	}
	g.net.Err = gateway.ErrUnconfirmed
	if w := call(); w.Code != 503 {
		t.Errorf("not confirmed: %d %s", w.Code, w.Body)
	}
	g.net.Err = nil
	if w := call(); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if sent := g.net.Sent(); len(sent) != 3 || sent[1].ID != sent[2].ID || sent[0].ID == sent[1].ID {
		t.Errorf("sent %v", sent)
	}
}
