package hooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// memory are the requests of a store.
type memory struct {
	mu  sync.Mutex
	all map[string]store.IdempotentRequest
	err error
}

func (m *memory) Begin(_ context.Context, key string, r store.IdempotentRequest) (store.IdempotentRequest, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return store.IdempotentRequest{}, false, m.err
	}
	if old, ok := m.all[key]; ok {
		return old, false, nil
	}
	if m.all == nil {
		m.all = make(map[string]store.IdempotentRequest)
	}
	m.all[key] = r
	return r, true, nil
}

func (m *memory) End(_ context.Context, key string, r store.IdempotentRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[key] = r
	return nil
}

// rig is a server with a hook of each adapter, with the secret "s3cret-NAME".
type rig struct {
	http.Handler
	net      *gatewaytest.Network
	requests *memory
	statuses *hooks.Statuses
	threads  *hooks.Threads
}

func newRig(t testing.TB, change func(*hooks.Hook)) *rig {
	t.Helper()
	return newRigWith(t, change, nil)
}

func newRigWith(t testing.TB, change func(*hooks.Hook), threads *hooks.Threads) *rig {
	t.Helper()
	g := &rig{net: &gatewaytest.Network{}, requests: &memory{}, statuses: &hooks.Statuses{}, threads: threads}
	var all []*hooks.Hook
	for _, name := range hook.Adapters() {
		reader, err := hook.New(hook.Options{Adapter: name})
		if err != nil {
			t.Fatal(err)
		}
		h := &hooks.Hook{Name: name, Adapter: name, Reader: reader, Hashes: [][32]byte{sha256.Sum256([]byte("s3cret-" + name))}, From: jid.MustParse("alerts@bot.example.com"),
			To: []jid.JID{jid.MustParse("juliet@example.com")}, MaxBody: 1 << 20}
		if change != nil {
			change(h)
		}
		all = append(all, h)
	}
	g.Handler = httpapi.New(httpapi.Options{MaxBodyBytes: 1000}, hooks.New(hooks.Options{Hooks: all, Sender: g.net, Requests: g.requests, Threads: threads, Statuses: g.statuses})...)
	return g
}

// call makes a request; headers are "Name: value".
func (g *rig) call(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// bodies are those of the messages that were sent.
func (g *rig) bodies() []string {
	var all []string
	for _, s := range g.net.Sent() {
		text, _ := s.Body()
		all = append(all, s.To.String()+": "+text)
	}
	return all
}

// Each way in which tools build the address of what one types into them, and the answer
// that they expect.
func TestSurfaces(t *testing.T) {
	sample := func(name string) string { return string(hook.Sample(name).Body) }
	for _, c := range []struct {
		method, path, body, headers string
		status                      int
		answer, text                string
	}{
		{"POST", "/hooks/alertmanager/s3cret-alertmanager", sample("alertmanager"), "", 202, `^\{"id":"\w{26}","messages":\[\{"to":"juliet@example.com","id":"\w{26}","state":"confirmed"\}\]\}`, "🔥 FIRING"},
		{"POST", "/hooks/alertmanager", sample("alertmanager"), "Authorization: Bearer s3cret-alertmanager", 202, "", "🔥 FIRING"},
		{"POST", "/hooks/github/s3cret-github", `{}`, "X-GitHub-Event: ping", 204, "^$", ""},
		{"POST", "/hooks/gitlab", sample("gitlab"), "X-Gitlab-Token: s3cret-gitlab", 202, "", "[mike/diaspora]"},
		{"POST", "/hooks/slack/s3cret-slack", `{"text":"hi <!here>"}`, "", 200, "^ok$", "hi @here"},
		{"POST", "/hooks/s3cret-slack", `{"text":"hi"}`, "", 200, "^ok$", "hi"},
		{"POST", "/services/T00/B00/s3cret-slack", `{"text":"hi"}`, "", 200, "^ok$", "hi"},
		{"POST", "/hooks/slack/s3cret-slack", `{`, "", 400, "^invalid_payload$", ""},
		{"POST", "/hooks/slack/s3cret-slack", `{}`, "", 400, "^no_text$", ""},
		{"POST", "/api/chat.postMessage", `{"channel":"C1","text":"hi"}`, "Authorization: Bearer s3cret-slack", 200, `"channel":"C1".*"ok":true,"ts":"\d+\.\d{6}"`, "hi"},
		{"POST", "/api/chat.postMessage", `{"channel":"C1"}`, "Authorization: Bearer s3cret-slack", 200, `"error":"no_text","ok":false`, ""},
		{"POST", "/api/auth.test", "", "Authorization: Bearer s3cret-slack", 200, `"ok":true`, ""},
		{"POST", "/hooks/mattermost/s3cret-mattermost", sample("mattermost"), "", 200, "^ok$", "Hello"},
		{"POST", "/hooks/discord/s3cret-discord", `{"content":"hi"}`, "", 204, "^$", "hi"},
		{"POST", "/hooks/discord/s3cret-discord?wait=true", `{"content":"hi"}`, "", 200, `^\{"id":"\w{26}"\}`, "hi"},
		{"POST", "/hooks/discord/s3cret-discord", `{}`, "", 400, `"code":50006`, ""},
		{"PUT", "/hooks/ntfy/s3cret-ntfy/mytopic", "hi", "Title: T", 200, `"event":"message".*"topic":"mytopic"`, "T\nhi"},
		{"POST", "/hooks/ntfy/mytopic", "hi", "Authorization: Basic OnMzY3JldC1udGZ5", 200, `"topic":"mytopic"`, "hi"},
		{"POST", "/hooks/ntfy/mytopic?auth=QmVhcmVyIHMzY3JldC1udGZ5", "hi", "", 200, "", "hi"},
		{"POST", "/hooks/ntfy/s3cret-ntfy", `{"topic":"x","message":"hi"}`, "", 200, `"topic":"x"`, "hi"},
		{"POST", "/hooks/ntfy/s3cret-ntfy/t", "", "", 400, `"code":40001,"error":".*","http":400`, ""},
		{"POST", "/hooks/gotify/message?token=s3cret-gotify", "message=hi", "Content-Type: application/x-www-form-urlencoded", 200, `"message":"hi"`, "hi"},
		{"POST", "/hooks/gotify/message", `{"message":"hi","title":"T"}`, "X-Gotify-Key: s3cret-gotify", 200, `"appid":1`, "T\nhi"},
		{"POST", "/hooks/gotify/s3cret-gotify/message", `{}`, "", 400, `"errorCode":400`, ""},
		{"POST", "/hooks/text/s3cret-text", "hi", "", 202, "", "hi"},
		{"POST", "/hooks/text/s3cret-text", "", "", 204, "^$", ""},
		{"GET", "/hooks/text/s3cret-text?msg=hi", "", "", 405, "get: true", ""},
		{"POST", "/hooks/text/s3cret-text", "hi", "Content-Encoding: gzip", 415, "", ""},
		{"POST", "/hooks/json/s3cret-json", strings.Repeat(" ", 2<<20), "", 413, "Payload too large", ""},
		{"POST", "/hooks/json/s3cret-json", `{"text":"` + strings.Repeat("x", 2000) + `"}`, "", 202, "", "xxx"}, // more than http.max_body_bytes
		{"POST", "/hooks/json/s3cret-json", "{", "", 400, "the body is not JSON", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			g := newRig(t, nil)
			w := g.call(c.method, c.path, c.body, strings.Split(c.headers, "|")...)
			if w.Code != c.status || !regexp.MustCompile(c.answer).MatchString(w.Body.String()) {
				t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
			}
			switch got := g.bodies(); {
			case c.text == "" && len(got) != 0:
				t.Errorf("sent %q", got)
			case c.text != "" && (len(got) != 1 || !strings.HasPrefix(got[0], "juliet@example.com: "+c.text)):
				t.Errorf("sent %q", got)
			}
		})
	}
}

// A wrong secret, none, and one for a hook that is not there have one answer.
func TestUnauthorized(t *testing.T) {
	g := newRig(t, nil)
	id := regexp.MustCompile(`"request_id":"[^"]*"`)
	want := ""
	for _, c := range [][]string{
		{"/hooks/alertmanager/wrong"}, {"/hooks/alertmanager"}, {"/hooks/nope/wrong"}, {"/hooks/nope/s3cret-slack"}, {"/hooks/nope"}, {"/hooks/slack/s3cret-github"}, {"/hooks/slack/"},
		{"/services/a/b/c"}, {"/api/chat.postMessage"}, {"/api/auth.test"}, {"/hooks/ntfy/topic?token=x"}, {"/hooks/text/s3cret-text%00"},
	} {
		w := g.call("POST", c[0], `{"text":"x"}`)
		got := fmt.Sprint(w.Code, w.Header().Values("WWW-Authenticate"), id.ReplaceAllString(w.Body.String(), ""))
		if want == "" {
			want = got
		}
		if w.Code != 401 || got != want {
			t.Errorf("%s: %s\nnot as %s", c[0], got, want)
		}
	}
	if w := g.call("POST", "/api/chat.postMessage", `{"text":"x"}`, "Authorization: Bearer s3cret-mattermost"); w.Code != 401 {
		t.Errorf("Slack's API with the token of another adapter: %d", w.Code)
	}
	if len(g.net.Sent()) != 0 || g.statuses.Get("slack").Requests != 0 {
		t.Error("something was sent or counted")
	}
}

// A signature is needed beside the secret, or alone; one byte more and it is wrong.
func TestSignature(t *testing.T) {
	for _, both := range []bool{true, false} {
		g := newRig(t, func(h *hooks.Hook) {
			if h.Name != "github" {
				return
			}
			var err error
			if h.Verify, err = hook.NewVerifier(hook.VerifyGitHub, []secret.String{secret.New("old"), secret.New("new")}, ""); err != nil {
				t.Fatal(err)
			}
			if !both {
				h.Hashes = nil
			}
		})
		path := "/hooks/github"
		if both {
			path += "/s3cret-github"
		}
		body := string(hook.Sample("github").Body)
		for _, key := range []string{"old", "new"} {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(body))
			sum := "X-Hub-Signature-256: sha256=" + hex.EncodeToString(mac.Sum(nil))
			if w := g.call("POST", path, body, "X-GitHub-Event: push", sum); w.Code != 202 {
				t.Errorf("%s: %d %s", key, w.Code, w.Body)
			}
			if w := g.call("POST", path, body+" ", "X-GitHub-Event: push", sum); w.Code != 401 {
				t.Errorf("%s, another body: %d", key, w.Code)
			}
			if both {
				if w := g.call("POST", "/hooks/github/wrong", body, "X-GitHub-Event: push", sum); w.Code != 401 {
					t.Errorf("%s, another secret: %d", key, w.Code)
				}
			}
		}
		if w := g.call("POST", path, body, "X-GitHub-Event: push"); w.Code != 401 {
			t.Errorf("without signature: %d", w.Code)
		}
		if n := len(g.net.Sent()); n != 2 {
			t.Errorf("%d messages", n)
		}
	}
}

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
	if w := call(); w.Code != 202 || len(g.net.Sent()) != 2 {
		t.Errorf("%d %s, sent %d", w.Code, w.Body, len(g.net.Sent()))
	}
}

// Targets are picked by channel, topic or path, and never guessed.
func TestTargets(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		h.Targets = map[string]jid.JID{"ops": jid.MustParse("ops@example.com"), "oncall": jid.MustParse("romeo@example.com")}
	})
	for _, c := range []struct {
		path, body string
		status     int
		answer, to string
	}{
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"#ops"}`, 200, "ok", "ops@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"@OnCall"}`, 200, "ok", "romeo@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x"}`, 200, "ok", "juliet@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"nope"}`, 404, "channel_not_found", ""},
		{"/hooks/ntfy/s3cret-ntfy/ops", "x", 200, `"topic":"ops"`, "ops@example.com"},
		{"/hooks/ntfy/s3cret-ntfy/nope", "x", 403, `"code":40301`, ""},
		{"/hooks/text/s3cret-text/oncall", "x", 202, "", "romeo@example.com"},
		{"/hooks/text/s3cret-text/nope", "x", 404, "no target", ""},
		{"/hooks/gotify/s3cret-gotify/message", `{"message":"x"}`, 200, "", "juliet@example.com"},
	} {
		before := len(g.net.Sent())
		w := g.call("POST", c.path, c.body)
		sent := g.net.Sent()[before:]
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) || (c.to == "") != (len(sent) == 0) || c.to != "" && sent[0].To.String() != c.to {
			t.Errorf("%s %s: %d %s, sent %v", c.path, c.body, w.Code, w.Body, sent)
		}
	}
}

// Several recipients and texts; one that fails does not fail the others.
func TestSeveral(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		h.To = append(h.To, jid.MustParse("romeo@example.com"))
		if h.Name == "alertmanager" {
			h.Reader, _ = hook.New(hook.Options{Adapter: "alertmanager", Split: true})
		}
	})
	g.net.State = gateway.Queued
	w := g.call("POST", "/hooks/alertmanager/s3cret-alertmanager", `{"alerts":[{"fingerprint":"a","status":"firing"},{"fingerprint":"b","status":"resolved"}]}`)
	var answer struct {
		ID       string
		Messages []struct{ To, ID, State string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 202 || len(answer.Messages) != 4 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, m := range answer.Messages {
		want := answer.ID
		if i > 0 {
			want += fmt.Sprint(".", i)
		}
		if m.ID != want || m.State != "queued" || m.To != []string{"juliet@example.com", "romeo@example.com"}[i%2] {
			t.Errorf("%d: %+v", i, m)
		}
	}
}

// Too many are 503, which Alertmanager repeats, and errors of the connection are too.
func TestRefusals(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) { h.Rate = httpapi.RateLimit{PerSecond: 1, Burst: 2} })
	for i, want := range []int{202, 202, 503} {
		w := g.call("POST", "/hooks/text/s3cret-text", "x")
		if w.Code != want || (want == 503) != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	if w := g.call("POST", "/hooks/json/s3cret-json", "{}"); w.Code != 202 {
		t.Errorf("another hook: %d", w.Code)
	}
	g = newRig(t, nil)
	for err, want := range map[error]int{gateway.ErrBusy: 503, gateway.ErrDown: 503, gateway.ErrUnconfirmed: 503, gateway.ErrFull: 507, gateway.ErrRejected: 503, &gateway.TooOften{}: 503} {
		g.net.Err = err
		if w := g.call("POST", "/hooks/text/s3cret-text", "x"); w.Code != want {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
	g.net.Err, g.net.MaxBytes = nil, 600
	if w := g.call("POST", "/hooks/text/s3cret-text", strings.Repeat("x", 700)); w.Code != 413 {
		t.Errorf("too long for the server: %d %s", w.Code, w.Body)
	}
}

// A message that comes back counts for its hook.
func TestBounced(t *testing.T) {
	g := newRig(t, nil)
	g.call("POST", "/hooks/text/s3cret-text", "x")
	sent := g.net.Sent()[0]
	bounce := stanza.Must(stanza.Parse("<message type='error' from='juliet@example.com' to='alerts@bot.example.com' id='"+sent.ID+"'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", stanza.Limits{}))
	if name, ok := g.statuses.Bounced(bounce); !ok || name != "text" {
		t.Errorf("%q, %v", name, ok)
	}
	if _, ok := g.statuses.Bounced(bounce); ok {
		t.Error("the same error counts twice")
	}
	if st := g.statuses.Get("text"); st.Failed != 1 || st.Sent != 1 || st.LastError != "juliet@example.com answered with the error item-not-found" {
		t.Errorf("%+v", st)
	}
	if _, ok := new(hooks.Statuses).Bounced(bounce); ok {
		t.Error("without hooks")
	}
}

// GET is taken where the hook says so.
func TestGet(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) { h.Get = true })
	if w := g.call("GET", "/hooks/uptime-kuma/s3cret-uptime-kuma?msg=down", ""); w.Code != 202 || len(g.net.Sent()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func BenchmarkHook(b *testing.B) {
	g := newRig(b, nil)
	pad := strings.Repeat("x", 900)
	for _, c := range []struct{ name, path string }{{"right", "/hooks/json/s3cret-json"}, {"wrong secret", "/hooks/json/s3cret-wrong"}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				g.call("POST", c.path, `{"text":"`+pad+`"}`)
			}
		})
	}
}
