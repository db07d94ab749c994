package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

const (
	minSealKey   = 32
	sealVersion  = 1
	sealIDLength = 4
	sealHead     = 1 + sealIDLength
)

// Sealed encrypts what goes into b with AES-256-GCM, bound to the key it belongs to: a value that was moved to another does not open. The
// first of keys seals, all of them open, so that keys can be rotated; each is at least 32 random bytes. The names of the keys, the times and
// the sizes stay visible. That somebody puts back an older value is not noticed.
func Sealed(b Backend, keys ...[]byte) (Backend, error) {
	if b == nil {
		return nil, errors.New("store: Sealed: there is no backend")
	}
	if len(keys) == 0 {
		return nil, errors.New("store: Sealed: expected a key of at least 32 random bytes, got none")
	}
	s := &sealed{Backend: b}
	for i, key := range keys {
		if len(key) < minSealKey {
			return nil, fmt.Errorf("store: Sealed: key %d: expected at least %d random bytes, got %d", i, minSealKey, len(key))
		}
		derived, err := hkdf.Key(sha256.New, key, nil, "openid store", 32+sealIDLength)
		if err != nil {
			return nil, fmt.Errorf("store: Sealed: %w", err)
		}
		block, err := aes.NewCipher(derived[:32])
		if err != nil {
			return nil, fmt.Errorf("store: Sealed: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("store: Sealed: %w", err)
		}
		s.keys = append(s.keys, sealKey{[sealIDLength]byte(derived[32:]), aead})
	}
	return s, nil
}

type sealed struct {
	Backend
	keys []sealKey
}

type sealKey struct {
	id   [sealIDLength]byte
	aead cipher.AEAD
}

func (s *sealed) seal(key string, v []byte) []byte {
	k := s.keys[0]
	out := append(make([]byte, 0, sealHead+len(v)+k.aead.Overhead()), sealVersion)
	out = append(out, k.id[:]...)
	return k.aead.Seal(out, nil, v, append(out[:sealHead:sealHead], key...))
}

func (s *sealed) open(key string, v []byte) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	if len(v) < sealHead || v[0] != sealVersion {
		return nil, ErrUnreadable
	}
	for _, k := range s.keys {
		if [sealIDLength]byte(v[1:sealHead]) == k.id {
			if plain, err := k.aead.Open([]byte{}, nil, v[sealHead:], append(v[:sealHead:sealHead], key...)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, ErrUnreadable
}

func (s *sealed) Get(ctx context.Context, key string) ([]byte, error) {
	v, err := s.Backend.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.open(key, v)
}

func (s *sealed) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok Token) (bool, error) {
	return s.Backend.Add(ctx, key, s.seal(key, v), ttl, tok)
}

func (s *sealed) Lock(ctx context.Context, key string, tok, over Token, d time.Duration) (Locked, error) {
	l, err := s.Backend.Lock(ctx, key, tok, over, d)
	if err != nil || !l.OK {
		return l, err
	}
	if l.Value, err = s.open(key, l.Value); err != nil {
		_ = s.Backend.Save(ctx, key, tok, Change{})
		return Locked{}, err
	}
	return l, nil
}

func (s *sealed) Save(ctx context.Context, key string, tok Token, c Change) error {
	if v, ttl, ok := c.Value(); ok {
		c = Put(s.seal(key, v), ttl)
	}
	return s.Backend.Save(ctx, key, tok, c)
}
