package stanza

import (
	"net/http"
	"strconv"
)

// FromHTTP returns the stanza error for an HTTP status, by the table of
// Prosody's net.http.errors, which mod_rest uses. The text is "404 Not Found".
func FromHTTP(status int) *Error {
	e := &Error{Text: strconv.Itoa(status)}
	if t := http.StatusText(status); t != "" {
		e.Text += " " + t
	}
	e.Type, e.Condition = conditionOf(status)
	return e
}

func conditionOf(status int) (ErrorType, Condition) {
	switch status {
	case 400, 411, 416, 422:
		return Modify, BadRequest
	case 401, 511:
		return Auth, NotAuthorized
	case 402:
		return Auth, PaymentRequired
	case 403, 451:
		return Auth, Forbidden
	case 404:
		return Cancel, ItemNotFound
	case 405:
		return Cancel, NotAllowed
	case 406:
		return Modify, NotAcceptable
	case 407:
		return Auth, RegistrationRequired
	case 408, 502, 504:
		return Wait, RemoteServerTimeout
	case 409, 412:
		return Cancel, Conflict
	case 410:
		return Cancel, Gone
	case 413, 414, 431:
		return Modify, ResourceConstraint
	case 415, 501:
		return Cancel, FeatureNotImplemented
	case 423, 429, 507:
		return Wait, ResourceConstraint
	case 500:
		return Wait, InternalServerError
	case 503:
		return Cancel, ServiceUnavailable
	}
	return Cancel, UndefinedCondition
}
