package openid

import (
	"errors"
	"slices"
	"testing"
	"time"

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

// TestRefreshRemembersTheLogin: what the login said binds every later ID Token, also when one in between said nothing.
func TestRefreshRemembersTheLogin(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	login, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.IDToken = func(tok *hostile.Token) {
		delete(tok.Claims, "nonce")
		delete(tok.Claims, "auth_time")
	}
	silent, err := c.Refresh(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := silent.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	p.IDToken = func(tok *hostile.Token) { tok.Claims["auth_time"] = login.IDToken.AuthTime().Add(-time.Hour).Unix() }
	var v *VerificationError
	if _, err := c.Refresh(t.Context(), silent); !errors.As(err, &v) || v.Check != "same auth_time" || v.Document != "refreshed ID Token" {
		t.Errorf("another auth_time than the login's: %v", err)
	}

	// Most servers leave the nonce out here, and this one does.
	p.IDToken = nil
	again, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := Claims[struct {
		Nonce string `json:"nonce"`
	}](again.IDToken)
	if err != nil || nonce.Nonce == "" {
		t.Fatal(nonce, err)
	}
	if again, err = c.Refresh(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	p.IDToken = func(tok *hostile.Token) { tok.Claims["nonce"] = nonce.Nonce }
	if again, err = c.Refresh(t.Context(), again); err != nil {
		t.Errorf("the login's own nonce: %v", err)
	}
	p.IDToken = func(tok *hostile.Token) { tok.Claims["nonce"] = "another" }
	if _, err := c.Refresh(t.Context(), again); refusedBy(err) != "nonce" {
		t.Errorf("another nonce: %v", err)
	}
}

// TestRefreshLearnsOfTheLogin: the first auth_time that is told binds the later ones.
func TestRefreshLearnsOfTheLogin(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	p.IDToken = claim("auth_time", "")
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.IDToken = claim("auth_time", "1700000000")
	if tokens, err = c.Refresh(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	p.IDToken = claim("auth_time", "")
	if tokens, err = c.Refresh(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	p.IDToken = claim("auth_time", "1700000001")
	if _, err = c.Refresh(t.Context(), tokens); refusedBy(err) != "same auth_time" {
		t.Errorf("another auth_time: %v", err)
	}
}

// TestRefreshForTheSameAudiences: in whatever order, and one of them as a string or in a list.
func TestRefreshForTheSameAudiences(t *testing.T) {
	for before, after := range map[string]string{`["client"]`: `"client"`, `"client"`: `["client"]`, `["client","friend"]`: `["friend","client"]`} {
		p := hostile.New(t)
		c := newTestClient(t, p, trustFriend)
		p.IDToken = and(claim("azp", `"client"`), claim("aud", before))
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		p.IDToken = and(claim("azp", `"client"`), claim("aud", after))
		if _, err := c.Refresh(t.Context(), tokens); err != nil {
			t.Errorf("%s after %s: %v", after, before, err)
		}
	}
}

// TestRefreshAfterNoNonce: a device sends none, so that none can come.
func TestRefreshAfterNoNonce(t *testing.T) {
	for _, nonce := range []string{`""`, `"n"`} {
		inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			tokens, err := c.Tokens(t.Context(), Device{Scope: []string{"openid", "offline_access"}, Show: quietly})
			if err != nil {
				t.Fatal(err)
			}
			p.IDToken = claim("nonce", nonce)
			if _, err := c.Refresh(t.Context(), tokens); refusedBy(err) != "nonce" {
				t.Errorf("%s: %v", nonce, err)
			}
		})
	}
}

func TestRefreshForLess(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.TokenResponse = func(m map[string]any) { delete(m, "scope") }
	less, err := c.Tokens(t.Context(), RefreshToken{Previous: tokens, Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	sent := p.Requests("token")
	if got := sent[len(sent)-1].Form.Get("scope"); got != "openid" || !slices.Equal(less.Scope, []string{"openid"}) {
		t.Errorf("asked for %q, got %q", got, less.Scope)
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
