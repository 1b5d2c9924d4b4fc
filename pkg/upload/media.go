package upload

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime"
	"net/http"

	"golang.org/x/image/webp"
)

// unknownType is that of a file of which nothing is known.
const unknownType = "application/octet-stream"

// sniffBytes is what http.DetectContentType looks at.
const sniffBytes = 512

// typeOf returns the media type of a file without parameters: the given one, or what its
// first bytes look like.
func typeOf(given string, head []byte) string {
	media, _, err := mime.ParseMediaType(given)
	if err == nil && media != unknownType && len(media) <= 100 {
		return media
	}
	media, _, _ = mime.ParseMediaType(http.DetectContentType(head))
	return media
}

// dimensions returns the size of an image, as far as its first bytes tell it.
func dimensions(media string, first []byte) (width, height int64) {
	decode, ok := map[string]func(io.Reader) (image.Config, error){
		"image/png": png.DecodeConfig, "image/jpeg": jpeg.DecodeConfig, "image/gif": gif.DecodeConfig, "image/webp": webp.DecodeConfig,
	}[media]
	if !ok {
		return 0, 0
	}
	c, err := decode(bytes.NewReader(first))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return 0, 0
	}
	return int64(c.Width), int64(c.Height)
}
