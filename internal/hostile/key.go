package hostile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"sync"

	"filippo.io/mldsa"
)

// Key signs what it is told to sign: it knows no policy. Every key is new, so
// that two keys of one id never pass for each other.
type Key struct {
	Alg string // RS, PS, ES and HS with 256, 384 or 512, Ed25519, EdDSA, ML-DSA-44, -65 or -87, or none
	ID  string // the kid; empty leaves it out

	// Private is an *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey,
	// *mldsa.PrivateKey, or the secret of an HMAC as []byte.
	Private any

	// Signature, when set, makes the signature instead of Alg.
	Signature func(input []byte) []byte
}

// NewKey makes a key for alg: RSA with 2048 bits, HMAC with 64 octets.
func NewKey(t TB, alg, kid string) *Key {
	t.Helper()
	k := &Key{Alg: alg, ID: kid}
	var err error
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		k.Private = nextRSAKey()
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.Private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k.Private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "Ed25519", "EdDSA":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	case "HS256", "HS384", "HS512":
		secret := make([]byte, 64)
		rand.Read(secret)
		k.Private = secret
	case "ML-DSA-44":
		k.Private, err = mldsa.GenerateKey(mldsa.MLDSA44())
	case "ML-DSA-65":
		k.Private, err = mldsa.GenerateKey(mldsa.MLDSA65())
	case "ML-DSA-87":
		k.Private, err = mldsa.GenerateKey(mldsa.MLDSA87())
	case "none":
	default:
		t.Fatalf("hostile: no key for algorithm %q", alg)
	}
	if err != nil {
		t.Fatalf("hostile: %s key: %v", alg, err)
	}
	return k
}

// NewRSAKey makes an RSA key of a size of its own. It is slow above 2048 bits.
func NewRSAKey(t TB, alg, kid string, bits int) *Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatalf("hostile: RSA key of %d bits: %v", bits, err)
	}
	return &Key{Alg: alg, ID: kid, Private: private}
}

// NewSecretKey is an HMAC key with the given secret: a client secret, or the
// PEM text of somebody's public key.
func NewSecretKey(alg, kid string, secret []byte) *Key {
	return &Key{Alg: alg, ID: kid, Private: secret}
}

// As is the same key under another algorithm, fitting or not: an RSA key as
// PS256, a P-384 key as ES256, anything as none.
func (k *Key) As(alg string) *Key {
	c := *k
	c.Alg = alg
	return &c
}

// Named is the same key under another key id.
func (k *Key) Named(kid string) *Key {
	c := *k
	c.ID = kid
	return &c
}

// DER is the same ECDSA key with ASN.1 signatures, which JWS does not have.
func (k *Key) DER() *Key {
	c := *k
	c.Signature = func(input []byte) []byte {
		return must(ecdsa.SignASN1(rand.Reader, k.Private.(*ecdsa.PrivateKey), digest(hashOf(k.Alg), input)))
	}
	return &c
}

// Salt is the same RSA key with PSS signatures whose salt has n octets.
func (k *Key) Salt(n int) *Key {
	c := *k
	c.Signature = func(input []byte) []byte {
		h := hashOf(k.Alg)
		return must(rsa.SignPSS(rand.Reader, k.Private.(*rsa.PrivateKey), h, digest(h, input), &rsa.PSSOptions{SaltLength: n}))
	}
	return &c
}

// Sign returns the compact serialisation of header and payload, byte for byte
// as given, with the signature of k.
func (k *Key) Sign(header, payload []byte) string {
	input := encode(header) + "." + encode(payload)
	return input + "." + encode(k.sign([]byte(input)))
}

// Compact joins three parts to a compact JWS, whatever they hold.
func Compact(header, payload, signature []byte) string {
	return encode(header) + "." + encode(payload) + "." + encode(signature)
}

func (k *Key) sign(input []byte) []byte {
	if k.Signature != nil {
		return k.Signature(input)
	}
	h := hashOf(k.Alg)
	switch private := k.Private.(type) {
	case nil:
		return nil
	case []byte:
		if k.Alg == "none" {
			return nil
		}
		mac := hmac.New(h.New, private)
		mac.Write(input)
		return mac.Sum(nil)
	case *rsa.PrivateKey:
		switch {
		case strings.HasPrefix(k.Alg, "RS"):
			return must(rsa.SignPKCS1v15(rand.Reader, private, h, digest(h, input)))
		case strings.HasPrefix(k.Alg, "PS"):
			return must(rsa.SignPSS(rand.Reader, private, h, digest(h, input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
	case *ecdsa.PrivateKey:
		if strings.HasPrefix(k.Alg, "ES") {
			r, s, err := ecdsa.Sign(rand.Reader, private, digest(h, input))
			if err != nil {
				panic(err)
			}
			size := (private.Curve.Params().BitSize + 7) / 8
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	case ed25519.PrivateKey:
		if k.Alg == "Ed25519" || k.Alg == "EdDSA" {
			return ed25519.Sign(private, input)
		}
	case *mldsa.PrivateKey:
		if strings.HasPrefix(k.Alg, "ML-DSA") {
			return must(private.Sign(nil, input, nil))
		}
	}
	if k.Alg == "none" {
		return nil
	}
	panic(fmt.Sprintf("hostile: a %T cannot sign %s", k.Private, k.Alg))
}

// hashOf is the hash that an algorithm signs; 0 for those that take the whole
// message.
func hashOf(alg string) crypto.Hash {
	switch {
	case strings.HasSuffix(alg, "S256"):
		return crypto.SHA256
	case strings.HasSuffix(alg, "S384"):
		return crypto.SHA384
	case strings.HasSuffix(alg, "S512"):
		return crypto.SHA512
	}
	return 0
}

func digest(h crypto.Hash, input []byte) []byte {
	d := h.New()
	d.Write(input)
	return d.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// must is for what only a mistake in a test can make fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// rsaPrimes makes RSA keys cheap: n primes serve n(n-1)/2 different moduli.
// Keys that share a prime are worthless, except in a test.
var rsaPrimes struct {
	sync.Mutex
	primes []*big.Int
	a, b   int // the pair that was handed out last; a < b
}

func nextRSAKey() *rsa.PrivateKey {
	s := &rsaPrimes
	s.Lock()
	defer s.Unlock()
	if s.a++; s.a >= s.b {
		s.a, s.b = 0, s.b+1
	}
	one, e := big.NewInt(1), big.NewInt(65537)
	for len(s.primes) <= s.b {
		p := must(rand.Prime(rand.Reader, 1024))
		if new(big.Int).Mod(new(big.Int).Sub(p, one), e).Sign() != 0 {
			s.primes = append(s.primes, p)
		}
	}
	p, q := s.primes[s.a], s.primes[s.b]
	return rsaKeyOf(p, q)
}

func rsaKeyOf(p, q *big.Int) *rsa.PrivateKey {
	one, e := big.NewInt(1), big.NewInt(65537)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(e, phi),
		Primes:    []*big.Int{p, q},
	}
	k.Precompute()
	return k
}

// NewROCAKey makes an RSA key as the chips of CVE-2017-15361 did, with primes of
// the form k·M + (65537^a mod M): who looks finds the private half.
func NewROCAKey(kid string) *Key {
	one, e, m := big.NewInt(1), big.NewInt(65537), big.NewInt(1)
	for n := int64(2); n <= 701; n++ { // M is the product of the first 126 primes
		if big.NewInt(n).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(n))
		}
	}
	top := new(big.Int).Lsh(one, 1024)
	prime := func() *big.Int {
		for {
			k := new(big.Int).Div(top, m)
			k.Sub(k, must(rand.Int(rand.Reader, big.NewInt(1<<32))))
			p := new(big.Int).Exp(e, must(rand.Int(rand.Reader, m)), m)
			p.Add(p, k.Mul(k, m))
			if p.BitLen() == 1024 && p.ProbablyPrime(5) && new(big.Int).Mod(new(big.Int).Sub(p, one), e).Sign() != 0 {
				return p
			}
		}
	}
	return &Key{Alg: "RS256", ID: kid, Private: rsaKeyOf(prime(), prime())}
}
