//go:build integration

package privilege_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/privilege"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// On servers that show a component the presence of all users, that presence is
// kept from what comes behind the keeper; presence for a bot is not.
func TestManagedPresence(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := harness.StartServer(t, lab.Options{Kind: kind, Users: map[string]string{"juliet": "pw", "romeo": "pw"}, Components: []lab.Component{{Domain: "bots.localhost", Secret: "secret", Privileged: true}}})
		var mu sync.Mutex
		var seen, passed []string
		note := func(list *[]string) component.HandlerFunc {
			return func(in *component.Incoming) bool {
				mu.Lock()
				defer mu.Unlock()
				*list = append(*list, fmt.Sprintf("%s %s %s → %s", in.Kind, in.Type, in.From, in.To))
				return false
			}
		}
		l := component.New(component.Options{Domain: jid.MustParse("bots.localhost"), Addr: s.ComponentAddr(), Secret: secret.New("secret"),
			Handler: component.Chain{note(&seen), &privilege.Keeper{Log: zap.NewNop()}, note(&passed)}})
		componenttest.Run(t, l)
		require.NoError(t, l.WaitConnected(ctx))
		wait := func(what string, list *[]string, want string) {
			t.Helper()
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
				mu.Lock()
				for _, x := range *list {
					if x == want {
						mu.Unlock()
						return
					}
				}
				if time.Now().After(deadline) {
					defer mu.Unlock()
					t.Fatalf("%s: no %q; seen %q, passed %q", what, want, seen, passed)
				}
				mu.Unlock()
			}
		}
		wait("the advertisement", &seen, "message  localhost → bots.localhost")
		juliet := harness.Login(t, s, "juliet")
		wait("managed presence", &seen, "presence  juliet@localhost/test → bots.localhost")
		juliet.Send("<presence to='echo@bots.localhost'/><message to='echo@bots.localhost' type='chat'><privilege xmlns='urn:xmpp:privilege:2'><perm access='presence' type='none'/></privilege></message>")
		wait("presence for a bot", &passed, "presence  juliet@localhost/test → echo@bots.localhost")
		wait("a user's own advertisement", &seen, "message chat juliet@localhost/test → echo@bots.localhost")
		harness.Login(t, s, "romeo")
		wait("managed presence", &seen, "presence  romeo@localhost/test → bots.localhost")
		mu.Lock()
		defer mu.Unlock()
		for _, x := range passed {
			if x != "presence  juliet@localhost/test → echo@bots.localhost" {
				t.Errorf("reached endpoints: %s", x)
			}
		}
	})
}

// Both servers advertise from the host whose users it is about. That host is believed
// where it is the component's parent domain, and where it is named.
func TestBelieved(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		domains := []string{"bots.localhost", "more.bots.localhost"}
		o := lab.Options{Kind: kind, Users: map[string]string{"me": "pw", "user": "pw"}}
		for _, d := range domains {
			o.Components = append(o.Components, lab.Component{Domain: d, Secret: "secret", Privileged: true})
		}
		s := harness.StartServer(t, o)
		for _, d := range domains {
			k := &privilege.Keeper{Log: zap.NewNop()}
			advertised := make(chan struct{}, 10)
			l := component.New(component.Options{Domain: jid.MustParse(d), Addr: s.ComponentAddr(), Secret: secret.New("secret"),
				Handler: component.HandlerFunc(func(in *component.Incoming) bool {
					taken := k.Handle(in)
					if in.ClaimsPrivilege() {
						select {
						case advertised <- struct{}{}:
						default: // refused messages come back with what they claimed
						}
					}
					return taken
				})})
			componenttest.Run(t, l)
			select {
			case <-advertised:
			case <-ctx.Done():
				t.Fatalf("%s: no advertisement", d)
			}
			if got, want := k.Granted("localhost").MaySend(), d == "bots.localhost"; got != want {
				t.Errorf("%s: granted %v, want %v", d, got, want)
			}
			if d == "bots.localhost" {
				m := &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: l.Domain()}}, Deliver: deliver(l)}
				for range 50 { // the server refuses a full address, and says so before the confirmation
					if done, err := m.Send(ctx, chat("me@localhost/desk", "refused")); done || err == nil || !strings.Contains(err.Error(), "forbidden") {
						t.Fatalf("%v %v", done, err)
					}
				}
			}
			k.SetHosts([]string{"localhost"})
			if !k.Granted("localhost").MaySend() {
				t.Errorf("%s: what the host said does not count when it is named", d)
			}
		}
	})
}
