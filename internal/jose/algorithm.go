// Package jose signs and verifies compact JWS (RFC 7515) with the standard library's crypto, and reads keys in JWK form
// (RFC 7517).
//
// A key decides which algorithms it serves; the token's header only picks among them. "none" is no algorithm here, in any
// spelling. Results are plain: package openid turns a [Refusal] into its public error.
package jose

import (
	"crypto"
	_ "crypto/sha256" // the hashes of the table
	_ "crypto/sha512"
)

// algorithm is one row of the IANA registry "JSON Web Signature and Encryption Algorithms".
type algorithm struct {
	name  string
	kty   string      // the key type it belongs to
	crv   string      // the one curve it is bound to, for EC and OKP
	hash  crypto.Hash // what is hashed before signing; 0 where the algorithm takes the message
	pss   bool
	index uint
}

// algorithms stands in the order in which [Algorithms] names them. RFC 7518 section 3.1, RFC 8037, RFC 9864 ("Ed25519",
// which is what "EdDSA" means here), draft-ietf-cose-dilithium (ML-DSA).
var algorithms = number([]algorithm{
	{name: "RS256", kty: "RSA", hash: crypto.SHA256},
	{name: "RS384", kty: "RSA", hash: crypto.SHA384},
	{name: "RS512", kty: "RSA", hash: crypto.SHA512},
	{name: "PS256", kty: "RSA", hash: crypto.SHA256, pss: true},
	{name: "PS384", kty: "RSA", hash: crypto.SHA384, pss: true},
	{name: "PS512", kty: "RSA", hash: crypto.SHA512, pss: true},
	{name: "ES256", kty: "EC", crv: "P-256", hash: crypto.SHA256},
	{name: "ES384", kty: "EC", crv: "P-384", hash: crypto.SHA384},
	{name: "ES512", kty: "EC", crv: "P-521", hash: crypto.SHA512},
	{name: "Ed25519", kty: "OKP", crv: "Ed25519"},
	{name: "EdDSA", kty: "OKP", crv: "Ed25519"},
	{name: "ML-DSA-44", kty: "AKP"},
	{name: "ML-DSA-65", kty: "AKP"},
	{name: "ML-DSA-87", kty: "AKP"},
	{name: "HS256", kty: "oct", hash: crypto.SHA256},
	{name: "HS384", kty: "oct", hash: crypto.SHA384},
	{name: "HS512", kty: "oct", hash: crypto.SHA512},
})

func number(table []algorithm) []algorithm {
	for i := range table {
		table[i].index = uint(i)
	}
	return table
}

// lookup finds an algorithm by its exact name, nil if there is none.
func lookup(name string) *algorithm { return byName[name] }

var byName = func() map[string]*algorithm {
	m := make(map[string]*algorithm, len(algorithms))
	for i := range algorithms {
		m[algorithms[i].name] = &algorithms[i]
	}
	return m
}()

// Supported reports whether alg is an algorithm this package verifies with.
func Supported(alg string) bool { return lookup(alg) != nil }

// Algorithms lists the algorithms this package verifies with.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// algorithmSet is a set of rows of the table.
type algorithmSet uint32

func (s algorithmSet) has(a *algorithm) bool { return s>>a.index&1 == 1 }

// servedBy collects the algorithms for which serves holds.
func servedBy(serves func(algorithm) bool) (s algorithmSet) {
	for _, a := range algorithms {
		if serves(a) {
			s |= 1 << a.index
		}
	}
	return s
}
