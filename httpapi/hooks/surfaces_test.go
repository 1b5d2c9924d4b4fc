package hooks_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

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
		{"POST", "/hooks/gotify/message", `{"message":"**hi**","title":"T","priority":5,"extras":{"client::display":{"contentType":"text/markdown"}}}`, "X-Gotify-Key: s3cret-gotify", 200, `"message":"\*\*hi\*\*","priority":5,"title":"T"`, "T\n*hi*"},
		{"POST", "/hooks/gotify/message?token=s3cret-gotify", "message=hi&priority=8", "Content-Type: application/x-www-form-urlencoded", 200, `"message":"hi","priority":8,"title":"gotify"`, "❗ hi"},
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

// Gotify's clients put /message behind the address of the server: what stands before it is
// one of the targets.
func TestGotifyTargets(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		h.Targets = map[string]jid.JID{"ops": jid.MustParse("ops@example.com"), "message": jid.MustParse("odd@example.com")}
	})
	for _, c := range []struct {
		path   string
		status int
		to     string
	}{
		{"/hooks/gotify/ops/message?token=s3cret-gotify", 200, "ops@example.com"}, {"/hooks/gotify/s3cret-gotify/ops/message", 200, "ops@example.com"},
		{"/hooks/gotify/s3cret-gotify/message", 200, "juliet@example.com"}, {"/hooks/gotify/s3cret-gotify", 200, "juliet@example.com"}, {"/hooks/gotify/s3cret-gotify/message/", 200, "juliet@example.com"},
		{"/hooks/gotify/s3cret-gotify/message/message", 200, "odd@example.com"}, {"/hooks/gotify/s3cret-gotify/dev/message", 404, ""}, {"/hooks/gotify/s3cret-gotify/ops/x/message", 404, ""},
	} {
		before := len(g.net.Sent())
		w := g.call("POST", c.path, `{"message":"hi"}`)
		sent := g.net.Sent()[before:]
		if w.Code != c.status || c.to == "" && len(sent) != 0 || c.to != "" && (len(sent) != 1 || sent[0].To.String() != c.to) {
			t.Errorf("%s: %d %s, sent %v", c.path, w.Code, w.Body, sent)
		}
	}
}

// A wrong secret, none, and one for a hook that is not there have one answer.
func TestUnauthorized(t *testing.T) {
	g := newRig(t, nil)
	want := ""
	for _, c := range [][]string{
		{"/hooks/alertmanager/wrong"}, {"/hooks/alertmanager"}, {"/hooks/nope/wrong"}, {"/hooks/nope/s3cret-slack"}, {"/hooks/nope"}, {"/hooks/slack/s3cret-github"}, {"/hooks/slack/"},
		{"/services/a/b/c"}, {"/api/chat.postMessage"}, {"/api/auth.test"}, {"/hooks/ntfy/topic?token=x"}, {"/hooks/text/s3cret-text%00"},
	} {
		w := g.call("POST", c[0], `{"text":"x"}`)
		got := fmt.Sprint(w.Code, w.Header().Values("WWW-Authenticate"), w.Body.String())
		if want == "" {
			want = got
		}
		if w.Code != 401 || got != want {
			t.Errorf("%s: %s\nnot as %s", c[0], got, want)
		}
	}
	g.answers("Slack's API with the token of another adapter", 401, "POST", "/api/chat.postMessage", `{"text":"x"}`, "Authorization: Bearer s3cret-mattermost")
	if len(g.net.Sent()) != 0 || g.statuses.Get("slack").Requests != 0 {
		t.Error("something was sent or counted")
	}
}

func hmacHex(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
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
			sum := "X-Hub-Signature-256: sha256=" + hmacHex(key, body)
			g.answers(key, 202, "POST", path, body, "X-GitHub-Event: push", sum)
			g.answers(key+", another body", 401, "POST", path, body+" ", "X-GitHub-Event: push", sum)
			if both {
				g.answers(key+", another secret", 401, "POST", "/hooks/github/wrong", body, "X-GitHub-Event: push", sum)
			}
		}
		g.answers("without signature", 401, "POST", path, body, "X-GitHub-Event: push")
		if n := len(g.net.Sent()); n != 2 {
			t.Errorf("%d messages", n)
		}
	}
}

// GET is taken where the hook says so.
func TestGet(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) { h.Get = true })
	if w := g.call("GET", "/hooks/uptime-kuma/s3cret-uptime-kuma?msg=down", ""); w.Code != 202 || len(g.net.Sent()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
