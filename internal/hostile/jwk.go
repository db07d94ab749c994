package hostile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"

	"filippo.io/mldsa"
)

// PublicJWK is the key as a member of a key set: RFC 7517, with use and alg.
// A secret key shows its secret, as only a hostile set does (RFC 7518 §6.4).
func (k *Key) PublicJWK() map[string]any {
	jwk := map[string]any{"use": "sig", "alg": k.Alg}
	if k.ID != "" {
		jwk["kid"] = k.ID
	}
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		jwk["kty"] = "RSA"
		jwk["n"] = encode(private.N.Bytes())
		jwk["e"] = encode(big.NewInt(int64(private.E)).Bytes())
	case *ecdsa.PrivateKey:
		point := must(private.PublicKey.Bytes())[1:] // after 0x04 come x and y
		jwk["kty"] = "EC"
		jwk["crv"] = private.Curve.Params().Name
		jwk["x"] = encode(point[:len(point)/2])
		jwk["y"] = encode(point[len(point)/2:])
	case ed25519.PrivateKey:
		jwk["kty"] = "OKP"
		jwk["crv"] = "Ed25519"
		jwk["x"] = encode(private.Public().(ed25519.PublicKey))
	case *mldsa.PrivateKey:
		jwk["kty"] = "AKP"
		jwk["pub"] = encode(private.PublicKey().Bytes())
	case []byte:
		jwk["kty"] = "oct"
		jwk["k"] = encode(private)
	default:
		panic(fmt.Sprintf("hostile: a %T has no JWK", k.Private))
	}
	return jwk
}

// Beside is a lie for Script.JWKS: it puts entries in front of the good keys.
func Beside(entries ...any) func(set map[string]any) {
	return func(set map[string]any) {
		set["keys"] = append(entries[:len(entries):len(entries)], set["keys"].([]any)...)
	}
}

// PoisonKeys are entries of a key set that nobody can use, by what is wrong
// with them. One of them must not spoil the keys beside it (RFC 7517 §5).
func PoisonKeys(kid string) map[string]any {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ec := func(name string, value any) map[string]any {
		jwk := (&Key{Alg: "ES256", ID: kid, Private: private}).PublicJWK()
		jwk[name] = value
		return jwk
	}
	modulus := make([]byte, 256)
	rand.Read(modulus)
	modulus[0] |= 0x80
	modulus[255] |= 1
	rsaKey := func(n, e []byte) map[string]any {
		return map[string]any{"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": encode(n), "e": encode(e)}
	}
	point := must(private.PublicKey.Bytes())
	point[len(point)-1] ^= 1
	return map[string]any{
		"J01 null":             nil,
		"J01 not an object":    42,
		"J01 no members":       map[string]any{},
		"J01 kty unknown":      ec("kty", "XYZ"),
		"J01 kty a number":     ec("kty", 1),
		"J01 kid a number":     ec("kid", 7),
		"J01 crv unknown":      ec("crv", "secp256k1"),
		"J02 crv of another":   ec("crv", "P-384"),
		"J02 point off curve":  ec("y", encode(point[33:])),
		"J02 point at zero":    map[string]any{"kty": "EC", "kid": kid, "crv": "P-256", "x": encode(make([]byte, 32)), "y": encode(make([]byte, 32))},
		"J02 x too short":      ec("x", encode(point[1:32])),
		"J02 x too long":       ec("x", encode(append([]byte{0}, point[1:33]...))),
		"J02 x not base64url":  ec("x", "+/+/"),
		"J03 x missing":        map[string]any{"kty": "EC", "kid": kid, "crv": "P-256", "y": encode(point[33:])},
		"J08 use enc":          ec("use", "enc"),
		"J09 key_ops encrypt":  ec("key_ops", []string{"encrypt"}),
		"J10 alg of another":   ec("alg", "RS256"),
		"J05 RSA 1024 bit":     rsaKey(modulus[:128], []byte{1, 0, 1}),
		"J05 RSA 16384 bit":    rsaKey(bytes.Repeat(modulus, 8), []byte{1, 0, 1}),
		"J07 RSA even modulus": rsaKey(append(modulus[:255:255], 2), []byte{1, 0, 1}),
		"J07 RSA small factor": rsaKey(new(big.Int).Mul(new(big.Int).SetBytes(modulus[:255]), big.NewInt(3)).Bytes(), []byte{1, 0, 1}),
		"J27 RSA of a chip":    NewROCAKey(kid).PublicJWK(),
		"J28 OKP small order":  map[string]any{"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": encode(append([]byte{1}, make([]byte, 31)...))},
		"J06 RSA e 1":          rsaKey(modulus, []byte{1}),
		"J06 RSA e even":       rsaKey(modulus, []byte{1, 0, 0}),
		"J06 RSA e 2^64+1":     rsaKey(modulus, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}),
		"J03 RSA n missing":    map[string]any{"kty": "RSA", "kid": kid, "e": "AQAB"},
		"J04 OKP X25519":       map[string]any{"kty": "OKP", "kid": kid, "crv": "X25519", "x": encode(point[1:33])},
		"J04 OKP too short":    map[string]any{"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": encode(point[1:32])},
		"J03 AKP alg missing":  map[string]any{"kty": "AKP", "kid": kid, "pub": encode(make([]byte, 1312))},
		"J04 AKP too short":    map[string]any{"kty": "AKP", "kid": kid, "alg": "ML-DSA-44", "pub": encode(make([]byte, 32))},
		"J22 oct":              NewSecretKey("HS256", kid, modulus[:64]).PublicJWK(),
		"J26 duplicate member": json.RawMessage(WithMember(marshal(ec("kid", kid)), "kty", `"RSA"`)),
	}
}
