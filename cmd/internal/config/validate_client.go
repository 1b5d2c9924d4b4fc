package config

import (
	"crypto/tls"
	"crypto/x509"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// clientTLS checks what requests to an address trust and show, and reads its
// files. address is nil if that is wrong itself.
func (v checker) clientTLS(key string, t *ClientTLS, address *outbound.Address) {
	if !v.isSet(key) {
		return
	}
	if address != nil && address.Scheme() != "https" {
		for _, name := range []string{"ca_file", "cert_file", "key_file"} {
			if v.isSet(key + "." + name) {
				v.add(key+"."+name, "has no effect, because url is not https; write https, or remove it")
			}
		}
		return
	}
	if v.isSet(key+".ca_file") && !v.isReported(key+".ca_file") {
		if pem, found, err := v.files.secret(t.CAFile); err != nil {
			v.add(key+".ca_file", "%v", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem.Reveal())) {
			v.add(key+".ca_file", "%s holds no certificate in PEM form", found)
		} else {
			t.CA, t.CAFile = pem, found
		}
	}
	cert, certOK := v.pemFile(key, "cert_file", "key_file", "is missing; a key needs its certificate", &t.CertFile)
	private, keyOK := v.pemFile(key, "key_file", "cert_file", "is missing; a certificate needs its key", &t.KeyFile)
	if !certOK || !keyOK {
		return
	}
	if _, err := tls.X509KeyPair([]byte(cert.Reveal()), []byte(private.Reveal())); err != nil {
		v.add(key+".cert_file", "%v", noPair(t.CertFile, t.KeyFile, err))
		return
	}
	t.Cert, t.Key = cert, private
}

// pemFile reads a file that needs another one.
func (v checker) pemFile(key, name, other, missing string, path *string) (secret.String, bool) {
	switch {
	case v.isReported(key+"."+name) || !v.isSet(key+"."+name) && !v.isSet(key+"."+other):
		return secret.String{}, false
	case !v.isSet(key + "." + name):
		v.add(key+"."+name, "%s", missing)
		return secret.String{}, false
	}
	pem, found, err := v.files.secret(*path)
	if err != nil {
		v.add(key+"."+name, "%v", err)
		return secret.String{}, false
	}
	*path = found
	return pem, true
}

// Config is what a client of net/http takes; nil for none of it. It is not kept,
// because configurations are compared, and pools of certificates cannot be.
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
