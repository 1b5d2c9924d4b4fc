package v1

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// Made are those of one kind, such as hooks, that the configuration file and the API have made.
// Errors: gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrFull.
type Made[T any] interface {
	// List returns all of them, without the keys that the API has made them of.
	List(ctx context.Context) ([]T, error)
	Get(ctx context.Context, name string) (T, error)
	// Put makes one of a JSON object, or replaces one, and reports whether it is new. It fails
	// as a whole, with a [*WrongEndpoint] for mistakes.
	Put(ctx context.Context, name string, keys []byte) (one T, fresh bool, err error)
	Delete(ctx context.Context, name string) error
}

// made serves the list of a kind, and each of it.
type made[T any] struct {
	of     Made[T]
	word   string    // one of the kind: "hook"
	path   string    // of the list: "/v1/hooks"
	key    string    // what each is named by: "name"
	none   string    // says that there is none, with a place for its name
	reader func(T) T // what callers see who may only read; nil: they may not
}

func (m made[T]) routes(e errorLog) []httpapi.Route {
	see, one := e.route, m.path+"/{"+m.key+"}"
	if m.reader != nil {
		see = e.view
	}
	return []httpapi.Route{
		see(http.MethodGet, m.path, gateway.ScopeAdmin, without(m.list)),
		see(http.MethodGet, one, gateway.ScopeAdmin, without(m.show)),
		e.route(http.MethodPut, one, gateway.ScopeAdmin, without(m.put)),
		e.route(http.MethodDelete, one, gateway.ScopeAdmin, without(empty(m.remove))),
	}
}

// name returns the name in the path.
func (m made[T]) name(r *http.Request) string { return mux.Vars(r)[m.key] }

// missing names the one that was not found. Other errors stay as they are.
func (m made[T]) missing(r *http.Request, err error) error {
	return notFound(err, m.none, m.name(r))
}

func (m made[T]) list(w http.ResponseWriter, r *http.Request) error {
	all, err := m.of.List(r.Context())
	if err != nil {
		return err
	}
	if m.reader != nil && limited(r, gateway.ScopeAdmin) {
		for i := range all {
			all[i] = m.reader(all[i])
		}
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}

func (m made[T]) show(w http.ResponseWriter, r *http.Request) error {
	return m.answer(w, r, nil)
}

// answer answers with the one in the path, or with the error of what was done with it.
func (m made[T]) answer(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return m.missing(r, err)
	}
	one, err := m.of.Get(r.Context(), m.name(r))
	if err != nil {
		return m.missing(r, err)
	}
	if m.reader != nil && limited(r, gateway.ScopeAdmin) {
		one = m.reader(one)
	}
	return answer(w, http.StatusOK, one)
}

func (m made[T]) put(w http.ResponseWriter, r *http.Request) error {
	keys, err := keysOf(w, r, m.word)
	if err != nil {
		return err
	}
	one, fresh, err := m.of.Put(r.Context(), m.name(r), keys)
	return answerPut(w, one, fresh, err)
}

func (m made[T]) remove(w http.ResponseWriter, r *http.Request) error {
	return answerNone(w, m.missing(r, m.of.Delete(r.Context(), m.name(r))))
}
