package openid

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
)

// RefreshToken is the grant of RFC 6749 section 6. A server that rotates accepts the token once: after an *[ExchangeError] whose Sent is
// true nobody knows whether it was used up.
type RefreshToken struct {
	// Previous are the tokens to refresh. What the answer leaves out is carried over from them: the refresh token, the scope, the ID
	// Token. An ID Token in the answer must be about the same login (OpenID Connect Core 1.0 section 12.2).
	Previous *Tokens
	// Token replaces Previous.RefreshToken, for callers that kept nothing else. Without Previous nobody knows whose login this is, so that
	// an ID Token in the answer is not looked at and Tokens.IDToken stays nil.
	Token Secret
	// Scope asks for less than was granted; nil for the same.
	Scope []string
	// Resource names the APIs that the new access token is for, out of those that were granted (RFC 8707 section 2.2).
	Resource []string
	// Extra are parameters of the server's own.
	Extra url.Values
}

// Refresh is Tokens with the [RefreshToken] grant: it exchanges previous for fresh tokens.
func (c *Client) Refresh(ctx context.Context, previous *Tokens) (*Tokens, error) {
	return c.Tokens(ctx, RefreshToken{Previous: previous})
}

// Obtain implements [Grant].
func (g RefreshToken) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	return g.obtain(ctx, c, nil)
}

// token is the one to use.
func (g RefreshToken) token() Secret {
	if g.Token.IsEmpty() && g.Previous != nil {
		return g.Previous.RefreshToken
	}
	return g.Token
}

// A refreshWatch sees what becomes of a refresh token.
type refreshWatch struct {
	confirm func() error // asked right before the refresh token leaves
	issued  func(Secret) // hears of its successor before the ID Token that came with it is verified
}

// obtain is Obtain under the eyes of w, which may be nil.
func (g RefreshToken) obtain(ctx context.Context, c *Client, w *refreshWatch) (*Tokens, error) {
	token := g.token()
	if token.IsEmpty() {
		return nil, errors.New("openid: RefreshToken: there is no refresh token (was offline_access asked for?)")
	}
	if g.Previous != nil {
		if err := c.own(g.Previous.issuer, g.Previous.IDToken); err != nil {
			return nil, err
		}
	}
	form, err := grantForm("refresh_token", g.Scope, g.Resource, nil)
	if err != nil {
		return nil, err
	}
	form.Set("refresh_token", token.Reveal())
	if err := addExtra(form, g.Extra); err != nil {
		return nil, err
	}
	e := expectation{spent: token}
	if w != nil {
		e.confirm, e.issued = w.confirm, w.issued
	}
	if e.key, err = c.keyOf(g.Previous); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	if g.Previous != nil && g.Previous.IDToken != nil {
		e.idToken, e.previous = idTokenOptional, g.Previous.IDToken
	}
	t, err := c.requestTokens(ctx, s, form, e)
	if err != nil {
		return nil, err
	}
	g.carryOver(t, token)
	return t, nil
}

// carryOver: without a new refresh token the old one stays valid, and an absent scope means the same as before: RFC 6749 section 6.
func (g RefreshToken) carryOver(t *Tokens, token Secret) {
	if t.RefreshToken.IsEmpty() {
		t.RefreshToken = token
	}
	if t.Scope == nil {
		t.Scope = slices.Clone(g.Scope)
	}
	if g.Previous == nil {
		return
	}
	if t.Scope == nil {
		t.Scope = slices.Clone(g.Previous.Scope)
	}
	if t.AuthorizationDetails == nil {
		t.AuthorizationDetails = slices.Clone(g.Previous.AuthorizationDetails)
	}
	if t.IDToken == nil {
		t.IDToken, t.issuer = g.Previous.IDToken, cmp.Or(g.Previous.issuer, t.issuer)
	}
	t.AppState, t.SessionState = g.Previous.AppState, g.Previous.SessionState
}
