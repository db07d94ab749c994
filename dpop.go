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
	"strings"

	"github.com/openid-client/openid/internal/dpop"
)

// DPoP says with which keys this client binds its tokens, so that a stolen token is of no use (RFC 9449). The zero value binds none.
type DPoP struct{ v **dpopKeys }

type dpopKeys struct {
	current  *dpopKey // nil: a fresh one for each grant
	known    []*dpopKey
	perGrant bool
	how      Signing
	signers  []crypto.Signer
	err      error
}

// DPoPKey binds tokens to one key of this client, which may live in a KMS or an HSM. Tokens that are bound to an old key go on using that;
// a client that has dropped it has to log its users in again.
func DPoPKey(current crypto.Signer, old ...crypto.Signer) DPoP {
	return newDPoP(&dpopKeys{signers: slices.Concat([]crypto.Signer{current}, old)})
}

// DPoPPerGrant makes a fresh ES256 key for each grant, so that nobody can tell from the keys which tokens belong to one client. Until the
// callback it is sealed in the [Transaction], then it is part of the [Tokens].
func DPoPPerGrant() DPoP { return newDPoP(&dpopKeys{perGrant: true}) }

// With changes how proofs are made: another algorithm of the current key, or [Signing].Modify.
func (d DPoP) With(how Signing) DPoP {
	if !d.enabled() {
		return d
	}
	k := *d.v
	return newDPoP(&dpopKeys{signers: k.signers, perGrant: k.perGrant, how: how})
}

func newDPoP(k *dpopKeys) DPoP {
	for i, signer := range k.signers {
		algorithm := ""
		if i == 0 {
			algorithm = k.how.Algorithm
		}
		prover, err := dpop.NewProver(signer, algorithm)
		if err != nil {
			k.err = err
			break
		}
		k.known = append(k.known, &dpopKey{prover: prover})
		k.current = k.known[0]
	}
	return DPoP{&k}
}

// String says which kind of keys there are.
func (d DPoP) String() string {
	switch {
	case !d.enabled():
		return "no DPoP"
	case (*d.v).perGrant:
		return "DPoP with a key per grant"
	}
	return "DPoP with the client's key"
}

// Format writes what String says, for every verb.
func (d DPoP) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (d DPoP) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d DPoP) enabled() bool { return d.v != nil }

func (d DPoP) mistake() (expected, got string) {
	switch {
	case !d.enabled():
	case (*d.v).err != nil:
		return "keys that can sign proofs", (*d.v).err.Error()
	case (*d.v).perGrant && (*d.v).how.Algorithm != "" && (*d.v).how.Algorithm != "ES256":
		return "ES256, which DPoPPerGrant makes keys for", quoted((*d.v).how.Algorithm)
	}
	return "", ""
}

// A dpopKey is a key that tokens are bound to.
type dpopKey struct {
	prover  *dpop.Prover
	private []byte // PKCS #8 of a key that was made for one grant; nil for the client's own
}

// fresh is the key for a new grant.
func (d DPoP) fresh() (*dpopKey, error) {
	if current := (*d.v).current; current != nil {
		return current, nil
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
	return &dpopKey{prover, der}, nil
}

// A key's record is what a transaction or tokens keep of it: its thumbprint, or the key itself where nobody else has it.
const (
	recordOfThumbprint = "t"
	recordOfKey        = "k"
)

func (k *dpopKey) record() string {
	switch {
	case k == nil:
		return ""
	case k.private != nil:
		return recordOfKey + string(k.private)
	}
	return recordOfThumbprint + k.prover.Thumbprint()
}

// restore finds the key of a record, nil for the empty one.
func (d DPoP) restore(record string) (*dpopKey, error) {
	if record == "" {
		return nil, nil
	}
	if thumbprint, ok := strings.CutPrefix(record, recordOfThumbprint); ok {
		if d.enabled() {
			for _, k := range (*d.v).known {
				if k.prover.Thumbprint() == thumbprint {
					return k, nil
				}
			}
		}
		return nil, &VerificationError{Document: "tokens", Check: "DPoP key", Expected: "a key of Config.DPoP with the thumbprint " + quoted(thumbprint),
			Got: d.String() + ", without it", Spec: "RFC 9449 §5"}
	}
	key, ok := parseKeyRecord(record)
	if !ok {
		return nil, errRecord
	}
	return key, nil
}

func parseKeyRecord(record string) (*dpopKey, bool) {
	der, ok := strings.CutPrefix(record, recordOfKey)
	if !ok {
		return nil, false
	}
	parsed, err := x509.ParsePKCS8PrivateKey([]byte(der))
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, false
	}
	prover, err := dpop.NewProver(key, "")
	if err != nil {
		return nil, false
	}
	return &dpopKey{prover, []byte(der)}, true
}

func recordedThumbprint(record string) string {
	if thumbprint, ok := strings.CutPrefix(record, recordOfThumbprint); ok {
		return thumbprint
	}
	if key, ok := parseKeyRecord(record); ok {
		return key.thumbprint()
	}
	return ""
}

func (k *dpopKey) thumbprint() string {
	if k == nil {
		return ""
	}
	return k.prover.Thumbprint()
}

// prove adds a fresh proof, with the nonce that the server gave last.
func (c *Client) prove(h http.Header, k *dpopKey, role dpop.Role, method string, u *url.URL, accessToken string) error {
	claims := dpop.Claims{Method: method, URL: u, AccessToken: accessToken, Nonce: c.nonces.Get(role, u), Now: c.now()}
	if c.cfg.DPoP.enabled() && (*c.cfg.DPoP.v).how.Modify != nil {
		claims.Edit = (*c.cfg.DPoP.v).how.edit
	}
	proof, err := k.prover.Proof(claims)
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
