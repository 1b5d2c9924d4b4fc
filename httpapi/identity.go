package httpapi

import (
	"context"

	"stanzahook/pkg/gateway"
)

// Identity is who calls, and what it may do. The zero Identity may do nothing.
type Identity struct {
	gateway.Caller
	// Group, such as "accounts", is one of many who share what one token may take;
	// empty: the caller is alone.
	Group string

	hash  [32]byte // of the token
	mount string   // whose Basic knows the caller; empty for a token
}

// IdentityOf returns who made the request with this context.
func IdentityOf(ctx context.Context) Identity { return requestOf(ctx).who }
