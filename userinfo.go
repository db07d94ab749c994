package openid

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// UserInfo are the claims that the UserInfo endpoint gave about the user of an ID Token (OpenID Connect Core 1.0 section 5.3). They came
// over TLS from the server; nobody signed them.
type UserInfo struct{ v **userInfo }

type userInfo struct {
	subject string
	payload []byte
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
	if issuer == "" || issuer == c.cfg.Issuer {
		if t == nil || t.content().issuer == c.cfg.Issuer {
			return nil
		}
		issuer = t.content().issuer
	}
	return &VerificationError{Document: "tokens", Check: "issuer", Expected: quoted(c.cfg.Issuer), Got: quoted(issuer), Spec: "RFC 9700 §4.4"}
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
	access := t.AccessToken.Reveal()
	sent := func() []string { return []string{access} }
	res, err := c.exchange(ctx, "userinfo", &endpoint.Request{Method: http.MethodGet, URL: u, Accept: jsonMediaTypes,
		Header: http.Header{"Authorization": {"Bearer " + access}}}, sent)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, statusError("userinfo", res, sent)
	}
	d := &userInfoDocument{token: t.IDToken}
	err = strict.Object(res.Body, func(name []byte, v strict.Value) error {
		if string(name) == "sub" {
			d.sub = v
		}
		return nil
	})
	if err != nil {
		return nil, &ExchangeError{Endpoint: "userinfo", Sent: true, Status: res.Status, Expected: "a JSON object of claims", Got: "something else", Err: err}
	}
	if err := judge(ctx, c, c.rows.userInfo, d); err != nil {
		return nil, err
	}
	v := &userInfo{t.IDToken.Subject(), res.Body}
	return &UserInfo{&v}, nil
}
