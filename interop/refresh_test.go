package interop

import (
	"net/url"
	"slices"
	"testing"

	"github.com/openid-client/openid"
)

// offline asks for a refresh token, in the way OpenID Connect Core section 11 wants it.
func offline() openid.AuthorizationRequest {
	return openid.AuthorizationRequest{
		Scope:    []string{"openid", "email", "offline_access"},
		AppState: "/cart",
		Extra:    url.Values{"prompt": {"consent"}},
	}
}

func TestRefresh(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		for _, l := range []login{
			{name: "public client", auth: "none"},
			{name: "client_secret_basic", auth: "client_secret_basic"},
			{name: "private_key_jwt", auth: "private_key_jwt", key: "ES256"},
			{name: "ID Token under HS256", auth: "client_secret_post", alg: "HS256"},
		} {
			t.Run(l.name, func(t *testing.T) {
				c := l.client(t, p)
				before, _ := logIn(t, c, p.userAgent(), offline())
				if before.RefreshToken.IsEmpty() {
					t.Fatal("no refresh token came")
				}
				after, err := c.Refresh(t.Context(), before)
				if err != nil {
					t.Fatal(err)
				}
				if after.AccessToken.Equal(before.AccessToken) || after.RefreshToken.Equal(before.RefreshToken) {
					t.Error("access token or refresh token are the old ones")
				}
				if after.IDToken.Subject() != "alice" {
					t.Errorf("the ID Token is about %q", after.IDToken.Subject())
				}
				if !after.IDToken.AuthTime().Equal(before.IDToken.AuthTime()) {
					t.Errorf("the user logged in at %v, and now at %v", before.IDToken.AuthTime(), after.IDToken.AuthTime())
				}
				if after.AppState != "/cart" || !sameSet(after.Scope, before.Scope) {
					t.Errorf("got AppState %q and scope %q, want them carried over", after.AppState, after.Scope)
				}
				if _, err := c.UserInfo(t.Context(), after); err != nil {
					t.Error(err)
				}
				if _, err := c.Refresh(t.Context(), after); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestRefreshAfterRestart(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		before, _ := logIn(t, c, p.userAgent(), offline())
		stored, err := before.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var restored openid.Tokens
		if err := restored.UnmarshalBinary(stored); err != nil {
			t.Fatal(err)
		}
		after, err := c.Refresh(t.Context(), &restored)
		if err != nil || after.IDToken.Subject() != "alice" {
			t.Errorf("got %v, %v", after, err)
		}
	})
}

func TestRefreshForLess(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		before, _ := logIn(t, c, p.userAgent(), offline())
		after, err := c.Tokens(t.Context(), openid.RefreshToken{Previous: before, Scope: []string{"openid"}})
		if err != nil || !slices.Equal(after.Scope, []string{"openid"}) {
			t.Errorf("got %v, %v; want a token for openid only", after, err)
		}
	})
}

// A rotated refresh token that comes back means that two parties hold it: nobody's tokens may live on (RFC 9700 section 4.14.2).
func TestRefreshTokenUsedTwice(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		before, _ := logIn(t, c, p.userAgent(), offline())
		after, err := c.Refresh(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Refresh(t.Context(), before)
		refused(t, err, "token", openid.ErrInvalidGrant)
		_, err = c.Refresh(t.Context(), after)
		refused(t, err, "token", openid.ErrInvalidGrant)
	})
}

// The tokens of two logins were mixed up in the application's store. Both providers repeat the nonce in a refreshed ID Token, so
// that even two logins of one user are told apart.
func TestRefreshOfAnotherLogin(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		one, _ := logIn(t, c, p.userAgent(), offline())
		other, _ := logIn(t, c, p.userAgent(), offline())
		_, err := c.Tokens(t.Context(), openid.RefreshToken{Previous: one, Token: other.RefreshToken})
		refusedByUs(t, err, "refreshed ID Token", "nonce")
	})
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
