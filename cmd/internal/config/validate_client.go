package config

import (
	"crypto/tls"
	"crypto/x509"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// check checks what requests to an address trust and show, and reads the files.
// address is nil if that is wrong itself.
func (t *ClientTLS) check(s scope, address *outbound.Address) {
	if !s.isSet("") {
		return
	}
	if address != nil && address.Scheme() != "https" {
		for _, name := range []string{"ca_file", "cert_file", "key_file"} {
			if s.isSet(name) {
				s.add(name, "has no effect, because url is not https; write https, or remove it")
			}
		}
		return
	}
	if s.isSet("ca_file") && !s.isReported("ca_file") {
		if pem, found, err := s.files.secret(t.CAFile); err != nil {
			s.add("ca_file", "%v", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem.Reveal())) {
			s.add("ca_file", "%s holds no certificate in PEM form", found)
		} else {
			t.CA, t.CAFile = pem, found
		}
	}
	if !s.pair() {
		return
	}
	cert, certOK := s.pemFile("cert_file", &t.CertFile)
	private, keyOK := s.pemFile("key_file", &t.KeyFile)
	if !certOK || !keyOK {
		return
	}
	if _, err := tls.X509KeyPair([]byte(cert.Reveal()), []byte(private.Reveal())); err != nil {
		s.add("cert_file", "%v", noPair(t.CertFile, t.KeyFile, err))
		return
	}
	t.Cert, t.Key = cert, private
}

// pair checks that a certificate has a key and a key has a certificate, and reports
// whether both are set.
func (s scope) pair() bool {
	cert, key := s.isSet("cert_file"), s.isSet("key_file")
	switch {
	case s.isReported("cert_file") || s.isReported("key_file"):
		return false
	case cert && !key:
		s.add("key_file", "is missing; a certificate needs its key")
	case key && !cert:
		s.add("cert_file", "is missing; a key needs its certificate")
	}
	return cert && key
}

func (s scope) pemFile(name string, path *string) (secret.String, bool) {
	pem, found, err := s.files.secret(*path)
	if err != nil {
		s.add(name, "%v", err)
		return secret.String{}, false
	}
	*path = found
	return pem, true
}

// Config makes the configuration for a client of net/http; nil if no key is set. It is
// made anew each time: configurations are compared, and pools of certificates cannot be.
func (t ClientTLS) Config() *tls.Config {
	if t.CA.IsZero() && t.Cert.IsZero() {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if !t.CA.IsZero() {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(t.CA.Reveal())) // it was checked, as is the pair
	}
	if !t.Cert.IsZero() {
		if pair, err := tls.X509KeyPair([]byte(t.Cert.Reveal()), []byte(t.Key.Reveal())); err == nil {
			c.Certificates = []tls.Certificate{pair}
		}
	}
	return c
}
