package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"stanzahook/pkg/profile"
	"stanzahook/pkg/secret"
)

// fileReader reads the files that a configuration names. A relative path is a
// systemd credential's name, or relative to the configuration file: the same
// file works whatever directory the program is started in.
type fileReader struct {
	credentials string // $CREDENTIALS_DIRECTORY
	base        string // the configuration file's directory
}

func newFileReader(config string, env []string) fileReader {
	return fileReader{credentials: lookupEnv(env, "CREDENTIALS_DIRECTORY"), base: filepath.Dir(config)}
}

// secret reads a secret and returns it with the path that it was found at.
func (f fileReader) secret(path string) (secret.String, string, error) {
	found, err := secret.Find(path, f.credentials, f.base)
	if err != nil {
		return secret.String{}, "", err
	}
	s, err := secret.FromFile(found)
	return s, found, err
}

// image reads the file of an image, and returns it with the path that it was found at.
func (f fileReader) image(path string) ([]byte, string, error) {
	found, err := secret.Find(path, f.credentials, f.base)
	if err != nil {
		return nil, "", err
	}
	data, err := ReadImage(found)
	return data, found, err
}

// ReadImage reads the file of an avatar, or the beginning of one that is too large for it.
// The error does not name the file.
func ReadImage(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("is not a file") // one that is no regular file might never end, or begin
	}
	if err != nil {
		return nil, cannotRead(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, profile.MaxAvatar+1))
	if err != nil {
		return nil, cannotRead(err)
	}
	return data, nil
}

// pair finds the files of a certificate and its key, and checks that they belong
// together.
func (f fileReader) pair(cert, key string) (certFound, keyFound string, err error) {
	certFound, err = secret.Find(cert, f.credentials, f.base)
	if err == nil {
		keyFound, err = secret.Find(key, f.credentials, f.base)
	}
	if err != nil {
		return "", "", err
	}
	if _, err := tls.LoadX509KeyPair(certFound, keyFound); err != nil {
		return "", "", noPair(certFound, keyFound, err)
	}
	return certFound, keyFound, nil
}

// noPair says that two files do not belong together, or are something else.
func noPair(cert, key string, err error) error {
	return fmt.Errorf("%s and %s are no certificate with its key: %s", cert, key, strings.TrimPrefix(err.Error(), "tls: "))
}

// certificates reads a PEM file of authorities and returns them with the path
// that they were found at.
func (f fileReader) certificates(path string) (*x509.CertPool, string, error) {
	// It is no secret, but everything else about the file is the same. A
	// bundle of every public authority is larger than a secret may be; for
	// those, leave ca_file out.
	pem, found, err := f.secret(path)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, "", fmt.Errorf("%w; leave ca_file out to trust the system's authorities", err)
	}
	if err != nil {
		return nil, "", err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem.Reveal())) {
		return nil, "", fmt.Errorf("%s holds no certificate in PEM form", found)
	}
	return pool, found, nil
}
