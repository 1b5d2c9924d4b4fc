package httpapi

import (
	"context"

	"stanzahook/pkg/gateway"
)

// Identity is the caller of a request. The zero Identity may do nothing.
type Identity struct {
	gateway.Caller
	// Group, such as "accounts", names the callers that share the bounds of one token;
	// empty: the caller does not share.
	Group string

	hash  [32]byte // of the token
	mount string   // whose Basic has authenticated the caller; empty for a token
}

// IdentityOf returns the caller of the request with this context.
func IdentityOf(ctx context.Context) Identity { return requestOf(ctx).who }
