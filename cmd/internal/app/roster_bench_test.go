package app

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

const (
	benchUsers    = 10_000
	benchContacts = 50
	benchChanges  = 5
)

// rosterPeer is an XMPP server in process that lets the component change
// rosters, and a web application that wants them to be something.
type rosterPeer struct {
	mu      sync.Mutex
	rosters map[string]map[string]string // user -> contact -> item
	round   int                          // what the application wants changes with it
}

// start starts both, and returns the URL of the application.
func (p *rosterPeer) start(t testing.TB) (*componenttest.Server, string) {
	srv := newServer(t)
	srv.Prelude("<message from='example.com' to='bot.example.com'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>")
	srv.Answer(p.answer)
	return srv, newWeb(t, p.ServeHTTP).URL + "/%s"
}

// want is the name of a contact in a round: five of them have a new one in each.
func (p *rosterPeer) want(contact int) string {
	if contact < benchChanges {
		return fmt.Sprintf("Contact %d, version %d", contact, p.round)
	}
	return fmt.Sprintf("Contact %d", contact)
}

func (p *rosterPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	b.WriteByte('{')
	for i := range benchContacts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"c%d-of-%s@example.com":{"name":%q,"groups":["Friends"]}`, i, path.Base(r.URL.Path), p.want(i))
	}
	b.WriteByte('}')
	_, _ = w.Write([]byte(b.String()))
}

// answer is the XMPP server's side of roster IQs.
func (p *rosterPeer) answer(x *stanza.Stanza) string {
	if x.Kind != stanza.IQ || !x.NeedsAnswer() {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	user := x.To.Local()
	var b strings.Builder
	fmt.Fprintf(&b, "<iq type='result' id='%s' from='%s' to='%s'>", x.ID, x.To, x.From)
	query, _ := x.Payload()
	if x.Type == "get" {
		b.WriteString("<query xmlns='jabber:iq:roster'>")
		for _, item := range p.rosters[user] {
			b.WriteString(item)
		}
		b.WriteString("</query>")
	} else {
		for _, e := range x.Element(query).Children {
			if contact, ok := e.Attr("jid"); ok {
				if p.rosters[user] == nil {
					p.rosters[user] = make(map[string]string)
				}
				xml := x.ChildXML(query)
				p.rosters[user][contact] = xml[strings.Index(xml, "<item"):strings.Index(xml, "</query>")]
			}
		}
	}
	return b.String() + "</iq>"
}

// One user's refresh: the web application is asked, the server's roster read,
// compared, changed where it differs and read again, and the record stored;
// 10,000 users with 50 contacts each, 16 at a time.
func benchmarkRosters(b *testing.B, changes bool) {
	peer := &rosterPeer{rosters: make(map[string]map[string]string)}
	srv, url := peer.start(b)
	a := startAt(b, srv, zap.NewNop(), noAuth+fmt.Sprintf("rosters: [{host: example.com, url: %q}]\n", url))
	users := benchUsers
	if testing.Short() {
		users = 200
	}
	for user := range users { // as the application wants them in round 0
		items := make(map[string]string)
		for i := range benchContacts {
			contact := fmt.Sprintf("c%d-of-u%d@example.com", i, user)
			items[contact] = fmt.Sprintf("<item jid='%s' name='%s' subscription='both'><group>Friends</group></item>", contact, peer.want(i))
		}
		peer.rosters[fmt.Sprintf("u%d", user)] = items
	}
	round := func(want roster.Result) {
		owners := make([]jid.JID, users)
		for i := range owners {
			owners[i] = jid.MustParse(fmt.Sprintf("u%d@example.com", i))
		}
		run, err := a.rosters.Start(context.Background(), owners, roster.JobOptions{})
		if err != nil {
			b.Fatal(err)
		}
		<-run.Done()
		for _, one := range run.Snapshot().Results {
			if one.Result != want {
				b.Fatalf("%+v", one)
			}
		}
	}
	round(roster.Unchanged) // the first stores records
	heap := heapInUse()
	cpu := processTime(b)
	b.ResetTimer()
	n := 0
	for b.Loop() {
		if changes {
			peer.mu.Lock()
			peer.round++
			peer.mu.Unlock()
			round(roster.Applied)
		} else {
			round(roster.Unchanged)
		}
		n += users
	}
	b.StopTimer()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "users/s")
	// of the whole process: the peer and the web application are in it
	b.ReportMetric(float64(processTime(b)-cpu)/float64(n), "cpu-ns/user")
	b.ReportMetric(float64(heapInUse()-heap)/(1<<20), "MiB-grown") // memory stays flat over the rounds
}

// heapInUse is what the process's own data take, in bytes, without garbage.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkRostersUnchanged(b *testing.B) { benchmarkRosters(b, false) }
func BenchmarkRostersChanged(b *testing.B)   { benchmarkRosters(b, true) }
