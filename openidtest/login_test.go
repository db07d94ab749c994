package openidtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/openidtest"
)

func start(t *testing.T, cfg openidtest.Config) *openidtest.Provider {
	t.Helper()
	if cfg.Clients == nil {
		cfg.Clients = []openidtest.Client{{ID: "app", Name: "The App", Secret: secret, RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{"https://app.example/bye"}}}
	}
	cfg.Log = t.Logf
	return openidtest.New(t, cfg)
}

var alice = url.Values{"username": {"alice"}, "password": {"demo"}, "action": {"allow"}}
var allow = url.Values{"action": {"allow"}}
var deny = url.Values{"action": {"deny"}}

func TestLoginThroughPages(t *testing.T) {
	op := start(t, openidtest.Config{})
	app, user := newRP(t, op, "app"), newBrowser(t, op)

	login := user.open(app.authorizationURL(nil))
	for _, want := range []string{`name="username"`, `name="password"`, `name="action" value="allow"`, `name="action" value="deny"`, "The App"} {
		if !strings.Contains(login.body, want) {
			t.Errorf("the login page lacks %s", want)
		}
	}
	consent := user.answer(login, alice)
	for _, want := range []string{"The App", "alice", "See your email address"} {
		if !strings.Contains(consent.body, want) {
			t.Errorf("the consent page lacks %s", want)
		}
	}
	got := user.answer(consent, allow)
	if got.left != callback || got.params.Get("state") != "the state" || got.params.Get("iss") != op.Issuer() {
		t.Fatalf("sent to %s with %v", got.left, got.params)
	}
	tokens := app.redeem(got.params.Get("code")).ok(t)

	_, claims := app.claims(tokens.doc["id_token"])
	hash := sha256.Sum256([]byte(tokens.doc["access_token"].(string)))
	for name, want := range map[string]any{
		"iss": op.Issuer(), "sub": "alice", "aud": "app", "nonce": "the nonce",
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if at, _ := claims["auth_time"].(float64); time.Since(time.Unix(int64(at), 0)).Abs() > time.Minute {
		t.Errorf("auth_time is %v", claims["auth_time"])
	}

	again := user.open(app.authorizationURL(nil))
	if again.params.Get("code") == "" {
		t.Errorf("a user who is logged in and has agreed was asked again: %s", again.body)
	}
}
