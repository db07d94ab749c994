package jwe

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/openid-client/openid/internal/jose"
)

// An Encrypter encrypts for whoever publishes a key set.
type Encrypter struct {
	alg, enc string
	err      error
}

// Encrypt makes an encrypter, for example of "RSA-OAEP-256" and "A256GCM": what the server lists as request_object_encryption_alg_values_supported
// and request_object_encryption_enc_values_supported. What is wrong with the names says Err, which openid.New asks.
func Encrypt(alg, enc string) *Encrypter {
	e := &Encrypter{alg: alg, enc: enc}
	if _, ok := keyManagements[alg]; !ok {
		e.err = fmt.Errorf("jwe: expected alg to be one of %s, got %s", strings.Join(names(keyManagements), ", "), cut(alg))
	}
	if _, ok := encodings[enc]; !ok {
		e.err = errors.Join(e.err, fmt.Errorf("jwe: expected enc to be one of %s, got %s", strings.Join(names(encodings), ", "), cut(enc)))
	}
	return e
}

// Err says what is wrong with the names, nil if nothing is.
func (e *Encrypter) Err() error { return e.err }

// Encrypt encrypts a JWS for the first key of the set that is meant for that: its use is "enc" or not said, its alg the encrypter's or not
// said, its type and curve fitting.
func (e *Encrypter) Encrypt(_ context.Context, payload, jwks []byte) (string, error) {
	if e.err != nil {
		return "", e.err
	}
	to, err := e.choose(jwks)
	if err != nil {
		return "", err
	}
	h := &header{alg: e.alg, enc: e.enc, kid: to.kid}
	enc := encodings[e.enc]
	var contentKey, encrypted []byte
	var epk string
	if to.rsa != nil {
		contentKey = randomBytes(enc.key)
		encrypted, err = rsa.EncryptOAEP(keyManagements[e.alg].hash.New(), rand.Reader, to.rsa, contentKey, nil)
	} else {
		contentKey, encrypted, epk, err = agreeWith(to.point, h)
	}
	if err != nil {
		return "", fmt.Errorf("jwe: %w", err)
	}
	protected := base64.RawURLEncoding.EncodeToString(h.append(epk))
	aead, err := enc.aead(contentKey)
	if err != nil {
		return "", fmt.Errorf("jwe: %w", err)
	}
	iv := randomBytes(enc.iv)
	sealed := aead.Seal(nil, iv, payload, []byte(protected))
	body, tag := sealed[:len(sealed)-enc.tag], sealed[len(sealed)-enc.tag:]
	parts := []string{protected}
	for _, part := range [][]byte{encrypted, iv, body, tag} {
		parts = append(parts, base64.RawURLEncoding.EncodeToString(part))
	}
	return strings.Join(parts, "."), nil
}

func agreeWith(to *ecdh.PublicKey, h *header) (contentKey, encrypted []byte, epk string, err error) {
	ephemeral, err := to.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, "", err
	}
	secret, err := ephemeral.ECDH(to)
	if err != nil {
		return nil, nil, "", err
	}
	epk = publicJWK(ephemeral.PublicKey())
	agreed := agreedKey(secret, h)
	if keyManagements[h.alg].wrap == 0 {
		return agreed, nil, epk, nil
	}
	block, err := aes.NewCipher(agreed)
	if err != nil {
		return nil, nil, "", err
	}
	contentKey = randomBytes(encodings[h.enc].key)
	encrypted, err = josecipher.KeyWrap(block, contentKey)
	return contentKey, encrypted, epk, err
}

func publicJWK(k *ecdh.PublicKey) string {
	raw, crv := k.Bytes(), curveName(k.Curve())
	if crv == "X25519" {
		return fmt.Sprintf(`{"crv":%q,"kty":"OKP","x":%q}`, crv, base64.RawURLEncoding.EncodeToString(raw))
	}
	half := (len(raw) - 1) / 2
	return fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, crv, base64.RawURLEncoding.EncodeToString(raw[1:1+half]), base64.RawURLEncoding.EncodeToString(raw[1+half:]))
}

// append writes the header: what is encrypted is a JWT (RFC 7519 section 5.2).
func (h *header) append(epk string) []byte {
	b := fmt.Appendf(nil, `{"alg":%q,"enc":%q,"cty":"JWT"`, h.alg, h.enc)
	if h.kid != "" {
		b, _ = jsontext.AppendQuote(append(b, `,"kid":`...), h.kid)
	}
	if epk != "" {
		b = append(append(b, `,"epk":`...), epk...)
	}
	return append(b, '}')
}

// recipient is a public key of the set.
type recipient struct {
	kid   string
	rsa   *rsa.PublicKey
	point *ecdh.PublicKey
}

// maxKeys bounds how many keys of a set are looked at.
const maxKeys = 100

func (e *Encrypter) choose(jwks []byte) (*recipient, error) {
	var found *recipient
	var keys jsontext.Value
	err := members(jwks, func(name string, v jsontext.Value) error {
		if name == "keys" {
			keys = v
		}
		return nil
	})
	if err != nil || keys.Kind() != '[' {
		return nil, errors.New("jwe: expected a key set, got something else")
	}
	d := jsontext.NewDecoder(bytes.NewReader(keys))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for n := 0; d.PeekKind() != ']' && n < maxKeys && found == nil; n++ {
		v, err := d.ReadValue()
		if err != nil {
			return nil, errors.New("jwe: expected a key set, got something else")
		}
		found = e.fitting(v.Clone()) // a key that cannot be read is none of ours
	}
	if found == nil {
		return nil, fmt.Errorf("jwe: expected a key for %s in the server's key set, got none", e.alg)
	}
	return found, nil
}

func (e *Encrypter) fitting(jwk jsontext.Value) *recipient {
	m := map[string]string{}
	err := members(jwk, func(name string, v jsontext.Value) error {
		if slices.Contains([]string{"kid", "kty", "use", "alg", "crv", "x", "y", "n", "e"}, name) {
			s, err := text(name, v)
			m[name] = s
			return err
		}
		return nil
	})
	if err != nil || m["use"] != "" && m["use"] != "enc" || m["alg"] != "" && m["alg"] != e.alg {
		return nil
	}
	to := &recipient{kid: m["kid"]}
	if keyManagements[e.alg].hash != 0 {
		n, err1 := decode(m["n"])
		exponent, err2 := decode(m["e"])
		if m["kty"] != "RSA" || err1 != nil || err2 != nil || len(exponent) > 4 {
			return nil
		}
		to.rsa = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(exponent).Int64())}
		if jose.CheckRSA(to.rsa) != nil {
			return nil
		}
		return to
	}
	if kty := map[bool]string{true: "OKP", false: "EC"}[m["crv"] == "X25519"]; m["kty"] != kty {
		return nil
	}
	if to.point, err = point(m["crv"], m["x"], m["y"]); err != nil {
		return nil
	}
	return to
}
