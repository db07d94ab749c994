package jose

import (
	"crypto"
	"crypto/sha3"
	"encoding/base64"
)

// HalfHash computes at_hash, c_hash and s_hash: the left half of the hash of value, in base64url (OpenID Connect Core
// sections 3.1.3.6 and 3.3.2.11). The hash is the one of the token's alg: SHA-512 for Ed25519, 64 bytes of SHAKE256 for
// ML-DSA. It is false for an alg that is not supported.
func HalfHash(alg, value string) (string, bool) {
	a := lookup(alg)
	if a == nil {
		return "", false
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.text = append(s.text[:0], value...)
	var digest []byte
	switch a.kty {
	case "AKP":
		digest = sha3.SumSHAKE256(s.text, 64)
	case "OKP":
		digest = s.sum(crypto.SHA512)
	default:
		digest = s.sum(a.hash)
	}
	return base64.RawURLEncoding.EncodeToString(digest[:len(digest)/2]), true
}
