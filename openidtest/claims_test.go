package openidtest_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/openidtest"
)

func TestUserInfo(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	for scope, want := range map[string]map[string]any{
		"openid":               {"sub": "alice", "name": nil, "email": nil},
		"openid profile":       {"sub": "alice", "name": "Alice Liddell", "birthdate": "1996-05-04", "email": nil},
		"openid email":         {"sub": "alice", "email": "alice@example.com", "email_verified": true, "name": nil},
		"openid phone address": {"sub": "alice", "phone_number": "+1 (555) 010-0199", "email": nil},
	} {
		info := get(t, op, "/userinfo", app.login(url.Values{"scope": {scope}}).doc["access_token"].(string)).ok(t)
		for name, value := range want {
			if info.doc[name] != value {
				t.Errorf("scope %q: %s is %v, want %v", scope, name, info.doc[name], value)
			}
		}
	}
}

func TestUserInfoByTheTokenInTheBody(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	form := url.Values{"access_token": {app.login(nil).doc["access_token"].(string)}}
	app.auth = nil
	if got := app.post("/userinfo", form).ok(t); got.doc["sub"] != "alice" {
		t.Errorf("got %s", got.raw)
	}
	app.post("/userinfo", url.Values{"access_token": {"another"}}).refused(t, 401, "invalid_token")
}

func TestUserInfoIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	token := newRP(t, op, "app").login(nil).doc["access_token"].(string)
	for _, c := range []struct{ lie, authorization, challenge string }{
		{"no token", "", `Bearer realm="openidtest"`},
		{"another token", "Bearer x", `Bearer realm="openidtest", error="invalid_token", error_description="the access token is inactive or expired"`},
		{"another scheme", "Basic " + token, `Bearer realm="openidtest"`},
	} {
		t.Run(c.lie, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, op.Issuer()+"/userinfo", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", c.authorization)
			got := do(t, op, r)
			got.refused(t, 401, "invalid_token")
			if challenge := got.header.Get("WWW-Authenticate"); challenge != c.challenge {
				t.Errorf("WWW-Authenticate is %s", challenge)
			}
		})
	}
}

func TestOwnUsers(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "zoe", Users: []openidtest.User{
		{Username: "zoe", Password: "p", Subject: "248289761001", Claims: map[string]any{"name": "Zoë", "groups": []string{"dev"}}},
	}})
	app := newRP(t, op, "app")
	tokens := app.login(nil)
	_, claims := app.claims(tokens.doc["id_token"])
	if groups, _ := claims["groups"].([]any); claims["sub"] != "248289761001" || len(groups) != 1 || claims["name"] != nil {
		t.Errorf("ID Token: %v", claims)
	}
	info := get(t, op, "/userinfo", tokens.doc["access_token"].(string)).ok(t)
	if groups, _ := info.doc["groups"].([]any); len(groups) != 1 || info.doc["name"] != "Zoë" {
		t.Errorf("UserInfo: %s", info.raw)
	}
	op.SetAutoApprove("")
	if page := newBrowser(t, op).open(app.authorizationURL(nil)); bytes.Contains([]byte(page.body), []byte("zoe")) {
		t.Error("the login page shows users that are not the demo users")
	}
}

func TestLogout(t *testing.T) {
	const bye = "https://app.example/bye"
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	login := func(t *testing.T) (user *browser, idToken string) {
		op.SetAutoApprove("alice")
		defer op.SetAutoApprove("")
		user = newBrowser(t, op)
		tokens := app.redeem(user.open(app.authorizationURL(nil)).params.Get("code")).ok(t)
		return user, tokens.doc["id_token"].(string)
	}
	in := func(user *browser) bool {
		got := user.open(app.authorizationURL(url.Values{"prompt": {"none"}}))
		return got.params.Get("error") != "login_required"
	}
	logout := func(q url.Values) string { return op.Issuer() + "/logout?" + q.Encode() }

	t.Run("with a hint", func(t *testing.T) {
		user, idToken := login(t)
		here, _ := url.Parse(op.Issuer())
		cookies := user.hc.Jar.Cookies(here)
		got := user.open(logout(url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {bye}, "state": {"s"}}))
		if got.left != bye || got.params.Get("state") != "s" {
			t.Errorf("sent to %q with %v: %s", got.left, got.params, got.body)
		}
		if in(user) {
			t.Error("still logged in")
		}
		if user.hc.Jar.SetCookies(here, cookies); in(user) {
			t.Error("the old cookie still works")
		}
	})
	t.Run("with a hint that a secret signed", func(t *testing.T) {
		if err := op.AddClient(openidtest.Client{ID: "mac", Secret: secret, IDTokenAlg: "HS256", RedirectURIs: []string{callback}}); err != nil {
			t.Fatal(err)
		}
		op.SetAutoApprove("alice")
		defer op.SetAutoApprove("")
		hint := newRP(t, op, "mac").login(nil).doc["id_token"].(string)
		for _, method := range []func(*browser) (*http.Response, error){
			func(b *browser) (*http.Response, error) { return b.hc.Get(logout(url.Values{"id_token_hint": {hint}})) },
			func(b *browser) (*http.Response, error) {
				return b.hc.PostForm(op.Issuer()+"/logout", url.Values{"id_token_hint": {hint}})
			},
		} {
			user := newBrowser(t, op)
			user.open(app.authorizationURL(nil))
			if got := user.arrive(method(user)); got.status != 200 || in(user) {
				t.Errorf("status %d: %s", got.status, got.body)
			}
		}
	})
	t.Run("without a hint the user is asked", func(t *testing.T) {
		user, _ := login(t)
		q := url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {bye}}
		page := user.open(logout(q))
		if got := user.answer(page, deny); !strings.Contains(got.body, "still signed in") || !in(user) {
			t.Errorf("the user said no: %s", got.body)
		}
		if got := user.answer(user.open(logout(q)), allow); got.left != bye || in(user) {
			t.Errorf("sent to %q, logged in: %v", got.left, in(user))
		}
	})
	t.Run("without a place to go", func(t *testing.T) {
		user, idToken := login(t)
		if got := user.open(logout(url.Values{"id_token_hint": {idToken}})); got.status != 200 || in(user) {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
	for lie, q := range map[string]url.Values{
		"another place": {"post_logout_redirect_uri": {"https://evil.example/"}},
		"a broken hint": {"id_token_hint": {"e30.e30.e30"}, "post_logout_redirect_uri": {bye}},
		"no client":     {"id_token_hint": {""}, "post_logout_redirect_uri": {bye}},
	} {
		t.Run(lie, func(t *testing.T) {
			user, idToken := login(t)
			if !q.Has("id_token_hint") {
				q.Set("id_token_hint", idToken)
			}
			if got := user.open(logout(q)); got.left != "" || got.status != 400 || !in(user) {
				t.Errorf("status %d, sent to %q, logged in: %v", got.status, got.left, in(user))
			}
		})
	}
}
