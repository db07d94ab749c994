package openid

import (
	"context"
	"errors"
	"net/url"
)

// JWTBearer is the grant of RFC 7523 section 2.1: somebody whom the server trusts vouches for the subject with a signed JWT.
type JWTBearer struct {
	// Assertion returns the JWT; it is called for each request, so that it can be a fresh one.
	Assertion            func(context.Context) (Secret, error)
	Scope                []string
	Resource             []string // the APIs the token is for (RFC 8707 section 2.2)
	AuthorizationDetails []AuthorizationDetail
	Extra                url.Values // parameters of the server's own
}

// Obtain implements [Grant].
func (g JWTBearer) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	form, err := grantForm("urn:ietf:params:oauth:grant-type:jwt-bearer", g.Scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	assertion, err := vouched(ctx, "JWTBearer", g.Assertion)
	if err != nil {
		return nil, err
	}
	form.Set("assertion", assertion)
	return c.obtain(ctx, form, g.Extra, expectation{idToken: mayIdentify(g.Scope)})
}

// vouched is the assertion that a bearer grant presents.
func vouched(ctx context.Context, grant string, assertion func(context.Context) (Secret, error)) (string, error) {
	if assertion == nil {
		return "", errors.New("openid: " + grant + ": there is no Assertion")
	}
	a, err := assertion(ctx)
	if err == nil && a.IsEmpty() {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", &grantError{grant + ".Assertion", err}
	}
	return a.Reveal(), nil
}
