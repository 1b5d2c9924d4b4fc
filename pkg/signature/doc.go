// Package signature signs webhooks by Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks, "Webhook signatures"),
// in its symmetric form v1: HMAC-SHA256 over
//
//	webhook-id "." webhook-timestamp "." body
//
// where the timestamp is the time of the attempt in whole Unix seconds. The
// asymmetric form v1a is not implemented.
//
// While one secret replaces another, both sign: a receiver accepts a request if any
// of the signatures matches. Receivers verify with the libraries of the standard.
//
//	next, err := signature.ParseSecret("whsec_…")
//	signer := signature.NewSigner([]signature.Secret{next, old})
//	req.Header.Set(signature.HeaderSignature, signer.Sign(id, now, body))
package signature
