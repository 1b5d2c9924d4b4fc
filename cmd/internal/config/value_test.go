package config

import (
	"math"
	"testing"
)

func TestParseByteSize(t *testing.T) {
	for text, want := range map[string]ByteSize{
		"0": 0, "1": 1, "262144": 262144, "512KiB": 524288, "256MiB": 268435456, "4GiB": 4294967296,
		"9223372036854775807": math.MaxInt64, "8589934591GiB": 8589934591 << 30,
	} {
		if got, err := parseByteSize(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "KiB", "-1", "+1", "1.5MiB", "4 GiB", "4GB", "4G", "4gib", "4KiBKiB", "1e3", "0x10", "1_000",
		"9223372036854775808", "8589934592GiB", "99999999999999999999",
	} {
		if got, err := parseByteSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestByteSizeString(t *testing.T) {
	for size, want := range map[ByteSize]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 196608: "192KiB", 1048576: "1MiB", 1048577: "1048577",
		4294967296: "4GiB", math.MaxInt64: "9223372036854775807",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d is written as %s, want %s", int64(size), got, want)
		}
		if back, err := parseByteSize(size.String()); err != nil || back != size {
			t.Errorf("%v is read back as %v, %v", size, back, err)
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"timeout", "max_age", "on_exhausted", "url", "tls", "dir", "keepalive"}
	for name, want := range map[string]string{
		"timout": "timeout", "timeuot": "timeout", "timeoutt": "timeout", "Timeout": "timeout",
		"max-age": "max_age", "maxage": "max_age", "onExhausted": "on_exhausted", "keep_alive": "keepalive",
		"uri": "url", "ulr": "url", "URL": "url", "dr": "", "sync": "", "": "", "retries": "", "tiemuot": "timeout",
		"compression": "",
	} {
		if got := closest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"", "", true}, {"", "*", true}, {"", "?", false},
		{"*", "bot.example.com", true},
		{"*@bot.example.com", "?*@bot.example.com", true},
		{"*@bot.example.com", "bot.example.com", false},
		{"*.example.com", "bot.example.com", true},
		{"*@bot.exmaple.com", "?*@bot.example.com", false},
		{"echo@bot.example.com", "?*@bot.example.com", true},
		{"@bot.example.com", "?*@bot.example.com", false},
		{"a*n@*", "?*@bot.example.com", true},
		{"a*m", "?*@bot.example.com", true},
		{"a*x", "?*@bot.example.com", false},
		{"?@?", "?*@b", true}, {"?@?", "?*@bc", false},
		{"*a*b*", "c*d", true}, {"é?", "?é", true},
	} {
		if got := overlap(test.a, test.b); got != test.want {
			t.Errorf("overlap(%q, %q) = %v", test.a, test.b, got)
		}
		if got := overlap(test.b, test.a); got != test.want {
			t.Errorf("overlap(%q, %q) = %v", test.b, test.a, got)
		}
	}
}
