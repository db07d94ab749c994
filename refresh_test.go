package openid

import (
	"errors"
	"slices"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func TestRefreshCarriesOver(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	first, err := logIn(t, c, p, func(r *AuthorizationRequest) { r.AppState = "here" })
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Refresh(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken.Equal(first.RefreshToken) || second.AccessToken.Equal(first.AccessToken) || second.IDToken == first.IDToken {
		t.Error("the server rotates, yet something stayed")
	}
	p.TokenResponse = func(m map[string]any) {
		delete(m, "refresh_token")
		delete(m, "id_token")
		delete(m, "scope")
	}
	third, err := c.Refresh(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if !third.RefreshToken.Equal(second.RefreshToken) || third.IDToken != second.IDToken || !slices.Equal(third.Scope, second.Scope) || third.AppState != "here" {
		t.Errorf("not carried over: %v after %v", third, second)
	}
}

func TestRefreshWithTokenAlone(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.IDToken = func(tok *hostile.Token) { tok.Claims["sub"] = "mallory" } // and nobody here could tell
	again, err := c.Tokens(t.Context(), RefreshToken{Token: tokens.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	if again.IDToken != nil || again.AccessToken.IsEmpty() {
		t.Errorf("got %v, want tokens of nobody in particular", again)
	}
	_, err = c.Tokens(t.Context(), RefreshToken{Token: tokens.RefreshToken})
	if !errors.Is(err, ErrInvalidGrant) {
		t.Errorf("a used refresh token: %v", err)
	}
	before := p.Count("token")
	if _, err := c.Tokens(t.Context(), RefreshToken{}); err == nil || p.Count("token") != before {
		t.Errorf("no refresh token at all: %v", err)
	}
}

func TestClientCredentials(t *testing.T) {
	p := hostile.New(t)
	tokens, err := newTestClient(t, p).Tokens(t.Context(), ClientCredentials{Scope: []string{"orders:read"}})
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AccessToken.IsEmpty() || tokens.IDToken != nil || !slices.Equal(tokens.Scope, []string{"orders:read"}) {
		t.Errorf("got %v", tokens)
	}
	if f := p.Requests("token")[0].Form; f.Get("grant_type") != "client_credentials" || f.Get("scope") != "orders:read" {
		t.Errorf("sent %v", f)
	}
}
