package forward

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// Header says that a replica has passed a request on: its name, the address of the caller, the
	// time in milliseconds, and a signature of all of that and of the method and the target of the request.
	Header = "Stanzahook-Forwarded"
	// standbyHeader is in the answer of a replica that is not active to what was passed on to it:
	// nothing was done.
	standbyHeader = "Stanzahook-Standby"
	// maxAge is how old a signature may be, or how far the clocks of two replicas may differ.
	maxAge = time.Minute
	// KeySize is that of the key of signatures, in bytes.
	KeySize = sha256.Size
)

// SetKey sets the key of signatures, which all replicas have in common.
func (f *Forward) SetKey(key []byte) { f.key.Store(&key) }

// sign returns the header for a request of a caller.
func (f *Forward) sign(method, target string, caller netip.Addr) string {
	claim := f.o.Name + " " + caller.String() + " " + strconv.FormatInt(time.Now().UnixMilli(), 10)
	return claim + " " + base64.RawURLEncoding.EncodeToString(f.mac(method, target, claim))
}

func (f *Forward) mac(method, target, claim string) []byte {
	var key []byte
	if k := f.key.Load(); k != nil {
		key = *k
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(claim + "\n" + method + " " + target))
	return m.Sum(nil)
}

// Caller returns the address of the caller of a request that a replica has passed on; invalid if
// none has. It is httpapi.Options.Forwarded.
func (f *Forward) Caller(r *http.Request) netip.Addr {
	value := r.Header.Get(Header)
	if value == "" {
		return netip.Addr{}
	}
	at := strings.LastIndexByte(value, ' ')
	fields := strings.Fields(value)
	if at < 0 || len(fields) != 4 {
		return netip.Addr{}
	}
	sum, err := base64.RawURLEncoding.DecodeString(fields[3])
	ms, timeErr := strconv.ParseInt(fields[2], 10, 64)
	caller, addrErr := netip.ParseAddr(fields[1])
	if err != nil || timeErr != nil || addrErr != nil || f.key.Load() == nil || !hmac.Equal(sum, f.mac(r.Method, r.RequestURI, value[:at])) {
		return netip.Addr{}
	}
	if age := time.Since(time.UnixMilli(ms)); age.Abs() > maxAge {
		f.repeats.Warn(f.o.Log, "address of a forwarded request not believed", zap.String("from", fields[0]), zap.Duration("age", age), zap.String("hint", "the clocks of the replicas differ; limits for addresses count for the replica"))
		return netip.Addr{}
	}
	return caller
}

// isForwarded reports whether a replica, or somebody who says so, has passed a request on.
func isForwarded(r *http.Request) bool { return len(r.Header.Values(Header)) > 0 }
