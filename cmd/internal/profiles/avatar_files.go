package profiles

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/store"
)

// avatarFiles are copies of the avatars in a store in a directory: that reads 8 MiB at a time,
// and keeps them for a while, whatever an image is. What is missing or damaged is read from the
// store.
type avatarFiles struct {
	stored *store.Avatars
	dir    string // empty: there are no copies, for the store is elsewhere
	log    *zap.Logger

	repeats *loglimit.Limiter // anybody may ask for avatars while the disk is full
}

// newAvatarFiles removes the copies that are not of use.
//
// Killed meanwhile, or while a copy is written: the next process goes on, and what was not
// written whole is not used.
func newAvatarFiles(stored *store.Avatars, dir string, used map[string]int, log *zap.Logger) avatarFiles {
	f := avatarFiles{stored: stored, log: log, repeats: new(loglimit.Limiter)}
	if dir == "" {
		return f
	}
	dir = filepath.Join(dir, "avatars")
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		log.Warn("no copies of avatars in files; more memory is used", zap.Error(err))
		return f
	}
	f.dir = dir
	for _, one := range files {
		if used[one.Name()] == 0 {
			f.remove(one.Name())
		}
	}
	return f
}

// get returns an image.
func (f *avatarFiles) get(ctx context.Context, id string) ([]byte, error) {
	if f.dir != "" {
		if image, err := os.ReadFile(filepath.Join(f.dir, id)); err == nil && profile.AvatarID(image) == id {
			return image, nil
		}
	}
	image, err := f.stored.Get(ctx, id)
	if err == nil {
		f.put(id, image)
	}
	return image, err
}

// put writes the copy of an image that is in the store. An error is only logged.
func (f *avatarFiles) put(id string, image []byte) {
	if f.dir == "" {
		return
	}
	temp, err := os.CreateTemp(f.dir, "new-*")
	if err == nil {
		_, err = temp.Write(image)
		err = errors.Join(err, temp.Close())
		if err == nil {
			err = os.Rename(temp.Name(), filepath.Join(f.dir, id))
		}
		if err != nil {
			_ = os.Remove(temp.Name()) // the next process does
		}
	}
	if err != nil {
		f.repeats.Warn(f.log, "avatar not copied to a file; it is read from the store", zap.Error(err))
	}
}

// remove removes a copy; the next process does, if this one cannot.
func (f *avatarFiles) remove(id string) {
	if f.dir != "" {
		_ = os.Remove(filepath.Join(f.dir, id))
	}
}
