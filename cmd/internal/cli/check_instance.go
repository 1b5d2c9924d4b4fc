package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/httpapi/v1"
)

// lookAround asks the running instance, or connects if there is none. Without cfg it
// may only ask an instance that --api names.
func (c *checking) lookAround(ctx context.Context, cfg *config.Config) error {
	base := c.api.URL
	if !c.explicit {
		base = c.api.own(cfg)
	}
	if base != "" || c.explicit {
		err := c.ask(ctx, cfg)
		// If the address of this configuration refuses connections, no instance runs,
		// unless the store is locked.
		if err == nil || c.explicit || !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
	}
	if base != "" {
		base = instance.Public(base)
	}
	checks, err := livecheck.Alone(ctx, cfg, c.user, base)
	c.found.Checks = append(c.found.Checks, checks...)
	return err
}

// ask asks the running instance, also whether it runs with cfg, unless that is nil.
func (c *checking) ask(ctx context.Context, cfg *config.Config) error {
	about := map[string]string{}
	if !c.user.IsZero() {
		about["user"] = c.user.String()
	}
	if cfg != nil {
		about["config"] = hex.EncodeToString(cfg.Sum[:])
	}
	answer, err := c.api.Send(ctx, instance.Request{Path: "/v1/check", Body: about})
	if err != nil {
		return err
	}
	got, err := instance.Decode[v1.Checked](answer)
	if err != nil {
		return err
	}
	c.found.Checks = append(c.found.Checks, got.Checks...)
	return nil
}

// own makes the API that of the instance that runs with a configuration on this
// machine, and returns its address; empty if unknown.
func (a *api) own(cfg *config.Config) string {
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	a.URL = "http://" + net.JoinHostPort(host, port) + cfg.HTTP.BasePath
	if cfg.HTTP.TLS.CertFile != "" {
		a.URL = "https" + a.URL[len("http"):]
		a.Client.Transport = &http.Transport{TLSClientConfig: trustOwn(cfg.HTTP.TLS.CertFile)}
	}
	return a.URL
}

// trustOwn trusts the certificate in a file, whatever name it is for: the
// address is one of this machine.
func trustOwn(file string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	data, err := os.ReadFile(file)
	if err != nil {
		return config // nothing is trusted, and the connection says so
	}
	config.RootCAs.AppendCertsFromPEM(data)
	pair, err := parseFirst(data)
	if err != nil {
		return config // as above
	}
	switch {
	case len(pair.DNSNames) > 0:
		config.ServerName = pair.DNSNames[0]
	case len(pair.IPAddresses) > 0:
		config.ServerName = pair.IPAddresses[0].String()
	}
	return config
}

// parseFirst reads the first certificate of a PEM file.
func parseFirst(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no certificate in PEM form")
	}
	return x509.ParseCertificate(block.Bytes)
}
