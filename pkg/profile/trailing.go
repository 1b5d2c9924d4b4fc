package profile

import "encoding/binary"

// Where images end. What is behind the end is no part of an image, and no decoder looks at
// it: one file can be an image and an archive, or a page, at the same time.

// endOfPNG goes from chunk to chunk (RFC 2083 section 3.2).
func endOfPNG(d []byte) int {
	for i := 8; i+12 <= len(d); {
		end := i + 12 + int(binary.BigEndian.Uint32(d[i:]))
		if end > len(d) {
			return 0
		}
		if string(d[i+4:i+8]) == "IEND" {
			return end
		}
		i = end
	}
	return 0
}

// endOfWebP reads the length in the header of the container.
func endOfWebP(d []byte) int {
	if len(d) < 12 || string(d[8:12]) != "WEBP" {
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(d[4:])) + 8
	if n += n & 1; n > int64(len(d)) {
		return 0
	}
	return int(n)
}

// endOfGIF goes from block to block (GIF89a, appendix A).
func endOfGIF(d []byte) int {
	if len(d) < 13 {
		return 0
	}
	i := 13 + colours(d[10])
	for i < len(d) {
		switch d[i] {
		case ';':
			return i + 1
		case '!': // an extension: its label, and blocks
			i = blocks(d, i+2)
		case ',': // a frame: place, size and flags, colours, the size of codes, and blocks
			if i+10 > len(d) {
				return 0
			}
			i = blocks(d, i+10+colours(d[i+9])+1)
		default:
			return 0
		}
	}
	return 0
}

// colours returns the bytes of a table of colours, by its flags.
func colours(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// blocks returns where the blocks of data from i on have their end.
func blocks(d []byte, i int) int {
	for i < len(d) && d[i] != 0 {
		i += 1 + int(d[i])
	}
	return i + 1
}

// endOfJPEG goes from marker to marker (ITU T.81, annex B).
func endOfJPEG(d []byte) int {
	for i := 2; i+1 < len(d); {
		m := d[i+1]
		switch {
		case d[i] != 0xff:
			i++ // coded data
		case m == 0xd9:
			return i + 2
		case m == 0x00, m == 0x01, m >= 0xd0 && m <= 0xd8:
			i += 2 // they have no length: part of coded data
		case m == 0xff:
			i++ // a fill byte
		case i+4 > len(d):
			return 0
		default:
			i += 2 + int(binary.BigEndian.Uint16(d[i+2:]))
		}
	}
	return 0
}
