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

// obtain sends the token request of a grant that begins something new: with a key of its own where tokens are bound, and with the scope
// that was asked for where the answer says none (RFC 6749 section 5.1).
func (c *Client) obtain(ctx context.Context, form, extra url.Values, e expectation) (*Tokens, error) {
	if err := addExtra(form, extra); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	if e.key, err = c.newKey(); err != nil {
		return nil, err
	}
	t, err := c.requestTokens(ctx, s, form, e)
	if err != nil {
		return nil, err
	}
	if t.Scope == nil {
		t.Scope = strings.Fields(form.Get("scope"))
	}
	return t, nil
}

// mayIdentify: who asked for openid gets an ID Token if the server has one to give with this grant, verified; who did not, none.
func mayIdentify(scope []string) idTokenExpectation {
	if slices.Contains(scope, "openid") {
		return idTokenOptional
	}
	return idTokenIgnored
}

// grantForm starts a token request, or a request that leads to one, with what many grants have.
func grantForm(kind string, scope, resource []string, details []AuthorizationDetail) (url.Values, error) {
	for _, name := range scope {
		if !isScope(name) {
			return nil, fmt.Errorf("openid: %s: Scope: %s is not one scope (RFC 6749 §3.3)", kind, quoted(name))
		}
	}
	for _, u := range resource {
		if expected := badResource(u); expected != "" {
			return nil, fmt.Errorf("openid: %s: Resource: expected %s, got %s", kind, expected, quoted(u))
		}
	}
	if err := detailsMistake(kind, details); err != nil {
		return nil, err
	}
	form := make(url.Values, 8)
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

// addExtra adds parameters of the caller's own, which replace nothing that a field has said.
func addExtra(form, extra url.Values) error {
	where := form.Get("grant_type")
	if err := extraMistake(where, extra); err != nil {
		return err
	}
	for name, values := range extra {
		if form.Has(name) {
			return fmt.Errorf("openid: extra parameters of %s: %s is said by a field of the grant as well", where, name)
		}
		form[name] = slices.Clone(values)
	}
	return nil
}
