//go:build integration

package ejabberdapi

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// frail passes requests on to an API, so many of them, and is dead then.
type frail struct {
	l    net.Listener
	to   string
	mu   sync.Mutex
	left int // requests; below 0: no end
}

func newFrail(t *testing.T, to string) *frail {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &frail{l: l, to: to, left: -1}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go f.pass(in)
		}
	}()
	return f
}

// lives lets so many more requests through.
func (f *frail) lives(requests int) {
	f.mu.Lock()
	f.left = requests
	f.mu.Unlock()
}

// spend reports whether one more request may pass.
func (f *frail) spend() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	f.left--
	return true
}

// pass passes a connection on; each write of the client is a request.
func (f *frail) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := in.Read(buf)
		if err != nil || !f.spend() {
			return
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return
		}
	}
}

// ejabberd's API dies between two changes of one roster: the record says so, and the
// next refresh does the rest.
func TestRealDiesInBetween(t *testing.T) {
	ctx := limited(t)
	_, b := startEjabberd(t, ctx)
	direct := &Backend{URL: b.URL, User: b.User, Password: b.Password, Client: b.Client, UserAgent: "test", Timeout: b.Timeout}
	host, path, _ := strings.Cut(strings.TrimPrefix(b.URL, "http://"), "/")
	f := newFrail(t, host)
	b.URL = "http://" + f.l.Addr().String() + "/" + path
	want, list := roster.Roster{}, []string(nil)
	for i := range 10 {
		j := jid.MustParse(fmt.Sprintf("c%d@localhost", i))
		want[j] = roster.NewItem(j, "Contact", nil, roster.Both)
		list = append(list, fmt.Sprintf(`"%s": {"name": "Contact"}`, j))
	}
	owner := jid.MustParse("alice@localhost")
	_, memory := rostertest.New()
	memory.Wants[owner] = "{" + strings.Join(list, ", ") + "}"
	h := roster.NewSyncer(roster.Options{
		Domain: "localhost", Source: memory, Cache: memory, Mode: roster.Authoritative, Concurrency: 4, Log: zap.NewNop(),
		Backends: &roster.Backends{Host: "localhost", API: b, Log: zap.NewNop()},
	})
	defer h.Stop(ctx)

	f.lives(6) // it reads, asks for the account, and some contacts are set
	o, err := h.Refresh(ctx, owner, false)
	if err != nil || o.Result != roster.Timeout || !strings.Contains(o.Detail, "cannot be reached") {
		t.Fatalf("%v (%s), error %v", o.Result, o.Detail, err)
	}
	have, err := direct.Get(ctx, owner)
	if err != nil || len(have) == 0 || len(have) == len(want) {
		t.Fatalf("%d of %d contacts are set, error %v", len(have), len(want), err)
	}
	v, err := h.View(ctx, owner)
	if err != nil || v.ReadErr == nil || v.Last.Result != roster.Timeout || v.Last.Detail != o.Detail {
		t.Errorf("while it is dead: last %+v, read error %v, error %v", v.Last, v.ReadErr, err)
	}
	for contact := range v.Actual {
		if !v.Actual[contact].Equal(have[contact]) {
			t.Errorf("the record has %s, which the server has not", contact)
		}
	}

	f.lives(-1)
	if v, err = h.View(ctx, owner); err != nil || v.ReadErr != nil || !v.Actual.Equal(have) || v.Last.Result != roster.Timeout {
		t.Errorf("when it is back: %d contacts, last %+v, read error %v, error %v", len(v.Actual), v.Last, v.ReadErr, err)
	}
	o, err = h.Refresh(ctx, owner, false)
	if missing := fmt.Sprint(len(want)-len(have), " added"); err != nil || o.Result != roster.Applied || o.Detail != missing {
		t.Errorf("the rest: %v (%s), error %v, want %s", o.Result, o.Detail, err, missing)
	}
	if have, err = direct.Get(ctx, owner); err != nil || !have.Equal(want) {
		t.Errorf("in the end the server has %v, error %v", have, err)
	}
	if o, err = h.Refresh(ctx, owner, false); err != nil || o.Result != roster.Unchanged {
		t.Errorf("once more: %v (%s), error %v", o.Result, o.Detail, err)
	}
}
