package made

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/refusal"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// Max bounds what is made of one kind, and MaxBytes its JSON together: each stanza, or each
// request, is compared with it.
const (
	Max      = 1000
	MaxBytes = 4 << 20
)

// Kind is what the API can make, such as hooks.
type Kind[T any] struct {
	What    string // one of them, in logs and errors: "hook"
	Key     string // that each has a name in: "name"
	Records *store.MadeEndpoints
	Log     *zap.Logger

	// Make reads one as a configuration allows it.
	Make func(cfg *config.Config, name string, keys []byte) (*T, error)
	// With lays those that were made behind those of the file.
	With func(cfg *config.Config, made []*T) *config.Config
	// InFile reports whether the file has one of a name.
	InFile func(cfg *config.Config, name string) bool
	// Apart says that one does not depend on the others, so each is made beside those of the
	// file alone.
	Apart bool

	// Begin waits until no other change is in progress. It returns the current configuration,
	// and what ends the change.
	Begin func(context.Context) (cfg *config.Config, end func(), err error)
	// Fits returns why one cannot be put, though the configuration allows it: next are all
	// that there would be.
	Fits func(cfg *config.Config, one *T, next Items[T]) error
	// Change changes over to a configuration with others of the kind. It calls commit, which
	// stores the change, when nothing else can fail. With an error nothing has changed.
	Change func(ctx context.Context, cfg *config.Config, commit func(context.Context) error) error
	// Deleted, which may be nil, removes what else there is of one that is deleted.
	Deleted func(ctx context.Context, name string)
}

// Table is all that the API has made of one kind.
type Table[T any] struct {
	kind Kind[T]
	now  Items[T]
}

// NewTable returns a table that is empty.
func NewTable[T any](k Kind[T]) *Table[T] { return &Table[T]{kind: k} }

// Now returns those that there are now, and Set changes them.
func (t *Table[T]) Now() Items[T]    { return t.now }
func (t *Table[T]) Set(all Items[T]) { t.now = all }

// Read returns those that the store has, as a configuration allows them, and the
// configuration with them behind those of its file. They are not those of the table yet.
func (t *Table[T]) Read(ctx context.Context, file *config.Config) (Items[T], *config.Config, error) {
	stored, err := t.kind.Records.All(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all Items[T]
	for _, s := range stored {
		cfg := file
		if !t.kind.Apart {
			cfg = t.kind.With(file, all.Allowed())
		}
		m := Item[T]{MadeEndpoint: s, size: len(s.Keys)}
		m.Keys = nil
		if m.made, err = t.kind.Make(cfg, s.Name, s.Keys); err != nil {
			m.problems = err.Error()
		}
		all = append(all, m)
	}
	return all, t.kind.With(file, all.Allowed()), nil
}

// LogUnused logs which of them have no effect in a configuration.
func (t *Table[T]) LogUnused(all Items[T], cfg *config.Config) {
	for _, m := range all {
		switch {
		case m.made == nil:
			t.kind.Log.Error(t.kind.What+" of the API unused: the configuration does not allow it", zap.String(t.kind.What, m.Name), zap.String("error", m.problems), zap.String("hint", "put it again, or delete it"))
		case t.kind.InFile(cfg, m.Name):
			t.kind.Log.Warn(t.kind.What+" of the API unused: the file has one of this "+t.kind.Key, zap.String(t.kind.What, m.Name), zap.String("hint", "give one of them another "+t.kind.Key))
		}
	}
}

// errInFile is the error for a change of one of the configuration file.
func (t *Table[T]) errInFile(name string) error {
	return fmt.Errorf("%w: the %s %q is one of the configuration file; change it there, and reload", gateway.ErrConflict, t.kind.What, name)
}

// Put makes one, or replaces one in its place, and reports whether it is new. With an error
// nothing has changed. Errors: [*v1.WrongEndpoint] for mistakes; gateway.ErrConflict for one
// of the file, gateway.ErrFull.
//
// Killed before it is stored: nothing has changed. Killed after: the next process has it,
// also if the caller got no answer; a repeated PUT does no harm. The same may come of a store
// that has not answered in time.
func (t *Table[T]) Put(ctx context.Context, name string, keys []byte) (fresh bool, err error) {
	cfg, end, err := t.kind.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	if t.kind.InFile(cfg, name) {
		return false, t.errInFile(name)
	}
	one, err := t.kind.Make(cfg, name, keys)
	if err != nil {
		return false, refusal.OfPut(err)
	}
	next, record, fresh := t.now.With(name, one, keys)
	if err := t.kind.Fits(cfg, one, next); err != nil {
		return false, err
	}
	if err := t.change(ctx, cfg, next, func(ctx context.Context) error { return t.kind.Records.Put(ctx, &record) }); err != nil {
		return false, err
	}
	t.kind.Log.Info(t.kind.What+" put by the API", zap.String(t.kind.What, name), zap.Bool("new", fresh))
	return fresh, nil
}

// Delete removes one. Errors: gateway.ErrConflict for one of the file, gateway.ErrNotFound.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have it.
func (t *Table[T]) Delete(ctx context.Context, name string) error {
	cfg, end, err := t.kind.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if t.kind.InFile(cfg, name) {
		return t.errInFile(name)
	}
	i := t.now.find(name)
	if i < 0 {
		return gateway.ErrNotFound
	}
	slot := t.now[i].Slot
	if err := t.change(ctx, cfg, t.now.Without(i), func(ctx context.Context) error { return t.kind.Records.Remove(ctx, slot) }); err != nil {
		return err
	}
	if t.kind.Deleted != nil {
		t.kind.Deleted(ctx, name)
	}
	t.kind.Log.Info(t.kind.What+" deleted by the API", zap.String(t.kind.What, name))
	return nil
}

// change changes over to others.
func (t *Table[T]) change(ctx context.Context, cfg *config.Config, next Items[T], store func(context.Context) error) error {
	return t.kind.Change(ctx, t.kind.With(cfg, next.Allowed()), func(ctx context.Context) error {
		if err := store(ctx); err != nil {
			return err
		}
		t.now = next
		return nil
	})
}
