package hooks_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// forged is a server with hooks that only a signature protects, and one with a secret.
type forged struct {
	http.Handler
	t     *testing.T
	leave chan struct{}
	wg    sync.WaitGroup
}

func newForged(t *testing.T, names ...string) *forged {
	t.Helper()
	reader, err := hook.New(hook.Options{Adapter: "text"})
	require.NoError(t, err)
	verify, err := hook.NewVerifier(hook.VerifyGitHub, []secret.String{secret.New("right")}, "")
	require.NoError(t, err)
	all := []*hooks.Hook{{Name: "secret", Hashes: [][32]byte{sha256.Sum256([]byte("s3cret"))}}}
	for _, name := range names {
		all = append(all, &hooks.Hook{Name: name, Verify: verify})
	}
	for _, h := range all {
		h.Adapter, h.Reader, h.From, h.To, h.MaxBody = "text", reader, jid.MustParse("alerts@bot.example.com"), []jid.JID{jid.MustParse("juliet@example.com")}, 1<<20
	}
	s := &forged{t: t, leave: make(chan struct{})}
	s.Handler = httpapi.New(httpapi.Options{MaxConcurrent: 80}, hooks.New(hooks.Options{Hooks: all, Sender: &gatewaytest.Network{}})...)
	t.Cleanup(func() {
		close(s.leave)
		s.wg.Wait()
	})
	return s
}

// forge sends bodies of a megabyte that do not end, with a wrong signature, as many as are
// taken of a network, and returns how many those are.
func (s *forged) forge(path, from string) (held int) {
	for ; held < 64; held++ {
		came, done := make(chan struct{}), make(chan int, 1)
		r := httptest.NewRequest("POST", path, &stuck{strings.NewReader(strings.Repeat("x", 1<<20-1)), func() { close(came) }, s.leave})
		r.RemoteAddr = from + ":1"
		r.Header.Set("X-Hub-Signature-256", "sha256=00")
		s.wg.Go(func() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			done <- w.Code
		})
		select {
		case <-came:
		case status := <-done:
			if status != http.StatusServiceUnavailable {
				s.t.Errorf("%s from %s: %d", path, from, status)
			}
			return held
		}
	}
	return held
}

// deliver sends what is signed rightly.
func (s *forged) deliver(path, from string) int {
	body := strings.Repeat("y", 500_000)
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.RemoteAddr = from + ":1"
	r.Header.Set("X-Hub-Signature-256", "sha256="+hmacHex("right", body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

// Who forges signatures from one network leaves room for the right ones; from many networks,
// for those from a network that a right one came from before, over a reload too.
func TestForgersLeaveRoom(t *testing.T) {
	s := newForged(t, "a")
	const known, other = "203.0.113.1", "203.0.113.2"
	if status := s.deliver("/hooks/a", known); status != http.StatusAccepted {
		t.Fatalf("before: %d", status)
	}
	if n := s.forge("/hooks/a", "192.0.2.1"); n != 1 {
		t.Errorf("one network has %d bodies of forgers", n)
	}
	if status := s.deliver("/hooks/a", other); status != http.StatusAccepted {
		t.Errorf("beside one network of forgers: %d", status)
	}
	all := 1
	for i := range 20 {
		all += s.forge("/hooks/a", fmt.Sprintf("198.51.100.%d", i))
	}
	if all != 4 { // half of what the hook has
		t.Errorf("many networks have %d bodies of forgers", all)
	}
	for _, from := range []string{known, other} {
		if status := s.deliver("/hooks/a", from); status != http.StatusAccepted {
			t.Errorf("beside many networks of forgers, from %s: %d", from, status)
		}
	}
	if status := s.deliver("/hooks/a", "203.0.113.3"); status != http.StatusServiceUnavailable {
		t.Errorf("from a network that nobody knows: %d", status)
	}
	next := newForged(t, "a")
	s.Handler.(*httpapi.Handler).Replace(next.Handler.(*httpapi.Handler))
	if status := next.deliver("/hooks/a", known); status != http.StatusAccepted {
		t.Errorf("after a reload: %d", status)
	}
}

// Who forges signatures of many hooks leaves room for hooks with a secret.
func TestForgersOfManyHooks(t *testing.T) {
	names := strings.Fields("a b c d e f g h")
	s := newForged(t, names...)
	all := 0
	for _, name := range names {
		for i := range 5 {
			all += s.forge("/hooks/"+name, fmt.Sprintf("198.51.100.%d", i))
		}
	}
	if all != 16 { // half of what all hooks have
		t.Errorf("%d bodies of forgers", all)
	}
	r := httptest.NewRequest("POST", "/hooks/secret/s3cret", strings.NewReader(strings.Repeat("z", 1<<20)))
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusAccepted {
		t.Errorf("a hook with a secret: %d %s", w.Code, w.Body)
	}
}
