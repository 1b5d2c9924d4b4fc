//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"stanzahook/deploy/lab/harness"
)

// What costs more to read than to send.
func parserAttacks() []attack { return []attack{namespaceFlood()} }

// namespaces binds so many prefixes in one element, around many that use none.
func namespaces(n int) string {
	var b strings.Builder
	b.WriteString("<message xmlns='jabber:client' to='bob@localhost'")
	for i := range n {
		fmt.Fprintf(&b, " xmlns:n%d='u:%d'", i, i)
	}
	b.WriteString(">")
	for range n {
		b.WriteString("<a/>")
	}
	return b.String() + "</message>"
}

// nested binds many prefixes in some elements around many that use the outermost ones.
func nested(levels, each int) string {
	var b strings.Builder
	b.WriteString("<message xmlns='jabber:client' to='bob@localhost'>")
	for l := range levels {
		b.WriteString("<a")
		for i := range each {
			fmt.Fprintf(&b, " xmlns:p%dx%d='u'", l, i)
		}
		b.WriteString(">")
	}
	for b.Len() < 185<<10 {
		b.WriteString("<p0x0:a p0x1:b='' p0x2:c=''/>")
	}
	b.WriteString(strings.Repeat("</a>", levels))
	return b.String() + "</message>"
}

func namespaceFlood() attack {
	const posts = 10
	return attack{
		name: "many namespaces",
		strike: func(ctx context.Context, st *stage) {
			for name, text := range map[string]string{"in one element": namespaces(6000), "in nested elements": nested(40, 60)} {
				before := st.program.CPUTime()
				for range posts {
					if !pace(ctx, 200*time.Millisecond) {
						return
					}
					req, err := st.request(st.t.Context(), "POST", "/rest", "mallory", text)
					if err != nil {
						st.t.Fatal(err)
					}
					req.Header.Set("Content-Type", harness.AsXML)
					status, _, body := st.do(http.DefaultClient, req)
					if status != http.StatusBadRequest {
						st.t.Errorf("%s: %d %s", name, status, body)
					}
				}
				each := (st.program.CPUTime() - before) / posts
				st.t.Logf("%d KB of namespaces %s: %v of CPU", len(text)>>10, name, each)
				if each > 150*time.Millisecond { // with the race detector
					st.t.Errorf("%d KB of namespaces %s cost %v of CPU", len(text)>>10, name, each)
				}
			}
			c := st.mallory("attack")
			var attributes strings.Builder
			for i := range 260 { // more than 256; Prosody 13 holds back a tag over some 6 KB until more comes
				fmt.Fprintf(&attributes, " xmlns:n%d='u:%d' n%d:a='1'", i, i, i)
			}
			st.say(c, "<message to='echo@%s' type='chat'><body>x</body><x xmlns='y'%s/></message>", st.domain, attributes.String())
			st.quiesce(c)
		},
	}
}
