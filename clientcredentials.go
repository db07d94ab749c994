package openid

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// ClientCredentials is the grant of RFC 6749 section 4.4: a service that acts for itself.
type ClientCredentials struct {
	Scope []string // nil: what the server gives by default
}

// Obtain implements [Grant].
func (g ClientCredentials) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(g.Scope) > 0 {
		form.Set("scope", strings.Join(g.Scope, " "))
	}
	t, err := c.requestTokens(ctx, s, form, expectation{})
	if err != nil {
		return nil, err
	}
	if t.Scope == nil {
		t.Scope = slices.Clone(g.Scope)
	}
	return t, nil
}
