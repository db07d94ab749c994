package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"

	"filippo.io/mldsa"
	"github.com/go-json-experiment/json/jsontext"
)

// SignerOptions says what a [Signer] writes into the header of its tokens.
type SignerOptions struct {
	Algorithm string // default: by the key, see [NewSigner] and [NewMAC]
	KeyID     string // kid, left out when empty
	Type      string // typ, left out when empty
	EmbedKey  bool   // write the public key as jwk, as DPoP proofs do
}

// Signer makes compact JWS with one key and one header. It is safe for concurrent use if its key is.
type Signer struct {
	algorithm *algorithm
	prefix    []byte // the encoded header and its dot
	size      int    // bytes of a signature
	key       crypto.Signer
	opts      crypto.SignerOpts
	verifier  *Key
}

// NewSigner makes a signer of any crypto.Signer, which may be a KMS or an HSM: only Public and Sign are used, and Public
// only here. Without an algorithm it is RS256 for RSA, the one that OpenID Connect Core section 15.1 obliges every
// provider to know; ES256, ES384 or ES512 by the curve; Ed25519 (RFC 9864); or the ML-DSA of the key.
func NewSigner(key crypto.Signer, o SignerOptions) (*Signer, error) {
	if key == nil {
		return nil, errors.New("no key to sign with")
	}
	verifier, err := NewKey(key.Public(), o.KeyID)
	if err != nil {
		return nil, err
	}
	s := &Signer{key: key, verifier: verifier}
	if err := s.init(o); err != nil {
		return nil, err
	}
	s.opts = s.algorithm.hash
	switch pub := verifier.public.(type) {
	case *rsa.PublicKey:
		s.size = pub.Size()
		if s.algorithm.pss {
			s.opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.algorithm.hash}
		}
	case *ecdsa.PublicKey:
		s.size = 2 * coordinateSize(pub.Curve)
	case ed25519.PublicKey:
		s.size = ed25519.SignatureSize
	case *mldsa.PublicKey:
		s.size = pub.Parameters().SignatureSize()
	}
	return s, nil
}

// NewMAC makes a signer of a shared secret, with HS256 unless told otherwise. The secret must be at least as long as the
// hash (RFC 7518 section 3.2).
func NewMAC(secret []byte, o SignerOptions) (*Signer, error) {
	verifier, err := NewSecret(secret)
	if err != nil {
		return nil, err
	}
	if o.EmbedKey {
		return nil, errors.New("a secret cannot be embedded")
	}
	s := &Signer{verifier: verifier}
	if err := s.init(o); err != nil {
		return nil, err
	}
	s.size = s.algorithm.hash.Size()
	return s, nil
}

// init settles the algorithm and encodes the header.
func (s *Signer) init(o SignerOptions) error {
	if len(o.KeyID) > MaxKeyID {
		return errors.New("the key id is longer than a kid may be: " + kidSize)
	}
	for i := range algorithms {
		if a := &algorithms[i]; s.verifier.serves.has(a) && (o.Algorithm == "" || o.Algorithm == a.name) {
			s.algorithm = a
			break
		}
	}
	if s.algorithm == nil {
		return fmt.Errorf("the key cannot sign with %s", quote(o.Algorithm))
	}
	header := append([]byte(`{"alg":"`), s.algorithm.name...)
	header = append(header, '"')
	for _, m := range []struct{ name, value string }{{"typ", o.Type}, {"kid", o.KeyID}} {
		if m.value == "" {
			continue
		}
		header = append(header, `,"`+m.name+`":`...)
		var err error
		if header, err = jsontext.AppendQuote(header, m.value); err != nil {
			return fmt.Errorf("%s is not valid UTF-8", m.name)
		}
	}
	if o.EmbedKey {
		header = append(header, `,"jwk":`...)
		header = append(header, publicJWK(s.verifier.public)...)
	}
	s.prefix = base64.RawURLEncoding.AppendEncode(nil, append(header, '}'))
	s.prefix = append(s.prefix, '.')
	return nil
}

// Header is the JSON of the header.
func (s *Signer) Header() []byte {
	header, _ := base64.RawURLEncoding.AppendDecode(nil, s.prefix[:len(s.prefix)-1])
	return header
}

// SignAs is Sign under another header, which must name the same algorithm.
func (s *Signer) SignAs(header, payload []byte) (string, error) {
	return s.signUnder(append(base64.RawURLEncoding.AppendEncode(nil, header), '.'), payload)
}

// Sign makes the compact JWS of payload.
func (s *Signer) Sign(payload []byte) (string, error) { return s.signUnder(s.prefix, payload) }

func (s *Signer) signUnder(prefix, payload []byte) (string, error) {
	signed := len(prefix) + base64.RawURLEncoding.EncodedLen(len(payload))
	total := signed + 1 + base64.RawURLEncoding.EncodedLen(s.size)
	// What a foreign signer is given is not reused: who knows how long it looks at it. The digest and the raw signature
	// lie behind the token.
	token := make([]byte, len(prefix), total+maxDigest+maxRaw)
	copy(token, prefix)
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	space := token[total:cap(token)]
	signature, err := s.sign(space[maxDigest:maxDigest], token, space[:0])
	if err != nil {
		return "", err
	}
	if len(signature) != s.size {
		return "", fmt.Errorf("the key returned a signature of %d bytes, not %d", len(signature), s.size)
	}
	token = append(token, '.')
	return string(base64.RawURLEncoding.AppendEncode(token, signature)), nil
}

const (
	maxDigest = 64     // SHA-512
	maxRaw    = 2 * 66 // P-521: the longest signature that is not taken as the key returns it
)

// sign signs message. The result may lie in raw, the digest in space.
func (s *Signer) sign(raw, message, space []byte) ([]byte, error) {
	if s.key == nil {
		return s.verifier.mac(s.algorithm.hash, raw, message), nil
	}
	if s.algorithm.hash != 0 {
		message = sum(space, s.algorithm.hash, message)
	}
	signature, err := s.key.Sign(rand.Reader, message, s.opts)
	if err != nil || s.algorithm.kty != "EC" {
		return signature, err
	}
	return appendRaw(raw, signature, s.size/2)
}

// Algorithm is the alg of the tokens.
func (s *Signer) Algorithm() string { return s.algorithm.name }

// PublicJWK is the public key as a JWK with its required members only, in canonical form (RFC 7638 section 3). It is nil
// for a secret.
func (s *Signer) PublicJWK() []byte { return publicJWK(s.verifier.public) }

// Thumbprint is the public key's SHA-256 thumbprint (RFC 7638), empty for a secret.
func (s *Signer) Thumbprint() string { return s.verifier.Thumbprint() }
