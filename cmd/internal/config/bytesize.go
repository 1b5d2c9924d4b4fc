package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes. A configuration writes it as a number or with
// a binary unit: 262144, 512KiB, 256MiB, 4GiB.
type ByteSize int64

// The units a ByteSize is written in.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
)

var errNotByteSize = errors.New("is not a size; write for example 262144, 512KiB, 256MiB or 4GiB")

// parseByteSize reads what String writes. Decimal units (KB, MB) are refused
// and not guessed at: half of their writers mean the binary ones.
func parseByteSize(text string) (ByteSize, error) {
	digits, unit := text, ByteSize(1)
	for _, u := range byteUnits() {
		if number, found := strings.CutSuffix(text, u.name); found {
			digits, unit = number, u.size
			break
		}
	}
	// Unsigned: a sign is not part of a size.
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, errNotByteSize
	}
	if ByteSize(n) > math.MaxInt64/unit {
		return 0, errors.New("is too large")
	}
	return ByteSize(n) * unit, nil
}

// String writes the size in the largest unit that shows it exactly.
func (b ByteSize) String() string {
	for _, u := range byteUnits() {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

type byteUnit struct {
	name string
	size ByteSize
}

func byteUnits() [3]byteUnit {
	return [3]byteUnit{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}
}
