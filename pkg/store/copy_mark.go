package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// copyFormat is the format of a copy's mark. A version that does not know it leaves the
// target alone.
const copyFormat = 2

const markSubject = "copy.mark"

// copyMark says in the target how far a copy is. The target is no store while it has one.
type copyMark struct {
	Format int        `json:"format"`
	Source string     `json:"source"` // for people
	Made   time.Time  `json:"made"`   // the source
	Began  time.Time  `json:"began"`
	Parts  []partMark `json:"parts"`

	revision uint64
}

// partMark is how far the copy of a part is.
type partMark struct {
	Name   string `json:"name"`
	Print  print  `json:"print"`  // of the source
	From   uint64 `json:"from"`   // up to this place of the source it is copied
	To     uint64 `json:"to"`     // the place of that in the target
	Copied uint64 `json:"copied"` // records
	Empty  uint64 `json:"empty"`  // records of the source that stand for none
	Done   bool   `json:"done"`
}

func (s *Store) copyStream() *stream.Stream {
	return s.srv.Stream(stream.Config{Name: "COPY", About: "mark of a copy that is not finished", Subjects: "copy.*", MaxPerSubject: 1})
}

// begun returns the mark of a copy into the store that was not finished; nil: there is none.
func (s *Store) begun(ctx context.Context) (*copyMark, error) {
	st := s.copyStream()
	if there, err := st.Exists(ctx); err != nil || !there {
		return nil, err
	}
	r, err := st.Last(ctx, markSubject)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, nil // killed before it wrote anything
	}
	if err != nil {
		return nil, fmt.Errorf("read the mark of a copy: %w", err)
	}
	m := &copyMark{revision: r.Seq}
	if err := json.Unmarshal(r.Data, m); err != nil {
		return nil, fmt.Errorf("read the mark of a copy: %w", err)
	}
	return m, nil
}

// refuseBegun returns an error if the store is a copy that was not finished.
func (s *Store) refuseBegun(ctx context.Context) error {
	m, err := s.begun(ctx)
	if err != nil || m == nil {
		return err
	}
	return fmt.Errorf("a copy of %s into it was begun at %s and not finished; run the same \"stanzahook store copy\" again, or remove it", m.Source, m.Began.UTC().Format(time.RFC3339))
}

// admitTarget looks whether the target is empty, or is the copy that was begun, and marks
// it as a copy.
func (c *copier) admitTarget(ctx context.Context) error {
	was, err := c.to.begun(ctx)
	if err == nil {
		err = c.to.unused(ctx)
	}
	if err != nil {
		return err
	}
	if was != nil {
		if err := c.goOn(was); err != nil {
			return err
		}
	} else if err := c.to.isEmpty(ctx); err != nil {
		return err
	}
	if err := c.fits(); err != nil {
		return err
	}
	openCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := c.to.copyStream().Open(openCtx); err != nil {
		return err
	}
	return c.note(ctx)
}

// goOn takes over the mark of the process before.
func (c *copier) goOn(was *copyMark) error {
	switch {
	case was.Format > copyFormat:
		return fmt.Errorf("a newer version of stanzahook has begun a copy into it; go on with that version, or remove it")
	case !was.Made.Equal(c.mark.Made):
		return fmt.Errorf("it is a copy of another store, of %s, that was not finished; go on with that, or remove it", was.Source)
	case was.Format < copyFormat, len(was.Parts) != len(c.mark.Parts):
		return fmt.Errorf("another version of stanzahook has begun the copy; go on with that version, or remove it")
	}
	source := c.from.parts()
	for i := range was.Parts {
		if was.Parts[i].Name != source[i].name {
			return fmt.Errorf("another version of stanzahook has begun the copy; go on with that version, or remove it")
		}
		if !source[i].same(was.Parts[i].Print, c.mark.Parts[i].Print) {
			return fmt.Errorf("the source has changed since the copy was begun: %s; remove it, and begin anew", source[i].about)
		}
		was.Parts[i].Print.bytes = c.mark.Parts[i].Print.bytes
	}
	c.mark = *was
	return nil
}

// note writes the mark.
func (c *copier) note(ctx context.Context) error {
	data, err := json.Marshal(&c.mark)
	if err != nil {
		return err
	}
	c.mark.revision, err = c.to.copyStream().Replace(ctx, &stream.Message{Subject: markSubject, Data: data}, c.mark.revision)
	if errors.Is(err, gateway.ErrChanged) {
		return errors.New("another \"stanzahook store copy\" writes into the target")
	}
	if err != nil {
		return fmt.Errorf("write the mark of the copy: %w", err)
	}
	if c.onProgress != nil {
		total := uint64(0)
		for i := range c.mark.Parts {
			total += c.mark.Parts[i].Print.Records
		}
		c.onProgress(min(c.done, total), total)
	}
	return c.at("noted")
}

// isEmpty returns an error if the store has records.
func (s *Store) isEmpty(ctx context.Context) error {
	earlier, err := s.hasEarlier(ctx)
	if err == nil && earlier {
		err = errors.New("it has the queues of an earlier version; name another one, or remove it")
	}
	if err != nil {
		return err
	}
	for _, p := range s.parts() {
		there, err := p.st.Exists(ctx)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		is, err := p.print(ctx)
		if err != nil {
			return err
		}
		if is.Records > 0 {
			return fmt.Errorf("it is not empty: it has %d %s; name another one, or remove it", is.Records, p.about)
		}
	}
	return nil
}

// hasEarlier reports whether the store has queues of the earlier layout.
func (s *Store) hasEarlier(ctx context.Context) (has bool, err error) {
	if s.o.NATS != nil {
		return false, nil
	}
	for name, err := range s.srv.Names(ctx) {
		if err != nil {
			return false, fmt.Errorf("list the streams: %w", err)
		}
		has = has || strings.HasPrefix(name, earlierPrefix)
	}
	return has, nil
}
