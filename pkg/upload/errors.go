package upload

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Reason is why a file was not uploaded.
type Reason string

// The reasons.
const (
	Empty     Reason = "empty"      // the file has no bytes
	Broken    Reason = "broken"     // it ended early, or is longer than was said
	Slow      Reason = "slow"       // it did not arrive in time
	TooLarge  Reason = "too-large"  // for us, or for the service
	NoRoom    Reason = "no-room"    // the spool is full
	Share     Reason = "share"      // the caller has as many uploads as one may have
	Busy      Reason = "busy"       // there are as many uploads as there may be
	NoService Reason = "no-service" // no upload service is known, or it does not exist
	Silent    Reason = "silent"     // the service does not answer
	Forbidden Reason = "forbidden"  // the bot may not upload
	Quota     Reason = "quota"      // it has uploaded too much
	Refused   Reason = "refused"    // by the service, for another reason
	Guarded   Reason = "guarded"    // a request would go to an address that it must not reach
	PutFailed Reason = "put-failed" // the file was not taken at the slot's address
	Source    Reason = "source"     // the file could not be fetched
	Stopped   Reason = "stopped"    // the caller has gone
	Taken     Reason = "taken"      // another upload has the id
)

// Error is why a file was not uploaded.
type Error struct {
	Reason    Reason
	Text      string           // of the service, or what happened
	Condition stanza.Condition // of the stanza error of the service
	Service   jid.JID
	Status    int    // of the HTTP answer that refused it; 0: none
	MaxBytes  int64  // of TooLarge
	Advice    string // lines of the server's configuration that mend it; may be empty
	Putting   bool   // of Guarded: the address is that of a slot
	Err       error
}

// Error says what happened, and what to do.
func (e *Error) Error() string {
	text := e.what()
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

func (e *Error) what() string {
	said := ""
	if e.Text != "" {
		said = ": " + e.Text
	}
	service := cmp.Or(e.Service.String(), "the upload service")
	switch e.Reason {
	case Empty:
		return "the file is empty"
	case TooLarge:
		text := fmt.Sprintf("the file is larger than %d bytes, the most that is taken", e.MaxBytes)
		if e.Service.IsZero() { // our own bound, and not that of the service
			text += "; raise uploads.max_bytes of the component, or max_bytes of the token"
		}
		return text
	case NoRoom:
		if e.Text != "" {
			return e.Text
		}
		return "the space for files whose length is not known beforehand is full (uploads.spool); send a Content-Length, or try again later"
	case Share:
		return "you upload as many files as one caller may at a time; wait until some of them are done"
	case Busy:
		return "as many files are uploaded as may be at a time (uploads.concurrency); try again in a second"
	case NoService:
		if e.Condition != "" {
			return fmt.Sprintf("there is no upload service at %s (%s%s)", service, e.Condition, said)
		}
		return "no upload service (XEP-0363) is known" + said
	case Silent:
		return service + " has not answered in time"
	case Forbidden, Quota, Refused:
		return fmt.Sprintf("%s refuses the file with the error %s%s", service, e.Condition, said)
	case PutFailed:
		if e.Status != 0 {
			return fmt.Sprintf("the XMPP server's HTTP upload answered the PUT of the file with %d%s", e.Status, said)
		}
		if _, ok := errors.AsType[*net.DNSError](e.Err); ok {
			said += "; this name of the upload service has to resolve on the machine of stanzahook"
		}
		return "the file could not be sent to the address that the upload service has given" + said
	}
	return strings.TrimPrefix(said, ": ")
}

// Unwrap returns the cause, if there is another error.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same upload may succeed later.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case NoRoom, Share, Busy, Silent, Quota, Slow, Stopped:
		return true
	case PutFailed, Source:
		return e.Status == 0 || e.Status >= 500 || e.Status == 429
	}
	return false
}
