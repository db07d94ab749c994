package jwe

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/openid-client/openid/internal/jose"
)

// A Key is a private key with what the server knows of it. Private is an *rsa.PrivateKey of 2048 bits or more, an *ecdsa.PrivateKey, an
// *ecdh.PrivateKey, or something in an HSM: a [crypto.Decrypter] with an RSA key, or an [ecdh.KeyExchanger].
type Key struct {
	Private   crypto.PrivateKey
	KeyID     string // kid; empty: for whatever kid a token names
	Algorithm string // the one it is registered for, such as "RSA-OAEP-256"; empty: any that fits
}

// A Decrypter decrypts with private keys. It is safe for concurrent use if its keys are.
type Decrypter struct {
	keys []key
	encs []string // empty: all
	err  error
}

type key struct {
	Key
	rsa      crypto.Decrypter
	exchange ecdh.KeyExchanger
}

// Keys makes a decrypter of private keys: each one that [Key].Private may be, or a [Key]. What is wrong with them says Err, which
// openid.New asks.
func Keys(keys ...crypto.PrivateKey) *Decrypter {
	d := new(Decrypter)
	if len(keys) == 0 {
		d.err = errors.New("jwe: expected a private key, got none")
	}
	for i, private := range keys {
		k, ok := private.(Key)
		if !ok {
			k = Key{Private: private}
		}
		usable, err := newKey(k)
		if err != nil {
			d.err = errors.Join(d.err, fmt.Errorf("jwe: key %d: %w", i, err))
			continue
		}
		d.keys = append(d.keys, usable)
	}
	return d
}

// Encodings narrows what the content may be encrypted with, such as "A256GCM"; without it all are allowed.
func (d *Decrypter) Encodings(enc ...string) *Decrypter {
	narrowed := &Decrypter{keys: d.keys, encs: slices.Clone(enc), err: d.err}
	for _, e := range enc {
		if _, ok := encodings[e]; !ok {
			narrowed.err = errors.Join(narrowed.err, fmt.Errorf("jwe: expected encodings of %s, got %q", strings.Join(names(encodings), ", "), e))
		}
	}
	return narrowed
}

// Err says what is wrong with the keys or encodings, nil if nothing is.
func (d *Decrypter) Err() error { return d.err }

// String says how many keys there are and shows none.
func (d *Decrypter) String() string { return fmt.Sprintf("jwe.Decrypter with %d keys", len(d.keys)) }

// Format writes what String says, for every verb.
func (d *Decrypter) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

func newKey(k Key) (key, error) {
	usable := key{Key: k}
	switch private := k.Private.(type) {
	case nil:
		return key{}, errors.New("expected a private key, got nil")
	case *ecdsa.PrivateKey:
		converted, err := private.ECDH()
		if err != nil {
			return key{}, err
		}
		usable.exchange = converted
	case ecdh.KeyExchanger:
		usable.exchange = private
	case crypto.Decrypter:
		public, ok := private.Public().(*rsa.PublicKey)
		if !ok {
			return key{}, fmt.Errorf("expected an RSA or elliptic curve key, got %T", private.Public())
		}
		if err := jose.CheckRSA(public); err != nil {
			return key{}, fmt.Errorf("expected a strong key (RFC 7518 §4.3): %w", err)
		}
		usable.rsa = private
	default:
		return key{}, fmt.Errorf("expected an RSA or elliptic curve key, got %T", private)
	}
	if usable.exchange != nil && curveName(usable.exchange.Curve()) == "" {
		return key{}, errors.New("expected a key on P-256, P-384, P-521 or X25519")
	}
	if m, known := keyManagements[k.Algorithm]; k.Algorithm != "" && (!known || (m.hash != 0) != (usable.rsa != nil)) {
		return key{}, fmt.Errorf("expected an algorithm for this key, got %s", strconv.QuoteToASCII(k.Algorithm))
	}
	return usable, nil
}

// errDecryption is the one answer once the header was read: which step failed is nobody's business.
var errDecryption = errors.New("jwe: it could not be decrypted")

var errKey = errors.New("not a usable key")

// Decrypt returns what lies inside a compact JWE, which says nothing of who made it: a signature inside does.
func (d *Decrypter) Decrypt(_ context.Context, compact string) ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	m, err := split(compact)
	if err != nil {
		return nil, err
	}
	management, ok := keyManagements[m.alg]
	if !ok {
		return nil, fmt.Errorf("jwe: expected alg to be one of %s, got %s", strings.Join(names(keyManagements), ", "), cut(m.alg))
	}
	enc, ok := encodings[m.enc]
	if !ok || len(d.encs) > 0 && !slices.Contains(d.encs, m.enc) {
		return nil, fmt.Errorf("jwe: expected enc to be one of %s, got %s", strings.Join(d.allowed(), ", "), cut(m.enc))
	}
	if len(m.iv) != enc.iv || len(m.tag) != enc.tag {
		return nil, errDecryption
	}
	for i := range d.keys {
		k := &d.keys[i]
		if !k.fits(m, management) {
			continue
		}
		if plain, err := m.open(k.contentKey(m, management, enc), enc); err == nil {
			return plain, nil
		}
	}
	return nil, errDecryption
}

func (d *Decrypter) allowed() []string {
	if len(d.encs) > 0 {
		return d.encs
	}
	return names(encodings)
}

// fits: by kid, then by algorithm and curve. A key without a name may be meant by any; one with a name is not meant by another.
func (k *key) fits(m *message, management keyManagement) bool {
	switch {
	case m.hasKeyID && k.KeyID != "" && m.kid != k.KeyID:
		return false
	case k.Algorithm != "" && k.Algorithm != m.alg:
		return false
	case management.hash != 0:
		return k.rsa != nil
	}
	return k.exchange != nil && m.epk != nil && m.epk.crv == curveName(k.exchange.Curve())
}

// contentKey finds the key of the content. Where that fails the result is random, so that what follows fails in the one way in which a
// forged tag fails, and takes as long (RFC 7516 section 11.5).
func (k *key) contentKey(m *message, management keyManagement, enc encoding) []byte {
	random := randomBytes(enc.key)
	var found []byte
	var err error
	switch {
	case management.hash != 0:
		found, err = k.rsa.Decrypt(nil, m.key, &rsa.OAEPOptions{Hash: management.hash})
	case management.wrap == 0 && len(m.key) != 0:
		err = errKey
	default:
		found, err = k.agree(m)
	}
	if err != nil || len(found) != enc.key {
		return random
	}
	return found
}

func (k *key) agree(m *message) ([]byte, error) {
	if kty := map[bool]string{true: "OKP", false: "EC"}[m.epk.crv == "X25519"]; m.epk.kty != kty {
		return nil, errKey
	}
	public, err := point(m.epk.crv, m.epk.x, m.epk.y)
	if err != nil {
		return nil, err
	}
	secret, err := k.exchange.ECDH(public) // an all-zero one is an error
	if err != nil {
		return nil, err
	}
	agreed := agreedKey(secret, &m.header)
	if keyManagements[m.alg].wrap == 0 {
		return agreed, nil
	}
	block, err := aes.NewCipher(agreed)
	if err != nil {
		return nil, err
	}
	if len(m.key) < 16 || len(m.key)%8 != 0 {
		return nil, errKey
	}
	return josecipher.KeyUnwrap(block, m.key)
}

func (m *message) open(contentKey []byte, enc encoding) ([]byte, error) {
	aead, err := enc.aead(contentKey)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, m.iv, slices.Concat(m.ciphertext, m.tag), []byte(m.protected))
}

func cut(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.QuoteToASCII(s)
}
