package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/mldsa"
)

var testSecret = bytes.Repeat([]byte("secret! "), 8)

// opaque is a crypto.Signer and nothing else, as a key in a KMS is.
type opaque struct{ key crypto.Signer }

func (o opaque) Public() crypto.PublicKey { return o.key.Public() }

func (o opaque) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return o.key.Sign(r, digest, opts)
}

var (
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256Key = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521Key = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	edKey   = sync.OnceValue(func() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// privateKey is the key the tests sign alg with; nil for HMAC.
func privateKey(alg string) crypto.Signer {
	switch alg {
	case "ES256":
		return p256Key()
	case "ES384":
		return p384Key()
	case "ES512":
		return p521Key()
	case "EdDSA", "Ed25519":
		return edKey()
	case "ML-DSA-44":
		return must(mldsa.NewPrivateKey(mldsa.MLDSA44(), testSecret[:32]))
	case "ML-DSA-65":
		return must(mldsa.NewPrivateKey(mldsa.MLDSA65(), testSecret[:32]))
	case "ML-DSA-87":
		return must(mldsa.NewPrivateKey(mldsa.MLDSA87(), testSecret[:32]))
	case "HS256", "HS384", "HS512":
		return nil
	}
	return rsaKey()
}

// pair is a signer and the key that verifies what it signs.
func pair(t testing.TB, alg string, o SignerOptions) (*Signer, *Key) {
	t.Helper()
	if strings.HasPrefix(alg, "HS") {
		return must(NewMAC(testSecret, o)), must(NewSecret(testSecret))
	}
	key := privateKey(alg)
	return must(NewSigner(key, o)), must(NewKey(key.Public(), o.KeyID))
}

// countAllocations skips where there is nothing to count: under the race detector a sync.Pool forgets at random.
func countAllocations(t *testing.T) {
	t.Helper()
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("allocations are counted without the race detector")
	}
}
