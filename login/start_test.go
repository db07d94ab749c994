package login

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// TestAsk: what one login asks in another way.
func TestAsk(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := http.NewServeMux()
		mux.Handle("/auth/", a)
		mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
			a.Start(w, r, Start{ReturnTo: "/x", Ask: openid.AuthorizationRequest{Scope: []string{"openid", "mail"}, Prompt: []string{"login"}, LoginHint: "alice@op.example",
				Resource: []string{"https://api.example"}, AuthorizationDetails: []openid.AuthorizationDetail{{Type: "payment"}}}})
		})
		mux.HandleFunc("/wrong", func(w http.ResponseWriter, r *http.Request) {
			a.Start(w, r, Start{Ask: openid.AuthorizationRequest{AppState: "mine"}})
		})
		mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{ReturnTo: "https://evil.example/"}) })
		b.h = mux
		u, _ := url.Parse(b.start("/again"))
		q := u.Query()
		for name, want := range map[string]string{"scope": "openid mail", "prompt": "login", "login_hint": "alice@op.example", "resource": "https://api.example",
			"authorization_details": `[{"type":"payment"}]`, "ui_locales": "de"} {
			if q.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, q.Get(name), want)
			}
		}
		wants(t, b.get("/wrong"), 500)
		if err := a.lastFailure(); !errors.Is(err, errOwnField) {
			t.Error(err)
		}
		for _, ask := range []openid.AuthorizationRequest{{ResponseMode: "fragment"}, {ResponseMode: "fragment.jwt"}, {ResponseMode: "jwt", ResponseType: "code id_token"}} {
			mux.HandleFunc("/"+ask.ResponseMode, func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{Ask: ask}) })
			wants(t, b.get("/"+ask.ResponseMode), 500)
			if err := a.lastFailure(); !errors.Is(err, errFragment) {
				t.Errorf("%s: %v", ask.ResponseMode, err)
			}
		}
		wants(t, b.get("/away"), 500)
		if err := a.lastFailure(); !errors.Is(err, errReturnTo) {
			t.Error(err)
		}
	}, func(c *Config) {
		c.Ask = func(_ *http.Request, ask *openid.AuthorizationRequest) error {
			ask.UILocales = []string{"de"}
			return nil
		}
	})
}

// TestAskForm: the form of one request, of a provider where the others are plain.
func TestAskForm(t *testing.T) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]struct {
		ask     openid.AuthorizationRequest
		carries []string
	}{
		"plain":  {openid.AuthorizationRequest{}, []string{"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "response_type", "scope", "state"}},
		"pushed": {openid.AuthorizationRequest{Push: true}, []string{"client_id", "request_uri"}},
		"signed": {openid.AuthorizationRequest{RequestObject: &openid.RequestObject{Key: signing, KeyID: "k"}}, []string{"client_id", "request", "response_type", "scope"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				b.h.(*http.ServeMux).HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{ReturnTo: "/x", Ask: l.ask}) })
				location := b.start("/once")
				u, _ := url.Parse(location)
				if got := slices.Sorted(maps.Keys(u.Query())); !slices.Equal(got, l.carries) {
					t.Errorf("the browser carries %q", got)
				}
				if res := b.do(b.answer(location)); res.Header.Get("Location") != "/x" {
					t.Errorf("%d %s", res.StatusCode, text(res))
				}
			})
		})
	}
}

// pushes has the browser use an application that pushes its requests: their state is out of sight.
func (a *app) pushes(b *browser) {
	b.t.Helper()
	cfg := providerConfig(a.p)
	cfg.PushAuthorizationRequests = true
	h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.h = (&app{Handler: h, p: a.p}).mux()
}

// TestPushedRequest: with the state out of sight in a pushed request, a failed login still ends its own attempt if it is the only one.
func TestPushedRequest(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		a.pushes(b)
		b.mustLogIn("/x")
		a.p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		c := b.also()
		wants(t, c.logIn("/y"), 403, "%2Fy")
		if left := c.transactions(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestHostileCallbackEndsNothing: C20, another site sends the browser to the callback with a state that it has made up. The login under way, whose state is
// out of sight, goes on.
func TestHostileCallbackEndsNothing(t *testing.T) {
	hostile.Watch(t, "discovery pushed_authorization_request token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		a.pushes(b)
		back := b.answer(b.start("/x"))
		for _, lie := range []string{"", "?state=x&error=access_denied", "?state=x&code=y", "?state=x&state=y", "?response=x"} {
			r := page("GET", "/auth/callback"+lie)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if res := b.do(r); res.StatusCode < 400 {
				t.Errorf("%s: %d", lie, res.StatusCode)
			}
		}
		if res := b.do(back); res.Header.Get("Location") != "/x" {
			t.Errorf("%d %s", res.StatusCode, text(res))
		}
	})
}

// TestThirdPartyInitiated: OpenID Connect Core 1.0 section 4.
func TestThirdPartyInitiated(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		location := b.start("/auth/login?iss=" + url.QueryEscape(a.p.Issuer) + "&login_hint=bob&target_link_uri=" + url.QueryEscape("https://app.example/orders"))
		u, _ := url.Parse(location)
		if got := u.Query().Get("login_hint"); got != "bob" {
			t.Errorf("login_hint %q", got)
		}
		if res := b.do(b.answer(location)); res.Header.Get("Location") != "/orders" {
			t.Errorf("back to %q", res.Header.Get("Location"))
		}
		wants(t, b.get("/auth/login?iss=https%3A%2F%2Fevil.example"), 400)
		if check := refusedCheck(a.lastFailure()); check != "iss" {
			t.Errorf("check %q", check)
		}
		wants(t, b.get("/auth/login?iss="+url.QueryEscape(a.p.Issuer)+"&target_link_uri=https%3A%2F%2Fevil.example%2F"), 400)
		if check := refusedCheck(a.lastFailure()); check != "target_link_uri" {
			t.Errorf("check %q", check)
		}
	})
}

// TestHostileLoads: C19, another site may send the browser to the login, and not load it into its pages, as often as it likes.
func TestHostileLoads(t *testing.T) {
	hostile.Watch(t, "discovery")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.h.(*http.ServeMux).HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{}) })
		for _, l := range []struct {
			site, mode, dest string
			status           int
		}{
			{"cross-site", "navigate", "document", 303}, // OpenID Connect Core 1.0 section 4
			{"same-origin", "navigate", "iframe", 303},  // prompt "none"
			{"none", "navigate", "document", 303},
			{"", "", "", 303},
			{"cross-site", "no-cors", "image", 403},
			{"cross-site", "no-cors", "script", 403},
			{"cross-site", "cors", "empty", 403},
			{"cross-site", "navigate", "iframe", 403},
			{"cross-site", "navigate", "object", 403},
			{"same-site", "no-cors", "image", 403},
		} {
			for _, target := range []string{"/auth/login", "/auth/login?iss=" + url.QueryEscape(a.p.Issuer), "/again"} {
				r := page("GET", target)
				for name, value := range map[string]string{"Sec-Fetch-Site": l.site, "Sec-Fetch-Mode": l.mode, "Sec-Fetch-Dest": l.dest} {
					if r.Header.Set(name, value); value == "" {
						r.Header.Del(name)
					}
				}
				c := b.also()
				if res := c.do(r); res.StatusCode != l.status || (len(c.set) > 0) != (l.status == 303) {
					t.Errorf("%s of %+v: %d, cookies %v", target, l, res.StatusCode, c.set)
				}
			}
		}
		if err := a.lastFailure(); !errors.Is(err, errLoaded) {
			t.Errorf("reported %v", err)
		}
	}, func(c *Config) { c.Ask = formPostResponse })
}

// TestInitiatedBesideFragments: addresses that no third party may name hinder none.
func TestInitiatedBesideFragments(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.start("/auth/login?iss=" + url.QueryEscape(a.p.Issuer))
		location := b.start("/auth/login?iss=" + url.QueryEscape(a.p.Issuer) + "&target_link_uri=" + url.QueryEscape("https://spa.example/done"))
		if res := b.do(b.answer(location)); res.Header.Get("Location") != "https://spa.example/done" {
			t.Errorf("back to %q", res.Header.Get("Location"))
		}
	}, func(c *Config) {
		c.ReturnTo = []string{"https://spa.example", "https://spa.example/#/done", "https://spa.example/done"}
	})
}

// TestHostileSessionSwap: C21, another site has somebody log in as another user, at a provider of its own or one where it has signed the browser in: whoever is
// signed in stays so, and may try again.
func TestHostileSessionSwap(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+ discovery token jwks token+")
	elsewhere := func(target string) *http.Request {
		r := page("GET", target)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return r
	}
	both(t, func(t *testing.T, a *app, b *browser) {
		asked := 0
		a.cfg.OnLogin = func(context.Context, *Result) error { asked++; return nil }
		first := b.do(elsewhere("/auth/login")).Header.Get("Location") // kept for later, in a tab of its own
		b.mustLogIn("/x")
		b.get("/set?cart=apple")
		time.Sleep(10 * time.Minute)
		a.p.Subject = "mallory-sub"
		for _, location := range []string{first, b.do(elsewhere("/auth/login")).Header.Get("Location"), b.do(elsewhere("/pay")).Header.Get("Location")} {
			asked = 0
			wants(t, b.do(b.answer(location)), 403, "Try again")
			if err := a.lastFailure(); !errors.Is(err, errSwap) || asked != 0 {
				t.Errorf("reported %v", err)
			}
			wants(t, b.get("/open"), 200, "alice-sub apple")
		}
		b.logIn("/auth/login") // who tries again means it
		wants(t, b.get("/open"), 200, "mallory-sub ")
		if res := b.do(b.answer(b.do(elsewhere("/auth/login")).Header.Get("Location"))); res.StatusCode != http.StatusSeeOther {
			t.Errorf("the same user once more: %d", res.StatusCode)
		}
		if res := b.also().do(elsewhere("/auth/login")); res.StatusCode != http.StatusSeeOther {
			t.Errorf("nobody yet: %d", res.StatusCode)
		}
	})
}

// TestSeveralProviders: each has a callback of its own, and the browser chooses.
func TestSeveralProviders(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		one, two := providerConfig(a.p), providerConfig(a.p)
		one.Name, two.Name = "one", "two"
		h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, one, two)
		if err != nil {
			t.Fatal(err)
		}
		b.h = (&app{Handler: h, p: a.p}).mux()
		chooser := b.start("/x?y")
		if chooser != "/auth/login?return_to=%2Fx%3Fy" {
			t.Errorf("chooser: %s", chooser)
		}
		wants(t, b.get(chooser), 200, "/auth/login?provider=one&amp;return_to=%2Fx%3Fy", "/auth/login?provider=two")
		a.p.RedirectURI = base + "/callback/two"
		location := b.start("/auth/login?provider=two&return_to=%2Fx%3Fy")
		back := b.answer(location)
		wrong := page("GET", strings.Replace(back.URL.String(), "/callback/two", "/callback/one", 1))
		wants(t, b.do(wrong), 400, "expired") // C06: the code of one never goes to the other
		if a.p.Count("token") != 0 {
			t.Error("the code was sent to the wrong one")
		}
		if res := b.do(back); res.Header.Get("Location") != "/x?y" {
			t.Errorf("back to %q", res.Header.Get("Location"))
		}
		wants(t, b.get("/auth/login?provider=three"), 400)
		if h.Client("one") == nil || h.Client("three") != nil {
			t.Error("clients by name")
		}
	})
}

// TestMounts: the handler answers also where a router has taken its prefix away, and an own redirect URI counts.
// TestNotMounted: a Handler that is nowhere is told of, instead of sending browsers round and round.
func TestNotMounted(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := http.NewServeMux()
		mux.Handle("/login/", http.StripPrefix("/login", a)) // BaseURL says /auth
		mux.Handle("/", a.Require(http.NotFoundHandler()))
		b.h = mux
		wants(t, b.do(b.answer(b.start("/x"))), 500, "Please tell those who run it")
		if err := a.lastFailure(); !errors.Is(err, errMount) {
			t.Errorf("reported %v", err)
		}
		r := page("GET", "/auth/callback")
		r.Header.Set("Accept", "application/json")
		wants(t, b.do(r), 500, "Internal Server Error")
	})
}

func TestMounts(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := http.NewServeMux()
		mux.Handle("/auth/", http.StripPrefix("/auth", a))
		mux.Handle("/", a.Require(http.NotFoundHandler()))
		b.h = mux
		b.mustLogIn("/x")
		cfg := providerConfig(a.p)
		cfg.RedirectURI = "https://app.example/old/callback"
		a.p.RedirectURI = cfg.RedirectURI
		h, err := New(Config{BaseURL: "https://app.example", Keys: []openid.Secret{key('1')}}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		mux = http.NewServeMux()
		for _, path := range []string{"/login", "/logout", "/logged-out", "/old/callback"} {
			mux.Handle(path, h)
		}
		mux.Handle("/", h.Require(http.NotFoundHandler()))
		b = b.also()
		b.h = mux
		b.mustLogIn("/x")
	})
}
