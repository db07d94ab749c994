// Package jwe decrypts what a server encrypts for a client (ID Tokens, UserInfo, authorization responses, introspection) and encrypts
// request objects for the server (RFC 7516, RFC 7518).
//
//	cfg.Decrypter = jwe.Keys(privateKey)
//
// Key management is RSA-OAEP with SHA-1, SHA-256, SHA-384 or SHA-512, and ECDH-ES, direct or with A128KW, A192KW or A256KW, on P-256,
// P-384, P-521 and X25519. Content is encrypted with AES-GCM or AES-CBC and HMAC, of all sizes. RSA1_5, passwords, shared keys and
// compression are refused before any work.
//
// Key derivation, key wrapping and AES-CBC with HMAC are go-jose's, everything else of cryptography is the standard library's. go-jose's
// own parser is not used: it has no RSA-OAEP-384, RSA-OAEP-512 and X25519, and says more about failures than an attacker should hear.
//
// It is a package of its own so that only those who decrypt link go-jose.
package jwe
