package webhook

import (
	"fmt"

	"golang.org/x/text/language"

	"stanzahook/pkg/stanza"
)

// Fault says against whom a failed attempt counts.
type Fault uint8

// The faults.
const (
	NoFault    Fault = iota // the endpoint accepted the event
	OfMessage               // this event is refused, whoever sent it
	OfSender                // the sender may have caused the failure
	OfEndpoint              // the endpoint did not work
)

// faultOf returns the fault by the status of an answer, 0 for no answer: see "Whose
// fault" in the package documentation.
//
//	400 413 414 422 431      the message: RFC 9110 sections 15.5.1, 15.5.14, 15.5.15
//	                         and 15.5.21, RFC 6585 section 5
//	no answer, 502 503 504   the endpoint: RFC 9110 sections 15.6.3 to 15.6.5
//	everything else          the sender
func faultOf(status int) Fault {
	switch status {
	case 400, 413, 414, 422, 431:
		return OfMessage
	case 0, 502, 503, 504:
		return OfEndpoint
	}
	if success(status) {
		return NoFault
	}
	return OfSender
}

// unsendable is the error when no request can be made of an event. Nothing was sent.
type unsendable struct{ reason string }

func (e *unsendable) Error() string { return e.reason }

// maxURL bounds a URL with its placeholders filled in, in bytes: RFC 9110 section 4.1
// recommends that servers accept so many.
const maxURL = 8000

// sendable refuses a URL that a stanza makes unusable: too long with length bytes, or, by
// the error of outbound.Address, leading elsewhere.
func sendable(length int, err error) error {
	switch {
	case err != nil:
		return &unsendable{"with the addresses filled into the URL " + err.Error()}
	case length > maxURL:
		return &unsendable{fmt.Sprintf("the URL has %d bytes with the addresses filled in; %d are allowed", length, maxURL)}
	}
	return nil
}

// impossible returns the verdict on an event of which no request can be made: the
// stanza is at fault, and not the endpoint.
func impossible(err error) Verdict {
	return Verdict{Outcome: Refused, Reason: "not sent: " + err.Error(), Fault: OfMessage, Unsent: true, Err: notAcceptable("the service cannot be asked about this")}
}

func notAcceptable(text string) *stanza.Error {
	return &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: text}
}

// maxLanguage bounds a language tag in a header, in bytes. RFC 5646 section 4.4.1
// expects fewer than half of them.
const maxLanguage = 100

// languageTag reports whether a text is a well-formed tag of RFC 5646. The sender writes
// it, so nothing else may become a header field.
func languageTag(tag string) bool {
	if len(tag) < 2 || len(tag) > maxLanguage {
		return false
	}
	letters := true
	for i := range len(tag) {
		switch c := tag[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c >= '0' && c <= '9', c == '-':
			letters = false
		default:
			return false
		}
	}
	if letters && len(tag) <= 3 { // nearly all
		return true
	}
	_, err := language.Raw.Parse(tag)
	_, unknown := err.(language.ValueError) // well-formed, with a subtag that is not registered
	return err == nil || unknown
}
