// Package build says which build of the program this is.
package build

import (
	"cmp"
	_ "embed"
	"runtime"
	"runtime/debug"
	"strings"
)

//go:embed VERSION
var released string

// version is set by the linker where another version is built than VERSION names.
var version string

// Version is the version of the program, without a v: 0.1.0.
var Version = cmp.Or(strings.TrimPrefix(version, "v"), strings.TrimSpace(released))

// commit is set by the linker where Go cannot see it, as in a container.
var commit = "unknown"

// Info describes a build, as "stanzahook version" shows it.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// Read returns the description of this build.
func Read() Info {
	b := Info{Version: Version, Commit: commit, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}

// UserAgent is the User-Agent header of our requests.
func UserAgent() string { return "stanzahook/" + Version }
