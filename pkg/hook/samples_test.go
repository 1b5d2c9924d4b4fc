package hook_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/hook"
)

var now = time.Date(2026, 11, 20, 13, 30, 0, 0, time.UTC)

// post is a request with a body and headers, each "Name: value".
func post(body string, headers ...string) *hook.Request {
	r := &hook.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Time: now}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func read(t *testing.T, o hook.Options, r *hook.Request) (hook.Notice, error) {
	t.Helper()
	h, err := hook.New(o)
	require.NoError(t, err)
	return h.Read(r)
}

// body reads a request that must become one text.
func body(t *testing.T, o hook.Options, r *hook.Request) string {
	t.Helper()
	n, err := read(t, o, r)
	if err != nil || len(n.Texts) != 1 {
		t.Fatalf("%d texts, %v", len(n.Texts), err)
	}
	if n.Texts[0].Cut != nil {
		t.Errorf("cut: %v", n.Texts[0].Cut)
	}
	return n.Texts[0].Body
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("samples/" + name)
	require.NoError(t, err)
	return string(text)
}

// Each payload of samples becomes the text beside it.
func TestSamples(t *testing.T) {
	for name, event := range map[string]string{
		"alertmanager-firing": "", "alertmanager-resolved": "", "grafana-firing": "", "gitea-push": "X-Gitea-Event: push", "github-push": "X-GitHub-Event: push",
		"github-pull-request-opened": "X-GitHub-Event: pull_request", "gitlab-push": "", "mattermost": "", "slack-attachments": "", "slack-blocks": "", "slack-text": "",
		"uptime-kuma-down": "", "uptime-kuma-test": "", "discord": "", "gotify": "", "json": "",
	} {
		t.Run(name, func(t *testing.T) {
			adapter, _, _ := strings.Cut(name, "-")
			if adapter == "uptime" {
				adapter = "uptime-kuma"
			}
			r := post(sample(t, name+".json"))
			if h, v, ok := strings.Cut(event, ": "); ok {
				r.Header.Set(h, v)
			}
			if got, want := body(t, hook.Options{Adapter: adapter}, r), strings.TrimSpace(sample(t, name+".txt")); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	for _, name := range []string{"ntfy", "text"} {
		if got, want := body(t, hook.Options{Adapter: name}, hook.Sample(name)), strings.TrimSpace(sample(t, name+".txt")); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// Each adapter has a sample that becomes one text.
func TestSampleOfEachAdapter(t *testing.T) {
	for _, name := range hook.Adapters() {
		if got := body(t, hook.Options{Adapter: name}, hook.Sample(name)); got == "" {
			t.Errorf("%s: no text", name)
		}
	}
}
