package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"stanzahook/pkg/store/internal/stream"
)

// A process that was killed seems to use its streams until its last request has ended.
const useWait, usePause = 6 * time.Second, 100 * time.Millisecond

// place is where the store is, for people.
func (o *Options) place() string {
	if o.NATS != nil {
		return fmt.Sprintf("%s (name %s)", o.NATS.URL, o.NATS.Name)
	}
	return o.Dir
}

// openAlone opens a store for a copy: nothing in it changes by itself.
func (s *Store) openAlone(ctx context.Context, make bool) error {
	if s.o.NATS == nil {
		if err := s.lockAlone(make); err != nil {
			return err
		}
	}
	s.alone = true
	err := s.open(ctx)
	if err != nil && s.lock != nil {
		_ = s.lock.Close() // releases the lock
	}
	return err
}

// lockAlone locks the directory of a store, which is made or has to be there.
func (s *Store) lockAlone(make bool) error {
	if make {
		if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
			return fmt.Errorf("the directory cannot be made: %w", err)
		}
		files, err := os.ReadDir(s.o.Dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !slices.Contains([]string{lockName, inventoryFile, stream.Folder, "lost+found"}, f.Name()) {
				return fmt.Errorf("the directory has something else in it: %s; name an empty one", f.Name())
			}
		}
	} else if _, err := os.Stat(filepath.Join(s.o.Dir, stream.Folder)); errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no store")
	} else if err != nil {
		return err
	}
	err := ownedByUs(s.o.Dir)
	if err != nil {
		return err
	}
	if s.lock, err = lockDir(s.o.Dir); errors.Is(err, ErrLocked) {
		err = fmt.Errorf("%w; stop it first", err)
	}
	return err
}

// ownedByUs returns an error if the files of a store would belong to another user than its
// directory: the instance could not read them.
func ownedByUs(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok && int(of.Uid) != os.Geteuid() {
		return fmt.Errorf("the directory belongs to the user with the id %d; run the command as that user (sudo -u '#%d' …)", of.Uid, of.Uid)
	}
	return nil
}

func (s *Store) closeAlone() {
	if s.o.NATS == nil {
		ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
		defer cancel()
		writeInventory(ctx, s.srv, s.o.Dir, s.log)
	}
	s.srv.Stop()
	if s.lock != nil {
		_ = s.lock.Close() // releases the lock
	}
}

// admitSource looks whether there is a store, and no process uses it.
func (c *copier) admitSource(ctx context.Context) error {
	there, err := c.from.srv.Stream(recentConfig(&c.from.o)).Exists(ctx)
	if err == nil && !there {
		there, err = c.from.hasEarlier(ctx)
	}
	if err == nil && !there {
		err = errors.New("there is no store")
	}
	if err == nil {
		err = c.from.refuseBegun(ctx)
	}
	if err == nil {
		err = c.from.unused(ctx)
	}
	return err
}

// unused returns an error if a process uses streams on NATS. A directory is locked by its
// process.
func (s *Store) unused(ctx context.Context) error {
	if s.o.NATS == nil {
		return nil
	}
	if heard, err := s.srv.Heard(ctx, replicasSubject, s.o.NATS.beat()); err != nil {
		return err
	} else if heard {
		return errors.New("a replica of stanzahook is running, and may use it; stop all of them first")
	}
	there, err := s.srv.Stream(outboxConfig(&s.o)).Exists(ctx)
	if err != nil || !there {
		return err
	}
	free := 0 // times in a row: between two requests of a process there is none
	for began := time.Now(); free < 2; pause(ctx, usePause) {
		used, err := s.srv.InUse(ctx, outboxName)
		switch {
		case err != nil:
			return err
		case !used:
			free++
		case time.Since(began) > useWait:
			return errors.New("another stanzahook is using it; stop it first")
		default:
			free = 0
		}
	}
	return ctx.Err()
}

// fits looks whether the target has room for all records, and the disk for those that are not
// copied yet.
func (c *copier) fits() error {
	type load struct {
		bytes, records int64
		about          string
	}
	loads := make(map[*stream.Stream]*load)
	all, left := int64(0), uint64(0)
	for i, p := range c.to.parts() {
		m := &c.mark.Parts[i]
		is := m.Print
		left += uint64(is.bytes) / max(1, is.Records) * (is.Records - min(is.Records, m.Copied+m.Empty))
		l := loads[p.st]
		if l == nil {
			l = &load{about: p.about}
			loads[p.st] = l
		}
		l.bytes, l.records, all = l.bytes+is.bytes, l.records+int64(is.Records), all+is.bytes
	}
	for st, l := range loads {
		switch bytes, records := st.Bounds(); {
		case bytes > 0 && l.bytes > bytes:
			return fmt.Errorf("the %s take %d MiB, and may take %d there; raise store.max_bytes, and what bounds them, in the configuration", l.about, l.bytes>>20+1, bytes>>20)
		case records > 0 && l.records > records:
			return fmt.Errorf("there are %d %s, and %d may be there; raise their bound in the configuration", l.records, l.about, records)
		}
	}
	if free, keep := c.to.disk.room(); all > c.to.o.MaxBytes || left > free-min(free, keep) {
		return fmt.Errorf("the records take %d MiB, store.max_bytes is %d MiB, and the disk has %d MiB left", all>>20, c.to.o.MaxBytes>>20, free>>20)
	}
	return nil
}
