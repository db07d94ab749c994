package openid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/openid-client/openid/internal/dpop"
)

// DPoP says with which keys this client binds its tokens, so that a stolen token is of no use (RFC 9449). The zero value binds none.
type DPoP struct{ keys proofKeys }

// proofKeys and proofKey are interfaces so that signing is linked by those programs only that make keys: what makes one is in the
// constructors, and nothing else refers to it.
type proofKeys interface {
	mistake() (expected, got string)
	with(Signing) proofKeys
	fresh() (proofKey, error)
	restore(record string) (proofKey, error)
	describe() string
	preferring(rsa string) proofKeys // the algorithm of RSA keys for which none was named
	algorithms() []string            // of the proofs to come
	public() []crypto.PublicKey
}

// A proofKey is a key that tokens are bound to.
type proofKey interface {
	record() string
	thumbprint() string
	algorithm() string
	prove(dpop.Claims) (string, error)
}

type dpopKeys struct {
	current  *dpopKey // nil: a fresh one for each grant
	known    []*dpopKey
	perGrant bool
	how      Signing
	rsa      string // the algorithm of RSA keys for which how names none
	signers  []crypto.Signer
	err      error
}

// DPoPKey binds tokens to one key of this client, which may live in a KMS or an HSM. Tokens that are bound to an old key go on using that;
// a client that has dropped it has to log its users in again.
func DPoPKey(current crypto.Signer, old ...crypto.Signer) DPoP {
	return DPoP{newDPoPKeys(&dpopKeys{signers: slices.Concat([]crypto.Signer{current}, old)})}
}

// DPoPPerGrant makes a fresh ES256 key for each grant, so that nobody can tell from the keys which tokens belong to one client. Until the
// callback it is sealed in the [Transaction], then it is part of the [Tokens].
func DPoPPerGrant() DPoP { return DPoP{newDPoPKeys(&dpopKeys{perGrant: true})} }

// With changes how proofs are made: another algorithm of the current key, or [Signing].Modify.
func (d DPoP) With(how Signing) DPoP {
	if d.enabled() {
		d.keys = d.keys.with(how)
	}
	return d
}

func (k *dpopKeys) with(how Signing) proofKeys {
	return newDPoPKeys(&dpopKeys{signers: k.signers, perGrant: k.perGrant, how: how})
}

func (k *dpopKeys) preferring(rsa string) proofKeys {
	return newDPoPKeys(&dpopKeys{signers: k.signers, perGrant: k.perGrant, how: k.how, rsa: rsa})
}

func (k *dpopKeys) algorithms() (list []string) {
	for _, known := range k.known {
		list = append(list, known.algorithm())
	}
	return list
}

func (k *dpopKeys) public() (list []crypto.PublicKey) {
	for _, signer := range k.signers {
		if signer != nil {
			list = append(list, signer.Public())
		}
	}
	return list
}

func newDPoPKeys(k *dpopKeys) *dpopKeys {
	for i, signer := range k.signers {
		algorithm := ""
		if i == 0 {
			algorithm = k.how.Algorithm
		}
		if algorithm == "" && isRSA(signer) {
			algorithm = k.rsa
		}
		prover, err := dpop.NewProver(signer, algorithm)
		if err != nil {
			k.err = err
			break
		}
		k.known = append(k.known, &dpopKey{prover: prover, how: k.how})
		k.current = k.known[0]
	}
	return k
}

// String says which kind of keys there are.
func (d DPoP) String() string {
	if !d.enabled() {
		return "no DPoP"
	}
	return d.keys.describe()
}

func (k *dpopKeys) describe() string {
	if k.perGrant {
		return "DPoP with a key per grant"
	}
	return "DPoP with the client's key"
}

// Format writes what String says, for every verb.
func (d DPoP) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (d DPoP) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d DPoP) enabled() bool { return d.keys != nil }

func (k *dpopKeys) mistake() (expected, got string) {
	switch {
	case k.err != nil:
		return "keys that can sign proofs", k.err.Error()
	case k.how.Audience != "":
		return "no Signing.Audience, since a proof has none", quoted(k.how.Audience)
	case k.perGrant && k.how.Algorithm != "" && k.how.Algorithm != "ES256":
		return "ES256, which DPoPPerGrant makes keys for", quoted(k.how.Algorithm)
	}
	return "", ""
}

type dpopKey struct {
	prover  *dpop.Prover
	how     Signing
	private []byte // PKCS #8 of a key that was made for one grant; nil for the client's own
}

// fresh is the key for a new grant.
func (k *dpopKeys) fresh() (proofKey, error) {
	if k.current != nil {
		return k.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("openid: a DPoP key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("openid: a DPoP key: %w", err)
	}
	prover, err := dpop.NewProver(key, "")
	if err != nil {
		return nil, fmt.Errorf("openid: a DPoP key: %w", err)
	}
	return &dpopKey{prover, k.how, der}, nil
}

// thumbprintSize is that of a SHA-256 hash in base64url.
const thumbprintSize = 43

// A key's record is what a transaction or tokens keep of it: its thumbprint, and the key itself where nobody else has it.
func (k *dpopKey) record() string { return k.prover.Thumbprint() + string(k.private) }

func recordedThumbprint(record string) string { return record[:min(len(record), thumbprintSize)] }

// restore finds the key of a record, nil for the empty one. Nothing is sent for tokens whose key is not there.
func (d DPoP) restore(record string) (proofKey, error) {
	if record == "" {
		return nil, nil
	}
	if d.enabled() {
		if k, err := d.keys.restore(record); k != nil || err != nil {
			return k, err
		}
	}
	return nil, &VerificationError{Document: "tokens", Check: "DPoP key", Expected: "a key of Config.DPoP with the thumbprint " + quoted(recordedThumbprint(record)),
		Got: d.String() + ", without it", Spec: "RFC 9449 §5"}
}

func (k *dpopKeys) restore(record string) (proofKey, error) {
	thumbprint := recordedThumbprint(record)
	der := record[len(thumbprint):]
	if der == "" {
		for _, known := range k.known {
			if known.prover.Thumbprint() == thumbprint {
				return known, nil
			}
		}
		return nil, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey([]byte(der))
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, errRecord
	}
	prover, err := dpop.NewProver(key, "")
	if err != nil || prover.Thumbprint() != thumbprint {
		return nil, errRecord
	}
	return &dpopKey{prover, k.how, []byte(der)}, nil
}

func (k *dpopKey) thumbprint() string { return k.prover.Thumbprint() }
func (k *dpopKey) algorithm() string  { return k.prover.Algorithm() }

func (k *dpopKey) prove(c dpop.Claims) (string, error) {
	if k.how.Modify != nil {
		c.Edit = k.how.edit
	}
	return k.prover.Proof(c)
}

// recordOf is the record of a key, empty for none.
func recordOf(k proofKey) string {
	if k == nil {
		return ""
	}
	return k.record()
}

// prove adds a fresh proof, with the nonce that the server gave last.
func (c *Client) prove(h http.Header, k proofKey, role dpop.Role, method string, u *url.URL, accessToken string) error {
	claims := dpop.Claims{Method: method, URL: u, AccessToken: accessToken, Nonce: c.nonces.Get(role, u), Now: c.now()}
	proof, err := k.prove(claims)
	if err != nil {
		return fmt.Errorf("openid: a DPoP proof: %w", err)
	}
	h["Dpop"] = []string{proof}
	return nil
}

// wantsNonce: the server refused only because its nonce was missing or has changed, in the body of an authorization server (RFC 9449
// section 8) or in the challenge of a resource server (section 9).
func wantsNonce(status int, code Code, h http.Header) bool {
	if status != http.StatusBadRequest && status != http.StatusUnauthorized {
		return false
	}
	if errors.Is(code, ErrUseDPoPNonce) {
		return true
	}
	return slices.ContainsFunc(Challenges(h), func(c Challenge) bool { return c.Scheme == "dpop" && c.Code() == ErrUseDPoPNonce })
}
