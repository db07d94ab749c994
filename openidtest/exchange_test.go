package openidtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/openid-client/openid/openidtest"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenType     = "urn:ietf:params:oauth:token-type:"
)

func TestTokenExchange(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Clients: []openidtest.Client{
		{ID: "app", Secret: secret, RedirectURIs: []string{callback}, GrantTypes: []string{"authorization_code", exchangeGrant}},
		{ID: "web", Secret: secret, RedirectURIs: []string{callback}},
	}})
	app := newRP(t, op, "app")
	tokens := app.login(nil)
	ask := func(who *rp, kind, token string, more url.Values) answer {
		form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {token}, "subject_token_type": {tokenType + kind}, "scope": {"openid email"}}
		for name, v := range more {
			form[name] = v
		}
		return who.token(form)
	}
	for _, kind := range []string{"access_token", "id_token"} {
		got := ask(app, kind, tokens.doc[kind].(string), nil).ok(t)
		if got.doc["issued_token_type"] != tokenType+"access_token" || get(t, op, "/userinfo", got.doc["access_token"].(string)).ok(t).doc["sub"] != "alice" {
			t.Errorf("for the %s: %s", kind, got.raw)
		}
	}
	access := tokens.doc["access_token"].(string)
	id := ask(app, "access_token", access, url.Values{"requested_token_type": {tokenType + "id_token"}}).ok(t)
	if _, claims := app.claims(id.doc["access_token"]); claims["sub"] != "alice" || id.doc["token_type"] != "N_A" {
		t.Errorf("got %s", id.raw)
	}

	_, foreign, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := jwt.Signed(foreign).Claims(jwt.Claims{Issuer: op.Issuer(), Subject: "alice"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	actor := url.Values{"actor_token_type": {tokenType + "access_token"}}
	ask(app, "access_token", access, url.Values{"actor_token": {access}, "actor_token_type": actor["actor_token_type"]}).ok(t)
	ask(app, "access_token", access, url.Values{"actor_token": {"another"}, "actor_token_type": actor["actor_token_type"]}).refused(t, 400, "invalid_request")
	ask(app, "access_token", "another", nil).refused(t, 400, "invalid_request")
	ask(app, "id_token", forged, nil).refused(t, 400, "invalid_request")
	ask(app, "id_token", "another", nil).refused(t, 400, "invalid_request")
	ask(app, "refresh_token", access, nil).refused(t, 400, "invalid_request")
	ask(newRP(t, op, "web"), "access_token", access, nil).refused(t, 400, "unauthorized_client")
}

func newSigner() (jose.JSONWebKey, jose.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JSONWebKey{}, nil, err
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: "the-key", Algorithm: "ES256"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jwk}, nil)
	return jwk.Public(), signer, err
}

func TestJWTBearer(t *testing.T) {
	public, signer, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	if err != nil {
		t.Fatal(err)
	}
	op := start(t, openidtest.Config{Clients: []openidtest.Client{{ID: "app", Secret: secret, JWKS: keys, GrantTypes: []string{bearerGrant}}}})
	app := newRP(t, op, "app")
	vouch := func(by jose.Signer, change func(*jwt.Claims)) answer {
		soon := jwt.NewNumericDate(time.Now().Add(time.Minute))
		claims := jwt.Claims{Issuer: "app", Subject: "alice", Audience: jwt.Audience{op.Issuer()}, Expiry: soon}
		change(&claims)
		assertion, err := jwt.Signed(by).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return app.token(url.Values{"grant_type": {bearerGrant}, "assertion": {assertion}, "scope": {"email openid"}})
	}
	honest := func(*jwt.Claims) {}
	if _, claims := app.claims(vouch(signer, honest).ok(t).doc["id_token"]); claims["sub"] != "alice" {
		t.Errorf("got %v", claims)
	}
	for _, c := range []struct {
		lie    string
		by     jose.Signer
		change func(*jwt.Claims)
	}{
		{"a stranger signed", stranger, honest},
		{"an issuer nobody knows", signer, func(c *jwt.Claims) { c.Issuer = "another" }},
		{"for somebody else", signer, func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://other.example"} }},
		{"about nobody", signer, func(c *jwt.Claims) { c.Subject = "nobody" }},
		{"good for ever", signer, func(c *jwt.Claims) { c.Expiry = nil }},
		{"over", signer, func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour)) }},
	} {
		t.Run(c.lie, func(t *testing.T) { vouch(c.by, c.change).refused(t, 400, "invalid_grant") })
	}
	app.token(url.Values{"grant_type": {bearerGrant}, "assertion": {"no JWT"}}).refused(t, 400, "invalid_grant")
}
