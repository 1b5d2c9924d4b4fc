package hooks_test

import (
	"strings"
	"testing"
)

func BenchmarkHook(b *testing.B) {
	g := newRig(b, nil)
	pad := strings.Repeat("x", 900)
	for _, c := range []struct{ name, path string }{{"right", "/hooks/json/s3cret-json"}, {"wrong secret", "/hooks/json/s3cret-wrong"}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				g.call("POST", c.path, `{"text":"`+pad+`"}`)
			}
		})
	}
}
