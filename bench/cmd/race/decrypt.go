package main

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/jwe"
)

// decryptLanes take an encrypted ID Token of the usual size, A256GCM inside. The floor is the private key's operation and AES-GCM, without
// the key derivation and wrapping between them.
func decryptLanes(s *fixture.Set, alg string) ([]*lane, func(), error) {
	var private crypto.Signer
	var err error
	if strings.HasPrefix(alg, "RSA") {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	token := s.Tokens["ES256"]
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: private.Public()}, nil)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := encrypter.Encrypt([]byte(token))
	if err != nil {
		return nil, nil, err
	}
	compact, err := sealed.CompactSerialize()
	if err != nil {
		return nil, nil, err
	}
	floor, err := bareDecryption(private, []byte(token))
	if err != nil {
		return nil, nil, err
	}
	ours := jwe.Keys(private)
	return []*lane{
		{name: "floor", run: floor},
		{name: "ours", run: func() error { _, err := ours.Decrypt(context.Background(), compact); return err }},
		{name: "go-jose", run: func() error {
			parsed, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.A256GCM})
			if err != nil {
				return err
			}
			_, err = parsed.Decrypt(private)
			return err
		}},
	}, func() {}, nil
}

func bareDecryption(private crypto.Signer, token []byte) (func() error, error) {
	key, iv := make([]byte, 32), make([]byte, 12)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	content := aead.Seal(nil, iv, token, nil)
	open := func() error {
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		_, err = aead.Open(nil, iv, content, nil)
		return err
	}
	if k, ok := private.(*rsa.PrivateKey); ok {
		wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &k.PublicKey, key, nil)
		return func() error {
			if _, err := k.Decrypt(nil, wrapped, &rsa.OAEPOptions{Hash: crypto.SHA256}); err != nil {
				return err
			}
			return open()
		}, err
	}
	own, err := private.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		return nil, err
	}
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return func() error {
		if _, err := own.ECDH(other.PublicKey()); err != nil {
			return err
		}
		return open()
	}, nil
}
