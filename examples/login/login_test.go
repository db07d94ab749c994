package main

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/openidtest"
)

// TestLogin logs alice in at the application, as a browser would.
func TestLogin(t *testing.T) {
	// The __Host- cookies of the application need https, so it is a TLS server; its client trusts its certificate.
	mux := http.NewServeMux()
	app := httptest.NewTLSServer(mux)
	defer app.Close()

	secret := rand.Text()
	op := openidtest.New(t, openidtest.Config{
		AutoApprove: "alice", // no pages: alice is logged in at once
		Clients:     []openidtest.Client{{ID: "web", Secret: secret, RedirectURIs: []string{app.URL + "/callback"}}},
		Log:         t.Logf,
	})

	client, err := openid.New(openid.Config{
		Issuer:            op.Issuer(),
		ClientID:          "web",
		Auth:              openid.ClientSecret(openid.NewSecret(secret)),
		RedirectURI:       app.URL + "/callback",
		InsecureAllowHTTP: true, // the provider is plain http on loopback
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", handler(client))

	browser := app.Client()
	if browser.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	resp, err := browser.Get(app.URL + "/login") // to the provider, and back to the callback
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	greeting, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := "hello " + op.Issuer() + " alice\n"
	if resp.StatusCode != http.StatusOK || string(greeting) != want {
		t.Errorf("after the login: %s %q, want %q", resp.Status, greeting, want)
	}

	// Going back to the callback is no second login.
	again, err := browser.Get(resp.Request.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if again.StatusCode != http.StatusBadRequest {
		t.Errorf("the same callback once more: %s", again.Status)
	}
}
