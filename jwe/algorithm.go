package jwe

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	_ "crypto/sha1" // RSA-OAEP
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
	"maps"
	"slices"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// keyManagement is a way to tell the other side the content's key (RFC 7518 section 4).
type keyManagement struct {
	hash crypto.Hash // of RSA-OAEP; 0: ECDH-ES
	wrap int         // bytes of the key that wraps; 0: the agreed key is the content's
}

var keyManagements = map[string]keyManagement{
	"RSA-OAEP": {hash: crypto.SHA1}, "RSA-OAEP-256": {hash: crypto.SHA256}, "RSA-OAEP-384": {hash: crypto.SHA384}, "RSA-OAEP-512": {hash: crypto.SHA512},
	"ECDH-ES": {}, "ECDH-ES+A128KW": {wrap: 16}, "ECDH-ES+A192KW": {wrap: 24}, "ECDH-ES+A256KW": {wrap: 32},
}

// encoding is a way to encrypt the content (RFC 7518 section 5).
type encoding struct {
	key, iv, tag int // bytes
	aead         func(key []byte) (cipher.AEAD, error)
}

var encodings = map[string]encoding{
	"A128GCM": {16, 12, 16, gcm}, "A192GCM": {24, 12, 16, gcm}, "A256GCM": {32, 12, 16, gcm},
	"A128CBC-HS256": {32, 16, 16, cbcHMAC}, "A192CBC-HS384": {48, 16, 24, cbcHMAC}, "A256CBC-HS512": {64, 16, 32, cbcHMAC},
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func cbcHMAC(key []byte) (cipher.AEAD, error) { return josecipher.NewCBCHMAC(key, aes.NewCipher) }

var curves = map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521(), "X25519": ecdh.X25519()}

func curveName(c ecdh.Curve) string {
	for name, known := range curves {
		if known == c {
			return name
		}
	}
	return ""
}

// point reads a public key of curve from its coordinates; it refuses what does not lie on it.
func point(crv, x, y string) (*ecdh.PublicKey, error) {
	curve, known := curves[crv]
	if !known {
		return nil, errKey
	}
	rawX, err := decode(x)
	if err != nil || crv == "X25519" {
		if err == nil && y == "" {
			return curve.NewPublicKey(rawX)
		}
		return nil, errKey
	}
	rawY, err := decode(y)
	size := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}[crv]
	if err != nil || len(rawX) != size || len(rawY) != size {
		return nil, errKey
	}
	return curve.NewPublicKey(slices.Concat([]byte{4}, rawX, rawY))
}

// agreedKey is the key that both sides derive from the shared secret (RFC 7518 section 4.6.2).
func agreedKey(secret []byte, h *header) []byte {
	name, size := h.alg, keyManagements[h.alg].wrap
	if size == 0 {
		name, size = h.enc, encodings[h.enc].key
	}
	bits := binary.BigEndian.AppendUint32(nil, uint32(size)*8)
	key := make([]byte, size)
	josecipher.NewConcatKDF(crypto.SHA256, secret, prefixed([]byte(name)), prefixed(h.apu), prefixed(h.apv), bits, nil).Read(key)
	return key
}

func prefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
