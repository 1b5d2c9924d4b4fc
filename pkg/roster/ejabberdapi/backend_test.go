package ejabberdapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/secret"
)

var alice = jid.MustParse("alice@example.com")

// fake answers as an ejabberd would: by the command, version and all.
type fake struct {
	mu      sync.Mutex
	answers map[string]string // status, space, body; "": 200 0
	calls   []string          // command and arguments
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	if r.Method != http.MethodPost || user != "admin@example.com" || password != `p:w"ë` || r.Header.Get("User-Agent") != "test" {
		http.Error(w, "a bad request came", http.StatusTeapot)
		return
	}
	command := strings.TrimPrefix(r.URL.Path, "/api/")
	f.mu.Lock()
	f.calls = append(f.calls, command+" "+string(body))
	answer := f.answers[command]
	f.mu.Unlock()
	if answer == "" {
		answer = "200 0"
	}
	var status int
	_, _ = fmt.Sscan(answer, &status)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer[4:])
}

// old are the answers of an ejabberd before 24.02.
func old() map[string]string {
	return map[string]string{addItem + "/v1": `400 {"status":"error","code":40,"message":"Missing command name."}`}
}

func newFake(t *testing.T, answers map[string]string) (*fake, *Backend) {
	t.Helper()
	f := &fake{answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, newBackend(s.URL + "/api/")
}

func newBackend(url string) *Backend {
	return &Backend{URL: url, User: "admin@example.com", Password: secret.New(`p:w"ë`), Client: http.DefaultClient, UserAgent: "test", Timeout: 10 * time.Second}
}

func item(contact, name string, s roster.Subscription, groups ...string) roster.Item {
	return roster.NewItem(jid.MustParse(contact), name, groups, s)
}

// same compares calls, whose arguments are in no order.
func same(t *testing.T, got, want []string) {
	t.Helper()
	normal := func(all []string) []string {
		var out []string
		for _, c := range all {
			command, args, _ := strings.Cut(c, " ")
			var m map[string]any
			if err := json.Unmarshal([]byte(args), &m); err != nil {
				t.Fatalf("%s: %v", c, err)
			}
			data, _ := json.Marshal(m)
			out = append(out, command+" "+string(data))
		}
		return out
	}
	if g, w := normal(got), normal(want); !slices.Equal(g, w) {
		t.Errorf("calls\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

func set(ctx context.Context, b *Backend, owner jid.JID, i roster.Item) error {
	return b.Change(ctx, owner, []roster.Edit{{Item: i}})[0]
}

func remove(ctx context.Context, b *Backend, owner, contact jid.JID) error {
	return b.Change(ctx, owner, []roster.Edit{{Item: roster.Item{JID: contact}, Remove: true}})[0]
}

const check = `check_account {"user": "alice", "host": "example.com"}`

func TestSetAndRemove(t *testing.T) {
	f, b := newFake(t, nil)
	for _, err := range []error{
		set(t.Context(), b, alice, item("marie@x.org", `M & <"'😀`, roster.Both, "b;c", "a")),
		set(t.Context(), b, alice, item("x.org", "", roster.None)),
		remove(t.Context(), b, alice, jid.MustParse("old@x.org")),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	same(t, f.calls, []string{
		check,
		`add_rosteritem/v1 {"localuser": "alice", "localhost": "example.com", "user": "marie", "host": "x.org", "nick": "M & <\"'😀", "groups": ["a", "b;c"], "subs": "both"}`,
		`add_rosteritem/v1 {"localuser": "alice", "localhost": "example.com", "user": "", "host": "x.org", "nick": "", "groups": [], "subs": "none"}`,
		`delete_rosteritem {"localuser": "alice", "localhost": "example.com", "user": "old", "host": "x.org"}`,
	})
}

func TestOlderServer(t *testing.T) {
	for name, refusal := range map[string]string{
		"no versions": old()[addItem+"/v1"],
		"no groups":   `400 "Request have missing argument: group"`,
	} {
		t.Run(name, func(t *testing.T) {
			f, b := newFake(t, map[string]string{addItem + "/v1": refusal, getRoster: "200 []"})
			for _, c := range []roster.Item{item("a@x.org", "A", roster.To, "k", "g h"), item("b@x.org", "B", roster.From)} {
				if err := set(t.Context(), b, alice, c); err != nil {
					t.Error(err)
				}
			}
			same(t, f.calls, []string{
				check,
				`add_rosteritem/v1 {"localuser": "alice", "localhost": "example.com", "user": "a", "host": "x.org", "nick": "A", "groups": ["g h", "k"], "subs": "to"}`,
				`add_rosteritem {"localuser": "alice", "localhost": "example.com", "user": "a", "host": "x.org", "nick": "A", "group": "g h;k", "subs": "to"}`,
				`add_rosteritem {"localuser": "alice", "localhost": "example.com", "user": "b", "host": "x.org", "nick": "B", "group": "", "subs": "from"}`,
			})
			n := len(f.calls)
			err := set(t.Context(), b, alice, item("c@x.org", "C", roster.Both, "one; two"))
			if err == nil || !strings.Contains(err.Error(), `"one; two" has a semicolon`) {
				t.Errorf("error %v", err)
			}
			if len(f.calls) != n {
				t.Errorf("a group that cannot be had was sent: %s", f.calls[n:])
			}
			// The next refresh finds out anew: the server may have been updated.
			if _, err := b.Get(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
			f.answers = nil
			if err := set(t.Context(), b, alice, item("c@x.org", "C", roster.Both, "one; two")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGet(t *testing.T) {
	want := roster.Roster{}
	for _, i := range []roster.Item{item("marie@x.org", "M", roster.Both, "A", "B"), item("y.org", "", roster.None)} {
		want[i.JID] = i
	}
	for name, answer := range map[string]string{
		"23.01": `[{"jid":"y.org","nick":"","subscription":"none","ask":"undefined","group":""},
			{"jid":"marie@x.org","nick":"M","subscription":"both","ask":"undefined","group":"B"},
			{"jid":"marie@x.org","nick":"M","subscription":"both","ask":"undefined","group":"A"}]`,
		"24.12": `[{"groups":["B","A"],"jid":"marie@x.org","nick":"M","pending":"undefined","subscription":"both"},
			{"groups":[],"jid":"y.org","nick":"","pending":"undefined","subscription":"none"}]`,
		"after a byte order mark": "\ufeff" + `[{"jid":"marie@x.org","nick":"M","subscription":"both","groups":["A","B"]},{"jid":"y.org","subscription":"none"}]`,
	} {
		f, b := newFake(t, map[string]string{getRoster: "200 " + answer})
		have, err := b.Get(t.Context(), alice)
		if err != nil || !have.Equal(want) {
			t.Errorf("%s: %v, error %v", name, have, err)
		}
		same(t, f.calls, []string{`get_roster {"user": "alice", "host": "example.com"}`})
	}
}

func TestNoSuchUser(t *testing.T) {
	f, b := newFake(t, map[string]string{checkAccount: "200 1"})
	if err := set(t.Context(), b, alice, item("a@x.org", "", roster.Both)); !errors.Is(err, roster.ErrNoSuchUser) {
		t.Errorf("set: %v", err)
	}
	if err := remove(t.Context(), b, alice, jid.MustParse("a@x.org")); !errors.Is(err, roster.ErrNoSuchUser) {
		t.Errorf("remove: %v", err)
	}
	same(t, f.calls, []string{check, check})
	if len(b.begun) != 0 {
		t.Errorf("owners kept in memory: %v", b.begun)
	}
}

// Each refresh looks its owner up once, and nothing of it stays in memory.
func TestBegun(t *testing.T) {
	f, b := newFake(t, map[string]string{getRoster: "200 []"})
	for range 2 {
		for range 2 {
			if err := set(t.Context(), b, alice, item("a@x.org", "", roster.Both)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Get(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if len(b.begun) != 0 {
			t.Errorf("owners kept in memory: %v", b.begun)
		}
	}
	n := 0
	for _, c := range f.calls {
		if c == strings.Replace(check, `"user": "alice", "host": "example.com"`, `"host":"example.com","user":"alice"`, 1) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("looked up %d times: %s", n, f.calls)
	}
	f.answers = map[string]string{deleteItem: "200 1"}
	if err := remove(t.Context(), b, alice, jid.MustParse("a@x.org")); err == nil {
		t.Error("the answer 1 was taken for success")
	}
	if len(b.begun) != 0 {
		t.Errorf("owners kept in memory after an error: %v", b.begun)
	}
}
