package openid

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/openid-client/openid/internal/dpop"
	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// UserInfo are the claims that the UserInfo endpoint gave about the user of an ID Token (OpenID Connect Core 1.0 section 5.3). They came
// over TLS from the server, which signs them where this client is registered for that.
type UserInfo struct{ v **userInfo }

type userInfo struct {
	issuer, subject string
	payload         []byte
}

func (u *UserInfo) content() *userInfo {
	if u == nil || u.v == nil {
		return new(userInfo)
	}
	return *u.v
}

// Subject returns sub, the same as in the ID Token.
func (u *UserInfo) Subject() string { return u.content().subject }

// Payload returns a copy of the claims: a JSON object without duplicate names. [Claims] decodes it.
func (u *UserInfo) Payload() []byte { return slices.Clone(u.content().payload) }

// String names the user and shows no other claim.
func (u UserInfo) String() string {
	if u.v == nil {
		return "no UserInfo"
	}
	return "UserInfo of " + quoted(u.Subject())
}

// Format writes what String says, for every verb.
func (u UserInfo) Format(f fmt.State, _ rune) { fmt.Fprint(f, u.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (u UserInfo) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

func (u *UserInfo) verified() []byte { return u.content().payload }

// userInfoDocument is the UserInfo endpoint's answer, under judgement.
type userInfoDocument struct {
	sub   strict.Value
	token *IDToken
}

func (*userInfoDocument) kind() string { return "UserInfo" }
func (*userInfoDocument) cause() error { return nil }

// userInfoJWTChecks are the rules for UserInfo that the server signs (OpenID Connect Core 1.0 sections 5.3.2 and 5.3.4). A server need
// not say for whom; a token for somebody else is refused.
func userInfoJWTChecks() []check[*jwt] {
	return slices.Concat(signedChecks, []check[*jwt]{
		{"iss", "OpenID Connect Core 1.0 §5.3.2",
			func(_ context.Context, j *jwt) bool { return j.claims.iss == nil || j.issuerFits() },
			func(j *jwt) (string, string) { return "nothing, or " + j.wantedIssuer(), shown(j.claims.iss) }},
		{"aud", "OpenID Connect Core 1.0 §5.3.2",
			func(_ context.Context, j *jwt) bool { return j.claims.aud == nil || j.audienceIsUs() },
			func(j *jwt) (string, string) { return "nothing, or " + j.audiences(), shown(j.claims.aud) }},
		{"exp", "RFC 7519 §4.1.4", expIfAny, saysExpIfAny},
		{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
	})
}

var userInfoChecks = []check[*userInfoDocument]{
	{"sub", "OpenID Connect Core 1.0 §5.3.2",
		func(_ context.Context, d *userInfoDocument) bool { return d.sub.Equal(d.token.Subject()) },
		func(d *userInfoDocument) (string, string) {
			return quoted(d.token.Subject()) + ", the subject of the ID Token", shown(d.sub)
		}},
}

// own refuses tokens of another issuer before anything of them leaves: in an application with several providers, the wrong client is one
// slip away.
func (c *Client) own(issuer string, t *IDToken) error {
	n, ok := c.issuerNamed(issuer)
	if issuer == "" || issuer == c.cfg.Issuer {
		n, ok = issuerName{}, true // of no tenant in particular
	}
	if ok && t != nil {
		var of issuerName
		issuer = t.Issuer()
		of, ok = c.issuerNamed(issuer)
		ok = ok && (n.tenant == "" || n.tenant == of.tenant)
	}
	if ok {
		return nil
	}
	return &VerificationError{Document: "tokens", Check: "issuer", Expected: c.anyName(), Got: quoted(issuer), Spec: "RFC 9700 §4.4"}
}

// UserInfo asks the UserInfo endpoint for the claims of the user who logged in. The answer must be about the subject of t's ID Token;
// without an ID Token there is nobody to compare with, which is an error.
//
// Errors: *[ResponseError] when the token is refused; *[VerificationError] for another subject; *[ExchangeError].
func (c *Client) UserInfo(ctx context.Context, t *Tokens) (*UserInfo, error) {
	ctx = c.newFlow(ctx)
	if t == nil || t.IDToken == nil {
		return nil, &VerificationError{Document: "UserInfo", Check: "sub", Expected: "tokens with an ID Token to compare with", Got: "none",
			Spec: "OpenID Connect Core 1.0 §5.3.2"}
	}
	if err := presentable(t); err != nil {
		return nil, err
	}
	if err := c.own(t.issuer, t.IDToken); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.url(userInfoEndpoint)
	if err != nil {
		return nil, err
	}
	res, err := c.askUserInfo(ctx, u, t)
	if err != nil {
		return nil, err
	}
	claims := res.Body
	if res.MediaType == "application/jwt" {
		if claims, err = c.verifyUserInfo(ctx, s, string(res.Body), t.IDToken); err != nil {
			return nil, err
		}
	}
	d := &userInfoDocument{token: t.IDToken}
	err = strict.Object(claims, func(name []byte, v strict.Value) error {
		if string(name) == "sub" {
			d.sub = v
		}
		return nil
	})
	if err != nil {
		return nil, &ExchangeError{Endpoint: "userinfo", Sent: true, Status: res.Status, Expected: "a JSON object of claims", Got: "something else", Err: err}
	}
	if err := judge(ctx, c, orElse(c.rows.userInfo, userInfoChecks), d); err != nil {
		return nil, err
	}
	v := &userInfo{t.IDToken.Issuer(), t.IDToken.Subject(), claims}
	return &UserInfo{&v}, nil
}

var (
	userInfoMediaTypes = []string{"application/json", "application/jwt"}
	signedMediaTypes   = userInfoMediaTypes[1:]
)

// askUserInfo presents the access token, and once more where the server only misses its nonce (RFC 9449 section 9).
func (c *Client) askUserInfo(ctx context.Context, u *url.URL, t *Tokens) (*endpoint.Response, error) {
	key, err := c.cfg.DPoP.restore(t.keyRecord())
	if err != nil {
		return nil, err
	}
	accept := userInfoMediaTypes
	if len(c.cfg.UserInfoSigningAlgs) > 0 {
		accept = signedMediaTypes
	}
	access := t.AccessToken.Reveal()
	sent := func() []string { return []string{access} }
	for attempt := 1; ; attempt++ {
		r := &endpoint.Request{Method: http.MethodGet, URL: u, Accept: accept, Header: http.Header{"Authorization": {t.scheme() + access}}}
		if c.cfg.UserInfoInBody {
			r = &endpoint.Request{Method: http.MethodPost, URL: u, Accept: accept, Body: encodeForm(url.Values{"access_token": {access}})}
		}
		if key != nil {
			if err := c.prove(r.Header, key, dpop.ResourceServer, r.Method, u, access); err != nil {
				return nil, err
			}
		}
		res, err := c.exchange(ctx, "userinfo", r, sent)
		if err != nil {
			return nil, err
		}
		again := key != nil && c.nonces.Learn(dpop.ResourceServer, u, res.Header) && attempt == 1 && wantsNonce(res.Status, codeOf(res), res.Header)
		switch {
		case again:
		case res.Status != http.StatusOK:
			return nil, statusError("userinfo", res, sent)
		default:
			return res, nil
		}
	}
}

// verifyUserInfo returns the claims of a UserInfo response that is a JWT.
func (c *Client) verifyUserInfo(ctx context.Context, s *server, compact string, t *IDToken) ([]byte, error) {
	j := c.newJWT("UserInfo", s, s.userInfoAlgs, compact, expectation{issuer: c.firstName(t.Issuer())})
	defer j.release()
	if err := judge(ctx, c, orElse(c.rows.userInfoJWT, userInfoJWTChecks()), j); err != nil {
		return nil, err
	}
	j.keepHeader()
	return j.payload, nil
}
