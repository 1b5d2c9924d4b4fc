//go:build integration

package store

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/store/internal/stream"
)

// What a copy refuses, with the reason; neither side is changed by that.
func TestCopyRefused(t *testing.T) {
	t.Parallel()
	n := natsserver.Start(t, natsserver.Options{MaxStore: "100GB"})
	at := func(place string) Options { return copyOptions(n.URL(), place) }
	refused := func(from, to Options, want string) {
		t.Helper()
		if _, err := Copy(t.Context(), from, to, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	has := func(o Options, want int) {
		t.Helper()
		s := openCopy(t, o)
		defer s.Close()
		if got, err := s.Queues().Waiting(t.Context()); err != nil || got != uint64(want) {
			t.Errorf("%d events, not %d: %v", got, want, err)
		}
	}
	fill := func(o Options, n int) *Store {
		t.Helper()
		s := openCopy(t, o)
		q, err := s.Queues().Open(t.Context(), "echo")
		must(t, err)
		appendTo(t, q, 0, n)
		return s
	}
	dir, dirUsed := at(t.TempDir()), at(t.TempDir())
	fill(dir, 5).Close()

	// Sides that are in use.
	used, usedNATS := fill(dirUsed, 3), fill(at("used"), 3)
	stop, err := usedNATS.Outbox().Consume(t.Context(), "bot.example.com", func(*OutgoingDelivery) {})
	must(t, err)
	refused(dirUsed, at("x"), "another stanzahook is using this directory; stop it first")
	refused(at("used"), at(t.TempDir()), "another stanzahook is using it; stop it first")
	refused(dir, at("used"), "another stanzahook is using it; stop it first")
	stop()
	usedNATS.Close()

	// A standby uses no stream, and takes over when the copy is under way.
	on := at("used").NATS
	board, err := OpenBoard(t.Context(), *on, 1<<30, zap.NewNop(), func([]byte) {})
	must(t, err)
	standby := replica.Join(board, replica.Options{About: replica.About{Replica: "b"}, Failover: time.Second})
	refused(at("used"), at(t.TempDir()), "a replica of stanzahook is running")
	refused(dir, at("used"), "a replica of stanzahook is running")
	standby.Release(t.Context())
	board.Close()
	used.Close()

	// A source that is none.
	refused(at(t.TempDir()), at("x"), "there is no store")
	refused(at(filepath.Join(t.TempDir(), "none")), at("x"), "there is no store")
	refused(at("none"), at(t.TempDir()), "there is no store")

	// Targets that are not empty.
	refused(dir, at("used"), "not empty: it has 3 events")
	refused(at("used"), dir, "not empty: it has 5 events")
	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, "letter"), nil, 0o600))
	refused(at("used"), at(other), "something else in it: letter")

	// A target with too little room.
	little := at("little")
	little.OutboxCount = 1
	s := openCopy(t, dir)
	for _, id := range []string{"a", "b"} {
		must(t, s.Outbox().Put(t.Context(), Outgoing{ID: id, Component: "bot.example.com", Stanza: "<message/>"}))
	}
	s.Close()
	refused(dir, little, "there are 2 stanzas in the outbox, and 1 may be there")

	// Copies that were begun.
	half := func(from, to Options, until string) {
		t.Helper()
		c := copier{page: 2, reached: func(point string) error {
			if point == until {
				return os.ErrDeadlineExceeded
			}
			return nil
		}}
		if _, err := c.run(t.Context(), from, to); err == nil {
			t.Fatal("the copy was not broken off")
		}
	}
	half(dir, at("half"), "filled")
	refused(dirUsed, at("half"), "it is a copy of another store, of "+dir.Dir)
	refused(at("half"), at(t.TempDir()), "not finished")
	s = fill(dir, 1) // meanwhile an instance runs on the source
	s.Close()
	refused(dir, at("half"), "the source has changed since the copy was begun: events")

	// Somebody writes into a copy that was begun.
	half(dirUsed, at("foreign"), "filled")
	writeInto(t, at("foreign"), func(s *Store) {
		must(t, s.queues.recent.st.Open(t.Context()))
		_, err := s.queues.appendNow("event.echo.x", []byte("foreign"))
		must(t, err)
	})
	refused(dirUsed, at("foreign"), "remove the target, and begin anew")

	// A copy that a newer version has begun, in a directory, too.
	newer := at(t.TempDir())
	half(at("used"), newer, "filled")
	writeInto(t, newer, func(s *Store) {
		mark, err := s.begun(t.Context())
		must(t, err)
		mark.Format++
		data, err := json.Marshal(mark)
		must(t, err)
		_, err = s.copyStream().Put(t.Context(), &stream.Message{Subject: markSubject, Data: data})
		must(t, err)
	})
	refused(at("used"), newer, "a newer version of stanzahook has begun a copy into it")

	has(dir, 6)
	has(dirUsed, 3)
	has(at("used"), 3)
}

// writeInto does something to a store that is a copy, or none.
func writeInto(t *testing.T, o Options, do func(s *Store)) {
	t.Helper()
	must(t, o.complete())
	s := &Store{o: o, log: o.Log}
	var err error
	if o.NATS != nil {
		s.srv, err = stream.Connect(t.Context(), o.NATS.remote(nil), stream.Options{MaxBytes: o.MaxBytes, MaxRecordBytes: minRecord, Log: o.Log})
	} else {
		s.srv, err = stream.Start(stream.Options{Dir: o.Dir, MaxBytes: o.MaxBytes, MaxRecordBytes: minRecord, Log: o.Log})
	}
	must(t, err)
	defer s.srv.Stop()
	s.define()
	do(s)
}
