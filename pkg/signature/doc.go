// Package signature signs webhooks as Standard Webhooks 1.0.0 has it
// (https://github.com/standard-webhooks/standard-webhooks, "Webhook
// signatures"), in its symmetric form v1: HMAC-SHA256 over
//
//	webhook-id "." webhook-timestamp "." body
//
// where the timestamp is the time of the attempt in whole Unix seconds. The
// asymmetric form v1a is not there.
//
// Several secrets sign while one replaces another: a receiver takes a request
// if any of the signatures fits.
//
//	next, err := signature.ParseSecret("whsec_…")
//	signer := signature.NewSigner([]signature.Secret{next, old})
//	req.Header.Set(signature.HeaderSignature, signer.Sign(id, now, body))
package signature
