package openid

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/openid-client/openid/internal/strict"
)

const (
	minSealKey  = 32
	keyIDLength = 4
	maxSealed   = 16 << 10 // what may come back from a cookie jar
)

// A sealer makes sealed strings: AES-256-GCM under a key derived from the caller's, bound to a purpose, an issuer and a client. What one
// client sealed, another cannot open.
type sealer struct{ keys []sealKey }

type sealKey struct {
	id   [keyIDLength]byte
	aead cipher.AEAD
}

// newSealer derives the keys. Without any it makes one that lives as long as the process.
func newSealer(keys []Secret, purpose, issuer, clientID string) *sealer {
	if len(keys) == 0 {
		fresh := make([]byte, minSealKey)
		rand.Read(fresh)
		keys = []Secret{NewSecret(string(fresh))}
	}
	s := new(sealer)
	for _, key := range keys {
		// The lengths keep "ab"+"c" and "a"+"bc" apart.
		info := purpose + "\x00" + string(appendString(appendString(nil, issuer), clientID))
		derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, info, 32+keyIDLength)
		if err != nil {
			continue // the key is too short for FIPS 140 mode; New has already said so
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

const sealVersion = 1

func (s *sealer) seal(plain []byte) (string, error) {
	if len(s.keys) == 0 {
		return "", errors.New("openid: no key to seal with")
	}
	k := s.keys[0]
	head := append([]byte{sealVersion}, k.id[:]...)
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(head, nil, plain, head)), nil
}

// open reports false for whatever this sealer did not seal.
func (s *sealer) open(sealed string) ([]byte, bool) {
	if len(sealed) > maxSealed {
		return nil, false
	}
	raw, err := strict.AppendBase64(nil, sealed)
	if err != nil || len(raw) < 1+keyIDLength || raw[0] != sealVersion {
		return nil, false
	}
	head, rest := raw[:1+keyIDLength], raw[1+keyIDLength:]
	for _, k := range s.keys {
		if [keyIDLength]byte(head[1:]) == k.id {
			if plain, err := k.aead.Open(nil, nil, rest, head); err == nil {
				return plain, true
			}
		}
	}
	return nil, false
}

// random is 256 bits as 43 characters that fit into a URL: a state, a nonce, a code verifier (RFC 7636 section 4.1).
func random() string { return string(appendRandom(make([]byte, 0, 43))) }

func appendRandom(dst []byte) []byte {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}
