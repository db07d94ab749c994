package main

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"
	"github.com/openid-client/openid/openidtest"
)

// TestRouters logs alice in under each router: she comes back to the page she opened, programs are told, and the logout works.
func TestRouters(t *testing.T) {
	for name, router := range routers {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewTLSServer(mux)
			defer server.Close()
			secret := rand.Text()
			op := openidtest.New(t, openidtest.Config{
				AutoApprove: "alice",
				Clients: []openidtest.Client{{ID: "web", Secret: secret, RedirectURIs: []string{server.URL + "/auth/callback"},
					PostLogoutRedirectURIs: []string{server.URL + "/auth/logged-out"}}},
				Log: t.Logf,
			})
			web, err := login.New(login.Config{BaseURL: server.URL + "/auth", Keys: []openid.Secret{openid.NewSecret(rand.Text() + rand.Text())}, AfterLogout: "/orders/8"},
				openid.Config{Issuer: op.Issuer(), ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(secret)), InsecureAllowHTTP: true})
			if err != nil {
				t.Fatal(err)
			}
			mux.Handle("/", router(web))
			browser := server.Client()
			if browser.Jar, err = cookiejar.New(nil); err != nil {
				t.Fatal(err)
			}
			for _, call := range []struct {
				method, path, accept string
				status               int
				want                 string
			}{
				{"GET", "/orders/7", "application/json", 401, ""},
				{"GET", "/orders/7", "text/html", 200, "alice 7"},
				{"POST", "/auth/logout", "text/html", 200, "alice 8"}, // out at the provider, back, and into the next login
			} {
				r, err := http.NewRequestWithContext(t.Context(), call.method, server.URL+call.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Accept", call.accept)
				res, err := browser.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != call.status || call.want != "" && string(body) != call.want {
					t.Errorf("%s %s: %d %q, %v", call.method, call.path, res.StatusCode, body, err)
				}
			}
		})
	}
}
