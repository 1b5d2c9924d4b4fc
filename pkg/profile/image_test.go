package profile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/profile"
)

// pictures are an image in every format that Go can write, and another one as WebP.
func pictures(t testing.TB, width, height int) map[string][]byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White, color.Gray{99}})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.IntN(3))
	}
	var p, j, g bytes.Buffer
	require.NoError(t, png.Encode(&p, img))
	require.NoError(t, jpeg.Encode(&j, img, nil))
	require.NoError(t, gif.EncodeAll(&g, &gif.GIF{Image: []*image.Paletted{img, img}, Delay: []int{1, 1}}))
	w, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	require.NoError(t, err)
	return map[string][]byte{"image/png": p.Bytes(), "image/jpeg": j.Bytes(), "image/gif": g.Bytes(), "image/webp": w}
}

func TestReadAvatar(t *testing.T) {
	for media, data := range pictures(t, 40, 30) {
		a, err := profile.ReadAvatar(data)
		if err != nil {
			t.Errorf("%s: %v", media, err)
			continue
		}
		width, height := 40, 30
		if media == "image/webp" {
			width, height = 1, 1
		}
		if a.Type != media || a.Bytes != len(data) || a.Width != width || a.Height != height || a.ID != profile.AvatarID(data) || len(a.ID) != 40 {
			t.Errorf("%s: %+v", media, a)
		}
	}
}

// Whatever is no whole image, or more than that, is refused, and the error says why.
func TestReadAvatarRefuses(t *testing.T) {
	refused := func(what string, data []byte, want string) {
		t.Helper()
		if a, err := profile.ReadAvatar(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v %v, want %q", what, a, err, want)
		}
	}
	refused("nothing", nil, "is empty")
	refused("a page", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "is no PNG")
	refused("a file of this machine", []byte("root:x:0:0:root:/root:/bin/bash\n"), "is no PNG")
	refused("too large", make([]byte, profile.MaxAvatar+1), "more than 102400 bytes")
	refused("an archive in a container", []byte("RIFF\x04\x00\x00\x00WAVE"), "image/webp")
	for media, data := range pictures(t, 40, 30) {
		refused(media+" with an archive", append(bytes.Clone(data), "PK\x05\x06 and more ;"...), "bytes behind the end")
		refused(media+" with an end", append(bytes.Clone(data), data[len(data)-2:]...), "bytes behind the end")
		for n := 1; n < len(data); n += 1 + len(data)/97 {
			refused(media+" cut", data[:n], "is no ")
		}
	}
	for media, data := range pictures(t, 513, 1) {
		if media != "image/webp" {
			refused(media+" too wide", data, "513 x 1 pixels")
		}
	}
	// A few bytes that claim to be many pixels are refused by what they claim.
	bomb := pictures(t, 1, 1)["image/png"]
	binary.BigEndian.PutUint32(bomb[16:], 60000)
	binary.BigEndian.PutUint32(bomb[20:], 60000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	refused("a bomb", bomb, "60000 x 60000 pixels")
}

func FuzzReadAvatar(f *testing.F) {
	for _, data := range pictures(f, 3, 2) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := profile.ReadAvatar(data)
		if (a == nil) != (err != nil) {
			t.Fatalf("%+v %v", a, err)
		}
		if a != nil && (a.Width > profile.MaxPixels || a.Height > profile.MaxPixels || a.Bytes != len(data)) {
			t.Errorf("%+v", a)
		}
	})
}

// A progressive JPEG of 100 KB can have thousands of scans of a few bytes, each of which takes as
// long as the whole image.
func TestScansOfJPEG(t *testing.T) {
	ofOne := func(n int) []byte { // of 512 x 512 pixels of one component
		b := []byte("\xff\xd8\xff\xc2\x00\x0b\x08\x02\x00\x02\x00\x01\x01\x11\x00\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64))
		for _, codes := range []string{"\x00", "\x10"} {
			value := map[string]string{"\x00": "\x00", "\x10": "\xe0"}[codes] // an end of many blocks
			b = append(b, "\xff\xc4\x00\x14"+codes+"\x01"+strings.Repeat("\x00", 15)+value...)
		}
		return append(append(b, strings.Repeat("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00\x01", n)...), "\xff\xd9"...)
	}
	if a, err := profile.ReadAvatar(ofOne(100)); err != nil || a.Width != 512 {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := profile.ReadAvatar(ofOne(8000)); err == nil || !strings.Contains(err.Error(), "has 8000 scans") {
		t.Error(err)
	}
}
