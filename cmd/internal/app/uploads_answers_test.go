package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
	"stanzahook/pkg/webhook"
)

// A person who makes a bot fetch what comes slowly leaves places to the others whom the endpoint
// answers.
func TestSlowFilesOfOnePerson(t *testing.T) {
	asked, end := make(chan string, 10), make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		<-end
	}))
	t.Cleanup(source.Close)
	client := outbound.NewClient(outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), outbound.ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	a := &App{stopping: ctx, uploads: upload.New(upload.Options{
		Components: map[string]upload.Settings{"bot.example.com": {MaxBytes: 1 << 20, Spool: 1 << 20, Timeout: time.Hour, Concurrency: 8, Clients: upload.Clients{Put: client, Fetch: client}}},
		Service: func(context.Context, string) (upload.Service, error) {
			return upload.Service{JID: jid.MustParse("upload.example.com")}, nil
		},
		Request: func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			return nil, errors.New("none is asked for")
		},
	})}
	files := a.filesOf(&webhook.Endpoint{Name: "mirror", Hosts: []string{"example.com"}})
	fetch := func(from string) error {
		s := stanza.Must(stanza.Parse("<message from='"+from+"' to='mirror@bot.example.com'><body>x</body></message>", stanza.Limits{}))
		_, err := files(&webhook.Event{Stanza: s}, message.FileWish{Fetch: source.URL + "/" + from})
		return err
	}
	var all sync.WaitGroup
	begin := func(from string) {
		all.Go(func() { _ = fetch(from) }) // it ends with the process
		select {
		case <-asked:
		case <-time.After(time.Minute):
			t.Errorf("nothing is fetched for %s", from)
		}
	}
	for range 2 {
		begin("mallory@example.com/x")
	}
	if _, later := errors.AsType[*webhook.NotNow](fetch("mallory@example.com/y")); !later {
		t.Error("a third one at a time is fetched")
	}
	begin("alice@example.com/x")
	begin("bob@example.com/x")
	cancel()
	close(end)
	all.Wait()
}
