//go:build integration

package webhook

import (
	"fmt"
	"strings"
)

// quotes are those of programs that mark them as before XEP-0428 had its own namespace, and one in the
// words of the bot.
func (st *peopleStage) quotes(to, typ string) {
	st.T.Helper()
	mine := st.event("message."+typ, st.does("say", doing{"to": to, "type": typ, "body": "what I said", "plain": true})).Data
	const quoting = "<message to='%s' type='%s' id='ID'><body>&gt; what I said\n%s</body>%s<fallback xmlns='urn:xmpp:feature-fallback:0' for='urn:xmpp:reply:0'><body start='0' end='14'/></fallback></message>"
	id := mine.ID
	if typ == "groupchat" {
		id = st.gets("her own words", func(h heard) bool { return h.ID == mine.ID }).StanzaID
	}
	reply := "<reply xmlns='urn:xmpp:reply:0' id='" + id + "'/>"
	quotes := func(event, text, more string) said {
		st.T.Helper()
		ev := st.event(event, st.does("raw", doing{"xml": fmt.Sprintf(quoting, to, typ, text, more)}))
		if ev.Data.Text != text || ev.Data.Body != "> what I said\n"+text {
			st.Errorf("%s", ev.raw)
		}
		return ev
	}
	first := quotes("message."+typ, "and more", reply)
	st.refers(first, "message", mine.Ref)
	ev := quotes("message.correction", "and no more", reply+"<replace xmlns='urn:xmpp:message-correct:0' id='"+first.Data.ID+"'/>")
	st.refers(ev, "correction", first.Data.Ref)
	r := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"indeed","quote":"in other words,\nas said"}`, mine.Ref))
	h := st.gets("the answer", func(h heard) bool { return strings.HasSuffix(h.Body, "indeed") })
	if h.Body != "> in other words,\n> as said\nindeed" || h.Said != "indeed" || h.Reply == nil || r.Quoted != nil && !*r.Quoted {
		st.Errorf("%+v %+v", h, r)
	}
}
