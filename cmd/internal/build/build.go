// Package build says which build of the program this is.
package build

import (
	"runtime"
	"runtime/debug"
)

// Version is set by the linker in releases.
var Version = "dev"

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
