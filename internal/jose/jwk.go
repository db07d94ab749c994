package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"filippo.io/mldsa"

	"github.com/openid-client/openid/internal/strict"
)

// ParseKey imports one public key in JWK form (RFC 7517 section 4, RFC 7518 section 6, RFC 8037; "AKP" of
// draft-ietf-cose-dilithium). A key is refused when it is secret or private, is not for verifying signatures, or fails a
// check of [NewKey]. The error says why, without any key material.
func ParseKey(jwk []byte) (*Key, error) {
	var m members
	if err := strict.Object(jwk, m.read); err != nil {
		return nil, err
	}
	if len(m.kid) > MaxKeyID {
		return nil, fmt.Errorf("kid has more than %d bytes", MaxKeyID)
	}
	switch {
	case m.kty == "oct":
		return nil, errors.New("a secret is no public key")
	case m.private:
		return nil, errors.New("a private key is no public key")
	case m.use != nil && !m.use.Equal("sig"):
		return nil, errors.New("use is not sig")
	case m.ops != nil:
		if ops, ok := m.ops.Texts(); !ok || !slices.Contains(ops, "verify") {
			return nil, errors.New("key_ops has no verify")
		}
	}
	pub, err := m.public()
	if err != nil {
		return nil, err
	}
	k, err := NewKey(pub, m.kid)
	if err != nil {
		return nil, err
	}
	k.issuer = m.issuer
	if m.alg == "" {
		return k, nil
	}
	if !k.Serves(m.alg) {
		return nil, errors.New("alg is not one of the key's")
	}
	// Ed25519 and EdDSA are two names of one algorithm, so a key bound to one still serves the other.
	if m.kty != "OKP" {
		k.serves = servedBy(func(a algorithm) bool { return a.name == m.alg })
	}
	return k, nil
}

// members are the members of a JWK that matter here.
type members struct {
	kty, kid, alg, crv, issuer string
	n, e, x, y, pub            []byte
	use, ops                   strict.Value
	private                    bool
}

func (m *members) read(name []byte, v strict.Value) error {
	switch string(name) {
	case "kty":
		return text(name, v, &m.kty)
	case "kid":
		return text(name, v, &m.kid)
	case "alg":
		return text(name, v, &m.alg)
	case "crv":
		return text(name, v, &m.crv)
	case "n":
		return octets(name, v, &m.n)
	case "e":
		return octets(name, v, &m.e)
	case "x":
		return octets(name, v, &m.x)
	case "y":
		return octets(name, v, &m.y)
	case "pub":
		return octets(name, v, &m.pub)
	case "use":
		m.use = v
	case "key_ops":
		m.ops = v
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
		m.private = true
	case "issuer": // a bound that cannot be read must not be taken for none
		if m.issuer, _ = v.Text(); m.issuer == "" {
			return errors.New("issuer is no name")
		}
	}
	return nil
}

func text(name []byte, v strict.Value, dst *string) (err error) {
	var ok bool
	if *dst, ok = v.Text(); !ok {
		return fmt.Errorf("%s is not a string", name)
	}
	return nil
}

func octets(name []byte, v strict.Value, dst *[]byte) error {
	s, ok := v.Text()
	if !ok {
		return fmt.Errorf("%s is not a string", name)
	}
	b, err := strict.AppendBase64(nil, s)
	if err != nil {
		return fmt.Errorf("%s is %w", name, err)
	}
	*dst = b
	return nil
}

func (m *members) public() (crypto.PublicKey, error) {
	switch m.kty {
	case "RSA":
		// RFC 7518 section 6.3.1.1 knows of libraries that put zeros in front, so these are let through.
		e := new(big.Int).SetBytes(m.e)
		if e.BitLen() > 31 { // above maxExponent, and maybe above what an int holds
			return nil, errors.New("the RSA exponent is too large")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(m.n), E: int(e.Int64())}, nil
	case "EC":
		curve := curveOf(m.crv)
		if curve == nil {
			return nil, fmt.Errorf("the curve %s is not supported", quote(m.crv))
		}
		if size := coordinateSize(curve); len(m.x) != size || len(m.y) != size {
			return nil, fmt.Errorf("a coordinate has not the %d bytes of its curve", size)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, m.x, m.y))
		if err != nil {
			return nil, errors.New("the point is not on its curve")
		}
		return pub, nil
	case "OKP":
		if m.crv != "Ed25519" {
			return nil, fmt.Errorf("the curve %s is not supported", quote(m.crv))
		}
		return ed25519.PublicKey(m.x), nil
	case "AKP":
		for _, p := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
			if p.String() != m.alg {
				continue
			}
			pub, err := mldsa.NewPublicKey(p, m.pub)
			if err != nil {
				return nil, fmt.Errorf("an %s key has %d bytes", m.alg, p.PublicKeySize())
			}
			return pub, nil
		}
		return nil, errors.New("alg of an AKP key is missing or not supported")
	}
	return nil, fmt.Errorf("the key type %s is not supported", quote(m.kty))
}

// publicJWK writes a public key with its required members only, in the order and spelling of RFC 7638 section 3.
func publicJWK(pub crypto.PublicKey) []byte {
	var jwk []byte
	member := func(name string, value []byte) {
		jwk = append(jwk, `,"`+name+`":"`...)
		jwk = base64.RawURLEncoding.AppendEncode(jwk, value)
		jwk = append(jwk, '"')
	}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		member("e", big.NewInt(int64(pub.E)).Bytes())
		jwk = append(jwk, `,"kty":"RSA"`...)
		member("n", pub.N.Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			return nil // cannot be: the key was checked at import
		}
		size := coordinateSize(pub.Curve)
		jwk = append(jwk, `,"crv":"`+pub.Curve.Params().Name+`","kty":"EC"`...)
		member("x", point[1:1+size])
		member("y", point[1+size:])
	case ed25519.PublicKey:
		jwk = append(jwk, `,"crv":"Ed25519","kty":"OKP"`...)
		member("x", pub)
	case *mldsa.PublicKey:
		jwk = append(jwk, `,"alg":"`+pub.Parameters().String()+`","kty":"AKP"`...)
		member("pub", pub.Bytes())
	default:
		return nil
	}
	jwk[0] = '{'
	return append(jwk, '}')
}

// Thumbprint is the key's SHA-256 thumbprint in base64url (RFC 7638); a secret has none, and gets "".
func (k *Key) Thumbprint() string {
	if k.public == nil {
		return ""
	}
	digest := sha256.Sum256(publicJWK(k.public))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
