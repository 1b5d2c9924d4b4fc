package config

import (
	"net/netip"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
)

// UploadsAuto looks for the upload service.
const UploadsAuto = "auto"

// Bounds of uploads.
const (
	maxUploadBytes = 64 * GiB
	maxUploads     = 1000
)

// Uploads says how the bots of a component upload files (XEP-0363).
type Uploads struct {
	Service       string         `mapstructure:"service"`        // auto, or the address of the service
	MaxBytes      ByteSize       `mapstructure:"max_bytes"`      // of a file
	Timeout       time.Duration  `mapstructure:"timeout"`        // of one upload
	Spool         ByteSize       `mapstructure:"spool"`          // of all files whose length is not known beforehand
	Concurrency   int            `mapstructure:"concurrency"`    // uploads at a time
	AllowNetworks []string       `mapstructure:"allow_networks"` // besides outbound.allow_networks
	Networks      []netip.Prefix `mapstructure:"-"`              // AllowNetworks, parsed
	Address       jid.JID        `mapstructure:"-"`              // Service, parsed; zero: auto
}

func (u *Uploads) check(s scope) {
	if u.Service != UploadsAuto {
		j, err := jid.Parse(u.Service)
		if err != nil || !j.IsDomain() {
			s.add("service", "%s is not the address of an upload service; write for example upload.example.com, or auto", quote(u.Service))
		}
		u.Address = j
	}
	if u.MaxBytes < 1 || u.MaxBytes > maxUploadBytes {
		s.add("max_bytes", "%v is not between 1 and %v", u.MaxBytes, maxUploadBytes)
	}
	if u.Timeout < time.Second {
		s.add("timeout", "%v is too short; write 1s or more", u.Timeout)
	}
	if u.Spool < MiB || u.Spool > maxUploadBytes {
		s.add("spool", "%v is not between 1MiB and %v", u.Spool, maxUploadBytes)
	}
	if u.Concurrency < 1 || u.Concurrency > maxUploads {
		s.add("concurrency", "%d is not between 1 and %d", u.Concurrency, maxUploads)
	}
	for i, text := range u.AllowNetworks {
		network, err := outbound.ParseNetwork(text)
		if err != nil {
			s.add(at("allow_networks", i), "%s %v", quote(text), err)
			continue
		}
		u.Networks = append(u.Networks, network)
	}
}
