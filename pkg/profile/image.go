package profile

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // XEP-0084 and XEP-0153 identify avatars by it
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// Bounds of an avatar. In base64, as it is sent, MaxAvatar is 137 kB: servers take stanzas of
// 256 KiB. From LargeAvatar on some clients do not load it.
const (
	MaxAvatar   = 100 << 10
	LargeAvatar = 64 << 10
	MaxPixels   = 512 // of either side
	// maxScans bounds those of a JPEG: a progressive one has some ten. One of a few bytes takes as
	// long as the whole image.
	maxScans = 100
)

// Avatar describes an image.
type Avatar struct {
	ID     string `json:"id"`   // SHA-1 in hex (XEP-0084 section 3.1)
	Type   string `json:"type"` // media type, from its content
	Bytes  int    `json:"bytes"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Doubt says why not every client shows an avatar; empty: all do.
func (a *Avatar) Doubt() string {
	if a.Bytes <= LargeAvatar {
		return ""
	}
	return fmt.Sprintf("its avatar has %d bytes: some clients do not load more than %d (64 KiB)", a.Bytes, LargeAvatar)
}

// format is one kind of image.
type format struct {
	media, begins string
	config        func(io.Reader) (image.Config, error)
	decode        func(io.Reader) (image.Image, error)
	end           func([]byte) int // where the image ends; 0: it does not
}

var formats = [...]format{
	{"image/png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, endOfPNG},
	{"image/jpeg", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode, endOfJPEG},
	{"image/gif", "GIF8", gif.DecodeConfig, gif.Decode, endOfGIF},
	{"image/webp", "RIFF", webp.DecodeConfig, webp.Decode, endOfWebP},
}

// ReadAvatar checks an image, whatever it is said to be: it is a whole PNG, JPEG, GIF or
// WebP and nothing besides, within the bounds. Errors say what to do.
func ReadAvatar(data []byte) (*Avatar, error) {
	if len(data) == 0 {
		return nil, errors.New("is empty; give a PNG, JPEG, GIF or WebP")
	}
	if len(data) > MaxAvatar {
		return nil, fmt.Errorf("has more than %d bytes (100 KiB); make it smaller", MaxAvatar)
	}
	for _, f := range formats {
		if bytes.HasPrefix(data, []byte(f.begins)) {
			return f.read(data)
		}
	}
	return nil, errors.New("is no PNG, JPEG, GIF or WebP; clients show no other images")
}

func (f *format) read(data []byte) (*Avatar, error) {
	// The size comes before the pixels: a small file can have many of them.
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("is no %s that can be read: %w", f.media, err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxPixels || c.Height > MaxPixels {
		return nil, fmt.Errorf("has %d x %d pixels; make it smaller, at most %d x %d", c.Width, c.Height, MaxPixels, MaxPixels)
	}
	if n := bytes.Count(data, []byte("\xff\xda")); f.media == "image/jpeg" && n > maxScans { // wherever a decoder may find them
		return nil, fmt.Errorf("has %d scans, at most %d are taken; save the image again", n, maxScans)
	}
	if _, err := f.decode(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("is no whole %s: %w", f.media, err)
	}
	switch end := f.end(data); {
	case end == 0:
		return nil, fmt.Errorf("is no whole %s: its end is missing", f.media)
	case end < len(data):
		return nil, fmt.Errorf("has %d bytes behind the end of the image, which may be another file; save the image again", len(data)-end)
	}
	return &Avatar{ID: AvatarID(data), Type: f.media, Bytes: len(data), Width: c.Width, Height: c.Height}, nil
}

// AvatarID returns the id of an image.
func AvatarID(data []byte) string {
	sum := sha1.Sum(data) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}
