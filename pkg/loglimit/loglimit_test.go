package loglimit_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/loglimit"
)

func lines(logs *observer.ObservedLogs) (out []string) {
	for _, e := range logs.TakeAll() {
		line := e.Level.String() + " " + e.Message
		for _, f := range e.Context {
			switch f.Type {
			case zapcore.Int64Type:
				line += fmt.Sprintf(" %s=%d", f.Key, f.Integer)
			case zapcore.StringType:
				line += " " + f.Key + "=" + f.String
			}
		}
		out = append(out, line)
	}
	return out
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		log := zap.New(core)
		var l loglimit.Limiter
		check := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := lines(logs); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		for i := range 2000 {
			l.Warn(log, "a stanza is refused", zap.String("from", fmt.Sprint("u", i)))
		}
		l.Error(log, "another")
		check("at once", "warn a stanza is refused from=u0", "error another")
		time.Sleep(time.Minute)
		check("after a minute", "warn a stanza is refused from=u1999 repeated=1999")
		l.Warn(log, "a stanza is refused", zap.String("from", "v"))
		l.Error(log, "another")
		check("what had a minute of quiet is new", "error another")
		time.Sleep(time.Minute)
		check("after two minutes", "warn a stanza is refused from=v repeated=1")
		time.Sleep(10 * time.Minute)
		check("nothing more came")
		l.Warn(log, "a stanza is refused", zap.String("from", "w"))
		check("a new one", "warn a stanza is refused from=w")
		time.Sleep(time.Minute)
	})
}

// What a Limiter keeps is bounded, whatever the keys are.
func TestLimiterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		var l loglimit.Limiter
		for i := range 10_000 {
			l.Log(zap.New(core), zapcore.InfoLevel, fmt.Sprint(i), "request", zap.Int("n", i))
		}
		if n := len(lines(logs)); n != 101 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := lines(logs); len(got) != 1 || got[0] != "info request n=9999 repeated=9899" {
			t.Errorf("%q", got)
		}
		time.Sleep(time.Minute)
	})
}

// Repeated counts without fields, for messages of which there are many; the report has those
// of an earlier one.
func TestRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		log := zap.New(core)
		var l loglimit.Limiter
		for i := range 5 {
			if l.Repeated(log, zapcore.InfoLevel, "request") != (i > 0) {
				t.Errorf("%d is wrong", i)
			}
			if i == 0 {
				l.Log(log, zapcore.InfoLevel, "request", "request", zap.Int("n", i))
			}
		}
		for range 2 {
			time.Sleep(time.Minute)
			synctest.Wait()
			l.Repeated(log, zapcore.InfoLevel, "request")
		}
		if got := lines(logs); !slices.Equal(got, []string{"info request n=0", "info request n=0 repeated=4", "info request n=0 repeated=1"}) {
			t.Errorf("%q", got)
		}
		if !l.Repeated(log, zapcore.DebugLevel, "other") {
			t.Error("what is not logged need not be made")
		}
		debug, _ := observer.New(zapcore.DebugLevel)
		if l.Repeated(zap.New(debug), zapcore.InfoLevel, "request") {
			t.Error("at level debug every occurrence is logged")
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestLimiterAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		var l loglimit.Limiter
		for range 3 {
			l.Warn(zap.New(core), "again")
		}
		if got := lines(logs); !slices.Equal(got, []string{"warn again", "debug again", "debug again"}) {
			t.Errorf("%q", got)
		}
		time.Sleep(2 * time.Minute)
	})
}
