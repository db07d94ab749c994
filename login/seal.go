package login

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/openid-client/openid"
)

const (
	minKey      = 32
	sealVersion = 1
	keyIDLength = 4
	sealHead    = 1 + keyIDLength
	maxSealed   = 8 << 10
)

// A sealer makes cookie values that nobody else can read or make: AES-256-GCM under keys derived for one purpose of one application, bound to
// the name of the cookie. The first key seals, all of them open.
type sealer struct{ keys []sealKey }

type sealKey struct {
	id   [keyIDLength]byte
	aead cipher.AEAD
}

// newSealer derives the keys. Without any it makes one that lives as long as the process.
func newSealer(keys []openid.Secret, purpose, baseURL string) *sealer {
	if len(keys) == 0 {
		fresh := make([]byte, minKey)
		rand.Read(fresh)
		keys = []openid.Secret{openid.NewSecret(string(fresh))}
	}
	s := new(sealer)
	for _, key := range keys {
		derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, purpose+"\x00"+baseURL, 32+keyIDLength)
		if err != nil {
			continue // too short for FIPS 140 mode: New has said so
		}
		block, err := aes.NewCipher(derived[:32])
		if err != nil {
			continue
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			continue
		}
		s.keys = append(s.keys, sealKey{[keyIDLength]byte(derived[32:]), aead})
	}
	return s
}

var errNoKey = errors.New("login: no key to seal with")

func (s *sealer) seal(plain []byte, name string) (string, error) {
	if len(s.keys) == 0 {
		return "", errNoKey
	}
	k := s.keys[0]
	head := append([]byte{sealVersion}, k.id[:]...)
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(head, nil, plain, append(head[:sealHead:sealHead], name...))), nil
}

// open reports false for whatever this sealer did not seal for a cookie of this name. stale: another key than the first sealed it.
func (s *sealer) open(sealed, name string) (plain []byte, stale, ok bool) {
	if len(sealed) > maxSealed {
		return nil, false, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	// Go's decoder skips line breaks, so that one value would have many texts.
	if err != nil || len(raw) < sealHead || raw[0] != sealVersion || base64.RawURLEncoding.EncodedLen(len(raw)) != len(sealed) {
		return nil, false, false
	}
	head, rest := raw[:sealHead:sealHead], raw[sealHead:]
	for i, k := range s.keys {
		if [keyIDLength]byte(head[1:]) == k.id {
			if plain, err := k.aead.Open(nil, nil, rest, append(head, name...)); err == nil {
				return plain, i > 0, true
			}
		}
	}
	return nil, false, false
}

// random is 256 bits as 43 characters that fit into a cookie.
func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

const randomLength = 43
