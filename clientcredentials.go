package openid

import (
	"context"
	"net/url"
)

// ClientCredentials is the grant of RFC 6749 section 4.4: a service that acts for itself.
type ClientCredentials struct {
	Scope                []string              // nil: what the server gives by default
	Resource             []string              // the APIs the token is for (RFC 8707 section 2.2)
	AuthorizationDetails []AuthorizationDetail // RFC 9396 section 6
	Extra                url.Values            // parameters of the server's own
}

// Obtain implements [Grant].
func (g ClientCredentials) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	form, err := grantForm("client_credentials", g.Scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	return c.obtain(ctx, form, g.Extra, expectation{})
}
