package interop

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/openid-client/openid"
)

// TestRegister: a program registers itself, logs a user in, changes what it said, and ends its registration.
func TestRegister(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		for _, method := range []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"} {
			t.Run(method, func(t *testing.T) {
				cfg := openid.Config{Issuer: p.issuer, InsecureAllowHTTP: true}
				if p.transport != nil {
					cfg.HTTPClient = &http.Client{Transport: p.transport}
				}
				m := openid.ClientMetadata{RedirectURIs: []string{redirectURI}, PostLogoutRedirectURIs: []string{returnURI}, TokenEndpointAuthMethod: method,
					GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, ClientName: "Shop", ApplicationType: "native"}
				if p.transport != nil {
					m.ApplicationType = ""
				}
				if method == "private_key_jwt" {
					key := signingKey()
					set, err := json.Marshal(map[string]any{"keys": []any{jwk(t, key.Public(), "sig", "sig")}})
					if err != nil {
						t.Fatal(err)
					}
					cfg.Auth = openid.PrivateKeyJWT(key, "sig")
					m.JWKS, m.TokenEndpointAuthSigningAlg = set, "ES256"
				}
				made, err := openid.Register(t.Context(), cfg, m)
				if err != nil {
					t.Fatal(err)
				}
				read, err := made.Read(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				m = read.Metadata
				m.ClientName = "The Shop"
				changed, err := read.Update(t.Context(), cfg, m)
				if err != nil {
					t.Fatal(err)
				}
				if changed.Metadata.ClientName != "The Shop" || changed.ClientID != made.ClientID {
					t.Errorf("changed to %v, %v", changed, changed.Metadata)
				}
				if changed.AccessToken.Equal(made.AccessToken) {
					t.Error("the server did not replace the token, so that nothing is shown")
				}
				if _, err := made.Read(t.Context(), cfg); !errors.Is(err, openid.ErrInvalidToken) {
					t.Errorf("a token that was replaced: %v", err)
				}

				complete, err := changed.Config(cfg)
				if err != nil {
					t.Fatal(err)
				}
				c, err := openid.New(complete)
				if err != nil {
					t.Fatal(err)
				}
				tokens, _ := logIn(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})
				if tokens.IDToken.Subject() == "" {
					t.Error("nobody is logged in")
				}

				if err := changed.Delete(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				if _, err := changed.Read(t.Context(), cfg); !errors.Is(err, openid.ErrInvalidToken) {
					t.Errorf("a registration that is no more: %v", err)
				}
			})
		}
		t.Run("refused", func(t *testing.T) {
			cfg := openid.Config{Issuer: p.issuer, InsecureAllowHTTP: true}
			if p.transport != nil {
				cfg.HTTPClient = &http.Client{Transport: p.transport}
			}
			_, err := openid.Register(t.Context(), cfg, openid.ClientMetadata{RedirectURIs: []string{redirectURI}, SubjectType: "triangular"})
			refused(t, err, "registration", openid.ErrInvalidClientMetadata)
		})
	})
}
