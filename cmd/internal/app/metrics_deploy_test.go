package app

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	alertsPath    = "../../../deploy/prometheus/alerts.yml"
	dashboardPath = "../../../deploy/grafana/stanzahook.json"
)

// alertRules is what the tests want of the file of alert rules.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

var (
	metricPattern = regexp.MustCompile(`\b((?:stanzahook|go|process)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	labelPattern  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	groupPattern  = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	legendPattern = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}`)
	titlePattern  = regexp.MustCompile(`\$labels\.(\w+)`)
)

// checkExpression finds metrics and labels of an expression, and of a text with
// its labels, that are not exported. Prometheus itself adds instance and job.
func checkExpression(all map[string]*dto.MetricFamily, expr string, labelsInText []string) (used, problems []string) {
	var known []string
	for _, m := range metricPattern.FindAllStringSubmatch(expr, -1) {
		f := all[m[1]]
		labels := []string{"instance", "job"}
		if f == nil {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if h := all[strings.TrimSuffix(m[1], suffix)]; h.GetType() == dto.MetricType_HISTOGRAM && strings.HasSuffix(m[1], suffix) {
					f, labels = h, append(labels, "le")
				}
			}
		}
		if f == nil {
			problems = append(problems, "there is no metric "+m[1])
			continue
		}
		used = append(used, f.GetName())
		labels = append(labels, strings.Split(labelNames(f), ", ")...)
		for _, l := range labelPattern.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				problems = append(problems, fmt.Sprintf("%s has no label %s", m[1], l[1]))
			}
		}
		known = append(known, labels...)
	}
	if len(used) == 0 && len(problems) == 0 {
		problems = append(problems, "there is no metric in it")
	}
	left := known
	for i, group := range groupPattern.FindAllStringSubmatch(expr, -1) {
		names := strings.Split(strings.ReplaceAll(group[1], " ", ""), ",")
		for _, l := range names {
			if !slices.Contains(known, l) {
				problems = append(problems, "no metric of it has the label "+l)
			}
		}
		if i == 0 && strings.Contains(group[0], "by") { // what is summed up has no others
			left = names
		}
	}
	for _, l := range labelsInText {
		if !slices.Contains(left, l) {
			problems = append(problems, "its text has a label that it has not: "+l)
		}
	}
	return used, problems
}

func names(found [][]string) []string {
	var all []string
	for _, f := range found {
		all = append(all, f[1])
	}
	return all
}

// Every metric and label that the alert rules use is exported, and every rule
// says what is wrong and what to do.
func TestAlertsUseWhatIsExported(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	_, all := m.scrape()
	data, err := os.ReadFile(alertsPath)
	require.NoError(t, err)
	var rules alertRules
	require.NoError(t, yaml.Unmarshal(data, &rules))
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			summary, action := r.Annotations["summary"], r.Annotations["action"]
			if !strings.HasPrefix(r.Alert, "Stanzahook") || summary == "" || action == "" || r.Labels["severity"] != "critical" && r.Labels["severity"] != "warning" {
				t.Errorf("%s: something is missing: %+v", r.Alert, r)
			}
			_, problems := checkExpression(all, r.Expr, names(titlePattern.FindAllStringSubmatch(summary+action, -1)))
			for _, p := range problems {
				t.Errorf("%s: %s", r.Alert, p)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d rules", n)
	}
}

// dashboard is what the tests want of the file for Grafana.
type dashboard struct {
	Annotations struct{ List []struct{ Expr string } }
	Panels      []panel
	Templating  struct {
		List []struct{ Name, Definition string }
	}
}

type panel struct {
	ID      int
	Title   string
	Type    string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ Expr, LegendFormat string }
}

// Every metric and label that the dashboard uses is exported, it has the rows
// that it should, and no panel lies on another.
func TestDashboardUsesWhatIsExported(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	_, all := m.scrape()
	data, err := os.ReadFile(dashboardPath)
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(data, &d))
	check := func(where, expr string, labels []string) {
		expr = strings.ReplaceAll(expr, "$__rate_interval", "5m")
		_, problems := checkExpression(all, expr, labels)
		for _, p := range problems {
			t.Errorf("%s: %s", where, p)
		}
	}
	for _, a := range d.Annotations.List {
		check("annotation", a.Expr, nil)
	}
	variables := []string{"__rate_interval", "datasource"}
	definition := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
		if q := definition.FindStringSubmatch(v.Definition); q != nil {
			check("variable "+v.Name, q[1], []string{q[2]})
		}
	}
	for _, v := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(data), -1) {
		if !slices.Contains(variables, v[1]) {
			t.Errorf("there is no variable %s", v[1])
		}
	}
	var rows []string
	ids := make(map[int]bool)
	taken := make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("%q lies on %q, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			check(p.Title, target.Expr, names(legendPattern.FindAllStringSubmatch(target.LegendFormat, -1)))
		}
	}
	if want := []string{"Links", "Queue and deliveries", "HTTP", "Rosters", "Store and process"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
}

// What is checked is found out.
func TestCheckExpression(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	_, all := m.scrape()
	for _, c := range []struct {
		expr   string
		labels []string
		want   string
	}{
		{`stanzahook_link_up{component="x"} == 0`, []string{"component", "instance"}, ""},
		{`stanzahook_link_upp == 0`, nil, "there is no metric stanzahook_link_upp"},
		{`stanzahook_link_up_bucket`, nil, "there is no metric stanzahook_link_up_bucket"},
		{`stanzahook_link_up{endpoint="x"}`, nil, "stanzahook_link_up has no label endpoint"},
		{`stanzahook_link_up`, []string{"endpoint"}, "its text has a label that it has not: endpoint"},
		{`sum by (instance) (stanzahook_link_up)`, []string{"component"}, "its text has a label that it has not: component"},
		{`sum by (host) (stanzahook_link_up)`, nil, "no metric of it has the label host"},
		{`sum by (endpoint, le) (rate(stanzahook_endpoint_attempt_duration_seconds_bucket[5m]))`, []string{"endpoint"}, ""},
		{`up == 0`, nil, "there is no metric in it"},
	} {
		_, problems := checkExpression(all, c.expr, c.labels)
		if got := strings.Join(problems, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.expr, got, c.want)
		}
	}
}
