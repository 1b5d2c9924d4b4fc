package ejabberdapi

import (
	"errors"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/roster"
)

func TestAllowed(t *testing.T) {
	const (
		none      = `400 {"status":"error","code":-1,"message":"Invalid 'localuser'/'localserver'"}`
		forbidden = `403 {"status":"error","code":32,"message":"AccessRules: Account does not have the right to perform the operation."}`
	)
	answers := func(refused string, more map[string]string) map[string]string {
		all := map[string]string{addItem + "/v1": none, addItem: none, deleteItem: none, checkAccount: none, getRoster: none}
		for command, answer := range more {
			all[command] = answer
		}
		if refused != "" {
			all[refused] = forbidden
		}
		return all
	}
	for _, refused := range []string{"", addItem, deleteItem, checkAccount, getRoster} {
		_, b := newFake(t, answers(refused, old()))
		err := b.Allowed(t.Context(), "example.com")
		if refused == "" && err != nil || refused != "" && (!errors.Is(err, roster.ErrForbidden) || !strings.Contains(err.Error(), "may not use "+refused+";")) {
			t.Errorf("refused %q: %v", refused, err)
		}
	}
	f, b := newFake(t, answers(addItem+"/v1", nil))
	if err := b.Allowed(t.Context(), "example.com"); !errors.Is(err, roster.ErrForbidden) {
		t.Errorf("a newer server: %v", err)
	}
	for _, call := range f.calls {
		if !strings.Contains(call, `user":"@"`) {
			t.Errorf("this may change something: %s", call)
		}
	}
	_, b = newFake(t, map[string]string{addItem + "/v1": "503 "})
	if err := b.Allowed(t.Context(), "example.com"); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("a server that is away: %v", err)
	}
}
