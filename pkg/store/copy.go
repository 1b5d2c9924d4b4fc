package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

const copyPage = 256 // records that are copied before the mark is written

// Copied is what was copied of one kind of records, with a count on both sides.
type Copied struct {
	What           string
	Source, Target uint64
}

// Copy copies a store into an empty one: a directory to NATS, or the other way. No process
// may use either of them. onProgress, which may be nil, is called now and then.
//
// Records keep their order; their places, and the times from which they age, are new ones.
//
// Killed at any point, or after an error: the target has a part of the records, and a mark
// that says how far the copy is. No process opens such a store; the same Copy goes on.
// The source is as the end of a process leaves it.
//
// Errors say what is wrong with which side, and what to do.
func Copy(ctx context.Context, from, to Options, onProgress func(done, total uint64)) ([]Copied, error) {
	c := copier{page: copyPage, onProgress: onProgress}
	return c.run(ctx, from, to)
}

// copier is one run of a copy.
type copier struct {
	page       int
	onProgress func(done, total uint64)
	reached    func(point string) error // of tests; nil: none

	from, to *Store
	mark     copyMark
	seen     map[string]bool // ids in the target of a part whose ids are unique
	done     uint64
}

func (c *copier) run(ctx context.Context, from, to Options) ([]Copied, error) {
	for _, o := range []*Options{&from, &to} {
		if err := o.complete(); err != nil {
			return nil, err
		}
	}
	c.from = &Store{o: from, log: from.Log}
	c.from.admit = c.admitSource
	if err := c.from.openAlone(ctx, false); err != nil {
		return nil, fmt.Errorf("the source, %s: %w", from.place(), err)
	}
	defer c.from.closeAlone()
	if err := c.begin(ctx); err != nil {
		return nil, fmt.Errorf("the source, %s: %w", from.place(), err)
	}
	c.to = &Store{o: to, log: to.Log}
	c.to.admit = c.admitTarget
	if err := c.to.openAlone(ctx, true); err != nil {
		return nil, fmt.Errorf("the target, %s: %w", to.place(), err)
	}
	defer c.to.closeAlone()
	source, target := c.from.parts(), c.to.parts()
	for i := range source {
		if c.mark.Parts[i].Done {
			c.done += c.mark.Parts[i].Print.Records
			continue
		}
		if err := c.copy(ctx, &source[i], &target[i], &c.mark.Parts[i]); err != nil {
			return nil, fmt.Errorf("copy the %s: %w", source[i].about, err)
		}
	}
	return c.end(ctx, source, target)
}

// begin ends what the process before has left undone, and looks what there is to copy.
func (c *copier) begin(ctx context.Context) error {
	for _, endpoint := range c.from.queues.Unclaimed() {
		if _, err := c.from.queues.Open(ctx, endpoint); err != nil {
			return err
		}
	}
	state, err := c.from.queues.recent.st.State(ctx)
	if err != nil {
		return err
	}
	c.mark = copyMark{Format: copyFormat, Source: c.from.o.place(), Made: state.Made, Began: time.Now()}
	for _, p := range c.from.parts() {
		is, err := p.print(ctx)
		if err != nil {
			return err
		}
		c.mark.Parts = append(c.mark.Parts, partMark{Name: p.name, Print: is})
	}
	return nil
}

// copy copies a part, from where its mark says.
func (c *copier) copy(ctx context.Context, from, to *part, m *partMark) error {
	if err := c.resume(ctx, from, to, m); err != nil {
		return err
	}
	state, err := to.st.State(ctx)
	if err != nil {
		return err
	}
	for last := state.Last; ; {
		page, err := from.st.Read(ctx, from.filter(), m.From+1, c.page)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		var list []stream.Message
		for i := range page {
			msg, ok := to.message(from, &page[i])
			switch {
			case !ok:
				m.Empty++
			case to.once && msg.ID != "" && c.seen[msg.ID]: // it would be sent once in any case
				m.Empty++
			default:
				list = append(list, msg)
				if to.once {
					c.seen[msg.ID] = true
				}
			}
		}
		if last, err = to.st.Fill(ctx, list, last); err != nil {
			if errors.Is(err, gateway.ErrFull) {
				err = fmt.Errorf("the target is full: %w; make room, and run the same command again", err)
			}
			return err
		}
		if err := c.at("filled"); err != nil {
			return err
		}
		m.From, m.To, m.Copied = page[len(page)-1].Seq, last, m.Copied+uint64(len(list))
		c.done += uint64(len(page))
		if err := c.note(ctx); err != nil {
			return err
		}
	}
	m.Done = true
	return c.note(ctx)
}

// resume goes over the records that were copied and not marked as such: the process was
// killed between.
func (c *copier) resume(ctx context.Context, from, to *part, m *partMark) error {
	c.done += m.Copied + m.Empty
	c.seen = make(map[string]bool)
	for at := uint64(1); to.once; {
		page, err := to.st.Read(ctx, to.filter(), at, c.page)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			if msg, ok := to.st.Message(&page[i]); ok {
				c.seen[msg.ID] = true
			}
			at = page[i].Seq + 1
		}
	}
	return c.over(ctx, from, to, m)
}

// over moves the mark over what the target has behind it.
func (c *copier) over(ctx context.Context, from, to *part, m *partMark) error {
	for {
		page, err := to.st.Read(ctx, to.filter(), m.To+1, 1)
		if err != nil || len(page) == 0 {
			return err
		}
		r := &page[0]
		for {
			source, err := from.st.Read(ctx, from.filter(), m.From+1, 1)
			if err != nil {
				return err
			}
			if len(source) == 0 {
				return fmt.Errorf("the target has a record that was not copied, at place %d: %w; remove the target, and begin anew", r.Seq, stream.ErrForeign)
			}
			m.From = source[0].Seq
			c.done++
			if msg, ok := to.message(from, &source[0]); ok && msg.Is(r) {
				break
			} else if ok && !(to.once && c.seen[msg.ID]) {
				return fmt.Errorf("the target has another record than the source, at place %d: %w; remove the target, and begin anew", r.Seq, stream.ErrForeign)
			}
			m.Empty++
		}
		m.To, m.Copied = r.Seq, m.Copied+1
	}
}

// end counts both sides, and makes the copy a store.
//
// Killed before it returns: the copy is still marked as one, and ends the same way.
func (c *copier) end(ctx context.Context, source, target []part) ([]Copied, error) {
	var all []Copied
	for i := range source {
		m := &c.mark.Parts[i]
		is, err := source[i].print(ctx)
		if err != nil {
			return nil, err
		}
		if !source[i].same(m.Print, is) {
			return nil, fmt.Errorf("the source, %s, has changed meanwhile: %s; stop whatever uses it, remove the target, and begin anew", c.mark.Source, source[i].about)
		}
		has, err := target[i].print(ctx)
		if err != nil {
			return nil, err
		}
		if has.Records != m.Copied && !(target[i].ages && has.Records < m.Copied) {
			return nil, fmt.Errorf("%d %s were copied, and the target has %d; remove the target, and begin anew", m.Copied, source[i].about, has.Records)
		}
		all = append(all, Copied{source[i].about, m.Copied, has.Records})
	}
	if err := c.at("counted"); err != nil {
		return nil, err
	}
	if c.to.o.NATS == nil {
		syscall.Sync() // all is on the disk before it counts as a store
	}
	if err := c.to.copyStream().Remove(ctx); err != nil {
		return nil, fmt.Errorf("end the copy: %w", err)
	}
	c.to.log.Debug("store copied", zap.String("from", c.mark.Source))
	return all, nil
}

// at tells a test where the copy is.
func (c *copier) at(point string) error {
	if c.reached == nil {
		return nil
	}
	return c.reached(point)
}
