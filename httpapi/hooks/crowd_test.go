package hooks_test

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
)

// newCrowd is a server with two hooks: a, which only a signature protects, and b.
func newCrowd(t *testing.T, most int) *rig {
	g := &rig{t: t, net: &gatewaytest.Network{}, statuses: &hooks.Statuses{}}
	reader, err := hook.New(hook.Options{Adapter: "text"})
	if err != nil {
		t.Fatal(err)
	}
	var all []*hooks.Hook
	for _, name := range []string{"a", "b"} {
		all = append(all, &hooks.Hook{Name: name, Adapter: "text", Reader: reader, From: jid.MustParse("alerts@bot.example.com"), To: []jid.JID{jid.MustParse("juliet@example.com")}, MaxBody: 16 << 20})
	}
	all[1].Hashes = [][32]byte{sha256.Sum256([]byte("s3cret-b"))}
	g.Handler = httpapi.New(httpapi.Options{MaxConcurrent: most}, hooks.New(hooks.Options{Hooks: all, Sender: g.net, Statuses: g.statuses})...)
	return g
}

// stuck is a body that has come but for its end.
type stuck struct {
	io.Reader
	came  func()
	leave chan struct{}
}

func (s *stuck) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == nil {
		return n, nil
	}
	s.came()
	<-s.leave
	return 0, io.ErrUnexpectedEOF
}

func refusedAsCrowded(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%s: %d %v %s", what, w.Code, w.Header(), w.Body)
	}
}

// Bodies of strangers at one hook take an eighth of the memory for bodies, so that another
// hook has room. What is refused is 503, which Alertmanager repeats, and counts for the hook.
func TestBodiesOfOneHook(t *testing.T) {
	g := newCrowd(t, 80)
	leave := make(chan struct{})
	var wg sync.WaitGroup
	// hold sends bodies of 2 MiB, as many as are taken, and returns how many those are.
	hold := func(path string) (held int) {
		for ; held < 64; held++ {
			came, done := make(chan struct{}), make(chan *httptest.ResponseRecorder, 1)
			r := httptest.NewRequest("POST", path, &stuck{strings.NewReader(strings.Repeat("x", 2<<20-1)), func() { close(came) }, leave})
			wg.Go(func() {
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				done <- w
			})
			select {
			case <-came:
			case w := <-done:
				refusedAsCrowded(t, path, w)
				return held
			}
		}
		return held
	}
	a := hold("/hooks/a")
	b := hold("/hooks/b/s3cret-b")
	if a != 4 || b != 4 { // of 64 MiB
		t.Errorf("%d and %d bodies of two hooks were held, want 4 and 4", a, b)
	}
	for _, name := range []string{"a", "b"} {
		if st := g.statuses.Get(name); st.Failed != 1 || !strings.Contains(st.LastError, "bodies of your other requests") {
			t.Errorf("%s: %+v", name, st)
		}
	}
	close(leave)
	wg.Wait()
	if st := g.statuses.Get("a"); st.Failed != 1 { // broken bodies of strangers do not count
		t.Errorf("a: %+v", st)
	}
	if st := g.statuses.Get("b"); st.Failed != 5 {
		t.Errorf("b: %+v", st)
	}
	// One body may have all that a hook's max_body allows.
	if w := g.call("POST", "/hooks/b/s3cret-b", strings.Repeat("x", 16<<20-1)); w.Code != http.StatusAccepted {
		t.Errorf("a large body: %d %s", w.Code, w.Body)
	}
}

// A hook has an eighth of the slots.
func TestSlotsOfOneHook(t *testing.T) {
	g := newCrowd(t, 80)
	g.net.Entered, g.net.Leave = make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { g.call("POST", "/hooks/a", "x") })
		<-g.net.Entered
	}
	refusedAsCrowded(t, "the eleventh", g.call("POST", "/hooks/a", "x"))
	if st := g.statuses.Get("a"); st.Failed != 1 || !strings.Contains(st.LastError, "requests in progress") {
		t.Errorf("%+v", st)
	}
	wg.Go(func() {
		if w := g.call("POST", "/hooks/b/s3cret-b", "x"); w.Code != http.StatusAccepted {
			t.Errorf("another hook: %d %s", w.Code, w.Body)
		}
	})
	<-g.net.Entered
	close(g.net.Leave)
	wg.Wait()
}
