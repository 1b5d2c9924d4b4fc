package config

import (
	"regexp"
	"slices"
	"strings"
)

func (m *MCP) check(s scope) {
	if !m.Enabled && s.isSet("path") {
		s.add("path", "has no effect without enabled: true; write that too, or remove it")
	}
	if !regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`).MatchString(m.Path) {
		s.add("path", "%s is no path; write for example /mcp, without a slash at the end", quote(m.Path))
		return
	}
	others := []string{"v1", "rest", "msg", "roster_admin", "hooks", "console", "metrics", "healthz", "readyz", "openapi.json"}
	if first, _, _ := strings.Cut(m.Path[1:], "/"); slices.Contains(others, first) {
		s.add("path", "%s is below a path of the other interfaces; write for example /mcp", quote(m.Path))
	}
}
