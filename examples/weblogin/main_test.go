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

// TestWebLogin opens pages as a browser would: a login at the first, another one where a recent one is needed, a logout.
func TestWebLogin(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	secret := rand.Text()
	op := openidtest.New(t, openidtest.Config{
		AutoApprove: "alice", // no pages: alice is logged in at once
		Clients: []openidtest.Client{{ID: "web", Secret: secret, RedirectURIs: []string{server.URL + "/auth/callback"},
			PostLogoutRedirectURIs: []string{server.URL + "/auth/logged-out"}}},
		Log: t.Logf,
	})
	web, err := login.New(login.Config{BaseURL: server.URL + "/auth", Keys: []openid.Secret{openid.NewSecret(rand.Text() + rand.Text())}},
		openid.Config{Issuer: op.Issuer(), ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(secret)), InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", app(web))

	browser := server.Client()
	if browser.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	read := func(method, path, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html") // as browsers do; Require answers everybody else by a 401
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK || string(body) != want {
			t.Errorf("%s %s: %s %q, want %q", method, path, res.Status, body, want)
		}
	}
	read("GET", "/", "hello alice\n")
	read("GET", "/pay", "hello alice\n")
	read("POST", "/auth/logout", "hello alice\n") // to the provider, back, and into the next login
}
