// Package gatewaytest has the XMPP side of the HTTP APIs for tests.
package gatewaytest

import (
	"context"
	"strings"
	"sync"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Network is a [gateway.Sender] that notes the stanzas and answers as its fields say.
// The zero Network has the component bot.example.com, confirms messages, and answers
// IQs with an empty result.
type Network struct {
	Components []jid.JID
	MaxBytes   int           // of a stanza; 0: the default
	State      gateway.State // of messages and presence
	Err        error         // of all
	Reply      string        // XML of the answer of an IQ; $ID is its id
	// Asked, if not nil, is called before an IQ is answered; its error is the answer.
	Asked func(context.Context) error
	// Entered and Leave, if not nil: a stanza says at Entered that it came, and waits
	// for Leave.
	Entered, Leave chan struct{}

	mu   sync.Mutex
	sent []*stanza.Stanza
	how  []gateway.Sending
}

// Domains implements [gateway.Sender].
func (n *Network) Domains() []jid.JID {
	if n.Components == nil {
		return []jid.JID{jid.MustParse("bot.example.com")}
	}
	return n.Components
}

// Limits implements [gateway.Sender].
func (n *Network) Limits(jid.JID) stanza.Limits { return stanza.Limits{MaxBytes: n.MaxBytes} }

func (n *Network) note(s *stanza.Stanza) {
	n.mu.Lock()
	n.sent = append(n.sent, s)
	n.mu.Unlock()
	if n.Entered != nil {
		n.Entered <- struct{}{}
		<-n.Leave
	}
}

// Send implements [gateway.Sender]. Without how.ReportBounce nothing bounces.
func (n *Network) Send(_ context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	n.mu.Lock()
	n.how = append(n.how, how)
	n.mu.Unlock()
	n.note(s)
	err := n.Err
	if _, bounced := err.(*gateway.Bounced); bounced && !how.ReportBounce {
		err = nil
	}
	if n.State == "" {
		return gateway.Confirmed, err
	}
	return n.State, err
}

// Request implements [gateway.Sender].
func (n *Network) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	n.note(s)
	if n.Err != nil {
		return nil, n.Err
	}
	if n.Asked != nil {
		if err := n.Asked(ctx); err != nil {
			return nil, err
		}
	}
	if n.Reply == "" {
		return s.Result("", stanza.Limits{})
	}
	return stanza.Parse(strings.ReplaceAll(n.Reply, "$ID", s.ID), stanza.Limits{})
}

// How returns how the messages and presence were to be sent, in order.
func (n *Network) How() []gateway.Sending {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.how
}

// Sent returns the stanzas that came, in order.
func (n *Network) Sent() []*stanza.Stanza {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent
}
