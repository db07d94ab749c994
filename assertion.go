package openid

import (
	"context"
	"crypto"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/openid-client/openid/internal/jose"
)

// assertionLifetime is short: an assertion is made for one attempt.
const assertionLifetime = time.Minute

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion is client authentication by a signed JWT (RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9).
type assertion struct {
	signer *jose.Signer
	err    error
	shared bool   // client_secret_jwt
	value  Secret // of it
}

// ClientSecretJWT authenticates with client_secret_jwt: an assertion under HS256 keyed with the client secret, which has at least 32
// bytes. The secret itself is never sent (OpenID Connect Core 1.0 section 9).
func ClientSecretJWT(s Secret) ClientAuth {
	signer, err := jose.NewMAC([]byte(s.Reveal()), jose.SignerOptions{Algorithm: "HS256"})
	return assertion{signer: signer, err: err, shared: true, value: s}
}

// PrivateKeyJWT authenticates with private_key_jwt: an assertion signed by key, which may live in a KMS or an HSM. keyID is the kid the
// server knows the public half by; it may be empty. The algorithm follows from the key: RS256, ES256, ES384, ES512, Ed25519 or ML-DSA
// (RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9).
func PrivateKeyJWT(key crypto.Signer, keyID string) ClientAuth {
	signer, err := jose.NewSigner(key, jose.SignerOptions{KeyID: keyID})
	return assertion{signer: signer, err: err}
}

func (a assertion) mistake() (expected, got string) {
	switch {
	case a.err == nil:
		return "", ""
	case a.shared:
		return "a client secret of at least 32 bytes (RFC 7518 §3.2)", strconv.Itoa(len(a.value.Reveal())) + " bytes"
	}
	return "a key that can sign assertions", a.err.Error()
}

func (a assertion) secret() Secret { return a.value }

// Authenticate makes a fresh assertion: its jti is never used twice, also not for a second attempt.
func (a assertion) Authenticate(_ context.Context, r *AuthRequest) error {
	if a.err != nil {
		return a.err
	}
	now := r.Now.Unix()
	b := make([]byte, 0, 512)
	b = appendClaim(append(b, `{"iss":`...), r.ClientID)
	b = appendClaim(append(b, `,"sub":`...), r.ClientID)
	b = appendClaim(append(b, `,"aud":`...), r.Audience)
	b = append(appendRandom(append(b, `,"jti":"`...)), '"')
	b = strconv.AppendInt(append(b, `,"iat":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), now+int64(assertionLifetime/time.Second), 10)
	jws, err := a.signer.Sign(append(b, '}'))
	if err != nil {
		return err
	}
	v := [...]string{r.ClientID, assertionType, jws}
	r.Form["client_id"], r.Form["client_assertion_type"], r.Form["client_assertion"] = v[0:1:1], v[1:2:2], v[2:3:3]
	return nil
}

// appendClaim appends s as a JSON string; what is not UTF-8 is replaced, and the server will not know it.
func appendClaim(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
