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

func TestLoginIsRefused(t *testing.T) {
	op := start(t, openidtest.Config{})
	app := newRP(t, op, "app")
	for _, c := range []struct {
		lie   string
		steps func(*browser) stop
		code  string
	}{
		{"the user denies on the login page", func(b *browser) stop { return b.answer(b.open(app.authorizationURL(nil)), deny) }, "access_denied"},
		{"the user denies on the consent page", func(b *browser) stop { return b.answer(b.answer(b.open(app.authorizationURL(nil)), alice), deny) }, "access_denied"},
		{"nobody is logged in", func(b *browser) stop { return b.open(app.authorizationURL(url.Values{"prompt": {"none"}})) }, "login_required"},
		{"prompt=none stands with another", func(b *browser) stop { return b.open(app.authorizationURL(url.Values{"prompt": {"none login"}})) }, "invalid_request"},
		{"the user has not agreed to this scope", func(b *browser) stop {
			b.answer(b.answer(b.open(app.authorizationURL(nil)), alice), allow)
			return b.open(app.authorizationURL(url.Values{"prompt": {"none"}, "scope": {"openid address"}}))
		}, "consent_required"},
		{"the scope does not exist", func(b *browser) stop { return b.open(app.authorizationURL(url.Values{"scope": {"openid nonsense"}})) }, "invalid_scope"},
		{"PKCE by plain", func(b *browser) stop {
			return b.open(app.authorizationURL(url.Values{"code_challenge_method": {"plain"}}))
		}, "invalid_request"},
	} {
		t.Run(c.lie, func(t *testing.T) {
			got := c.steps(newBrowser(t, op))
			if got.left != callback || got.params.Get("error") != c.code || got.params.Has("code") {
				t.Errorf("sent to %q with %v, want error %s\n%s", got.left, got.params, c.code, got.body)
			}
			if got.params.Get("state") != "the state" || got.params.Get("iss") != op.Issuer() {
				t.Errorf("the error lacks state or iss: %v", got.params)
			}
		})
	}
}

func TestAuthorizationRequestThatMustNotRedirect(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	for lie, params := range map[string]url.Values{
		"a client that does not exist":             {"client_id": {"nobody"}},
		"a foreign redirect URI":                   {"redirect_uri": {"https://evil.example/"}},
		"another path":                             {"redirect_uri": {"http://127.0.0.1:1234/other"}},
		"another scheme":                           {"redirect_uri": {"https://127.0.0.1/callback"}},
		"another host that begins with a loopback": {"redirect_uri": {"http://127.0.0.1.example/callback"}},
		"no redirect URI":                          {"redirect_uri": {""}},
	} {
		t.Run(lie, func(t *testing.T) {
			got := newBrowser(t, op).open(app.authorizationURL(params))
			if got.left != "" || got.status/100 != 4 || !strings.Contains(got.body, `role="alert"`) {
				t.Errorf("status %d, sent to %q: %s", got.status, got.left, got.body)
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	op := start(t, openidtest.Config{})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	page := user.open(app.authorizationURL(url.Values{"login_hint": {"bob"}}))
	if !strings.Contains(page.body, `value="bob"`) {
		t.Error("the login page ignores login_hint")
	}
	for lie, fields := range map[string]url.Values{
		"another user's password": {"username": {"alice"}, "password": {"Demo"}, "action": {"allow"}},
		"no password":             {"username": {"alice"}, "action": {"allow"}},
		"no such user":            {"username": {"mallory"}, "password": {"demo"}, "action": {"allow"}},
		"nothing":                 {"action": {"allow"}},
	} {
		if page = user.answer(page, fields); page.status != 403 || !strings.Contains(page.body, "do not match") {
			t.Errorf("%s: status %d: %s", lie, page.status, page.body)
		}
	}
	if got := user.answer(user.answer(page, alice), allow); got.params.Get("code") == "" {
		t.Errorf("the right password after wrong ones: %v", got.params)
	}
}

// What presses no button is an answer when it can mean one thing only, otherwise the page says what it lacks.
func TestAnswerWithoutAction(t *testing.T) {
	op := start(t, openidtest.Config{})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	page := user.open(app.authorizationURL(nil))
	for lie, c := range map[string]struct {
		fields url.Values
		says   string
	}{
		"nothing":        {url.Values{}, "password is missing"},
		"no password":    {url.Values{"username": {"alice"}}, "password is missing"},
		"no username":    {url.Values{"password": {"demo"}}, "password is missing"},
		"no such action": {url.Values{"username": {"alice"}, "password": {"demo"}, "action": {"Allow"}}, "must be allow or deny"},
	} {
		if page = user.answer(page, c.fields); page.status != 400 || !strings.Contains(page.body, c.says) {
			t.Errorf("%s: status %d: %s", lie, page.status, page.body)
		}
	}
	wrong := user.answer(page, url.Values{"username": {"alice"}, "password": {"Demo"}})
	if wrong.status != 403 || !strings.Contains(wrong.body, "do not match") {
		t.Errorf("a wrong password: status %d: %s", wrong.status, wrong.body)
	}
	consent := user.answer(wrong, url.Values{"username": {"alice"}, "password": {"demo"}})
	if consent.status != 200 || !strings.Contains(consent.body, "would like to") || strings.Contains(consent.body, "missing") {
		t.Fatalf("after the login: status %d: %s", consent.status, consent.body)
	}
	consent = user.answer(consent, url.Values{})
	if consent.status != 400 || !strings.Contains(consent.body, "action is missing") {
		t.Errorf("no consent: status %d, sent to %q: %s", consent.status, consent.left, consent.body)
	}
	if got := user.answer(consent, allow); got.params.Get("code") == "" {
		t.Errorf("no code: %v %s", got.params, got.body)
	}
}

func TestPageIsAnsweredOnce(t *testing.T) {
	op := start(t, openidtest.Config{})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	consent := user.answer(user.open(app.authorizationURL(nil)), alice)
	user.answer(consent, allow)
	if got := user.answer(consent, allow); got.left != "" || got.status != 400 {
		t.Errorf("going back and allowing again: status %d, sent to %q", got.status, got.left)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	op := start(t, openidtest.Config{})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	user.answer(user.answer(user.open(app.authorizationURL(nil)), alice), allow)
	for name, c := range map[string]struct {
		params url.Values
		page   string // that is shown; "" for none
	}{
		"prompt=none":                 {url.Values{"prompt": {"none"}}, ""},
		"prompt=none and max_age":     {url.Values{"prompt": {"none"}, "max_age": {"1000"}}, ""},
		"max_age that has not passed": {url.Values{"max_age": {"1000"}}, ""},
		"max_age=0":                   {url.Values{"max_age": {"0"}}, `name="password"`},
		"prompt=login":                {url.Values{"prompt": {"login"}}, `name="password"`},
		"prompt=consent":              {url.Values{"prompt": {"consent"}}, "would like to"},
	} {
		got := user.open(app.authorizationURL(c.params))
		if (c.page == "") != (got.params.Get("code") != "") || !strings.Contains(got.body, c.page) {
			t.Errorf("%s: got %v %s", name, got.params, got.body)
		}
	}
}

// TestClasses: a login of the class that is asked for needs no page, another one does, and whoever asks for none gets what there is.
func TestClasses(t *testing.T) {
	op := start(t, openidtest.Config{ACRValues: []string{"bronze", "silver", "gold"}})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	for i, c := range []struct {
		ask   string
		again bool // the login page
		want  string
	}{
		{"", true, "bronze"},
		{"bronze", false, "bronze"},
		{"gold silver", true, "gold"},
		{"silver gold", false, "gold"},
		{"", false, "gold"},
		{"silver", true, "silver"},
	} {
		params := url.Values{}
		if c.ask != "" {
			params.Set("acr_values", c.ask)
		}
		got := user.open(app.authorizationURL(params))
		if again := strings.Contains(got.body, `name="password"`); again != c.again {
			t.Fatalf("%d: login page: %v", i, again)
		}
		if c.again {
			if says := strings.Contains(got.body, "<strong>"+c.want+"</strong>"); says != (c.ask != "") {
				t.Errorf("%d: the page says the class: %v", i, says)
			}
			got = user.answer(user.answer(got, alice), allow)
		}
		if _, claims := app.claims(app.redeem(got.params.Get("code")).ok(t).doc["id_token"]); claims["acr"] != c.want {
			t.Errorf("%d: acr is %v, want %s", i, claims["acr"], c.want)
		}
	}
	for ask, code := range map[string]string{"platinum": "invalid_request", "gold": "login_required"} {
		if got := user.open(app.authorizationURL(url.Values{"acr_values": {ask}, "prompt": {"none"}})); got.params.Get("error") != code {
			t.Errorf("%s: %v", ask, got.params)
		}
	}
}

func TestIDTokenHintOfAnotherUser(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "bob"})
	app, user := newRP(t, op, "app"), newBrowser(t, op)
	bobs := app.login(nil).doc["id_token"].(string)
	op.SetAutoApprove("alice")
	user.open(app.authorizationURL(nil))
	got := user.open(app.authorizationURL(url.Values{"prompt": {"none"}, "id_token_hint": {bobs}}))
	if got.params.Get("error") != "login_required" {
		t.Errorf("alice is logged in, bob was asked for: %v", got.params)
	}
}

func TestAutoApprove(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	if _, claims := app.claims(app.login(nil).doc["id_token"]); claims["sub"] != "alice" {
		t.Errorf("sub is %v", claims["sub"])
	}
	op.SetAutoApprove("bob")
	if _, claims := app.claims(app.login(nil).doc["id_token"]); claims["sub"] != "bob" {
		t.Errorf("sub is %v", claims["sub"])
	}
	op.SetAutoApprove("nobody")
	if got := newBrowser(t, op).open(app.authorizationURL(nil)); got.params.Get("error") != "server_error" {
		t.Errorf("an unknown user is approved: %v", got.params)
	}
	op.SetAutoApprove("")
	if got := newBrowser(t, op).open(app.authorizationURL(nil)); !strings.Contains(got.body, `name="password"`) {
		t.Errorf("no login page: %v", got.params)
	}
}

func TestFormPost(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	got := newBrowser(t, op).open(app.authorizationURL(url.Values{"response_mode": {"form_post"}}))
	if !got.form || got.left != callback || got.params.Get("state") != "the state" || got.params.Get("iss") != op.Issuer() {
		t.Fatalf("got %q %v: %s", got.left, got.params, got.body)
	}
	if !strings.Contains(got.body, "<noscript><button>") {
		t.Error("without scripts there is no way on")
	}
	app.redeem(got.params.Get("code")).ok(t)
}

func TestPlainOAuth(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", Scopes: []string{"api:read"}})
	app := newRP(t, op, "app")
	for _, scope := range []string{"", "api:read"} {
		tokens := app.login(url.Values{"scope": {scope}, "nonce": {""}})
		if tokens.doc["access_token"] == nil || tokens.doc["id_token"] != nil {
			t.Errorf("scope %q: %s", scope, tokens.raw)
		}
		get(t, op, "/userinfo", tokens.doc["access_token"].(string)).refused(t, 403, "insufficient_scope")
	}
}
