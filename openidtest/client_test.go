package openidtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crypto/ed25519"
	"crypto/rand"

	"github.com/go-jose/go-jose/v4"

	"github.com/openid-client/openid/openidtest"
)

func TestLoopbackRedirectPorts(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "any", RedirectURIs: []string{"http://127.0.0.1/cb?x=1", "http://[::1]/cb"}},
		{ID: "one", RedirectURIs: []string{"http://127.0.0.1:4000/cb", "https://127.0.0.1/tls", "http://localhost/name"}},
	}})
	for _, c := range []struct {
		client, redirect string
		ok               bool
	}{
		{"any", "http://127.0.0.1/cb?x=1", true},
		{"any", "http://127.0.0.1:4000/cb?x=1", true},
		{"any", "http://[::1]:4000/cb", true},
		{"any", "http://127.0.0.1:4000/cb", false},
		{"any", "http://127.0.0.2:4000/cb?x=1", false},
		{"any", "http://u@127.0.0.1:4000/cb?x=1", false},
		{"one", "http://127.0.0.1:4000/cb", true},
		{"one", "http://127.0.0.1:4001/cb", false},
		{"one", "http://127.0.0.1/cb", false},
		{"one", "https://127.0.0.1:4000/tls", false},
		{"one", "http://localhost:4000/name", false},
	} {
		app := newRP(t, op, c.client)
		app.redirect, app.auth = c.redirect, post(c.client, "")
		got := newBrowser(t, op).open(app.authorizationURL(nil))
		if (got.left != "") != c.ok || strings.Contains(got.body, "registered for the client: &#34;"+c.redirect) == c.ok {
			t.Errorf("%s: %s: sent to %q: %s", c.client, c.redirect, got.left, got.body)
		}
		if c.ok {
			app.redeem(got.params.Get("code")).ok(t)
		}
	}
}

func TestLoopbackPostLogoutRedirectPorts(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "any", PostLogoutRedirectURIs: []string{"http://127.0.0.1/bye"}, RedirectURIs: []string{"http://127.0.0.1/cb"}},
		{ID: "one", PostLogoutRedirectURIs: []string{"http://127.0.0.1:4000/bye", "http://localhost/bye"}},
	}})
	for _, c := range []struct {
		client, redirect string
		ok               bool
	}{
		{"any", "http://127.0.0.1/bye", true},
		{"any", "http://127.0.0.1:4000/bye", true},
		{"any", "http://127.0.0.1:4000/cb", false}, // of logins
		{"any", "http://127.0.0.2:4000/bye", false},
		{"one", "http://127.0.0.1:4000/bye", true},
		{"one", "http://127.0.0.1:4001/bye", false},
		{"one", "http://localhost:4000/bye", false},
	} {
		q := url.Values{"client_id": {c.client}, "post_logout_redirect_uri": {c.redirect}}
		user := newBrowser(t, op)
		if got := user.open(op.Issuer() + "/logout?" + q.Encode()); (got.left == c.redirect) != c.ok || strings.Contains(got.body, "registered for the client: &#34;"+c.redirect) == c.ok {
			t.Errorf("%s: %s: status %d, sent to %q: %s", c.client, c.redirect, got.status, got.left, got.body)
		}
		resp, err := user.hc.PostForm(op.Issuer()+"/logout", q)
		if got := user.arrive(resp, err); (got.left == c.redirect) != c.ok {
			t.Errorf("%s: %s, posted: status %d, sent to %q", c.client, c.redirect, got.status, got.left)
		}
	}
}

func TestAddClientReportsAllMistakes(t *testing.T) {
	op := start(t, openidtest.Config{})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private, KeyID: "mine"}}})
	if err != nil {
		t.Fatal(err)
	}
	err = op.AddClient(openidtest.Client{
		ID: "a:b", Secret: "short", RedirectURIs: []string{"/cb", "https://a.example/#f"}, GrantTypes: []string{"magic"},
		Scopes: []string{"nonsense"}, IDTokenAlg: "none", JWKS: jwks,
	})
	for _, want := range []string{"colon", "magic", "nonsense", `IDTokenAlg "none"`, `"/cb"`, "#f", `"mine" is not a valid public key`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
	for lie, c := range map[string]openidtest.Client{
		"no ID":            {},
		"unknown method":   {ID: "x", AuthMethod: "tls_client_auth"},
		"no secret":        {ID: "x", AuthMethod: "client_secret_post"},
		"short for HS256":  {ID: "x", Secret: "short", IDTokenAlg: "HS256"},
		"short for jwt":    {ID: "x", Secret: "short", AuthMethod: "client_secret_jwt"},
		"no keys":          {ID: "x", AuthMethod: "private_key_jwt"},
		"keys not in JSON": {ID: "x", JWKS: []byte("-----BEGIN")},
	} {
		if err := op.AddClient(c); err == nil {
			t.Errorf("%s: accepted", lie)
		} else if strings.Contains(err.Error(), "short") && c.Secret == "short" {
			t.Errorf("%s: the error shows the secret: %v", lie, err)
		}
	}
}

// manage sends a registration document, or asks about one.
func manage(t *testing.T, op *openidtest.Provider, method, address, token string, doc map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, op, r)
}

func TestDynamicRegistration(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	web := "http://localhost:8080/cb" // a web client in development
	made := manage(t, op, "POST", op.Issuer()+"/register", "", map[string]any{
		"client_name": "Dynamic", "redirect_uris": []string{web}, "post_logout_redirect_uris": []string{web}, "grant_types": []string{"authorization_code", "refresh_token"},
		"response_types": []string{"code"}, "token_endpoint_auth_method": "client_secret_post", "id_token_signed_response_alg": "RS256",
	}).ok(t)
	if made.status != 201 || made.doc["redirect_uris"].([]any)[0] != web {
		t.Fatalf("got %d %s", made.status, made.raw)
	}
	id, secret := made.doc["client_id"].(string), made.doc["client_secret"].(string)
	app := newRP(t, op, id)
	app.redirect, app.auth = web, post(id, secret)
	if head, _ := app.claims(app.login(nil).doc["id_token"]); head.Algorithm != "RS256" {
		t.Errorf("signed with %s", head.Algorithm)
	}

	at, token := made.doc["registration_client_uri"].(string), made.doc["registration_access_token"].(string)
	manage(t, op, "GET", at, "another", nil).refused(t, 401, "invalid_token")
	read := manage(t, op, "GET", at, token, nil).ok(t)
	token = read.doc["registration_access_token"].(string)
	read.doc["client_name"] = "Renamed"
	written := manage(t, op, "PUT", at, token, read.doc).ok(t)
	if written.doc["client_name"] != "Renamed" || written.doc["redirect_uris"].([]any)[0] != web {
		t.Errorf("got %s", written.raw)
	}
	app.login(nil)
	if got := manage(t, op, "DELETE", at, written.doc["registration_access_token"].(string), nil); got.status != 204 {
		t.Errorf("got %d %s", got.status, got.raw)
	}
	if got := newBrowser(t, op).open(app.authorizationURL(nil)); got.left != "" || got.status != 401 {
		t.Errorf("a deleted client goes on: %d %q", got.status, got.left)
	}
}

func TestNativeClientMayUseAnyPort(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	made := manage(t, op, "POST", op.Issuer()+"/register", "", map[string]any{
		"redirect_uris": []string{"http://127.0.0.1:1000/cb"}, "application_type": "native", "token_endpoint_auth_method": "none",
	}).ok(t)
	app := newRP(t, op, made.doc["client_id"].(string))
	app.redirect, app.auth = "http://127.0.0.1:2000/cb", post(app.id, "")
	app.login(nil)
	manage(t, op, "GET", made.doc["registration_client_uri"].(string), made.doc["registration_access_token"].(string), nil).ok(t)
	app.login(nil) // reading the registration has not changed it
}

func TestDynamicRegistrationIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{})
	for lie, doc := range map[string]map[string]any{
		"http that is not on loopback":    {"redirect_uris": []string{"http://a.example/cb"}},
		"a fragment":                      {"redirect_uris": []string{"https://a.example/cb#f"}},
		"an algorithm nobody knows":       {"redirect_uris": []string{"https://a.example/cb"}, "id_token_signed_response_alg": "none"},
		"a public client with no user":    {"grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "none"},
		"keys nowhere":                    {"redirect_uris": []string{"https://a.example/cb"}, "jwks_uri": "nonsense"},
		"a response type of another flow": {"redirect_uris": []string{"https://a.example/cb"}, "response_types": []string{"token"}},
	} {
		t.Run(lie, func(t *testing.T) {
			manage(t, op, "POST", op.Issuer()+"/register", "", doc).refused(t, 400, "invalid_client_metadata")
		})
	}
	// Clients of a Config cannot be managed from outside.
	manage(t, op, "GET", op.Issuer()+"/register/app", "", nil).refused(t, 403, "access_denied")
	manage(t, op, "DELETE", op.Issuer()+"/register/app", "x", nil).refused(t, 401, "invalid_token")
}

func TestJWKSURI(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "EdDSA"}}})
	}))
	defer keys.Close()
	op := start(t, openidtest.Config{})
	made := manage(t, op, "POST", op.Issuer()+"/register", "", map[string]any{
		"grant_types": []string{"client_credentials"}, "response_types": []string{}, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys.URL,
	}).ok(t)
	app := newRP(t, op, "")
	app.auth = assertion(made.doc["client_id"].(string), op.Issuer()+"/token", jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: "1"}})
	app.token(url.Values{"grant_type": {"client_credentials"}}).ok(t)
}
