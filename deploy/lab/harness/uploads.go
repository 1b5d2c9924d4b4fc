//go:build linux

package harness

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"testing"

	"stanzahook/deploy/lab"
)

// UploadLimit is the largest file that servers of WithUploads take.
const UploadLimit = 2 << 20

// WithUploads adds an upload service (XEP-0363), upload.localhost, to a server, or another
// one below its host. bots may upload, as the guide advises; without any it is as by
// default, where only Prosody 0.12 lets components upload.
func WithUploads(t testing.TB, o lab.Options, bots ...string) lab.Options {
	t.Helper()
	return WithUploadsOf(t, o, UploadLimit, bots...)
}

// WithUploadsOf is WithUploads with another limit.
func WithUploadsOf(t testing.TB, o lab.Options, limit int64, bots ...string) lab.Options {
	t.Helper()
	port := FreePort(t)
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	service := "upload." + cmp.Or(o.Host, lab.DefaultHost)
	return edited(o, func(config []byte) ([]byte, error) {
		if o.Kind == lab.Prosody {
			global := fmt.Sprintf("http_ports = { %s }\nhttp_interfaces = { \"127.0.0.1\" }\nhttp_default_host = %q\n", port, service)
			config = bytes.Replace(config, []byte("http_ports = { }\n"), []byte(global), 1)
			text := fmt.Sprintf("\nComponent %q \"http_file_share\"\n\thttp_external_url = \"http://127.0.0.1:%s/\"\n\thttp_file_share_size_limit = %d\n", service, port, limit)
			if len(bots) > 0 {
				text += fmt.Sprintf("\thttp_file_share_access = { %q", cmp.Or(o.Host, lab.DefaultHost))
				for _, bot := range bots {
					text += fmt.Sprintf(", %q", bot)
				}
				text += " }\n"
			}
			return append(config, text...), nil
		}
		module := map[string]any{"host": service, "put_url": fmt.Sprintf("http://127.0.0.1:%s/upload", port), "max_size": limit, "docroot": t.TempDir()}
		more := map[string]any{
			"listen":  []any{map[string]any{"port": number, "ip": "127.0.0.1", "module": "ejabberd_http", "request_handlers": map[string]any{"/upload": "mod_http_upload"}}},
			"modules": map[string]any{"mod_http_upload": module},
		}
		if len(bots) > 0 {
			module["access"] = "upload"
			more["acl"] = map[string]any{"bots": map[string]any{"server": bots}, "local": map[string]any{"user_regexp": ""}}
			more["access_rules"] = map[string]any{"upload": []any{map[string]any{"allow": "local"}, map[string]any{"allow": "bots"}}}
		}
		return AddYAML(config, more)
	})
}

// AwaitUploads waits until a program has found the upload service of WithUploads.
func (p *Program) AwaitUploads() {
	p.T.Helper()
	Eventually(p.T, "the upload service is known", func() bool {
		for _, s := range p.V1(200, "/v1/status", "").Services {
			if s.Kind == "upload" && s.JID != "" {
				return true
			}
		}
		return false
	})
}
