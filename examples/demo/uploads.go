package main

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"

	"stanzahook/deploy/lab"
)

const uploadDomain = "upload." + lab.DefaultHost

// withUploads adds an upload service (XEP-0363) to the server's configuration, which bots may
// use, too. ejabberd puts sections of the same name together, but for listen.
func withUploads(config []byte, kind lab.Kind, dir string) ([]byte, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_ = l.Close() // nothing was accepted
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	if kind == lab.Ejabberd {
		listener := fmt.Sprintf("listen:\n  - port: %s\n    ip: \"127.0.0.1\"\n    module: ejabberd_http\n    request_handlers:\n      /upload: mod_http_upload\n", port)
		config = bytes.Replace(config, []byte("listen:\n"), []byte(listener), 1)
		return fmt.Appendf(config, `
acl:
  bots:
    server: [%q]
  local:
    user_regexp: ""
access_rules:
  upload:
    - allow: local
    - allow: bots
modules:
  mod_http_upload:
    host: %q
    access: upload
    put_url: "http://127.0.0.1:%s/upload"
    docroot: %q
`, botDomain, uploadDomain, port, filepath.Join(dir, "uploads")), nil
	}
	global := fmt.Sprintf("http_ports = { %s }\nhttp_interfaces = { \"127.0.0.1\" }\nhttp_default_host = %q\n", port, uploadDomain)
	config = bytes.Replace(config, []byte("http_ports = { }\n"), []byte(global), 1)
	return fmt.Appendf(config, "\nComponent %q \"http_file_share\"\n\thttp_external_url = \"http://127.0.0.1:%s/\"\n\thttp_file_share_access = { %q, %q }\n", uploadDomain, port, lab.DefaultHost, botDomain), nil
}
