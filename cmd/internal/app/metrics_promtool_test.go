//go:build promtool

package app

import (
	"os/exec"
	"strings"
	"testing"
)

// Prometheus's own tool takes the rules, finds that they fire when they should,
// and has nothing against the metrics. Asked for with the tag promtool, which
// "make alerts" sets after it has installed the tool.
func TestPromtool(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	text, _ := m.scrape()
	for _, c := range []struct {
		args  []string
		stdin string
	}{
		{[]string{"check", "rules", alertsPath}, ""},
		{[]string{"test", "rules", "../../../deploy/prometheus/alerts_test.yml"}, ""},
		{[]string{"check", "metrics"}, text},
	} {
		cmd := exec.CommandContext(t.Context(), "promtool", c.args...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
}
