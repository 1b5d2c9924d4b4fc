package stanza

import (
	"strings"

	"stanzahook/pkg/document"
)

// Condition is a defined condition of a stanza error (RFC 6120 section 8.3.3).
type Condition string

// The defined conditions.
const (
	BadRequest            Condition = "bad-request"
	Conflict              Condition = "conflict"
	FeatureNotImplemented Condition = "feature-not-implemented"
	Forbidden             Condition = "forbidden"
	Gone                  Condition = "gone"
	InternalServerError   Condition = "internal-server-error"
	ItemNotFound          Condition = "item-not-found"
	JIDMalformed          Condition = "jid-malformed"
	NotAcceptable         Condition = "not-acceptable"
	NotAllowed            Condition = "not-allowed"
	NotAuthorized         Condition = "not-authorized"
	PaymentRequired       Condition = "payment-required" // RFC 3920; mod_rest's table has it
	PolicyViolation       Condition = "policy-violation"
	RecipientUnavailable  Condition = "recipient-unavailable"
	Redirect              Condition = "redirect"
	RegistrationRequired  Condition = "registration-required"
	RemoteServerNotFound  Condition = "remote-server-not-found"
	RemoteServerTimeout   Condition = "remote-server-timeout"
	ResourceConstraint    Condition = "resource-constraint"
	ServiceUnavailable    Condition = "service-unavailable"
	SubscriptionRequired  Condition = "subscription-required"
	UndefinedCondition    Condition = "undefined-condition"
	UnexpectedRequest     Condition = "unexpected-request"
)

// ErrorType says what the sender may do (RFC 6120 section 8.3.2).
type ErrorType string

// The error types.
const (
	Auth     ErrorType = "auth"     // retry after providing credentials
	Cancel   ErrorType = "cancel"   // do not retry
	Continue ErrorType = "continue" // only a warning
	Modify   ErrorType = "modify"   // retry after changing the data
	Wait     ErrorType = "wait"     // retry after waiting
)

// Error is a stanza error (RFC 6120 section 8.3), as a Go error.
type Error struct {
	Type      ErrorType
	Condition Condition
	Text      string // for people; may be empty
	By        string // who detected it; may be empty
}

func (e *Error) Error() string {
	s := "stanza error " + string(e.Condition) + " (" + string(e.Type) + ")"
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Is reports whether target is an Error with the same fields, where empty
// fields of target match anything: errors.Is(err, &Error{Condition: Forbidden}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && (t.Type == "" || t.Type == e.Type) && (t.Condition == "" || t.Condition == e.Condition) &&
		(t.Text == "" || t.Text == e.Text)
}

// XML returns the <error/> element.
func (e *Error) XML() string {
	b := AppendAttr([]byte("<error"), "type", string(e.Type))
	if e.By != "" {
		b = AppendAttr(b, "by", e.By)
	}
	b = append(append(append(b, '>', '<'), e.Condition...), " xmlns='"+NSStanzas+"'/>"...)
	if e.Text != "" {
		b = append(b, "<text xmlns='"+NSStanzas+"'>"...)
		b = append(AppendText(b, Clean(e.Text)), "</text>"...)
	}
	return string(append(b, "</error>"...))
}

// Clean replaces characters that XML cannot carry by U+FFFD. It is for error texts
// that quote other programs; data of callers is refused instead.
func Clean(s string) string {
	if CheckText(s) < 0 && strings.IndexByte(s, 0x7f) < 0 {
		return s
	}
	s, _ = document.CleanString(strings.ToValidUTF8(s, "\uFFFD"))
	return s
}

// ErrorReply returns the error stanza that answers s. Check MayBounce or NeedsAnswer
// first.
func (s *Stanza) ErrorReply(e *Error, lim Limits) (*Stanza, error) {
	h := s.Reply()
	h.Type = "error"
	return Build(h, e.XML(), lim)
}

// StanzaError returns the error that a stanza of type error carries. A missing
// one is undefined-condition.
func (s *Stanza) StanzaError() (*Error, bool) {
	if s.Type != "error" {
		return nil, false
	}
	e := &Error{Type: Cancel, Condition: UndefinedCondition}
	c, ok := s.Child("", "error")
	if !ok {
		return e, true
	}
	x := s.Element(c)
	if t, _ := x.Attr("type"); t != "" {
		e.Type = ErrorType(t)
	}
	e.By, _ = x.Attr("by")
	condition, text := x.Condition(NSStanzas)
	if condition != "" {
		e.Condition = Condition(condition)
	}
	e.Text = text
	return e, true
}

// Valid reports whether t is one of the five types of RFC 6120 section 8.3.2.
func (t ErrorType) Valid() bool {
	switch t {
	case Auth, Cancel, Continue, Modify, Wait:
		return true
	}
	return false
}

// Valid reports whether c is a defined condition.
func (c Condition) Valid() bool {
	switch c {
	case BadRequest, Conflict, FeatureNotImplemented, Forbidden, Gone, InternalServerError, ItemNotFound,
		JIDMalformed, NotAcceptable, NotAllowed, NotAuthorized, PaymentRequired, PolicyViolation,
		RecipientUnavailable, Redirect, RegistrationRequired, RemoteServerNotFound, RemoteServerTimeout,
		ResourceConstraint, ServiceUnavailable, SubscriptionRequired, UndefinedCondition, UnexpectedRequest:
		return true
	}
	return false
}
