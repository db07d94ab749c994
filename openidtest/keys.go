package openidtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// idTokenAlgs are the algorithms that sign ID Tokens, the default first.
var idTokenAlgs = []goidc.SignatureAlgorithm{goidc.ES256, goidc.RS256, goidc.PS256, jose.EdDSA, goidc.HS256}

// firstRSAKey is shared by all providers of the process: making one takes a hundred times as long as everything else that
// Start does. For the same reason a provider has RSA keys only when a client asks for them.
var firstRSAKey = sync.OnceValues(newRSAKey)

func newRSAKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// keyring holds the signing keys of a provider.
type keyring struct {
	mu         sync.Mutex
	generation int
	hasRSA     bool
	encryption goidc.JSONWebKey // decrypts request objects
	current    []goidc.JSONWebKey
	previous   []goidc.JSONWebKey // the public halves
}

// rotate makes new keys. The keys before them stay published, so that what they signed can be verified; those before the
// previous ones go.
func (k *keyring) rotate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation++
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	fresh := []goidc.JSONWebKey{k.key(goidc.ES256, ec), k.key(jose.EdDSA, ed)}
	if k.encryption.Key == nil { // it is not rotated: what was encrypted for it may still be under way
		pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		k.encryption = goidc.JSONWebKey{KeyID: "requests", Use: "enc", Key: pair}
	}
	if k.hasRSA {
		pair, err := newRSAKey()
		if err != nil {
			return err
		}
		fresh = append(fresh, k.key(goidc.RS256, pair), k.key(goidc.PS256, pair))
	}
	k.previous = nil
	for _, old := range k.current {
		k.previous = append(k.previous, old.Public())
	}
	k.current = fresh
	return nil
}

// key names a key after its algorithm and generation. The engine looks keys up by alg, so each algorithm has an entry.
func (k *keyring) key(alg goidc.SignatureAlgorithm, key any) goidc.JSONWebKey {
	kid := fmt.Sprintf("%s-%d", strings.ToLower(string(alg)), k.generation)
	return goidc.JSONWebKey{KeyID: kid, Algorithm: string(alg), Use: "sig", Key: key}
}

// need makes the keys for algs when they are not there yet.
func (k *keyring) need(algs ...goidc.SignatureAlgorithm) error {
	if !slices.Contains(algs, goidc.RS256) && !slices.Contains(algs, goidc.PS256) {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hasRSA {
		return nil
	}
	pair, err := firstRSAKey()
	if err != nil {
		return err
	}
	k.hasRSA = true
	k.current = append(slices.Clip(k.current), k.key(goidc.RS256, pair), k.key(goidc.PS256, pair))
	return nil
}

// all returns the keys, those that sign first.
func (k *keyring) all() []goidc.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Concat(k.current, k.previous, []goidc.JSONWebKey{k.encryption})
}

// signingKeys is asked by the engine for every signature and for every answer of the JWKS endpoint. An HS256 signature is
// made with the secret of the client in hand; at the JWKS endpoint there is none.
func (p *Provider) signingKeys(ctx context.Context) (goidc.JSONWebKeySet, error) {
	keys := p.keys.all()
	if c := noteIn(ctx).client; c != nil && c.Secret != "" {
		keys = append(keys, goidc.JSONWebKey{Algorithm: string(goidc.HS256), Use: "sig", Key: []byte(c.Secret)})
	}
	return goidc.JSONWebKeySet{Keys: keys}, nil
}

// sign makes a JWT with the default algorithm.
func (p *Provider) sign(claims any) (string, error) {
	key := p.keys.all()[0]
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: goidc.SignatureAlgorithm(key.Algorithm), Key: key}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
