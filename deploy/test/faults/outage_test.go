//go:build integration

package faults

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// outage ends the server and starts it again. What belongs to the time without it is
// looked at message by message, beside the load: answers of the bot, and messages of an
// HTTP caller.
type outage struct {
	t    *testing.T
	tr   *load.Traffic
	s    *lab.Server
	way  *harness.Relay
	held *load.Talker // the bot answers this user only when there is no server
	n    int          // outages so far
}

const (
	heldAnswers  = 5
	heldMessages = 50
)

func newOutage(t *testing.T, tr *load.Traffic, s *lab.Server, way *harness.Relay) *outage {
	return &outage{t: t, tr: tr, s: s, way: way, held: load.NewTalker(t, s, "erin", "held@kills.localhost")}
}

// restart returns what lets one happen.
func (o *outage) restart(end func() error, meanwhile func()) func() {
	return func() { o.happens(end, meanwhile) }
}

// happens lets one happen. The way to the server opens when the users are back: who is not
// there cannot be written to.
func (o *outage) happens(end func() error, meanwhile func()) {
	o.t.Helper()
	release := o.hold()
	o.way.Shut.Store(true)
	require.NoError(o.t, end())
	o.n++
	o.post() // also before it is noticed that there is no server
	o.tr.Now().AwaitNotReady("kills.localhost")
	release()
	harness.Eventually(o.t, "the bot has answered without a server", func() bool { return o.tr.Bot.AcceptedOf(o.held.Name) == o.held.Sent })
	meanwhile()
	before := o.tr.Now().Connects()
	require.NoError(o.t, o.s.Restart(o.t.Context()))
	o.tr.Login()
	o.held.Login(o.t, o.s)
	receiver := harness.Login(o.t, o.s, "frank")
	o.way.Shut.Store(false)
	o.tr.Now().AwaitReady()

	o.held.Settled() // in order, and each with an answer
	if _, errors := o.held.Counts(); errors > 0 {
		o.t.Errorf("%d of the messages that the bot answered without a server have an error", errors)
	}
	o.arrived(receiver)
	p := o.tr.Now()
	if n := p.Connects() - before; n != 1 {
		o.t.Errorf("%d connections after an outage", n)
	}
	if link := p.V1(http.StatusOK, "/v1/status", "").Links[0]; link.State != "up" || link.Reason != "" {
		o.t.Errorf("connected, and yet: %+v", link)
	}
}

// hold lets a user write messages that the bot does not answer before release is called.
func (o *outage) hold() (release func()) {
	open := make(chan struct{})
	o.tr.Bot.AnswerWith(func(user string, _ http.ResponseWriter, r *http.Request) bool {
		if user == o.held.Name {
			select {
			case <-open:
			case <-r.Context().Done():
			}
		}
		return true
	})
	o.held.Say(heldAnswers)
	o.held.Read()
	return func() { close(open) }
}

func (o *outage) message(i int) string { return fmt.Sprintf("outage-%d-%d", o.n, i) }

// post sends messages of a caller, each with a 202.
func (o *outage) post() {
	o.t.Helper()
	for i := range heldMessages {
		id := o.message(i)
		o.tr.Now().V1(http.StatusAccepted, "/v1/messages", fmt.Sprintf(`{"to":"frank@localhost","type":"chat","id":%q,"body":%q}`, id, id))
	}
}

// arrived waits for them, in order, and for their confirmations.
func (o *outage) arrived(u harness.User) {
	o.t.Helper()
	for i := range heldMessages {
		if r := u.Await(o.message(i), func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" }); r.ID != o.message(i) {
			o.t.Fatalf("instead of %s came %+v", o.message(i), r)
		}
	}
	p := o.tr.Now()
	for i := range heldMessages {
		harness.Eventually(o.t, o.message(i)+" is confirmed", func() bool {
			return p.V1(http.StatusOK, "/v1/messages/"+o.message(i), "").State == "confirmed"
		})
	}
}
