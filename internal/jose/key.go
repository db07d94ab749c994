package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"sync"

	"filippo.io/mldsa"
)

// Key is one key to verify with, checked when it was imported. It is safe for concurrent use.
type Key struct {
	id     string
	issuer string
	serves algorithmSet
	public crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or *mldsa.PublicKey; nil for a secret
	macs   map[crypto.Hash]*sync.Pool
}

// RSA keys below 2048 bits are weak (RFC 7518 section 3.3), above 8192 bits they cost more than they are worth.
const (
	minModulus = 2048
	maxModulus = 8192
)

// NewKey imports a public key: *rsa.PublicKey, *ecdsa.PublicKey on P-256, P-384 or P-521, ed25519.PublicKey, or
// *mldsa.PublicKey. It serves every algorithm of its kind.
func NewKey(pub crypto.PublicKey, id string) (*Key, error) {
	if len(id) > MaxKeyID {
		return nil, fmt.Errorf("the key id has more than %d bytes", MaxKeyID)
	}
	k := &Key{id: id}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if err := CheckRSA(pub); err != nil {
			return nil, err
		}
		k.public = &rsa.PublicKey{N: new(big.Int).Set(pub.N), E: pub.E}
		k.serves = servedBy(func(a algorithm) bool { return a.kty == "RSA" })
	case *ecdsa.PublicKey:
		if pub == nil || pub.Curve == nil {
			return nil, errors.New("no key")
		}
		crv := pub.Curve.Params().Name
		curve := curveOf(crv)
		if curve == nil {
			return nil, fmt.Errorf("the curve %s is not supported", quote(crv))
		}
		point, _ := pub.Bytes() // which are none when the point is not on its curve
		var err error
		if k.public, err = ecdsa.ParseUncompressedPublicKey(curve, point); err != nil {
			return nil, errors.New("the point is not on its curve")
		}
		k.serves = servedBy(func(a algorithm) bool { return a.crv == crv })
	case ed25519.PublicKey:
		if len(pub) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("an Ed25519 key has %d bytes", ed25519.PublicKeySize)
		}
		if smallOrder(pub) {
			return nil, errors.New("an Ed25519 point of small order is nobody's key")
		}
		k.public = ed25519.PublicKey(bytes.Clone(pub))
		k.serves = servedBy(func(a algorithm) bool { return a.crv == "Ed25519" })
	case *mldsa.PublicKey:
		if pub == nil {
			return nil, errors.New("no key")
		}
		k.public = pub
		k.serves = servedBy(func(a algorithm) bool { return a.name == pub.Parameters().String() })
	default:
		return nil, fmt.Errorf("keys of type %T are not supported", pub)
	}
	return k, nil
}

// CheckRSA says what makes pub too weak to sign or to encrypt with, or too costly, nil if nothing does. An exponent of 3 is enough for RFC 8017:
// what it is notorious for are lax readers of the padding, and crypto/rsa compares the whole of it.
func CheckRSA(pub *rsa.PublicKey) error {
	if pub == nil || pub.N == nil {
		return errors.New("no key")
	}
	switch bits := pub.N.BitLen(); {
	case bits < minModulus || bits > maxModulus:
		return fmt.Errorf("the RSA modulus has %d bits, not %d to %d", bits, minModulus, maxModulus)
	case pub.N.Sign() < 0 || pub.N.Bit(0) == 0:
		return errors.New("the RSA modulus is even or negative")
	case pub.E < 3 || pub.E%2 == 0:
		return errors.New("the RSA exponent is even or below 3")
	case uint64(pub.E) > maxExponent:
		return errors.New("the RSA exponent is too large")
	}
	return checkModulus(pub.N)
}

// maxExponent is as far as crypto/rsa goes, on every platform.
const maxExponent = 1<<31 - 1

// NewSecret imports a shared secret for HMAC. It serves the algorithms whose hash is no longer than the secret (RFC 7518
// section 3.2); a secret of less than 32 bytes serves none and is refused.
func NewSecret(secret []byte) (*Key, error) {
	if len(secret) < sha256.Size {
		return nil, fmt.Errorf("the secret has %d bytes; HMAC needs at least %d (RFC 7518 section 3.2)", len(secret), sha256.Size)
	}
	secret = bytes.Clone(secret)
	k := &Key{macs: make(map[crypto.Hash]*sync.Pool)}
	k.serves = servedBy(func(a algorithm) bool { return a.kty == "oct" && len(secret) >= a.hash.Size() })
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		// Keying costs as much as a short message: the keyed states are kept.
		k.macs[h] = &sync.Pool{New: func() any { return hmac.New(h.New, secret) }}
	}
	return k, nil
}

// ID is the key's kid, empty when it has none.
func (k *Key) ID() string { return k.id }

// Issuer is the issuer whose tokens alone the key may verify, as its JWK says; empty when it says nothing. Some servers publish the keys of
// several issuers in one set.
func (k *Key) Issuer() string { return k.issuer }

// Serves reports whether the key may verify alg: its type, curve and size fit, and nothing the JWK says of itself (use,
// key_ops, alg) forbids it.
func (k *Key) Serves(alg string) bool {
	a := lookup(alg)
	return a != nil && k.serves.has(a)
}

// Verify reports whether signature is the key's signature over signed under alg, an algorithm that the key serves.
func (k *Key) Verify(alg, signed string, signature []byte) bool {
	a := lookup(alg)
	if a == nil || !k.serves.has(a) {
		return false
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.text = append(s.text[:0], signed...)
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(pub, a.hash, s.sum(a.hash), signature, saltLikeHash) == nil
		}
		return rsa.VerifyPKCS1v15(pub, a.hash, s.sum(a.hash), signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, s.sum(a.hash), appendDER(s.der[:0], signature, coordinateSize(pub.Curve)))
	case ed25519.PublicKey:
		return ed25519.Verify(pub, s.text, signature)
	case *mldsa.PublicKey:
		return mldsa.Verify(pub, s.text, signature, nil) == nil
	}
	return hmac.Equal(k.mac(a.hash, s.digest[:0], s.text), signature)
}

// RFC 7518 section 3.5: the salt is as long as the hash.
var saltLikeHash = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}

// mac appends the HMAC of message under the secret to dst.
func (k *Key) mac(h crypto.Hash, dst, message []byte) []byte {
	pool := k.macs[h]
	m := pool.Get().(hash.Hash)
	defer pool.Put(m)
	m.Reset()
	m.Write(message)
	return m.Sum(dst)
}

// sum hashes the text.
func (s *scratch) sum(h crypto.Hash) []byte { return sum(s.digest[:0], h, s.text) }

// sum appends the hash of message to dst.
func sum(dst []byte, h crypto.Hash, message []byte) []byte {
	switch h {
	case crypto.SHA384:
		d := sha512.Sum384(message)
		return append(dst, d[:]...)
	case crypto.SHA512:
		d := sha512.Sum512(message)
		return append(dst, d[:]...)
	}
	d := sha256.Sum256(message)
	return append(dst, d[:]...)
}
