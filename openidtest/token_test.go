package openidtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/openid-client/openid/openidtest"
)

func TestCodeIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "app", Secret: secret, RedirectURIs: []string{callback}},
		{ID: "other", Secret: secret, RedirectURIs: []string{callback}},
	}})
	for _, c := range []struct {
		lie    string
		tamper func(app *rp, form url.Values)
	}{
		{"another verifier", func(_ *rp, form url.Values) { form.Set("code_verifier", rand.Text()+rand.Text()) }},
		{"no verifier", func(_ *rp, form url.Values) { form.Del("code_verifier") }},
		{"another redirect URI", func(_ *rp, form url.Values) { form.Set("redirect_uri", callback+"2") }},
		{"another code", func(_ *rp, form url.Values) { form.Set("code", rand.Text()) }},
		{"another client", func(app *rp, _ url.Values) { app.auth = basic("other", secret) }},
	} {
		t.Run(c.lie, func(t *testing.T) {
			app := newRP(t, op, "app")
			code := newBrowser(t, op).open(app.authorizationURL(nil)).params.Get("code")
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {app.verifier}}
			c.tamper(app, form)
			app.token(form).refused(t, 400, "invalid_grant")
		})
	}
}

func TestCodeReuse(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	code := newBrowser(t, op).open(app.authorizationURL(nil)).params.Get("code")
	tokens := app.redeem(code).ok(t)
	second := app.redeem(code)
	second.refused(t, 400, "invalid_grant")
	if why := second.doc["error_description"]; why != "the authorization code has already been redeemed" {
		t.Errorf("error_description is %v", why)
	}
	app.redeem(code).refused(t, 400, "invalid_grant")
	get(t, op, "/userinfo", tokens.doc["access_token"].(string)).refused(t, 401, "invalid_token")
	app.refresh(tokens.doc["refresh_token"]).refused(t, 400, "invalid_grant")
}

func TestRefresh(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	first := app.login(nil)
	second := app.refresh(first.doc["refresh_token"]).ok(t)
	if second.doc["refresh_token"] == first.doc["refresh_token"] || second.doc["access_token"] == first.doc["access_token"] {
		t.Error("the tokens were not rotated")
	}
	_, before := app.claims(first.doc["id_token"])
	_, after := app.claims(second.doc["id_token"])
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "nonce"} {
		if before[name] == nil || before[name] != after[name] {
			t.Errorf("%s was %v and is %v", name, before[name], after[name])
		}
	}
	get(t, op, "/userinfo", second.doc["access_token"].(string)).ok(t)

	narrowed := app.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.doc["refresh_token"].(string)}, "scope": {"openid"}}).ok(t)
	if narrowed.doc["scope"] != "openid" {
		t.Errorf("scope is %v", narrowed.doc["scope"])
	}
	app.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {narrowed.doc["refresh_token"].(string)}, "scope": {"openid address"}}).refused(t, 400, "invalid_scope")
}

func TestRefreshTokenReuse(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	first := app.login(nil)
	second := app.refresh(first.doc["refresh_token"]).ok(t)

	// Asking about the old token is no use of it.
	if got := app.post("/introspect", url.Values{"token": {first.doc["refresh_token"].(string)}}).ok(t); got.doc["active"] != false {
		t.Errorf("introspection of a rotated token: %s", got.raw)
	}
	third := app.refresh(second.doc["refresh_token"]).ok(t)

	app.refresh(first.doc["refresh_token"]).refused(t, 400, "invalid_grant")
	app.refresh(third.doc["refresh_token"]).refused(t, 400, "invalid_grant")
	get(t, op, "/userinfo", third.doc["access_token"].(string)).refused(t, 401, "invalid_token")
}

// Two parties that redeem one code, or use one refresh token, at the same time: one of them is served.
func TestSameTime(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	race := func(use func() answer) {
		t.Helper()
		var wg sync.WaitGroup
		got := make([]answer, 8)
		for i := range got {
			wg.Go(func() { got[i] = use() })
		}
		wg.Wait()
		served := slices.DeleteFunc(slices.Clone(got), func(a answer) bool { return a.status != 200 })
		if len(served) != 1 {
			t.Errorf("%d of %d were served", len(served), len(got))
		}
		for _, a := range got {
			if a.status != 200 {
				a.refused(t, 400, "invalid_grant")
			}
		}
	}
	for range 5 {
		token := app.login(nil).doc["refresh_token"]
		race(func() answer { return app.refresh(token) })
		code := newBrowser(t, op).open(app.authorizationURL(nil)).params.Get("code")
		race(func() answer { return app.redeem(code) })
	}
}

func TestClientAuthentication(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}}) // neither kid nor alg
	if err != nil {
		t.Fatal(err)
	}
	odd := "sécret +%&=: 100% of at least 32 bytes"
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "none", RedirectURIs: []string{callback}},
		{ID: "basic +&", Secret: odd, RedirectURIs: []string{callback}},
		{ID: "post", Secret: odd, AuthMethod: "client_secret_post", RedirectURIs: []string{callback}},
		{ID: "jwt", Secret: odd, AuthMethod: "client_secret_jwt", RedirectURIs: []string{callback}},
		{ID: "key", JWKS: jwks, RedirectURIs: []string{callback}},
	}})
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es256 := func(k *ecdsa.PrivateKey) jose.SigningKey { return jose.SigningKey{Algorithm: jose.ES256, Key: k} }
	hs256 := func(s string) jose.SigningKey { return jose.SigningKey{Algorithm: jose.HS256, Key: []byte(s)} }
	type auth = func(*http.Request, url.Values)
	for _, c := range []struct {
		id    string
		right auth
		wrong map[string]auth
	}{
		{"none", post("none", ""), map[string]auth{"no client": nil}},
		{"basic +&", basic("basic +&", odd), map[string]auth{
			"another secret":  basic("basic +&", secret),
			"no secret":       basic("basic +&", ""),
			"in the body":     post("basic +&", odd),
			"no such client":  basic("nobody", odd),
			"another's place": basic("jwt", odd),
		}},
		{"post", post("post", odd), map[string]auth{"another secret": post("post", secret), "no secret": post("post", ""), "in the header": basic("post", odd)}},
		{"jwt", assertion("jwt", op.Issuer(), hs256(odd)), map[string]auth{
			"another secret":    assertion("jwt", op.Issuer(), hs256(secret)),
			"another audience":  assertion("jwt", "https://other.example", hs256(odd)),
			"the secret itself": post("jwt", odd),
		}},
		{"key", assertion("key", op.Issuer(), es256(key)), map[string]auth{
			"another key":      assertion("key", op.Issuer(), es256(other)),
			"another audience": assertion("key", "https://other.example", es256(key)),
			"nothing":          post("key", ""),
		}},
	} {
		t.Run(c.id, func(t *testing.T) {
			app := newRP(t, op, c.id)
			app.auth = c.right
			tokens := app.login(nil)
			for lie, auth := range c.wrong {
				app.auth = auth
				got := app.refresh(tokens.doc["refresh_token"])
				if got.status != 401 || got.doc["error"] != "invalid_client" {
					t.Errorf("%s: got %d %s", lie, got.status, got.raw)
				}
				if strings.HasPrefix(got.request.Get("Authorization"), "Basic") != strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic") {
					t.Errorf("%s: WWW-Authenticate is %q", lie, got.header.Get("WWW-Authenticate"))
				}
			}
			app.auth = c.right
			app.refresh(tokens.doc["refresh_token"]).ok(t)
		})
	}
}

func TestAssertionReplay(t *testing.T) {
	op := start(t, openidtest.Config{Clients: []openidtest.Client{{ID: "app", Secret: secret, AuthMethod: "client_secret_jwt"}}})
	app := newRP(t, op, "app")
	form := url.Values{}
	assertion("app", op.Issuer(), jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)})(nil, form)
	app.auth = nil
	form.Set("grant_type", "client_credentials")
	app.token(form).ok(t)
	app.token(form).refused(t, 401, "invalid_client")
}

func TestClientCredentials(t *testing.T) {
	op := start(t, openidtest.Config{Scopes: []string{"api:read"}, Clients: []openidtest.Client{
		{ID: "service", Secret: secret},
		{ID: "web", Secret: secret, GrantTypes: []string{"authorization_code"}},
	}})
	service := newRP(t, op, "service")
	tokens := service.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}).ok(t)
	if tokens.doc["scope"] != "api:read" || tokens.doc["refresh_token"] != nil || tokens.doc["id_token"] != nil {
		t.Errorf("got %s", tokens.raw)
	}
	newRP(t, op, "web").token(url.Values{"grant_type": {"client_credentials"}}).refused(t, 400, "unauthorized_client")
	service.token(url.Values{"grant_type": {"password"}}).refused(t, 400, "unsupported_grant_type")
	service.token(url.Values{}).refused(t, 400, "invalid_request")
}

func TestIntrospectionAndRevocation(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "app", Secret: secret, RedirectURIs: []string{callback}},
		{ID: "spa", RedirectURIs: []string{callback}},
	}})
	app := newRP(t, op, "app")
	tokens := app.login(nil)
	token := url.Values{"token": {tokens.doc["access_token"].(string)}}
	if got := app.post("/introspect", token).ok(t); got.doc["active"] != true || got.doc["sub"] != "alice" || got.doc["client_id"] != "app" {
		t.Errorf("got %s", got.raw)
	}
	spa := newRP(t, op, "spa")
	spa.auth = post("spa", "")
	spa.post("/introspect", token).refused(t, 403, "access_denied")
	spa.post("/revoke", token).refused(t, 403, "access_denied")

	app.post("/revoke", token).ok(t)
	if got := app.post("/introspect", token).ok(t); got.doc["active"] != false || len(got.doc) != 1 {
		t.Errorf("got %s", got.raw)
	}
	app.post("/revoke", url.Values{"token": {tokens.doc["refresh_token"].(string)}}).ok(t)
	app.refresh(tokens.doc["refresh_token"]).refused(t, 400, "invalid_grant")
}

func TestLifetimes(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", AccessTokenLifetime: 90 * time.Second, IDTokenLifetime: 30 * time.Second})
	app := newRP(t, op, "app")
	tokens := app.login(nil)
	_, claims := app.claims(tokens.doc["id_token"])
	if got := claims["exp"].(float64) - claims["iat"].(float64); tokens.doc["expires_in"] != 90.0 || got != 30 {
		t.Errorf("expires_in is %v, the ID Token is good for %v s", tokens.doc["expires_in"], got)
	}
}
