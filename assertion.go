package openid

import (
	"cmp"
	"context"
	"crypto"
	"strconv"
	"time"

	"github.com/openid-client/openid/internal/jose"
)

// assertionLifetime is short: an assertion is made for one attempt.
const assertionLifetime = time.Minute

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion is client authentication by a signed JWT (RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9).
type assertion struct {
	signer *jose.Signer
	how    Signing
	err    error
	shared bool                                     // client_secret_jwt
	value  Secret                                   // of it
	key    func() (key crypto.Signer, keyID string) // of private_key_jwt; a function is what no verb of fmt looks into
	roll   *assertionRoll                           // of several keys in their turn; nil: of this one
}

// An assertionRoll are the assertions of [SigningKeys].
type assertionRoll struct {
	each   []assertion
	turn   func(now time.Time) (int, error) // whose turn it is
	object func() RequestEncoding           // request objects of the same keys
}

// all are the assertions by each of the keys.
func (a assertion) all() []assertion {
	if a.roll != nil {
		return a.roll.each
	}
	return []assertion{a}
}

// ClientSecretJWT authenticates with client_secret_jwt: an assertion under HS256 keyed with the client secret, which has at least 32
// bytes; HS384 and HS512, by how, need 48 and 64. The secret itself is never sent (OpenID Connect Core 1.0 section 9).
func ClientSecretJWT(s Secret, how ...Signing) ClientAuth {
	a := assertion{shared: true, value: s}
	if a.how, a.err = signing(how); a.err == nil {
		a.signer, a.err = jose.NewMAC([]byte(s.Reveal()), jose.SignerOptions{Algorithm: a.how.Algorithm})
	}
	return a
}

// PrivateKeyJWT authenticates with private_key_jwt: an assertion signed by key, which may live in a KMS or an HSM. keyID is the kid the
// server knows the public half by; it may be empty. The algorithm follows from the key: RS256, ES256, ES384, ES512, Ed25519 or ML-DSA;
// how names another, such as PS256 (RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9).
func PrivateKeyJWT(key crypto.Signer, keyID string, how ...Signing) ClientAuth {
	a := assertion{key: func() (crypto.Signer, string) { return key, keyID }}
	if a.how, a.err = signing(how); a.err == nil {
		a.signer, a.err = jose.NewSigner(key, jose.SignerOptions{KeyID: keyID, Algorithm: a.how.Algorithm})
	}
	return a
}

// preferring signs with algorithm where the key is RSA and none was named.
func (a assertion) preferring(algorithm string) ClientAuth {
	if a.key == nil || a.how.Algorithm != "" || a.err != nil {
		return a
	}
	if key, keyID := a.key(); isRSA(key) {
		a.signer, a.err = jose.NewSigner(key, jose.SignerOptions{KeyID: keyID, Algorithm: algorithm})
	}
	return a
}

func (a assertion) mistake() (expected, got string) {
	switch {
	case a.err == nil:
		return "", ""
	case a.shared && len(a.value.Reveal()) < 32:
		return "a client secret of at least 32 bytes (RFC 7518 §3.2)", strconv.Itoa(len(a.value.Reveal())) + " bytes"
	case a.shared:
		return "HS256, HS384 or HS512, and a secret of at least 32, 48 or 64 bytes (RFC 7518 §3.2)", a.err.Error()
	}
	return "a key that can sign assertions", a.err.Error()
}

func (a assertion) secret() Secret { return a.value }

func (a assertion) audience() string { return a.how.Audience }

// Authenticate makes a fresh assertion: its jti is never used twice, also not for a second attempt.
func (a assertion) Authenticate(ctx context.Context, r *AuthRequest) error {
	if a.err != nil {
		return a.err
	}
	if a.roll != nil {
		i, err := a.roll.turn(r.Now)
		if err != nil {
			return err
		}
		return a.roll.each[i].Authenticate(ctx, r)
	}
	now := r.Now.Unix()
	b := make([]byte, 0, 512)
	b = appendText(append(b, `{"iss":`...), r.ClientID)
	b = appendText(append(b, `,"sub":`...), r.ClientID)
	b = appendText(append(b, `,"aud":`...), cmp.Or(a.how.Audience, r.Audience))
	b = append(appendRandom(append(b, `,"jti":"`...)), '"')
	b = strconv.AppendInt(append(b, `,"iat":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), now+int64(assertionLifetime/time.Second), 10)
	jws, err := a.how.sign(a.signer, append(b, '}'))
	if err != nil {
		return err
	}
	presentAssertion(r, jws)
	return nil
}

func presentAssertion(r *AuthRequest, jwt string) {
	v := [...]string{r.ClientID, assertionType, jwt}
	r.Form["client_id"], r.Form["client_assertion_type"], r.Form["client_assertion"] = v[0:1:1], v[1:2:2], v[2:3:3]
}
