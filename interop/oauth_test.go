package interop

import (
	"slices"
	"testing"

	"github.com/openid-client/openid"
)

func TestPlainOAuth(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		tokens, _ := logIn(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"api:read"}})
		if tokens.IDToken != nil || tokens.AccessToken.IsEmpty() || !slices.Equal(tokens.Scope, []string{"api:read"}) {
			t.Errorf("got %v, want an access token for api:read and no ID Token", tokens)
		}
		_, err := c.UserInfo(t.Context(), tokens)
		refusedByUs(t, err, "UserInfo", "sub") // there is nobody to compare with
	})
}

func TestClientCredentials(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		id, secret := p.register(t, registration{RedirectURIs: []string{}, ResponseTypes: []string{}, GrantTypes: []string{"client_credentials"}})
		c := p.client(t, id, openid.ClientSecret(openid.NewSecret(secret)))
		tokens, err := c.Tokens(t.Context(), openid.ClientCredentials{Scope: []string{"api:read"}})
		if err != nil {
			t.Fatal(err)
		}
		if tokens.IDToken != nil || !tokens.RefreshToken.IsEmpty() || !slices.Equal(tokens.Scope, []string{"api:read"}) {
			t.Errorf("got %v, want an access token for api:read and nothing else", tokens)
		}
	})
}
