package postmsg

import (
	"context"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Accounts are the accounts of the XMPP server; [stanzahook/pkg/account.Pool]
// implements it. The errors are those of that package.
type Accounts interface {
	// Login checks a password; with keep, the session will be used soon.
	Login(ctx context.Context, who jid.JID, password secret.String, keep bool) error
	// Send sends a message over the account's own session.
	Send(ctx context.Context, who jid.JID, password secret.String, s *stanza.Stanza) error
}

// Privileged sends messages of users by the privilege of a component (XEP-0356).
type Privileged interface {
	// Granted reports whether a host has granted that.
	Granted(host string) bool
	// Send sends a message from the bare address of a user. If done is false nothing
	// was sent, and it may be sent in another way; else err is that of
	// gateway.Sender.
	Send(ctx context.Context, s *stanza.Stanza) (done bool, err error)
}

// Options are what the API works with.
type Options struct {
	Sender gateway.Sender // for callers with a token

	Accounts   Accounts   // nil: only tokens
	Hosts      []string   // whose accounts may log in; in normal form
	Privileged Privileged // nil: each account sends over a session of its own
	// Failures limits the guessing of passwords; nil: its own.
	Failures *httpapi.Failures
	Logins   *Logins // limits logins in progress; nil: its own

	Log     *zap.Logger
	repeats *loglimit.Limiter
}

type handler struct {
	Options
	accounts *accounts
}

// recipient is the variable of the paths.
const recipient = "recipient"

// New returns the API, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
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
		m.Basic, m.Known, m.Limits = h.accounts.check, h.accounts.known, true
	}
	for _, path := range []string{"/msg", "/msg/{" + recipient + ":.*}"} {
		m.Routes = append(m.Routes,
			httpapi.Route{Method: http.MethodPost, Path: path, Handler: http.HandlerFunc(h.post)},
			httpapi.Route{Method: http.MethodOptions, Path: path, Handler: http.HandlerFunc(options)})
	}
	return m
}

// post sends one message.
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
	from, err := who.Sender(jid.JID{}, h.Sender.Domains())
	if err != nil {
		fail(w, r, httpapi.Refused(err))
		return
	}
	s, f := n.build(from, h.Sender.Limits(from))
	if f != nil {
		fail(w, r, f)
		return
	}
	if err := who.MayContain(s); err != nil {
		fail(w, r, httpapi.Refused(err))
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

// options lists the methods and formats.
func options(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", http.MethodOptions+", "+http.MethodPost)
	w.Header().Set("Accept", strings.Join([]string{formatForm, formatText, formatJSON}, ", "))
	w.WriteHeader(http.StatusOK)
}
