package openid

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// An AccessToken is a verified access token (RFC 9068): what the server allows the client that presented it. Only [Client.VerifyAccessToken]
// makes one. [Claims] decodes what has no method, such as roles and groups.
type AccessToken struct {
	v **accessToken // a pointer to a pointer is what no verb of fmt looks behind
}

type accessToken struct {
	payload                           []byte
	issuer, subject, clientID, id     string
	jkt, x5t                          string
	issuedAt, expiry, authenticatedAt int64
	details                           []AuthorizationDetail
}

func (t *AccessToken) content() *accessToken {
	if t == nil || t.v == nil {
		return new(accessToken)
	}
	return *t.v
}

// Issuer returns iss, as [IDToken.Issuer] does.
func (t *AccessToken) Issuer() string { return t.content().issuer }

// Subject returns sub: the user, or the client where it acts for itself (RFC 9068 section 2.2). An API that serves both must not let a client
// choose an identifier that could be a user's (section 5).
func (t *AccessToken) Subject() string { return t.content().subject }

// ClientID returns client_id, the client that the token was issued to.
func (t *AccessToken) ClientID() string { return t.content().clientID }

// ID returns jti, which no other token of the issuer has.
func (t *AccessToken) ID() string { return t.content().id }

// Audience returns aud; the audience that was asked for is among them.
func (t *AccessToken) Audience() []string { return audienceList(t.claim("aud")) }

// Scope returns scope.
func (t *AccessToken) Scope() []string {
	s, _ := t.claim("scope").Text()
	return strings.Fields(s)
}

// Expiry returns exp.
func (t *AccessToken) Expiry() time.Time { return instant(t.content().expiry) }

// IssuedAt returns iat.
func (t *AccessToken) IssuedAt() time.Time { return instant(t.content().issuedAt) }

// AuthTime returns auth_time, when the user last proved who they are; the zero time when the server does not say (RFC 9470).
func (t *AccessToken) AuthTime() time.Time { return instant(t.content().authenticatedAt) }

// ACR returns acr, the class of that authentication; empty when the server does not say (RFC 9470).
func (t *AccessToken) ACR() string { s, _ := t.claim("acr").Text(); return s }

// AMR returns amr, its methods.
func (t *AccessToken) AMR() []string { s, _ := t.claim("amr").Texts(); return s }

// DPoPThumbprint returns jkt of cnf, the key that the token is bound to and that was proven; empty for none (RFC 9449 section 6.1).
func (t *AccessToken) DPoPThumbprint() string { return t.content().jkt }

// CertificateThumbprint returns x5t#S256 of cnf, the certificate that the token is bound to and that was shown; empty for none (RFC 8705
// section 3.1).
func (t *AccessToken) CertificateThumbprint() string { return t.content().x5t }

// AuthorizationDetails returns what the token is good for beside its scope (RFC 9396 section 9.1).
func (t *AccessToken) AuthorizationDetails() []AuthorizationDetail {
	return slices.Clone(t.content().details)
}

// Payload returns a copy of the claims as they were signed: a JSON object without duplicate names.
func (t *AccessToken) Payload() []byte { return slices.Clone(t.content().payload) }

func (t *AccessToken) verified() []byte { return t.content().payload }

func (t *AccessToken) claim(name string) strict.Value { return memberOf(t.content().payload, name) }

// String names subject and client and shows nothing else.
func (t AccessToken) String() string {
	if t.v == nil {
		return "no access token"
	}
	return "access token of " + quoted(t.Subject()) + " for " + quoted(t.ClientID())
}

// Format writes what String says, for every verb.
func (t AccessToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (t AccessToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A Confirmation says what the sender of an access token has proven beside having it: [Bearer], [ProvenByDPoP] or [ProvenByCertificate]. A
// token that is bound to more is refused, and one that is bound to less than was proven as well, so that no binding can be talked away. The
// zero value says nothing and is refused.
type Confirmation struct{ proven }

// proven is the content of a [Confirmation], without its methods, which nobody links who verifies no access token.
type proven struct {
	said     bool
	jkt, x5t string
	bound    bool // to x5t, and not only if the token says so
}

// Bearer says that nothing was proven: the token came in an Authorization header of the scheme Bearer (RFC 6750 section 2.1).
func Bearer() Confirmation { return Confirmation{proven{said: true}} }

// ProvenByDPoP says that a DPoP proof came along, which the caller has verified, and that its key has this thumbprint (RFC 9449 section 7.1,
// RFC 7638). An empty thumbprint gives the zero value.
func ProvenByDPoP(thumbprint string) Confirmation {
	return Confirmation{proven{said: thumbprint != "", jkt: thumbprint}}
}

// ProvenByCertificate says that the connection was made with this client certificate, and that the token has to be bound to it (RFC 8705
// section 3). Nil gives the zero value. Its chain is of no interest here.
func ProvenByCertificate(c *x509.Certificate) Confirmation {
	x5t := certificateThumbprint(c)
	return Confirmation{proven{said: x5t != "", x5t: x5t, bound: true}}
}

// Over adds that the connection was made with a client certificate. A token that is bound to a certificate has to be bound to this one; one that
// is not bound to any is accepted too. Nil adds nothing.
func (how Confirmation) Over(c *x509.Certificate) Confirmation {
	if c != nil && how.x5t == "" {
		how.x5t = certificateThumbprint(c)
	}
	return how
}

func certificateThumbprint(c *x509.Certificate) string {
	if c == nil || len(c.Raw) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// String says what was proven.
func (how Confirmation) String() string { return how.story() }

func (how proven) story() string {
	var things []string
	if how.jkt != "" {
		things = append(things, "the DPoP key "+quoted(how.jkt))
	}
	switch {
	case !how.said:
		return "no confirmation"
	case how.x5t != "" && how.bound:
		things = append(things, "the certificate "+quoted(how.x5t))
	case how.x5t != "":
		things = append(things, "at most the certificate "+quoted(how.x5t))
	case how.jkt == "":
		return "nothing"
	}
	return strings.Join(things, " and ")
}

// presented is an access token under judgement, and how it came.
type presented struct {
	audience string
	how      proven
	token    accessToken
}

// fits: what the token is bound to is what was proven.
func (p *presented) fits() bool {
	how, t := &p.how, &p.token
	return how.said && t.jkt == how.jkt && (t.x5t == how.x5t || t.x5t == "" && !how.bound)
}

// binding says what the token is bound to.
func (p *presented) binding() string {
	return proven{said: true, jkt: p.token.jkt, x5t: p.token.x5t, bound: true}.story()
}

var errConfirmation = errors.New("openid: VerifyAccessToken: expected a Confirmation (Bearer, ProvenByDPoP, ProvenByCertificate), got the zero value")

// VerifyAccessToken verifies an access token that is a JWT (RFC 9068 section 4), for an API. audience is the API's own name, which has to be among
// the token's audiences; how says what the sender has proven. The typ has to be at+jwt, so that no ID Token passes for an access token; which
// algorithms are accepted is [Config].AccessTokenSigningAlgs. Under a FAPI profile the token has to be bound to a key. That it was revoked only
// [Client.Introspect] can tell.
//
// Errors: *[VerificationError]; *[ExchangeError] when metadata or keys could not be had; an empty audience, or the zero Confirmation.
func (c *Client) VerifyAccessToken(ctx context.Context, raw, audience string, how Confirmation) (*AccessToken, error) {
	rows := accessTokenChecks
	if p := c.cfg.Profile; p != nil {
		rows = p.presented(rows)
	}
	return c.verifyAccessToken(ctx, signedChecks, rows, raw, audience, how)
}

func (c *Client) verifyAccessToken(ctx context.Context, signed, rows []check[*jwt], raw, audience string, how Confirmation) (*AccessToken, error) {
	switch {
	case audience == "":
		return nil, errors.New("openid: VerifyAccessToken: expected the audience that this API is, got nothing")
	case !how.said:
		return nil, errConfirmation
	}
	ctx = c.newFlow(ctx)
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	t := &struct { // one allocation instead of three
		AccessToken
		*accessToken
		presented
	}{presented: presented{audience: audience, how: how.proven}}
	j := c.newJWT("access token", s, s.accessTokenAlgs, raw, expectation{presented: &t.presented})
	defer j.release()
	j.typ = "at+jwt"
	if err := judge(ctx, c, signed, j); err != nil {
		return nil, err
	}
	if err := judge(ctx, c, rows, j); err != nil {
		return nil, err
	}
	j.keepHeader()
	t.accessToken, t.AccessToken.v = &t.presented.token, &t.accessToken
	v := &t.presented.token
	v.payload, v.issuer, v.subject = j.payload, j.issuer.issuer, j.subject
	v.issuedAt, _ = j.claims.iat.NumericDate()
	v.expiry, _ = j.claims.exp.NumericDate()
	v.authenticatedAt, _ = j.claims.authTime.NumericDate()
	return &t.AccessToken, nil
}
