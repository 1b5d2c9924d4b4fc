package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/deploy/lab/harness"
	v1 "stanzahook/httpapi/v1"
)

// put puts an endpoint, and checks the status of the answer.
func (x *running) put(name, keys string, want int) v1.Endpoint {
	x.t.Helper()
	status, body := x.call("", "PUT", "/v1/endpoints/"+name, keys)
	var e v1.Endpoint
	if status != want || json.Unmarshal([]byte(body), &e) != nil {
		x.t.Errorf("PUT %s %s: %d %s, want %d", name, keys, status, body, want)
	}
	return e
}

// deletes deletes an endpoint, and checks the status of the answer.
func (x *running) deletes(name string, want int) {
	x.t.Helper()
	x.request("DELETE", "/v1/endpoints/"+name, "", want, "")
}

// finishes waits until nothing of an endpoint's queue is stored.
func (x *running) finishes(name string) {
	x.t.Helper()
	harness.Eventually(x.t, "the queue of "+name+" is empty", func() bool {
		var e v1.Endpoint
		x.get("/v1/endpoints/"+name, &e)
		return e.Queued == 0 && e.Bytes == 0
	})
}

// names lists the endpoints, as name:source:state.
func (x *running) names() string {
	x.t.Helper()
	var list struct{ Items []v1.Endpoint }
	x.get("/v1/endpoints", &list)
	var all []string
	for _, e := range list.Items {
		source := "?"
		if e.Source != nil {
			source = *e.Source
		}
		all = append(all, e.Name+":"+source+":"+e.State)
	}
	return strings.Join(all, " ")
}

// endpointsAre compares the names; when says where in the test it is.
func (x *running) endpointsAre(when, want string) {
	x.t.Helper()
	if got := x.names(); got != want {
		x.t.Errorf("%s: the endpoints are %q, want %q", when, got, want)
	}
}

// next starts the program again with what its store has; dir is another store.
func (x *running) next(dir string) {
	x.t.Helper()
	x.Stop()
	cfg, err := x.r.Load()
	require.NoError(x.t, err)
	if dir != "" {
		cfg.Store.Dir = dir
	}
	x.App, err = Start(x.t.Context(), cfg, zap.NewNop(), nil, x.r)
	require.NoError(x.t, err)
}

// restart is next, and waits for the links.
func (x *running) restart(dir string) {
	x.t.Helper()
	x.next(dir)
	for _, l := range x.links {
		require.NoError(x.t, l.WaitConnected(x.t.Context()))
	}
}

func hook(url, rest string) string { return fmt.Sprintf(`{"url":%q%s}`, url, rest) }

// An endpoint that is put is there at once and over restarts, behind those of the file; it
// is replaced in its place, and its waiting events go to where it is then, in order.
func TestEndpointByAPI(t *testing.T) {
	file, old, next := newBot(t, "file"), newBot(t, "old"), newBot(t, "new")
	x := startApp(t, noAuth+fmt.Sprintf("endpoints: [{name: file, url: %q, match: {to: \"f@*\"}}]\n", file.URL))
	x.put("second", hook(file.URL, `,"match":{"to":"nobody@*"}`), 201)
	const slow = `,"retry":{"schedule":["1h"]}`
	if e := x.put("echo", hook(old.URL, slow), 201); *e.Source != "api" || e.Name != "echo" || e.Keys["retry"] == nil {
		t.Errorf("%+v", e)
	}
	x.put("last", hook(file.URL, ""), 201)
	x.send("juliet", "echo", "0")
	x.hears("juliet", "old: 0")
	x.send("juliet", "f", "x")
	x.hears("juliet", "file: x")
	old.answer(http.StatusInternalServerError)
	for i := 1; i <= 5; i++ {
		x.send("juliet", "echo", fmt.Sprint(i))
	}
	<-old.asked // for 0
	<-old.asked
	const want = "file:file:ok second:api:ok echo:api:ok last:api:ok"
	x.put("echo", hook(next.URL, slow), 200)
	x.send("juliet", "echo", "6")
	for i := 1; i <= 6; i++ {
		x.hears("juliet", fmt.Sprintf("new: %d", i))
	}
	if want := []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(next.got(), want) {
		t.Errorf("the new one got %q", next.got())
	}
	x.endpointsAre("before the restart", want)
	if n := x.srv.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
	x.restart("")
	x.endpointsAre("after a restart", want)
	x.send("juliet", "echo", "7")
	x.hears("juliet", "new: 7")
	x.finishes("echo")
	x.deletes("echo", 204)
	x.deletes("echo", 404)
	x.send("juliet", "echo", "8")
	x.hears("juliet", "file: 8") // last takes it
	x.restart("")
	x.endpointsAre("after a deletion and a restart", "file:file:ok second:api:ok last:api:ok")
}

// While an endpoint is replaced again and again, each event is delivered once, and those of
// a conversation in their order, wherever they go.
func TestReplaceWhileEventsFlow(t *testing.T) {
	const users, each = 4, 60
	var mu sync.Mutex
	got := make(map[string][]string)
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ From, Body string } }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		user, _, _ := strings.Cut(event.Data.From, "@")
		mu.Lock()
		got[user] = append(got[user], event.Data.Body)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	x := startApp(t, noAuth)
	x.put("echo", hook(bot.URL+"/0", ""), 201)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range each {
			for u := range users {
				x.send(fmt.Sprint("u", u), "echo", fmt.Sprintf("%03d", i))
			}
		}
	}()
	for i, flowing := 0, true; flowing; i++ {
		x.put("echo", hook(fmt.Sprintf("%s/%d", bot.URL, i), fmt.Sprintf(`,"concurrency":%d`, 1+i%5)), 200)
		select {
		case <-done:
			flowing = false
		default:
		}
	}
	harness.Eventually(t, "all events", func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, list := range got {
			n += len(list)
		}
		return n >= users*each
	})
	mu.Lock()
	defer mu.Unlock()
	for user, list := range got {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != each || len(list) != each {
			t.Errorf("%s: %q", user, list)
		}
	}
}

// The events of a deleted endpoint wait for one of its name, and are delivered in order; one
// that is delivered directly leaves them where they are.
func TestDeleteWhileEventsWait(t *testing.T) {
	bot := newBot(t, "bot")
	bot.answer(http.StatusServiceUnavailable)
	x := startApp(t, noAuth)
	x.put("echo", hook(bot.URL, ""), 201)
	for i := range 3 {
		x.send("juliet", "echo", fmt.Sprint(i))
	}
	<-bot.asked
	x.request("POST", "/v1/endpoints/echo/disable", "", 200, "")
	x.deletes("echo", 204)
	waiting := func(want int) {
		t.Helper()
		var st v1.Status
		x.get("/v1/status", &st)
		if len(st.Removed) != 1 || st.Removed[0].Queued != want {
			t.Errorf("%+v, want %d", st.Removed, want)
		}
	}
	waiting(3)
	x.restart("")
	harness.Eventually(t, "its queue is found", func() bool { return x.names() == "echo:?:removed" })
	waiting(3)
	bot.answer(0)
	x.put("echo", hook(bot.URL, `,"format":"rest-json"`), 201) // direct
	waiting(3)
	x.deletes("echo", 204)
	x.put("echo", hook(bot.URL, ""), 201)
	for i := range 3 {
		x.hears("juliet", fmt.Sprintf("bot: %d", i))
	}
	x.endpointsAre("of the API alone", "echo:api:ok")
	x.finishes("echo")
	x.put("echo", hook(bot.URL, `,"delivery":"direct"`), 409)
	x.put("echo", `{}`, 409) // pulled
	x.deletes("echo", 204)
	x.endpointsAre("without events", "")
}

// kill -9 between what is stored and what is changed leaves what is stored, and nothing that
// does not start.
func TestKilledInAChange(t *testing.T) {
	bot := newBot(t, "bot")
	x := startApp(t, noAuth)
	x.put("gone", hook(bot.URL, `,"match":{"to":"gone@*"}`), 201)
	x.put("moved", hook("http://127.0.0.1:1/", ""), 201)

	// The files as they are when the process is killed.
	files := func() string {
		t.Helper()
		for range 10 {
			dir := filepath.Join(t.TempDir(), "store")
			err := os.CopyFS(dir, os.DirFS(x.cfg.Store.Dir))
			if err == nil {
				return dir
			}
			t.Log(err) // a file has come or gone meanwhile
		}
		t.Fatal("the files cannot be copied")
		return ""
	}
	killed := errors.New("killed")
	change := func(all made.Items[config.Endpoint], commit func(context.Context) error) (dir string) {
		t.Helper()
		err := x.changeEndpoints(t.Context(), x.cfg.WithEndpoints(all.Allowed()), func(ctx context.Context) error {
			if err := commit(ctx); err != nil {
				return err
			}
			dir = files()
			return killed
		})
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
		return dir
	}
	all := x.made.endpoints.Now()
	afterDelete := change(all.Without(0), func(ctx context.Context) error {
		return x.store.MadeEndpoints().Remove(ctx, all[0].Slot)
	})
	same := func() { // what failed has changed nothing
		t.Helper()
		x.endpointsAre("as they were put", "gone:api:ok moved:api:ok")
	}
	same()
	keys := json.RawMessage(hook(bot.URL, ""))
	e, err := x.cfg.MakeEndpoint("moved", keys)
	require.NoError(t, err)
	moved, record, _ := all.With("moved", e, keys)
	afterPut := change(moved, func(ctx context.Context) error { return x.store.MadeEndpoints().Put(ctx, &record) })
	same()
	if url := x.workers[1].Endpoint().URL; url != "http://127.0.0.1:1/" {
		t.Errorf("it is at %s", url)
	}
	x.restart(afterDelete)
	x.endpointsAre("killed after the removal", "moved:api:ok")
	x.restart(afterPut)
	x.send("juliet", "moved", "1")
	x.hears("juliet", "bot: 1")
}

// An endpoint of the file hides one of the API of the same name, whose events it gets, and
// which is back when the file's is gone.
func TestFileHasTheName(t *testing.T) {
	mine, theirs := newBot(t, "api"), newBot(t, "file")
	core, logs := observer.New(zap.WarnLevel)
	x := startAt(t, newServer(t), zap.New(core), noAuth)
	x.put("echo", hook(mine.URL, `,"retry":{"schedule":["1h"]}`), 201)
	mine.answer(http.StatusInternalServerError)
	for i := range 3 {
		x.send("juliet", "echo", fmt.Sprint(i))
	}
	<-mine.asked
	text := noAuth + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", theirs.URL)
	x.reloads(text, "endpoint echo")
	for i := range 3 {
		x.hears("juliet", fmt.Sprintf("file: %d", i))
	}
	if logs.FilterMessage("endpoint of the API unused: the file has one of this name").Len() != 1 {
		t.Errorf("%v", logs.All())
	}
	x.put("echo", hook(mine.URL, ""), 409)
	x.deletes("echo", 409)
	x.endpointsAre("of the file", "echo:file:ok")
	mine.answer(0)
	x.reloads(noAuth, "endpoint echo")
	x.send("juliet", "echo", "3")
	x.hears("juliet", "api: 3")
	x.reloads(noAuth, "")
	x.endpointsAre("of the API again", "echo:api:ok")
}

// When the configuration does not allow an endpoint any more, it is out of use, with the
// reason, and its events wait; it is back when it is allowed, or put again.
func TestEndpointIsNotAllowedAnyMore(t *testing.T) {
	bot := newBot(t, "bot")
	bot.answer(http.StatusServiceUnavailable)
	x := startApp(t, noAuth)
	x.put("echo", hook(bot.URL, ""), 201)
	x.send("juliet", "echo", "1")
	<-bot.asked
	forbidden := noAuth + "outbound: {allow_networks: [10.0.0.0/8]}\n"
	x.reloads(forbidden, "endpoint echo (removed), outbound")
	var e v1.Endpoint
	x.get("/v1/endpoints/echo", &e)
	if e.State != "removed" || e.Queued != 1 || !strings.Contains(*e.Reason, "outbound.allow_networks") || *e.Source != "api" {
		t.Errorf("%+v", e)
	}
	x.request("POST", "/v1/endpoints/echo/test", "", 409, "outbound.allow_networks")
	x.put("echo", hook(bot.URL, ""), 422)
	x.restart("")
	x.endpointsAre("with an event", "echo:api:removed")
	bot.answer(0)
	x.reloads(noAuth, "endpoint echo, outbound")
	x.hears("juliet", "bot: 1")
	x.finishes("echo")
	x.reloads(forbidden, "endpoint echo (removed), outbound")
	x.deletes("echo", 204)
	x.endpointsAre("without events", "")
}
