package component_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// quiet is what a test server of an example reports to.
type quiet struct{ testing.TB }

func (quiet) Helper()                      {}
func (quiet) Logf(string, ...any)          {}
func (quiet) Errorf(f string, args ...any) { fmt.Printf(f, args...) }
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// A component that answers each message with its text. In place of a real server there
// is one of package componenttest.
func ExampleNew() {
	server := componenttest.Start(quiet{}, "127.0.0.1:0", "bot.example.com", "secret")
	defer server.Close()

	link := component.New(component.Options{
		Domain: jid.MustParse("bot.example.com"), Addr: server.Addr(), Secret: secret.New("secret"),
		Handler: component.HandlerFunc(func(in *component.Incoming) bool {
			body, ok := in.Body()
			if !ok || !in.MayBounce() {
				return false
			}
			answer, err := stanza.Chat(in.To, in.From, in.ID, "You said: "+body)
			if err == nil {
				in.Answer(answer)
			}
			return true
		}),
	})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { link.Run(ctx) })
	defer wg.Wait()
	defer stop()

	server.WaitConnected(1)
	server.Send("<message from='u@example.com/r' to='echo@bot.example.com' type='chat' id='1'><body>hello</body></message>")
	fmt.Println(server.ExpectID("1").XML())
	// Output: <message type='chat' id='1' from='echo@bot.example.com' to='u@example.com/r'><body>You said: hello</body></message>
}
