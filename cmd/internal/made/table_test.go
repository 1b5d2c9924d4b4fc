package made

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// rig is a table of hooks that are not checked: their keys are their adapter. The file has one
// that is named "filed", and a configuration allows what has not the adapter that it bans.
type rig struct {
	t *testing.T
	*Table[config.Hook]
	kind   *Kind[config.Hook]
	store  *store.Store
	cfg    *config.Config
	banned string
	fails  error // of the change, before it is stored
	open   int   // changes in progress
	logs   *observer.ObservedLogs
}

func newRig(t *testing.T) *rig {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	r := &rig{t: t, store: s, logs: logs, cfg: &config.Config{Hooks: []config.Hook{{Name: "filed"}}}}
	r.Table = NewTable(Kind[config.Hook]{
		What: "hook", Key: "name", Records: s.MadeHooks(), Log: zap.New(core),
		Make: r.makeHook, With: (*config.Config).WithHooks, InFile: (*config.Config).HookInFile,
		Begin: func(context.Context) (*config.Config, func(), error) {
			r.open++
			return r.cfg, func() { r.open-- }, nil
		},
		Fits: func(_ *config.Config, one *config.Hook, next Items[config.Hook]) error {
			if len(next) > 3 || one.Adapter == "large" {
				return gateway.ErrFull
			}
			return nil
		},
		Change: func(ctx context.Context, cfg *config.Config, commit func(context.Context) error) error {
			if r.fails != nil {
				return r.fails
			}
			if err := commit(ctx); err != nil {
				return err
			}
			r.cfg = cfg
			return nil
		},
	})
	r.Table.kind.Deleted = func(_ context.Context, name string) { r.Table.kind.Log.Info("removing the rest of " + name) }
	r.kind = &r.Table.kind
	return r
}

func (r *rig) makeHook(cfg *config.Config, name string, keys []byte) (*config.Hook, error) {
	h := &config.Hook{Name: name, Adapter: string(keys), Given: map[string]any{}}
	if h.Adapter == r.banned {
		return nil, &config.Mistakes{Problems: config.Problems{{Key: "adapter", Text: "is banned"}}}
	}
	for _, other := range cfg.Hooks {
		if other.Name != name && other.Adapter == h.Adapter {
			return nil, fmt.Errorf("%s has it", other.Name)
		}
	}
	return h, nil
}

func (r *rig) put(name, keys string, fresh bool) {
	r.t.Helper()
	if got, err := r.Put(r.t.Context(), name, []byte(keys)); err != nil || got != fresh {
		r.t.Errorf("put %s %s: new %v, %v", name, keys, got, err)
	}
}

// is compares what there is in the configuration, in the table and in the store.
func (r *rig) is(want string) {
	r.t.Helper()
	var served, now, kept []string
	for _, h := range r.cfg.Hooks {
		served = append(served, strings.TrimSuffix(h.Name+" "+h.Adapter, " "))
	}
	for _, m := range r.Now() {
		now = append(now, m.Name)
		if m.Keys != nil {
			r.t.Errorf("%s has its keys", m.Name)
		}
	}
	stored, err := r.store.MadeHooks().All(r.t.Context())
	require.NoError(r.t, err)
	for _, m := range stored {
		kept = append(kept, m.Name)
	}
	if got := strings.Join(served, ", "); got != want || strings.Join(now, " ") != strings.Join(kept, " ") || r.open != 0 {
		r.t.Errorf("%s; want %s; the table has %s, the store %s; %d changes are in progress", got, want, now, kept, r.open)
	}
}

// One that is replaced keeps its place, and what is new gets the last one.
func TestPutAndDelete(t *testing.T) {
	r := newRig(t)
	r.put("a", `"1"`, true)
	r.put("b", `"2"`, true)
	r.put("a", `"3"`, false)
	r.is(`filed, a "3", b "2"`)
	if err := r.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	r.put("c", `"4"`, true)
	r.put("a", `"5"`, true)
	r.is(`filed, b "2", c "4", a "5"`)
	if r.Now()[1].Slot != 0 || r.Now()[2].Slot != 2 {
		t.Errorf("the slots are %v", r.Now())
	}
	var lines []string
	for _, e := range r.logs.All() {
		lines = append(lines, fmt.Sprint(e.Message, e.ContextMap()))
	}
	if got := strings.Join(lines[2:5], "; "); got != "hook put by the API"+"map[hook:a new:false]; removing the rest of amap[]; hook deleted by the APImap[hook:a]" {
		t.Error(got)
	}
}

// What cannot be has changed nothing, wherever it failed.
func TestNothingHasChanged(t *testing.T) {
	r := newRig(t)
	r.banned = `"bad"`
	r.put("a", `"1"`, true)
	put := func(name, keys string) error {
		_, err := r.Put(t.Context(), name, []byte(keys))
		r.is(`filed, a "1"`)
		return err
	}
	if err := put("filed", `"2"`); !errors.Is(err, gateway.ErrConflict) || !strings.HasSuffix(err.Error(), `the hook "filed" is one of the configuration file; change it there, and reload`) {
		t.Errorf("of the file: %v", err)
	}
	err := put("a", `"bad"`)
	if wrong, ok := errors.AsType[*v1.WrongEndpoint](err); !ok || strings.Join(wrong.Problems, ";") != "adapter: is banned" {
		t.Errorf("a mistake: %v", err)
	}
	if err := put("b", `"1"`); err == nil || err.Error() != "a has it" {
		t.Errorf("not as the others allow it: %v", err)
	}
	if err := put("b", "large"); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("no room: %v", err)
	}
	for name, want := range map[string]error{"filed": gateway.ErrConflict, "none": gateway.ErrNotFound} {
		if err := r.Delete(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("delete %s: %v", name, err)
		}
		r.is(`filed, a "1"`)
	}
	r.fails = errors.New("no change")
	for _, name := range [...]string{"a", "b"} {
		if err := put(name, `"2"`); !errors.Is(err, r.fails) {
			t.Errorf("put %s: %v", name, err)
		}
	}
	if err := r.Delete(t.Context(), "a"); !errors.Is(err, r.fails) {
		t.Error(err)
	}
	r.is(`filed, a "1"`)
	r.fails = nil
	r.kind.Begin = func(context.Context) (*config.Config, func(), error) { return nil, nil, gateway.ErrConflict }
	if err := put("a", `"2"`); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("while it stops: %v", err)
	}
}

// What is not stored is not there.
func TestStoreFails(t *testing.T) {
	r := newRig(t)
	r.put("a", `"1"`, true)
	before := r.cfg
	r.store.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Put(ctx, "b", []byte(`"2"`)); err == nil {
		t.Error("put without a store")
	}
	if err := r.Delete(ctx, "a"); err == nil {
		t.Error("deleted without a store")
	}
	if len(r.Now()) != 1 || r.cfg != before || r.open != 0 {
		t.Errorf("%v %v", r.Now(), r.cfg.Hooks)
	}
}

// What a configuration does not allow has no effect, and is said; it is back with the next
// that allows it. Until it is set, the table has what was before.
func TestRead(t *testing.T) {
	r := newRig(t)
	for i, name := range [...]string{"a", "b", "c"} {
		r.put(name, fmt.Sprintf(`"%d"`, i), true)
	}
	r.logs.TakeAll()
	r.banned = `"0"`
	file := &config.Config{Hooks: []config.Hook{{Name: "c"}, {Name: "d", Adapter: `"1"`}}}
	all, cfg, err := r.Read(t.Context(), file)
	if err != nil || len(cfg.Hooks) != 2 || len(file.Hooks) != 2 || len(all) != 3 || len(all.Allowed()) != 1 || all.Bytes() != 9 {
		t.Errorf("%v %v %v", all, cfg, err)
	}
	if got := fmt.Sprint(all.Unused("a"), "; ", all.Unused("b"), "; ", all.Unused("c"), all.Unused("none")); got != "the configuration does not allow it: adapter: is banned; the configuration does not allow it: d has it; " {
		t.Error(got)
	}
	r.LogUnused(all, cfg)
	var lines []string
	for _, e := range r.logs.TakeAll() {
		lines = append(lines, fmt.Sprint(e.Level, " ", e.Message, " ", e.ContextMap()))
	}
	const no = "error hook of the API unused: the configuration does not allow it map[error:"
	if got, want := strings.Join(lines, "\n"), no+"adapter: is banned hint:put it again, or delete it hook:a]\n"+no+"d has it hint:put it again, or delete it hook:b]\n"+
		"warn hook of the API unused: the file has one of this name map[hint:give one of them another name hook:c]"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if len(r.Now().Allowed()) != 3 {
		t.Errorf("%v before it is set", r.Now())
	}
	r.banned = ""
	if all, r.cfg, err = r.Read(t.Context(), &config.Config{}); err != nil {
		t.Fatal(err)
	}
	r.Set(all)
	r.is(`a "0", b "1", c "2"`)
}

// One made apart does not know the others.
func TestApart(t *testing.T) {
	r := newRig(t)
	r.put("a", `"1"`, true)
	r.kind.Make = func(cfg *config.Config, name string, _ []byte) (*config.Hook, error) {
		return &config.Hook{Name: name, Adapter: fmt.Sprint(len(cfg.Hooks)), Given: map[string]any{}}, nil
	}
	r.put("b", `"2"`, true)
	for apart, want := range map[bool]string{false: "1 2", true: "1 1"} {
		r.kind.Apart = apart
		all, _, err := r.Read(t.Context(), &config.Config{Hooks: []config.Hook{{Name: "filed"}}})
		if err != nil || all.Allowed()[0].Adapter+" "+all.Allowed()[1].Adapter != want {
			t.Errorf("apart %v: %v %v", apart, all, err)
		}
	}
}
