package hostile

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// Suite gives a provider the habits of the OpenID Foundation's certification
// suite: an issuer with a slash at its end, punctuation in client_id (the secret
// has it anyway), keys of other kinds in its set, and token responses that say
// little.
//
//	p := hostile.New(t, hostile.Suite)
func Suite(p *Provider) {
	p.Issuer += "/"
	p.ClientID = "client:%+& of the suite"
	p.JWKS = p.Decoys
	p.TokenResponse = func(m map[string]any) {
		m["token_type"] = "bearer"
		delete(m, "expires_in")
	}
}

// Decoys, as Script.JWKS, puts keys beside the good ones that a client must pass
// by, although nothing is wrong with them: keys to encrypt with, a curve that few
// know, and under the signing key's own id keys of other algorithms.
func (p *Provider) Decoys(set map[string]any) {
	signing := p.SigningKey()
	entries := []any{
		map[string]any{"kty": "RSA", "n": decoys().modulus, "e": "AQAB", "use": "enc", "alg": "RSA-OAEP", "kid": "enc-1"},
		map[string]any{"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": "enc-2", "x": decoys().p256["x"], "y": decoys().p256["y"]},
		map[string]any{"kty": "OKP", "crv": "X25519", "use": "enc", "alg": "ECDH-ES", "kid": "enc-3", "x": decoys().x25519},
		map[string]any{"kty": "EC", "crv": "secp256k1", "use": "sig", "kid": "k1", "x": secp256k1X, "y": secp256k1Y},
	}
	for _, k := range decoys().signing {
		if k.Alg != signing.Alg {
			entries = append(entries, k.Named(signing.ID).PublicJWK())
		}
	}
	Beside(entries...)(set)
}

// The base point of secp256k1 (SEC 2 §2.4.1): as good a key as any on that curve.
var (
	secp256k1X = encode(must(hex.DecodeString("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")))
	secp256k1Y = encode(must(hex.DecodeString("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")))
)

type decoyKeys struct {
	modulus, x25519 string
	p256            map[string]any
	signing         []*Key
}

// decoys are made once: nobody signs with them.
var decoys = sync.OnceValue(func() decoyKeys {
	on := func(curve elliptic.Curve, alg string) *Key {
		return &Key{Alg: alg, Private: must(ecdsa.GenerateKey(curve, rand.Reader))}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return decoyKeys{
		modulus: encode(nextRSAKey().N.Bytes()),
		x25519:  encode(must(ecdh.X25519().GenerateKey(rand.Reader)).PublicKey().Bytes()),
		p256:    on(elliptic.P256(), "ES256").PublicJWK(),
		signing: []*Key{
			{Alg: "Ed25519", Private: must(private, err)}, {Alg: "PS256", Private: nextRSAKey()}, {Alg: "RS512", Private: nextRSAKey()},
			on(elliptic.P256(), "ES256"), on(elliptic.P384(), "ES384"),
		},
	}
})
