package openid

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A Grant is a way to obtain tokens without a browser in hand (RFC 6749 section 1.3).
type Grant interface {
	Obtain(ctx context.Context, c *Client) (*Tokens, error)
}

// Tokens obtains tokens by g, once. Errors are those of [Client.Callback].
func (c *Client) Tokens(ctx context.Context, g Grant) (*Tokens, error) {
	return g.Obtain(c.newFlow(ctx), c)
}

// grantForm starts a token request: extra parameters first, which the grant's own then follow.
func grantForm(kind string, scope, resource []string, details []AuthorizationDetail, extra url.Values) (url.Values, error) {
	if err := extraMistake(kind, extra); err != nil {
		return nil, err
	}
	for _, u := range resource {
		if expected := badResource(u); expected != "" {
			return nil, fmt.Errorf("openid: %s: Resource: expected %s, got %s", kind, expected, quoted(u))
		}
	}
	if err := detailsMistake(kind, details); err != nil {
		return nil, err
	}
	form := make(url.Values, len(extra)+4)
	for name, values := range extra {
		form[name] = slices.Clone(values)
	}
	form.Set("grant_type", kind)
	if len(scope) > 0 {
		form.Set("scope", strings.Join(scope, " "))
	}
	if len(resource) > 0 {
		form["resource"] = slices.Clone(resource)
	}
	if len(details) > 0 {
		form.Set("authorization_details", string(appendDetails(nil, details)))
	}
	return form, nil
}
