package harness

import (
	"fmt"
	"strings"

	"stanzahook/pkg/stanza"
)

// Bad input of all kinds, each with the answer it gets.

const (
	xmlType  = "application/xmpp+xml"
	jsonType = "application/json"
)

// BadRequests are POSTs to /rest that are refused; Want is in the answer.
var BadRequests = []struct {
	Name, ContentType, Body string
	Status                  int
	Want                    string
}{
	{"nothing", xmlType, ``, 400, "Failed to parse"},
	{"no XML", xmlType, `hello`, 400, "an element is expected"},
	{"cut off", xmlType, `<message to='u@example.com'><body>x`, 400, "not closed"},
	{"crossed tags", xmlType, `<message to='u@example.com'><a></message></a>`, 400, "does not match"},
	{"two stanzas", xmlType, `<message to='u@example.com'/><message to='u@example.com'/>`, 400, "after the end"},
	{"the stream's end", xmlType, `<message to='u@example.com'/></stream:stream>`, 400, "after the end"},
	{"XML declaration of another encoding", xmlType, `<?xml version='1.0' encoding='koi8-r'?><message to='u@example.com'/>`, 400, "koi8-r"},
	{"processing instruction", xmlType, `<?php x?><message to='u@example.com'/>`, 400, "not allowed"},
	{"document type", xmlType, `<!DOCTYPE x [<!ENTITY a "b">]><message to='u@example.com'/>`, 400, "document type"},
	{"entity", xmlType, `<message to='u@example.com'><body>&a;</body></message>`, 400, "no known entity"},
	{"comment", xmlType, `<message to='u@example.com'><!-- x --></message>`, 400, "comments"},
	{"processing instruction", xmlType, `<message to='u@example.com'><?php ?></message>`, 400, "processing instructions"},
	{"text behind", xmlType, `<message to='u@example.com'/>x`, 400, "after the end"},
	{"undeclared prefix of an attribute", xmlType, `<message to='u@example.com'><b x:y=''/></message>`, 400, "is not declared"},
	{"undeclared prefix", xmlType, `<message to='u@example.com'><x:y/></message>`, 400, "is not declared"},
	{"the stream's prefix", xmlType, `<message to='u@example.com'><stream:error/></message>`, 400, "is not declared"},
	{"attribute twice", xmlType, `<message to='u@example.com' to='v@example.com'/>`, 400, "twice"},
	{"control character", xmlType, "<message to='u@example.com'><body>\x01</body></message>", 400, "0x01"},
	{"escaped control character", xmlType, "<message to='u@example.com'><body>&#1;</body></message>", 400, "no known entity"},
	{"not UTF-8", xmlType, "<message to='u@example.com'><body>\xff</body></message>", 400, "UTF-8"},
	{"U+FFFF", xmlType, "<message to='u@example.com'><body>\uffff</body></message>", 400, "XML forbids"},
	{"too deep", xmlType, `<message to='u@example.com'>` + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + `</message>`, 400, "deeper"},
	{"too many attributes", xmlType, `<message to='u@example.com'><a` + manyAttributes(100) + `/></message>`, 400, "attributes"},
	{"too many namespaces in force", xmlType, `<message to='u@example.com'>` + manyNamespaces(5, 60) + `</message>`, 400, "more than 256 namespace declarations"},
	{"too many namespaces in force, in JSON", jsonType, `{"to":"u@example.com","xml":"` + manyNamespaces(5, 60) + `"}`, 400, "more than 256 namespace declarations"},
	{"too large a body", xmlType, `<message to='u@example.com'><body>` + strings.Repeat("x", 200_000) + `</body></message>`, 413, "196608"},
	{"too large when escaped", jsonType, `{"to":"u@example.com","body":"` + strings.Repeat("&", 190_000) + `"}`, 413, "Payload too large"},
	{"foreign namespace", xmlType, `<message xmlns='urn:x' to='u@example.com'/>`, 422, "xmlns"},
	{"no stanza", xmlType, `<foo to='u@example.com'/>`, 422, "must be 'message', 'presence' or 'iq'"},
	{"a handshake", xmlType, `<handshake/>`, 422, "must be 'message', 'presence' or 'iq'"},
	{"prefix of another namespace", xmlType, `<c:message xmlns:c='urn:x' to='u@example.com'/>`, 422, "xmlns"},
	{"no to", xmlType, `<message><body>x</body></message>`, 422, "Invalid destination JID"},
	{"bad to", xmlType, `<message to='a b@example.com'/>`, 422, "Invalid destination JID"},
	{"empty domain in to", jsonType, `{"to":"a@","body":"x"}`, 422, "Invalid destination JID"},
	{"bad from", xmlType, `<message from='@x' to='u@example.com'/>`, 422, "Invalid source JID"},
	{"from a user", xmlType, `<message from='u@example.com' to='u@example.com'/>`, 403, "requested 'from'"},
	{"from a subdomain", xmlType, `<message from='x@sub.bot.example.com' to='u@example.com'/>`, 403, "requested 'from'"},
	{"iq without type", xmlType, `<iq to='u@example.com'><ping xmlns='urn:xmpp:ping'/></iq>`, 422, "'get' or 'set'"},
	{"iq result", xmlType, `<iq type='result' to='u@example.com'><ping xmlns='urn:xmpp:ping'/></iq>`, 422, "'get' or 'set'"},
	{"iq without payload", xmlType, `<iq type='get' to='u@example.com'/>`, 422, "exactly one child"},
	{"iq with two payloads", xmlType, `<iq type='get' to='u@example.com'><a xmlns='urn:x'/><b xmlns='urn:x'/></iq>`, 422, "exactly one child"},
	{"privilege", xmlType, `<message to='example.com'><privilege xmlns='urn:xmpp:privilege:2'/></message>`, 403, "admin"},
	{"privileged iq", xmlType, `<iq type='set' to='u@example.com'><privileged_iq xmlns='urn:xmpp:privilege:2'/></iq>`, 403, "admin"},
	{"delegation", xmlType, `<message to='example.com'><d:x xmlns:d='urn:xmpp:delegation:2'/></message>`, 403, "admin"},
	{"foreign roster", xmlType, `<iq type='set' to='u@example.com'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>`, 403, "admin"},
	{"no JSON", jsonType, `hello`, 400, "JSON"},
	{"JSON array", jsonType, `[]`, 400, "JSON object"},
	{"JSON cut off", jsonType, `{"to":"u@example.com"`, 400, "JSON"},
	{"two JSON objects", jsonType, `{"to":"u@example.com","body":"x"}{}`, 400, "something follows"},
	{"key twice", jsonType, `{"to":"u@example.com","body":"x","body":"y"}`, 400, "twice"},
	{"unknown key", jsonType, `{"to":"u@example.com","bodi":"x"}`, 400, "bodi"},
	{"body a number", jsonType, `{"to":"u@example.com","body":1}`, 400, "body"},
	{"control character in JSON", jsonType, `{"to":"u@example.com","body":"\u0000"}`, 400, "body"},
	{"control character in the id", jsonType, `{"to":"u@example.com","id":"\u0007"}`, 400, "id"},
	{"unknown kind", jsonType, `{"to":"u@example.com","kind":"msg"}`, 400, "kind"},
	{"a form", "multipart/form-data", `x`, 415, "Unsupported media type"},
	{"no type", "", `{"to":"u@example.com","body":"x"}`, 415, "Unsupported media type"},
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

// manyNamespaces is elements in one another with some declarations each.
func manyNamespaces(depth, each int) string {
	if depth == 0 {
		return ""
	}
	var b strings.Builder
	for i := range each {
		fmt.Fprintf(&b, " xmlns:p%d='urn:x'", i)
	}
	return "<a" + b.String() + ">" + manyNamespaces(depth-1, each) + "</a>"
}

// BadAnswers are what a webhook answers; the sender gets this condition.
var BadAnswers = []struct {
	Name        string
	Status      int
	ContentType string
	Body        string
	Want        stanza.Condition
}{
	{"broken JSON", 200, jsonType, `{"body":`, stanza.InternalServerError},
	{"wrong types", 200, jsonType, `{"body":{}}`, stanza.InternalServerError},
	{"a charset that is not known", 200, "text/plain; charset=koi8-r", "\xc1", stanza.InternalServerError},
	{"not UTF-8", 200, "text/plain", "\xfe", stanza.InternalServerError},
	{"broken XML", 200, xmlType, `<message>`, stanza.InternalServerError},
	{"two stanzas", 200, xmlType, `<message/><message/>`, stanza.InternalServerError},
	{"the stream's end", 200, xmlType, `</stream:stream>`, stanza.InternalServerError},
	{"comment", 200, xmlType, `<message><!-- --></message>`, stanza.InternalServerError},
	{"entity", 200, xmlType, `<message>&x;</message>`, stanza.InternalServerError},
	{"undeclared prefix", 200, xmlType, `<message><a:b/></message>`, stanza.InternalServerError},
	{"no stanza", 200, xmlType, `<foo/>`, stanza.InternalServerError},
	{"an iq", 200, xmlType, `<iq type='set'><x xmlns='urn:x'/></iq>`, stanza.InternalServerError},
	{"privilege", 200, xmlType, `<message><privilege xmlns='urn:xmpp:privilege:1'/></message>`, stanza.InternalServerError},
	{"stanza in JSON broken", 200, jsonType, `{"stanza":"<message"}`, stanza.InternalServerError},
	{"unknown condition", 200, jsonType, `{"error":{"condition":"x y"}}`, stanza.InternalServerError},
	{"too large", 200, "text/plain", strings.Repeat("<", 100_000), stanza.InternalServerError},
	{"endless", 200, "text/plain", strings.Repeat("x", 2<<20), stanza.InternalServerError},
	{"bad request", 400, "text/plain", "x", stanza.BadRequest},
	{"unprocessable", 422, jsonType, `{"body":"x"}`, stanza.BadRequest},
}

// BadStanzas are what a server should not send; %s is the addresses. The sender
// gets this condition; empty: nothing.
var BadStanzas = []struct {
	Name, XML string
	Want      stanza.Condition
}{
	{"control character", "<message %s><body>\x01</body></message>", stanza.NotAcceptable},
	{"not UTF-8", "<message %s><body>\xff</body></message>", stanza.NotAcceptable},
	{"undeclared prefix", "<message %s><a:b/></message>", stanza.NotAcceptable},
	{"unknown entity", "<message %s>&x;</message>", stanza.NotAcceptable},
	{"comment", "<message %s><!-- </message> --></message>", stanza.NotAcceptable},
	{"processing instruction", "<message %s><?x </message> ?></message>", stanza.NotAcceptable},
	{"attribute twice", "<message %s><a b='' b=''/></message>", stanza.NotAcceptable},
	{"crossed tags", "<message %s><a></b></message>", stanza.NotAcceptable},
	{"too deep", "<message %s>" + strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200) + "</message>", stanza.NotAcceptable},
	{"too large", "<message %s><body>" + strings.Repeat("x", 300_000) + "</body></message>", stanza.NotAcceptable},
	{"too large an iq", "<iq type='get' %s><x xmlns='urn:x' a='" + strings.Repeat("x", 300_000) + "'/></iq>", stanza.NotAcceptable},
	{"iq of no type", "<iq type='x' %s><x xmlns='urn:x'/></iq>", stanza.BadRequest},
	{"iq nobody knows", "<iq type='set' %s><x xmlns='urn:x'/></iq>", stanza.ServiceUnavailable},
	{"too large an error", "<message type='error' %s><body>" + strings.Repeat("x", 300_000) + "</body></message>", ""},
	{"too large for a room", "<message type='groupchat' %s><body>" + strings.Repeat("x", 300_000) + "</body></message>", ""},
	{"iq result for nobody", "<iq type='result' %s/>", ""},
	{"unknown element", "<foo xmlns='urn:x' %s><message/></foo>", ""},
	{"text", "296 <!-- %s -->", ""},
	{"foreign privilege", "<message %s><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>", ""},
	{"prefixed", "<c:message xmlns:c='jabber:client' %s/>", ""},
}

// PlainText takes the escapes of XML and JSON out of an answer.
func PlainText(answer string) string {
	return strings.NewReplacer("&#39;", "'", "&apos;", "'", `\u0026`, "&", `\u003c`, "<", `\u003e`, ">", "&lt;", "<", "&gt;", ">", "&quot;", `"`).Replace(answer)
}
