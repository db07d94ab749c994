package openid

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// CustomGrant is a grant that this package does not know (RFC 6749 section 4.5). The answer is judged as any token response is; an ID
// Token in it is verified when the scope has openid.
type CustomGrant struct {
	Type string     // grant_type; required
	Form url.Values // the grant's own parameters; "scope" is one of them
}

// Obtain implements [Grant].
func (g CustomGrant) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	switch g.Type {
	case "":
		return nil, errors.New("openid: CustomGrant: expected a Type, got nothing")
	case "authorization_code", "refresh_token":
		return nil, errors.New("openid: CustomGrant: " + g.Type + " has a way of its own (Client.Callback, RefreshToken), which checks whose tokens come")
	}
	return c.obtain(ctx, url.Values{"grant_type": {g.Type}}, g.Form, expectation{idToken: mayIdentify(strings.Fields(g.Form.Get("scope")))})
}
