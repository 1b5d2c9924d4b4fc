package refusal

import (
	"errors"
	"fmt"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
)

// Each problem has its line, and what is no mistake stays what it is.
func TestRefusals(t *testing.T) {
	problems := config.Problems{{Key: "url", Text: "is missing"}, {Key: "batch", Text: "is 0"}}
	wrong, ok := errors.AsType[*v1.WrongEndpoint](OfPut(&config.Mistakes{Problems: problems, Forbidden: true}))
	if !ok || !wrong.Forbidden || fmt.Sprint(wrong.Problems) != "[url: is missing batch: is 0]" {
		t.Errorf("%+v", wrong)
	}
	other := errors.New("the store is full")
	if err := OfPut(other); err != other {
		t.Error(err)
	}
	core, logs := observer.New(zap.ErrorLevel)
	log := zap.New(core)
	for _, row := range []struct {
		err  error
		want string
	}{{OfReload(problems), "map[problems:[url: is missing batch: is 0]]"}, {OfReload(other), "map[problems:[the store is full]]"}, {other, "map[error:the store is full]"}} {
		Log(log, row.err)
		got := ""
		for _, e := range logs.TakeAll() {
			got += fmt.Sprint(e.Message, " ", e.ContextMap())
		}
		if want := "configuration rejected; still running with the previous one " + row.want; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
