package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
)

// fault is one row of mod_rest's table of errors. The conditions are partly
// those of streams (RFC 6120 section 4.9.3), as they are there.
type fault struct {
	status     int
	kind       stanza.ErrorType
	condition  string
	text       string
	retryAfter int    // seconds; 0: no such header
	reason     string // mod_rest's word for what is wrong, or the parser's; may be empty
}

// The table; see mod_rest.lua, post_errors. Our texts begin with its texts and then say
// what is wrong and what to do.
var (
	mediaType    = fault{415, stanza.Cancel, "bad-format", "Unsupported media type", 0, ""}
	unparsable   = fault{400, stanza.Modify, "not-well-formed", "Failed to parse payload", 0, ""}
	badPath      = fault{400, stanza.Modify, "not-well-formed", "Failed to parse payload", 0, ""}
	badNamespace = fault{422, stanza.Modify, "invalid-namespace", "'xmlns' attribute must be empty", 0, ""}
	badKind      = fault{422, stanza.Modify, "unsupported-stanza-type", "Invalid stanza, must be 'message', 'presence' or 'iq'.", 0, ""}
	badTo        = fault{422, stanza.Modify, "improper-addressing", "Invalid destination JID", 0, ""}
	badFrom      = fault{422, stanza.Modify, "invalid-from", "Invalid source JID", 0, ""}
	forbidden    = fault{403, stanza.Auth, "not-authorized", "Not authorized", 0, ""}
	foreignFrom  = fault{403, stanza.Auth, "not-authorized", "Not authorized to send stanza with requested 'from'", 0, ""}
	badIQType    = fault{422, stanza.Modify, "invalid-xml", "'iq' stanza must be of type 'get' or 'set'", 0, ""}
	badIQContent = fault{422, stanza.Modify, "bad-format", "'iq' stanza must have exactly one child tag", 0, ""}
	tooLarge     = fault{413, stanza.Modify, "resource-constraint", "Payload too large", 0, ""}

	// not in mod_rest's table
	badTimeout = fault{400, stanza.Modify, "bad-request", "Invalid Prosody-Rest-Timeout", 0, ""}
	internal   = fault{500, stanza.Wait, "internal-server-error", "Internal error", 0, ""}
	callerGone = fault{httpapi.StatusGone, stanza.Cancel, "undefined-condition", "The caller has closed the connection", 0, ""} // only in the access log
)

// because returns the fault with details after its text.
func (f fault) because(format string, args ...any) *fault {
	f.text += ": " + fmt.Sprintf(format, args...)
	return &f
}

// reasoned returns the fault with the word for context.error.
func (f *fault) reasoned(word string) *fault {
	f.reason = word
	return f
}

// refused writes a refusal of the server, before the handler was called.
func refused(w http.ResponseWriter, r *http.Request, hf *httpapi.Fault) {
	fromServer(hf).write(w, r)
}

func fromServer(hf *httpapi.Fault) *fault {
	e := stanza.FromHTTP(hf.Status)
	f := &fault{hf.Status, e.Type, string(e.Condition), hf.Text, hf.RetryAfter, ""}
	if hf.Status == http.StatusForbidden {
		f.condition = forbidden.condition
	}
	if hf.RetryAfter > 0 {
		f.kind = stanza.Wait
	}
	return f
}

// errorBody is the JSON of an error in mod_rest.
type errorBody struct {
	Type  string      `json:"type"`
	Code  int         `json:"code"`
	Error errorObject `json:"error"`
}

type errorObject struct {
	Type      string `json:"type"`
	Condition string `json:"condition"`
	Text      string `json:"text"`
	Code      int    `json:"code"`
	// InstanceID is the id of the request, which the log has too.
	InstanceID string       `json:"instance_id,omitempty"`
	Source     string       `json:"source"`
	Context    errorContext `json:"context"`
}

type errorContext struct {
	Error string `json:"error,omitempty"`
}

// maxText bounds texts, which may quote the request.
const maxText = 1000

// write writes the fault in the format that the caller accepts.
func (f fault) write(w http.ResponseWriter, r *http.Request) {
	text := shown(f.text)
	var body []byte
	format := answerFormat(r.Header, formatXML, formatJSON)
	if format == formatJSON {
		body = httpapi.JSON(errorBody{"error", f.status, errorObject{
			string(f.kind), f.condition, text, f.status, httpapi.RequestID(r.Context()), "mod_rest", errorContext{shown(f.reason)},
		}})
	} else {
		body = append(body, "<error xmlns='"+stanza.NSStream+"'><"+f.condition+" xmlns='"+stanza.NSStreams+"'/>"+
			"<text xmlns='"+stanza.NSStreams+"'>"...)
		body = append(stanza.AppendText(body, text), "</text></error>"...)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	httpapi.WriteBody(w, f.status, format, body)
}

// shown returns a text as it goes into an answer.
func shown(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return stanza.Clean(text)
}
