// Package xoauth2 is the bridge between this module and golang.org/x/oauth2, for programs that move from one to the other and for libraries
// that take an oauth2.TokenSource.
//
//   - [TokenSource] lends an openid.TokenSource, with its store and its single refresh, to whoever takes an oauth2.TokenSource.
//   - [Grant] lets an openid.TokenSource take its tokens from an oauth2.TokenSource.
//   - [Token] and [Tokens] convert one value, such as tokens that a program has stored before it moved.
package xoauth2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
	"golang.org/x/oauth2"
)

// Token converts t. Extra("id_token") and Extra("scope") are there as x/oauth2 users know them; what else the server said is in t.Extra.
// Tokens bound to a DPoP key are an error: x/oauth2 would present them without a proof.
func Token(t *openid.Tokens) (*oauth2.Token, error) {
	switch {
	case t == nil || t.AccessToken.IsEmpty() && t.RefreshToken.IsEmpty():
		return nil, errors.New("xoauth2: there are no tokens")
	case t.DPoPThumbprint() != "":
		return nil, errors.New("xoauth2: the tokens are bound to a DPoP key, which x/oauth2 cannot prove: use TokenSource.HTTPClient")
	case t.Type != "" && t.Type != "Bearer":
		return nil, fmt.Errorf("xoauth2: expected bearer tokens, got token_type %q", t.Type)
	}
	extra := map[string]any{"scope": strings.Join(t.Scope, " ")}
	if t.IDToken != nil {
		extra["id_token"] = t.IDToken.Raw().Reveal()
	}
	o := &oauth2.Token{AccessToken: t.AccessToken.Reveal(), TokenType: t.Type, RefreshToken: t.RefreshToken.Reveal(), Expiry: t.Expiry}
	return o.WithExtra(extra), nil
}

// Tokens converts t, for c. An ID Token in Extra("id_token") is verified as one that came without a nonce; if it is not good, for example
// because it has expired, that is an error: drop it with t.WithExtra(nil) if its login does not matter any more.
func Tokens(ctx context.Context, c *openid.Client, t *oauth2.Token) (*openid.Tokens, error) {
	if t == nil || t.AccessToken == "" && t.RefreshToken == "" {
		return nil, errors.New("xoauth2: there is no token")
	}
	if kind := t.Type(); kind != "Bearer" {
		return nil, fmt.Errorf("xoauth2: expected a bearer token, got token_type %q", kind)
	}
	tokens := &openid.Tokens{AccessToken: openid.NewSecret(t.AccessToken), RefreshToken: openid.NewSecret(t.RefreshToken), Type: "Bearer", Expiry: t.Expiry}
	if scope, ok := t.Extra("scope").(string); ok && scope != "" {
		tokens.Scope = strings.Fields(scope)
	}
	raw, ok := t.Extra("id_token").(string)
	if !ok || raw == "" {
		return tokens, nil
	}
	var err error
	tokens.IDToken, err = c.VerifyIDToken(ctx, raw, "")
	return tokens, err
}

// defaultTimeout is that of one exchange, and the time to find out that it failed.
const defaultTimeout = 30 * time.Second

// TokenSource lends s to code that wants an oauth2.TokenSource. That interface has no context, so timeout bounds each call; zero means 30 s.
// A refresh that takes longer goes on, and the next call finds what it brought. Do not wrap the result in oauth2.ReuseTokenSource, which
// would keep tokens past their early refresh.
//
// Its errors are those of openid.TokenSource; a refusal by the server also is an *oauth2.RetrieveError for errors.As.
func TokenSource(s *openid.TokenSource, timeout time.Duration) oauth2.TokenSource {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &source{s, timeout}
}

type source struct {
	s       *openid.TokenSource
	timeout time.Duration
}

func (s *source) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	t, err := s.s.Token(ctx)
	var unsaved *openid.UnsavedError
	if errors.As(err, &unsaved) && !errors.Is(err, store.ErrLost) { // observers know; this caller can do nothing with it
		t, err = unsaved.Tokens, nil
	}
	if err != nil {
		return nil, retrieveError{err}
	}
	return Token(t)
}

// retrieveError lets code that looks for x/oauth2's error find it.
type retrieveError struct{ err error }

func (e retrieveError) Error() string { return e.err.Error() }
func (e retrieveError) Unwrap() error { return e.err }

func (e retrieveError) As(target any) bool {
	found, ok := target.(**oauth2.RetrieveError)
	var refused *openid.ResponseError
	if !ok || !errors.As(e.err, &refused) {
		return false
	}
	*found = &oauth2.RetrieveError{ErrorCode: string(refused.Code), ErrorDescription: refused.Description, ErrorURI: refused.URI,
		Response: &http.Response{StatusCode: refused.Status, Status: fmt.Sprintf("%d %s", refused.Status, http.StatusText(refused.Status)), Header: http.Header{}, Body: http.NoBody}}
	return true
}

// Grant takes tokens from s, which refreshes them in its own way: of its refresh token nothing is kept, so that only one of the two uses it.
func Grant(s oauth2.TokenSource) openid.Grant { return grant{s} }

type grant struct{ s oauth2.TokenSource }

func (g grant) Obtain(ctx context.Context, c *openid.Client) (*openid.Tokens, error) {
	if g.s == nil {
		return nil, errors.New("xoauth2: Grant: there is no oauth2.TokenSource")
	}
	t, err := g.s.Token()
	if err != nil {
		return nil, err
	}
	tokens, err := Tokens(ctx, c, t)
	if err != nil {
		return nil, err
	}
	tokens.RefreshToken = openid.Secret{}
	return tokens, nil
}
