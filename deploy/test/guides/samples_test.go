//go:build integration

package guides

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// The samples for the servers and for stanzahook work together as they are: only
// ports and directories are others, the secret has its file, and there is a token. So
// do those for containers.
func TestSamples(t *testing.T) {
	for name, server := range map[string]func(t *testing.T, dir, port string) *exec.Cmd{
		"prosody": sampleProsody, "ejabberd": sampleEjabberd, "docker": sampleContainer("docker.cfg.lua"), "docker with NATS": sampleContainer("prosody-nats.cfg.lua"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), harness.FreePort(t)
			sampleServer(t, server(t, dir, port), dir, port)
			config := sampleConfig
			switch name {
			case "docker":
				config = containerConfig
			case "docker with NATS":
				config = containerOnNATS
			}
			p := harness.LaunchFile(t, config(t, dir, port))
			p.AwaitReady()
			var last string
			harness.Eventually(t, "the component has its privileges", func() bool {
				r, err := p.Call("GET", "/v1/status", "token-admin", "", "")
				require.NoError(t, err)
				var st struct {
					Links []struct{ Privileges map[string]string }
				}
				if err := json.Unmarshal([]byte(r.Body), &st); err != nil || len(st.Links) != 1 {
					t.Fatalf("%d %s %v", r.Status, r.Body, err)
				}
				last = st.Links[0].Privileges["example.com"]
				return strings.Contains(last, "roster") && strings.Contains(last, "message") && strings.Contains(last, "presence")
			})
			t.Logf("privileges: %s", last)
		})
	}
}

const sampleToken = "  tokens: [{name: admin, token_file: admin.token, scopes: [admin]}]"

// sampleConfig is the sample of stanzahook with the server's port.
func sampleConfig(t *testing.T, dir, port string) string {
	t.Helper()
	return sampleFile(t, dir, sample(t, "samples/stanzahook.yaml", map[string]string{
		"127.0.0.1:5347":      "127.0.0.1:" + port,
		"127.0.0.1:5290":      "127.0.0.1:0",
		"/var/lib/stanzahook": filepath.Join(dir, "store"),
		"  tokens: []":        sampleToken,
	}), "a long random secret\n")
}

// containerConfig is what is mounted into the container of stanzahook.
func containerConfig(t *testing.T, dir, port string) string {
	t.Helper()
	return sampleFile(t, dir, sample(t, "docker/stanzahook.yaml", map[string]string{
		"prosody:5347":        "127.0.0.1:" + port,
		"0.0.0.0:5290":        "127.0.0.1:0",
		"/run/stanzahook/":    "",
		"/var/lib/stanzahook": filepath.Join(dir, "store"),
		"  tokens: []":        sampleToken,
	}), containerSecret)
}

// containerOnNATS is the same with the three NATS servers of the compose file.
func containerOnNATS(t *testing.T, dir, port string) string {
	t.Helper()
	c := natsserver.Start(t, natsserver.Options{Nodes: 3, Whole: func(i int, dir string, ports []int) string {
		name := fmt.Sprintf("n%d", i+1)
		replaced := map[string]string{
			"$SERVER_NAME": name, "0.0.0.0:4222": fmt.Sprintf("127.0.0.1:%d", ports[i]), "0.0.0.0:6222": fmt.Sprintf("127.0.0.1:%d", ports[3+i]), "/data": filepath.Join(dir, name),
		}
		for n := range 3 {
			replaced[fmt.Sprintf("nats://n%d:6222", n+1)] = fmt.Sprintf("nats://127.0.0.1:%d", ports[3+n])
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "account.conf"), []byte(sample(t, "samples/nats/account.conf", nil)), 0o600))
		return sample(t, "docker/nats.conf", replaced)
	}})
	return sampleFile(t, dir, sample(t, "docker/stanzahook-nats.yaml", map[string]string{
		"prosody:5347":     "127.0.0.1:" + port,
		"0.0.0.0:5290":     "127.0.0.1:0",
		"/run/stanzahook/": "",
		"nats://n1:4222,nats://n2:4222,nats://n3:4222": c.URL(),
		"  tokens: []": sampleToken,
	}), containerSecret)
}

// containerSecret is not the sample's.
const containerSecret = "another secret\n"

func sampleFile(t *testing.T, dir, text, secret string) string {
	t.Helper()
	for name, text := range map[string]string{"stanzahook.yaml": text, "bot.secret": secret, "admin.token": "token-admin\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "stanzahook.yaml")
}

// sample reads a file of deploy; what is replaced in it must be there.
func sample(t *testing.T, name string, replaced map[string]string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../deploy", name))
	require.NoError(t, err)
	text := string(data)
	for old, with := range replaced {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in %s", old, name)
		}
		text = strings.ReplaceAll(text, old, with)
	}
	return text
}

// sampleServer runs a server until the test ends, and returns when it listens.
func sampleServer(t *testing.T, cmd *exec.Cmd, dir, port string) {
	t.Helper()
	log := &harness.Logbook{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; run deploy/lab/install.sh tests", err)
	}
	harness.ShowLog(t, cmd.Path, log.String)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // Erlang has helpers of its own
		_ = cmd.Wait()                                      // killed
	})
	harness.Eventually(t, "the server listens", func() bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err == nil {
			_ = c.Close() // that was all
		}
		return err == nil
	})
}

// sampleProsody runs the sample.
func sampleProsody(t *testing.T, dir, port string) *exec.Cmd {
	t.Helper()
	return exec.Command("prosody", "-F", "--config", prosodyOn(t, "../../../deploy/samples/prosody.cfg.lua", dir, port))
}

// sampleContainer runs what the container of Prosody does, with the files that are
// mounted there in one directory.
func sampleContainer(config string) func(t *testing.T, dir, port string) *exec.Cmd {
	return func(t *testing.T, dir, port string) *exec.Cmd {
		t.Helper()
		for name, text := range map[string]string{
			"sample.cfg.lua":       sample(t, "samples/prosody.cfg.lua", nil),
			"docker.cfg.lua":       sample(t, "docker/prosody.cfg.lua", nil),
			"prosody-nats.cfg.lua": sample(t, "docker/prosody-nats.cfg.lua", nil),
			"secret":               containerSecret,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		start, err := filepath.Abs("../../../deploy/docker/prosody-start.sh")
		require.NoError(t, err)
		cmd := exec.Command("sh", start)
		cmd.Env = append(os.Environ(), "COMPONENT_SECRET_FILE="+filepath.Join(dir, "secret"), "CERTS="+filepath.Join(dir, "certs"), "LOGIN=juliet", "DATA="+dir,
			"PROSODY_CONFIG="+prosodyOn(t, filepath.Join(dir, config), dir, port))
		return cmd
	}
}

// prosodyOn includes a configuration, and sets ports and directories behind it, which
// count then.
func prosodyOn(t *testing.T, file, dir, port string) string {
	t.Helper()
	file, err := filepath.Abs(file)
	require.NoError(t, err)
	text := fmt.Sprintf(`Include %q
Host "*"
	component_ports = { %s }
	interfaces = { "127.0.0.1" }
	component_interfaces = { "127.0.0.1" }
	c2s_ports, c2s_direct_tls_ports, s2s_ports, http_ports, https_ports = { }, { }, { }, { }, { }
	data_path = %q
	certificates = %[3]q
	run_as_root = true
`, file, port, dir)
	config := filepath.Join(dir, "prosody.cfg.lua")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	return config
}

// sampleEjabberd runs the sample as package lab does.
func sampleEjabberd(t *testing.T, dir, port string) *exec.Cmd {
	t.Helper()
	text := sample(t, "samples/ejabberd.yml", map[string]string{
		"- port: 5222\n":          "- port: " + harness.FreePort(t) + "\n    ip: \"127.0.0.1\"\n",
		"- port: 5347\n":          "- port: " + port + "\n",
		"- port: 5281\n":          "- port: " + harness.FreePort(t) + "\n",
		"starttls_required: true": "starttls_required: false", // there is no certificate here
	})
	config := filepath.Join(dir, "ejabberd.yml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	apps, err := filepath.Glob("/usr/lib/*/ejabberd-*/ebin/ejabberd.app")
	if err != nil || len(apps) == 0 {
		t.Fatalf("there is no ejabberd (%v); run deploy/lab/install.sh tests", err)
	}
	cmd := exec.Command("erl", "-noinput", "+sbwt", "none", "-mnesia", "dir", `"data"`, "-s", "ejabberd")
	cmd.Env = append(os.Environ(), "HOME="+dir, "ERL_LIBS="+filepath.Dir(filepath.Dir(filepath.Dir(apps[0]))), "ERL_CRASH_DUMP_BYTES=0",
		"EJABBERD_CONFIG_PATH="+config, "EJABBERD_LOG_PATH="+filepath.Join(dir, "log", "ejabberd.log"))
	return cmd
}

// Every file that a compose file mounts or builds of is there, and so is each volume and service that it names.
func TestCompose(t *testing.T) {
	for file, services := range map[string]int{"docker/compose.yaml": 3, "docker/compose-nats.yaml": 8} {
		var compose struct {
			Services map[string]struct {
				Build   struct{ Context, Dockerfile string }
				Volumes []string
				Network string   `yaml:"network_mode"`
				Depends []string `yaml:"depends_on"`
			}
			Volumes map[string]any
		}
		require.NoError(t, yaml.Unmarshal([]byte(sample(t, file, nil)), &compose))
		if len(compose.Services) != services {
			t.Errorf("%s: %d services", file, len(compose.Services))
		}
		for name, s := range compose.Services {
			var files []string
			if s.Build.Context != "" {
				files = append(files, filepath.Join(s.Build.Context, s.Build.Dockerfile))
			}
			for _, v := range s.Volumes {
				from, _, _ := strings.Cut(v, ":")
				if strings.HasPrefix(from, ".") {
					files = append(files, from)
				} else if _, ok := compose.Volumes[from]; !ok {
					t.Errorf("%s, %s: no volume %s", file, name, from)
				}
			}
			for _, one := range files {
				if _, err := os.Stat(filepath.Join("../../../deploy/docker", one)); err != nil {
					t.Errorf("%s, %s: %v", file, name, err)
				}
			}
			for _, other := range append(s.Depends, strings.TrimPrefix(s.Network, "service:")) {
				if _, ok := compose.Services[other]; !ok && other != "" {
					t.Errorf("%s, %s: no service %s", file, name, other)
				}
			}
		}
	}
}
