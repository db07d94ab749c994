package login

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// whoami is what strategies are put in front of.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	u := UserFrom(r.Context())
	if u == nil {
		io.WriteString(w, "nobody")
		return
	}
	issuer, subject := u.Subject()
	fmt.Fprint(w, subject, " of ", issuer, " ", u.Info(), " ", u.Provider())
	if TokenSource(r.Context()) != nil && u.s.provider == ownProvider {
		io.WriteString(w, " with tokens")
	}
})

var testBearer = Bearer{Realm: `the "API"`, Verify: func(_ context.Context, token openid.Secret) (Identity, error) {
	switch token.Reveal() {
	case "good":
		return Identity{Issuer: "https://op.example", Subject: "bob", Info: 7}, nil
	case "away":
		return Identity{}, errAway
	case "inactive":
		return Identity{}, &openid.ResponseError{Code: openid.ErrInactive}
	case "forged":
		return Identity{}, &openid.VerificationError{Document: "access token", Check: "aud"}
	case "keys-away":
		return Identity{}, &openid.VerificationError{Document: "access token", Check: "signature", Err: errAway}
	case "anonymous":
		return Identity{}, nil
	}
	return Identity{}, ErrCredentials
}}

var testBasic = Basic{Realm: "scripts", Verify: func(_ context.Context, name string, password openid.Secret) (Identity, error) {
	switch {
	case name == "away":
		return Identity{}, errAway
	case name != "carol" || !password.Equal(openid.NewSecret("pa:ss")):
		return Identity{}, ErrCredentials
	}
	return Identity{Issuer: "https://app.example", Subject: name}, nil
}}

type strategyFunc func(http.ResponseWriter, *http.Request) (Outcome, error)

func (f strategyFunc) Authenticate(w http.ResponseWriter, r *http.Request) (Outcome, error) {
	return f(w, r)
}

func fixed(o Outcome, err error) Strategy {
	return strategyFunc(func(http.ResponseWriter, *http.Request) (Outcome, error) { return o, err })
}

// TestStrategies: each credential, and each outcome.
func TestStrategies(t *testing.T) {
	basic := func(name, password string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(name, password)
		return r.Header.Get("Authorization")
	}
	const bearerChallenge = `Bearer realm="the \"API\""`
	const basicChallenge = `Basic realm="scripts", charset="UTF-8"`
	for _, l := range []struct {
		name, authorization string
		s                   Strategy
		status              int
		challenge, body     string
	}{
		{"bearer", "Bearer good", testBearer, 200, "", "bob of https://op.example 7 "},
		{"bearer in lower case", "bearer good", testBearer, 200, "", "bob of"},
		{"no header", "", testBearer, 401, bearerChallenge, `"status":401`},
		{"another scheme", "DPoP good", testBearer, 401, bearerChallenge, ""},
		{"no token", "Bearer ", testBearer, 400, bearerChallenge + `, error="invalid_request"`, ""},
		{"no token and no space", "Bearer", testBearer, 400, bearerChallenge + `, error="invalid_request"`, ""},
		{"two tokens", "Bearer good good", testBearer, 400, bearerChallenge + `, error="invalid_request"`, ""},
		{"a token of 1 MB", "Bearer " + strings.Repeat("x", 1<<20), testBearer, 400, bearerChallenge + `, error="invalid_request"`, ""},
		{"a wrong token", "Bearer bad", testBearer, 401, bearerChallenge + `, error="invalid_token"`, ""},
		{"a forged token", "Bearer forged", testBearer, 401, bearerChallenge + `, error="invalid_token"`, ""},
		{"an inactive token", "Bearer inactive", testBearer, 401, bearerChallenge + `, error="invalid_token"`, ""},
		{"a verifier that is away", "Bearer away", testBearer, 503, "", `"error":"store"`},
		{"keys that are away", "Bearer keys-away", testBearer, 503, "", ""},
		{"a token of nobody", "Bearer anonymous", testBearer, 401, "", ""},
		{"without a realm", "Bearer bad", Bearer{Verify: testBearer.Verify}, 401, `Bearer error="invalid_token"`, ""},

		{"basic", basic("carol", "pa:ss"), testBasic, 200, "", "carol of https://app.example <nil> "},
		{"a wrong password", basic("carol", "pa"), testBasic, 401, basicChallenge, ""},
		{"garbage", "Basic !!!", testBasic, 401, basicChallenge, ""},
		{"nothing", "", testBasic, 401, basicChallenge, ""},
		{"a directory that is away", basic("away", ""), testBasic, 503, "", ""},

		{"the first of two", "Bearer good", FirstOf(testBearer, testBasic), 200, "", "bob"},
		{"the second of two", basic("carol", "pa:ss"), FirstOf(testBearer, testBasic), 200, "", "carol"},
		{"neither of two", "", FirstOf(testBearer, testBasic), 401, bearerChallenge + ", " + basicChallenge, ""},
		{"the first that says no", "Bearer bad", FirstOf(testBearer, testBasic), 401, bearerChallenge + `, error="invalid_token", ` + basicChallenge, ""},
		{"the first that cannot say", "Bearer away", FirstOf(testBearer, testBasic), 503, "", ""},
		{"none of none", "", FirstOf(), 401, "", ""},

		{"pass", "", fixed(Pass(), nil), 200, "", "nobody"},
		{"a status", "", fixed(Fail(403, ""), nil), 403, "", `"title":"Forbidden"`},
		{"a status that is none", "", fixed(Fail(200, ""), nil), 401, "", ""},
		{"the zero outcome", "", fixed(Outcome{}, nil), 401, "", ""},
		{"an identity without an issuer", "", fixed(Success(Identity{Subject: "x"}), nil), 401, "", ""},
		{"an outcome beside an error", "", fixed(Success(Identity{Issuer: "i", Subject: "x"}), errAway), 503, "", ""},
		{"a redirect", "", fixed(Redirect("https://op.example/"), nil), 303, "", ""},
	} {
		t.Run(l.name, func(t *testing.T) {
			var reported error
			h := Protect(l.s, func(_ *http.Request, err error) { reported = err })(whoami)
			r := httptest.NewRequest("GET", "/", nil)
			if l.authorization != "" {
				r.Header.Set("Authorization", l.authorization)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != l.status || w.Header().Get("WWW-Authenticate") != l.challenge || !strings.Contains(w.Body.String(), l.body) {
				t.Errorf("%d %q %s", w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
			}
			if (w.Code == 503) != (reported != nil) || strings.Contains(w.Body.String(), "tokens") || l.name != "pass" && w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("reported %v; %v; %s", reported, w.Header(), w.Body)
			}
		})
	}
}

// TestTwoAuthorizations: which of them counts is nobody's guess.
func TestTwoAuthorizations(t *testing.T) {
	for s, headers := range map[Strategy][]string{&testBearer: {"Bearer good", "Basic Y2Fyb2w6cGE6c3M="}, &testBasic: {"Basic Y2Fyb2w6cGE6c3M=", "Bearer good"}} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = headers
		if o, err := s.Authenticate(httptest.NewRecorder(), r); o.kind != failed || err != nil {
			t.Errorf("%T: %v, %v", s, o.kind, err)
		}
		r.Header["Authorization"] = headers[:1]
		if o, err := s.Authenticate(httptest.NewRecorder(), r); o.kind != succeeded || err != nil {
			t.Errorf("%T, the first alone: %v, %v", s, o.kind, err)
		}
	}
}

// TestHandlerAsStrategy: a token for programs, a session or a login for browsers, at one address.
func TestHandlerAsStrategy(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := b.h.(*http.ServeMux)
		mux.Handle("/both", Protect(FirstOf(testBearer, a.Handler), nil)(whoami))
		mux.Handle("/both/pay", Protect(FirstOf(testBearer, a.With(Need{MaxAge: 5 * time.Minute})), nil)(whoami))
		r := apiCall("GET", "/both")
		r.Header.Set("Authorization", "Bearer good")
		wants(t, b.do(r), 200, "bob")
		res := b.do(apiCall("GET", "/both"))
		if got := res.Header.Get("WWW-Authenticate"); got != `Bearer realm="the \"API\"", Cookie realm="/auth/login", error="login_required"` || res.StatusCode != 401 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		b.mustLogIn("/both")
		wants(t, b.get("/both"), 200, "alice-sub")
		wants(t, b.get("/both/pay"), 200, "alice-sub")
		time.Sleep(10 * time.Minute)
		wants(t, b.do(apiCall("GET", "/both/pay")), 401)
		b.mustLogIn("/both/pay")
		wants(t, b.get("/both/pay"), 200, "alice-sub")
	})
	play(t, func(t *testing.T, a *app, b *browser) {
		a.p.Serve("discovery", hostile.Status(500, "text/plain", "down"))
		b.h = Protect(a.Handler, nil)(whoami)
		wants(t, b.get("/"), 503)
	})
}

// TestNotice: a page of the application's own, with the text once.
func TestNotice(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := b.h.(*http.ServeMux)
		mux.HandleFunc("/sorry", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "sorry: "+a.Notice(w, r)) })
		a.p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		res := b.logIn("/x")
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/sorry" {
			t.Fatalf("%d %s", res.StatusCode, text(res))
		}
		var raw string
		for _, c := range b.set {
			if c.Name == "__Host-session-notice" {
				raw = c.Value
				if c.Raw != c.Name+"="+raw+"; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax" {
					t.Error(c.Raw)
				}
			}
		}
		wants(t, b.get("/sorry"), 200, "sorry: The login was cancelled")
		if got := text(b.get("/sorry")); got != "sorry: " {
			t.Errorf("twice: %s", got)
		}
		for _, lie := range append(flips(raw), "", "You have won!") {
			b.cookies["__Host-session-notice"] = &http.Cookie{Name: "__Host-session-notice", Value: lie}
			if got := text(b.get("/sorry")); got != "sorry: " {
				t.Fatalf("somebody else's words: %s", got)
			}
		}
		b.cookies["__Host-session-notice"] = &http.Cookie{Name: "__Host-session-notice", Value: raw}
		time.Sleep(2 * time.Minute)
		if got := text(b.get("/sorry")); got != "sorry: " {
			t.Errorf("later: %s", got)
		}
	}, func(c *Config) { c.FailurePage = "/sorry" })
}

// TestChoose: the request names the provider.
func TestChoose(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		one, two := providerConfig(a.p), providerConfig(a.p)
		one.Name, two.Name = "one", "two"
		h, err := New(Config{BaseURL: base, Keys: a.keys(), Choose: func(r *http.Request) string { return strings.Trim(r.URL.Path, "/") }}, one, two)
		if err != nil {
			t.Fatal(err)
		}
		b.h = (&app{Handler: h, p: a.p}).mux()
		a.p.RedirectURI = base + "/callback/two"
		b.mustLogIn("/two")
		wants(t, b.also().get("/three"), 400)
	})
}

// TestOutcomePrintsNoAddress: a redirect to a provider has a state in it, and a challenge is the application's to show.
func TestOutcomePrintsNoAddress(t *testing.T) {
	for want, o := range map[string]Outcome{"failed": Fail(401, "Basic realm="+hostile.Canary), "succeeded": Success(Identity{Issuer: "x", Subject: hostile.Canary}),
		"redirected": Redirect("https://op.example/?state=" + hostile.Canary), "passed": Pass()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(verb, o); got != want {
				t.Errorf("%s of %s: %s", verb, want, got)
			}
		}
	}
}
