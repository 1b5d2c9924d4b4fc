//go:build kube

package helm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const helm = "helm.sh/helm/v3/cmd/helm@v3.22.0"

// run runs a program, and returns what it prints.
func run(t *testing.T, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		t.Logf("%s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), err
}

// helmIn runs helm.
func helmIn(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return run(t, ".", "", append([]string{"go", "run", helm}, args...)...)
}

// manifest is what the tests look at.
type manifest struct {
	Kind string
	Data map[string]string
	Spec struct {
		Replicas int
		Template struct {
			Spec struct {
				SecurityContext struct {
					RunAsNonRoot bool `yaml:"runAsNonRoot"`
				} `yaml:"securityContext"`
				Containers []struct {
					SecurityContext struct {
						ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
						AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
						Capabilities             struct{ Drop []string }
					} `yaml:"securityContext"`
					Env       []struct{ Name, Value string }
					Liveness  probe `yaml:"livenessProbe"`
					Readiness probe `yaml:"readinessProbe"`
				}
			}
		}
		VolumeClaimTemplates []any `yaml:"volumeClaimTemplates"`
	}
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// render renders the chart, decodes what comes strictly into the types of Kubernetes, and
// returns it by kind.
func render(t *testing.T, args ...string) map[string]manifest {
	t.Helper()
	text, err := helmIn(t, append([]string{"template", "bots", "stanzahook", "--kube-version", "1.31"}, args...)...)
	if err != nil {
		t.FailNow()
	}
	if _, err := run(t, "check", text, "go", "run", "."); err != nil {
		t.FailNow()
	}
	all := make(map[string]manifest)
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var one manifest
		if decoder.Decode(&one) != nil {
			break
		}
		all[one.Kind] = one
	}
	return all
}

// The chart is in order, its manifests are those of Kubernetes, and stanzahook takes the
// configuration that it is given.
func TestChart(t *testing.T) {
	if _, err := helmIn(t, "lint", "--strict", "stanzahook"); err != nil {
		t.Error("helm lint")
	}
	one, two := render(t), render(t, "--values", "nats-values.yaml")
	for name, all := range map[string]map[string]manifest{"one": one, "two": two} {
		pods := all["StatefulSet"].Spec
		if len(pods.Template.Spec.Containers) != 1 || !pods.Template.Spec.SecurityContext.RunAsNonRoot {
			t.Fatalf("%s: %+v", name, pods)
		}
		c := pods.Template.Spec.Containers[0]
		if s := c.SecurityContext; !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s: %+v", name, s)
		}
		if c.Liveness.HTTPGet.Path != "/healthz" || c.Readiness.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: %+v", name, c)
		}
		advertise := "" // as the pod gets it
		for _, v := range c.Env {
			if v.Name == "STANZAHOOK_REPLICA_ADVERTISE" {
				advertise = strings.ReplaceAll(v.Value, "$(POD)", "bots-0")
			}
		}
		if want := map[string]string{"one": "", "two": "http://bots-0.bots-pods.default.svc:5290"}[name]; advertise != want {
			t.Errorf("%s: others reach it at %q", name, advertise)
		}
		if _, budget := all["PodDisruptionBudget"]; budget != (name == "two") || len(pods.VolumeClaimTemplates) == 1 != (name == "one") {
			t.Errorf("%s: budget %v, %d volumes", name, budget, len(pods.VolumeClaimTemplates))
		}
		dir := t.TempDir()
		for _, secret := range []string{"bot.secret", "nats.password"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, secret), []byte("secret\n"), 0o600))
		}
		file := filepath.Join(dir, "stanzahook.yaml")
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(all["ConfigMap"].Data["stanzahook.yaml"], "/run/stanzahook/", dir+"/")), 0o600))
		if _, err := run(t, "../..", "", "go", "run", "./cmd/stanzahook", "check", "--config", file); err != nil {
			t.Errorf("%s: the configuration is not taken", name)
		}
	}
	based := render(t, "--set", "config.http.base_path=/xmpp", "--set", "config.http.tls.cert_file=/run/stanzahook/tls.crt")
	if path := based["StatefulSet"].Spec.Template.Spec.Containers[0].Readiness.HTTPGet.Path; path != "/xmpp/readyz" {
		t.Errorf("the probe is at %s", path)
	}
	if _, err := helmIn(t, "template", "bots", "stanzahook", "--kube-version", "1.31", "--set", "replicas=2"); err == nil {
		t.Error("two replicas of one directory")
	}
}

// The check finds a mistake.
func TestCheckIsStrict(t *testing.T) {
	for _, wrong := range []string{
		"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {porst: []}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: many}]}\n",
		"apiVersion: v1\nkind: Unknown\n",
	} {
		if _, err := run(t, "check", wrong, "go", "run", "."); err == nil {
			t.Errorf("taken: %s", wrong)
		}
	}
}
