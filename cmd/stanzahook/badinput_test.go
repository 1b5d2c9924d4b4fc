package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// Bad input of all kinds, each with the answer it gets, while a conversation in
// the background goes on without a gap.

const (
	xmlType  = "application/xmpp+xml"
	jsonType = "application/json"
)

// badRequests are POSTs to /rest that are refused; want is in the answer.
var badRequests = []struct {
	name, contentType, body string
	status                  int
	want                    string
}{
	{"nothing", xmlType, ``, 400, "Failed to parse"},
	{"no XML", xmlType, `hello`, 400, "an element is expected"},
	{"cut off", xmlType, `<message to='u@example.com'><body>x`, 400, "not closed"},
	{"crossed tags", xmlType, `<message to='u@example.com'><a></message></a>`, 400, "does not match"},
	{"two stanzas", xmlType, `<message to='u@example.com'/><message to='u@example.com'/>`, 400, "behind the end"},
	{"the stream's end", xmlType, `<message to='u@example.com'/></stream:stream>`, 400, "behind the end"},
	{"XML declaration of another encoding", xmlType, `<?xml version='1.0' encoding='koi8-r'?><message to='u@example.com'/>`, 400, "koi8-r"},
	{"processing instruction", xmlType, `<?php x?><message to='u@example.com'/>`, 400, "not allowed"},
	{"document type", xmlType, `<!DOCTYPE x [<!ENTITY a "b">]><message to='u@example.com'/>`, 400, "document type"},
	{"entity", xmlType, `<message to='u@example.com'><body>&a;</body></message>`, 400, "no known entity"},
	{"comment", xmlType, `<message to='u@example.com'><!-- x --></message>`, 400, "comments"},
	{"processing instruction", xmlType, `<message to='u@example.com'><?php ?></message>`, 400, "processing instructions"},
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

// badAnswers are what a webhook answers; the sender gets this condition.
var badAnswers = []struct {
	name        string
	status      int
	contentType string
	body        string
	want        stanza.Condition
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

// badStanzas are what a server should not send; %s is the addresses. The sender
// gets this condition; empty: nothing.
var badStanzas = []struct {
	name, xml string
	want      stanza.Condition
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

// plainText takes the escapes of XML and JSON out of an answer.
func plainText(answer string) string {
	return strings.NewReplacer("&#39;", "'", "&apos;", "'", `\u0026`, "&", `\u003c`, "<", `\u003e`, ">", "&lt;", "<", "&gt;", ">", "&quot;", `"`).Replace(answer)
}

func TestBadInput(t *testing.T) {
	var answer struct {
		sync.Mutex
		status            int
		contentType, body string
	}
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Data struct{ To, Body string }
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		answer.Lock()
		defer answer.Unlock()
		status, contentType, body := answer.status, answer.contentType, answer.body
		if strings.HasPrefix(event.Data.To, "steady@") {
			status, contentType, body = 200, "text/plain", event.Data.Body
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer bot.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	cfg, err := config.Parse("test.yaml", fmt.Appendf(nil, `
components: [{domain: bot.example.com, server: %q, secret: secret}]
endpoints: [{name: bot, url: %q}]
http: {listen: "127.0.0.1:0", tokens: [{name: t, hash: "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", scopes: [send, query]}]}
store: {dir: %q}
`, srv.Addr(), bot.URL, t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := startApp(t.Context(), cfg, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.stop()
	link := a.links["bot.example.com"]
	if err := link.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}

	// the conversation in the background: one message after the other
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var rounds atomic.Int64
	wg.Go(func() {
		for ; ctx.Err() == nil; rounds.Add(1) {
			body := fmt.Sprintf("round %d", rounds.Load())
			if err := srv.TrySend("<message type='chat' id='" + body + "' from='steady@example.com/r' to='steady@bot.example.com'><body>" + body + "</body></message>"); err != nil {
				t.Errorf("%s: %v", body, err)
				return
			}
			reply := srv.Expect(body, func(s *stanza.Stanza) bool { return s.To.Local() == "steady" })
			if got, _ := reply.Body(); got != body {
				t.Errorf("the conversation in the background got %q, want %q", got, body)
				return
			}
		}
	})

	for _, tc := range badRequests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.addr+"/rest", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret")
		if tc.contentType != "" {
			req.Header.Set("Content-Type", tc.contentType)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("request %q: %v", tc.name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		text := plainText(string(body))
		if err != nil || resp.StatusCode != tc.status || !strings.Contains(text, tc.want) {
			t.Errorf("request %q: %d %s %v, want %d %q", tc.name, resp.StatusCode, body, err, tc.status, tc.want)
		}
	}

	addresses := func(id string) string { return "id='" + id + "' from='u@example.com/r' to='bot.example.com'" }
	expect := func(what, id string, want stanza.Condition) {
		t.Helper()
		if e, _ := srv.ExpectID(id).StanzaError(); e == nil || e.Condition != want {
			t.Errorf("%s: %v, want %s", what, e, want)
		}
	}
	for i, tc := range badAnswers {
		answer.Lock()
		answer.status, answer.contentType, answer.body = tc.status, tc.contentType, tc.body
		answer.Unlock()
		id := fmt.Sprint("answer", i)
		srv.Send("<message type='chat' " + addresses(id) + "><body>x</body></message>")
		expect("answer "+tc.name, id, tc.want)
	}
	answer.Lock()
	answer.status, answer.contentType, answer.body = 204, "", ""
	answer.Unlock()

	for i, tc := range badStanzas {
		id := fmt.Sprint("stanza", i)
		srv.Send(fmt.Sprintf(tc.xml, addresses(id)))
		if tc.want != "" {
			expect("stanza "+tc.name, id, tc.want)
		}
	}

	// The conversation goes on behind all of it, and ended in no round before.
	srv.Send("<iq type='get' id='behind' from='u@example.com/r' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>")
	srv.ExpectID("behind")
	cancel()
	wg.Wait()
	if n := rounds.Load(); n < 20 {
		t.Errorf("the conversation in the background made only %d rounds", n)
	}
	if n := link.Counters.Reconnects.Load(); n != 0 {
		t.Errorf("%d reconnects", n)
	}
	for _, s := range srv.Received() {
		t.Errorf("also sent: %s", s.XML())
	}
	if bad := srv.Bad(); len(bad) > 0 {
		t.Errorf("the server got %q", bad)
	}
	t.Logf("%d bad inputs, %d rounds of the conversation meanwhile", len(badRequests)+len(badAnswers)+len(badStanzas), rounds.Load())
}
