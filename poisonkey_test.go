package openid

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func manyAlgs(cfg *Config) { cfg.IDTokenSigningAlgs = []string{"ES256", "RS256", "HS256", "Ed25519"} }

// TestHostileKeySet: an entry that nobody can use stands in front of the good key, under its id and under another.
func TestHostileKeySet(t *testing.T) {
	p := hostile.Pipe(t)
	good := longLived(p, p.SigningKey()).String()
	for _, kid := range []string{p.SigningKey().ID, "poison"} {
		entries := hostile.PoisonKeys(kid)
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			t.Run(name+"/as "+kid, func(t *testing.T) {
				hostile.Watch(t, "discovery jwks")
				p.JWKS = hostile.Beside(entries[name])
				verify(t, newTestClient(t, p, manyAlgs), good)
			})
		}
		t.Run("all/as "+kid, func(t *testing.T) {
			hostile.Watch(t, "discovery jwks")
			p.JWKS = hostile.Beside(slices.Collect(maps.Values(entries))...)
			verify(t, newTestClient(t, p, manyAlgs), good)
		})
	}
}

// TestHostileKeySetSignsNothing: whoever holds the private half of a key that must not be used cannot sign with it.
func TestHostileKeySetSignsNothing(t *testing.T) {
	for _, l := range []struct {
		name   string
		poison func(t *testing.T) (key *hostile.Key, jwk map[string]any)
	}{
		{"J08 use enc", ellipticPoison("use", "enc")},
		{"J09 key_ops encrypt", ellipticPoison("key_ops", []string{"encrypt", "wrapKey"})},
		{"J10 alg of another kind", ellipticPoison("alg", "RS256")},
		{"J10 alg of the same kind", ellipticPoison("alg", "ES384")},
		{"J26 kty twice", func(t *testing.T) (*hostile.Key, map[string]any) {
			return hostile.NewKey(t, "ES256", "poison"), nil
		}},
		{"J10 a P-384 key for ES256", func(t *testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewKey(t, "ES384", "poison").As("ES256")
			return k, k.PublicJWK()
		}},
		{"J05 RSA of 1024 bits", func(t *testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewRSAKey(t, "RS256", "poison", 1024)
			return k, k.PublicJWK()
		}},
		{"J06 RSA with e = 1", func(t *testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewKey(t, "RS256", "poison")
			jwk := k.PublicJWK()
			jwk["e"] = "AQ"
			k.Signature = func(input []byte) []byte { return unencrypted(input, 256) }
			return k, jwk
		}},
		{"J27 RSA of a chip", func(*testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewROCAKey("poison")
			return k, k.PublicJWK()
		}},
		{"J28 Ed25519 of small order", func(t *testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewKey(t, "Ed25519", "poison")
			jwk := k.PublicJWK()
			neutral := append([]byte{1}, make([]byte, 31)...) // as the key and in the signature: 0·B = 1 + h·1
			jwk["x"] = base64.RawURLEncoding.EncodeToString(neutral)
			k.Signature = func([]byte) []byte { return append(neutral, make([]byte, 32)...) }
			return k, jwk
		}},
		{"J22 a secret that everybody can read", func(t *testing.T) (*hostile.Key, map[string]any) {
			k := hostile.NewKey(t, "HS256", "poison")
			return k, k.PublicJWK()
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery jwks jwks? jwks?")
			p := hostile.Pipe(t)
			key, jwk := l.poison(t)
			var entry any = jwk
			if jwk == nil {
				text, err := json.Marshal(key.PublicJWK())
				if err != nil {
					t.Fatal(err)
				}
				entry = json.RawMessage(hostile.WithMember(text, "kty", `"EC"`))
			}
			p.JWKS = hostile.Beside(entry)
			c := newTestClient(t, p, manyAlgs)
			for range 2 { // cold and warm
				if key.Alg == "HS256" { // judged by the client's own secret, never by a key of the set
					refuse(t, c, longLived(p, key).String(), "signature")
				} else {
					refuse(t, c, longLived(p, key).String(), "key")
				}
				// Without an id every key of the kind is tried: the good one, where the kind is the same.
				_, err := c.VerifyIDToken(t.Context(), longLived(p, key.Named("")).String(), "")
				hostile.Hear(err)
				if refusedBy(err) != "key" && refusedBy(err) != "signature" {
					t.Errorf("without a key id: %v", err)
				}
				verify(t, c, longLived(p, p.SigningKey()).String())
			}
		})
	}
}

// ellipticPoison is a good key of which one member says that it must not be used.
func ellipticPoison(member string, value any) func(*testing.T) (*hostile.Key, map[string]any) {
	return func(t *testing.T) (*hostile.Key, map[string]any) {
		k := hostile.NewKey(t, "ES256", "poison")
		jwk := k.PublicJWK()
		jwk[member] = value
		return k, jwk
	}
}

// unencrypted is what anybody can sign where e is 1: the padded digest itself (RFC 8017 section 9.2).
func unencrypted(input []byte, size int) []byte {
	sha256Prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	sum := sha256.Sum256(input)
	tail := slices.Concat([]byte{0}, sha256Prefix, sum[:])
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-2-len(tail)), tail)
}
