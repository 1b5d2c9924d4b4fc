package webhook

import (
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/stanza"
)

// lateError means that an endpoint has not answered in time.
type lateError struct{ timeout time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("no answer within %v", e.timeout) }

// judgeOwn judges the answer to an event with data of its own, such as the submission of a
// command: nobody but who has made the event knows what the answer means, so it makes no
// replies and asks for nothing, and Verdict.Body has it. A status that may pass by itself
// counts against the endpoint as that of every event does.
func judgeOwn(a *Answer) Verdict {
	switch {
	case success(a.Status) && a.Unread != nil:
		return Verdict{Outcome: Refused, Reason: invalid + ": " + a.Unread.Error(), Err: unreadable()}
	case success(a.Status):
		return Verdict{}
	case passing(a.Status):
		return Verdict{Outcome: Again, Reason: reasonOf(a.Status), Fault: faultOf(a.Status), Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service does not work at the moment"}}
	}
	return Verdict{Outcome: Refused, Reason: reasonOf(a.Status), Fault: faultOf(a.Status), Err: &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: "the service has refused this"}}
}

// unansweredOwn is format.unanswered for an event with data of its own.
func unansweredOwn(f *format, err error) Verdict {
	v := f.unanswered(err)
	if _, late := errors.AsType[*lateError](err); late {
		v.Err = &stanza.Error{Type: stanza.Wait, Condition: stanza.RemoteServerTimeout, Text: "the service has not answered in time"}
	}
	return v
}
