package postmsg

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/rest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Accounts log in as users; [stanzahook/pkg/account.Pool] does. Their errors are
// that package's.
type Accounts interface {
	// Login tries a password out; with keep, the session will be used soon.
	Login(ctx context.Context, who jid.JID, password secret.String, keep bool) error
	// Send sends a message over the account's own session.
	Send(ctx context.Context, who jid.JID, password secret.String, s *stanza.Stanza) error
}

// Privileged sends messages as users without their passwords.
type Privileged interface {
	// Granted reports whether that can be done for the users of a host.
	Granted(host string) bool
	// Send sends a message whose from is a user's bare address. With done false
	// nothing was sent, and it may be sent in another way; else err is as that
	// of rest.Sender.
	Send(ctx context.Context, s *stanza.Stanza) (done bool, err error)
}

// Options are what the surface works with. A zero duration means its default.
type Options struct {
	Sender  rest.Sender      // for callers with a token
	Domains func() []jid.JID // of our components
	// Limits of a stanza that is sent from an address; nil: the defaults.
	Limits func(from jid.JID) stanza.Limits

	Accounts   Accounts   // nil: tokens only
	Hosts      []string   // whose accounts may log in; in normal form
	Privileged Privileged // nil: everybody sends over a session of his own
	// Failures limits the guessing of passwords; nil: its own.
	Failures *httpapi.Failures
	Logins   *Logins // the places of logins; nil: its own

	SendTimeout time.Duration // for the server to confirm; default 10 s
	Log         *zap.Logger
	repeats     *loglimit.Limiter
}

type handler struct {
	Options
	accounts *accounts
}

// recipient is the variable of the paths.
const recipient = "recipient"

// New returns the surface, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.SendTimeout == 0 {
		o.SendTimeout = 10 * time.Second
	}
	if o.Limits == nil {
		o.Limits = func(jid.JID) stanza.Limits { return stanza.Limits{} }
	}
	if o.Logins == nil {
		o.Logins = new(Logins)
	}
	if o.Failures == nil {
		o.Failures = new(httpapi.Failures)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.repeats = new(loglimit.Limiter)
	h := handler{Options: o}
	m := httpapi.Mount{Prefix: "/msg", Fail: fail}
	if o.Accounts != nil {
		h.accounts = newAccounts(o)
		m.Basic, m.Known, m.Limits = h.accounts.judge, h.accounts.known, true
	}
	for _, path := range []string{"/msg", "/msg/{" + recipient + ":.*}"} {
		m.Routes = append(m.Routes,
			httpapi.Route{Method: http.MethodPost, Path: path, Handler: http.HandlerFunc(h.post)},
			httpapi.Route{Method: http.MethodOptions, Path: path, Handler: http.HandlerFunc(options)})
	}
	return m
}

// post takes one message.
func (h handler) post(w http.ResponseWriter, r *http.Request) {
	n, f := read(w, r)
	if f != nil {
		fail(w, r, f)
		return
	}
	if n.to == "" {
		n.to = mux.Vars(r)[recipient]
	}
	who := httpapi.IdentityOf(r.Context())
	if err := who.MaySendKind(stanza.Message); err != nil {
		fail(w, r, httpapi.Refused(err))
		return
	}
	from, err := who.Sender(jid.JID{}, h.Domains())
	if err != nil {
		fail(w, r, httpapi.Refused(err))
		return
	}
	s, f := n.build(from, h.Limits(from))
	if f != nil {
		fail(w, r, f)
		return
	}
	if !who.Account.IsZero() {
		f = h.sendAs(r, from, s)
	} else {
		f = h.send(r, s)
	}
	if f != nil {
		fail(w, r, f)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// options says what may be posted.
func options(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", http.MethodOptions+", "+http.MethodPost)
	w.Header().Set("Accept", strings.Join([]string{formatForm, formatText, formatJSON}, ", "))
	w.WriteHeader(http.StatusOK)
}
