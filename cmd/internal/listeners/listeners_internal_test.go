package listeners

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// A request goes to whoever listens, and waits for the answer; when nobody listens any more, it
// fails for a while, to be tried elsewhere.
func TestTunnel(t *testing.T) {
	tun, err := openTunnel()
	if err != nil {
		t.Fatal(err)
	}
	defer tun.shut()
	post := func(url string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("event"))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Webhook-Id", "evt_1")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), " ", strings.TrimSpace(string(body)), err)
	}
	if got := post(strings.TrimSuffix(tun.url, tun.path) + "/other"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("at another path: %s", got)
	}
	for _, row := range []struct {
		answer v1.ListenAnswer
		want   string
	}{
		{v1.ListenAnswer{Status: 200, ContentType: "application/json", Body: []byte(`"hi"`)}, `200 application/json "hi"<nil>`},
		{v1.ListenAnswer{Status: 204}, "204  <nil>"},
		{v1.ListenAnswer{Error: "refused"}, "502 text/plain; charset=utf-8 refused<nil>"},
	} {
		got := make(chan string, 1)
		go func() { got <- post(tun.url) }()
		q, err := tun.next(t.Context(), time.Minute)
		if err != nil || q == nil || q.Body != "event" || q.Header["Webhook-Id"] != "evt_1" || q.Header["Content-Length"] != "" {
			t.Fatalf("%+v %v", q, err)
		}
		if err := tun.answer(q.ID, row.answer); err != nil {
			t.Error(err)
		}
		if err := tun.answer(q.ID, row.answer); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("a second answer: %v", err)
		}
		if got := <-got; got != row.want {
			t.Errorf("%s, want %s", got, row.want)
		}
	}
	if q, err := tun.next(t.Context(), 0); q != nil || err != nil {
		t.Errorf("without a request: %+v %v", q, err)
	}
	got := make(chan string, 1)
	go func() { got <- post(tun.url) }()
	if q, err := tun.next(t.Context(), time.Minute); q == nil || err != nil {
		t.Fatal(err)
	}
	tun.close(v1.ErrListenerSilent)
	tun.close(gateway.ErrStopping)
	if got := <-got; !strings.HasPrefix(got, "503 ") {
		t.Errorf("when nobody listens any more: %s", got)
	}
	if _, err := tun.next(t.Context(), time.Minute); err != v1.ErrListenerSilent {
		t.Errorf("who listened learns %v", err)
	}
}

// A token takes over its own address, shares none with others but for copies, and has half of the
// places at most.
func TestAdmit(t *testing.T) {
	ls := New(Options{})
	ask := func(caller, bot string, copied bool) v1.Listen {
		return v1.Listen{Caller: caller, To: jid.MustParse(bot + "@bot.example.com"), Copy: copied}
	}
	add := func(a v1.Listen) { ls.put(&Listener{of: ls, ask: a}) }
	add(ask("a", "echo", false))
	if before, err := ls.admit(ask("a", "echo", false)); err != nil || len(before) != 1 {
		t.Errorf("its own: %v %v", before, err)
	}
	if _, err := ls.admit(ask("b", "echo", false)); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("that of another: %v", err)
	}
	if before, err := ls.admit(ask("b", "echo", true)); err != nil || len(before) != 0 {
		t.Errorf("a copy: %v %v", before, err)
	}
	for i := range MaxOfToken - 1 {
		add(ask("a", fmt.Sprint("a", i), false))
	}
	if _, err := ls.admit(ask("a", "more", false)); err == nil || !strings.Contains(err.Error(), "this token listens 8 times already") {
		t.Errorf("one more of a token: %v", err)
	}
	if before, err := ls.admit(ask("a", "echo", false)); err != nil || len(before) != 1 {
		t.Errorf("in the place of its own: %v %v", before, err)
	}
	for i := range Max - MaxOfToken {
		if _, err := ls.admit(ask(fmt.Sprint("b", i), fmt.Sprint("b", i), false)); err != nil {
			t.Errorf("another token: %v", err)
		}
		add(ask(fmt.Sprint("b", i), fmt.Sprint("b", i), false))
	}
	if _, err := ls.admit(ask("c", "c", false)); err == nil || !strings.Contains(err.Error(), "16 listen already") {
		t.Errorf("one more of all: %v", err)
	}
	if _, err := ls.hear("nobody"); err == nil {
		t.Error("nobody listens, and was heard")
	}
}
