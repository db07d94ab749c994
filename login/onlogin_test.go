package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openid-client/openid"
)

// TestOnLogin: the application is asked before there is a session.
func TestOnLogin(t *testing.T) {
	for _, l := range []struct {
		name   string
		answer error
		status int
		shown  string
	}{
		{"welcome", nil, 303, ""},
		{"a reason for the user", Refusal("Only <members> may enter."), 403, "Only &lt;members&gt; may enter."},
		{"wrapped", fmt.Errorf("%w", Refusal("Members only.")), 403, "Members only."},
		{"an API that is away", &openid.ExchangeError{Endpoint: "userinfo"}, 502, "does not answer"},
		{"a store that is away", &openid.StoreError{Err: errAway}, 503, "in a while"},
		{"an error of the application's", errors.New("the secret database is away"), 500, "Something is wrong"},
	} {
		t.Run(l.name, func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				b.get("/set?cart=apple")
				before := b.session()
				a.cfg.OnLogin = func(ctx context.Context, r *Result) error {
					issuer, subject := r.User.Subject()
					info, err := r.Client.UserInfo(ctx, r.Tokens)
					if err != nil || issuer != a.p.Issuer || subject != "alice-sub" || info.Subject() != subject || r.LinkTo != nil || r.ReturnTo != "/x" {
						t.Errorf("%v, %v", r.User, err)
					}
					if r.Values["cart"] != "apple" {
						t.Errorf("values %v", r.Values)
					}
					r.Values["cart"] = "pie"
					return l.answer
				}
				res := b.logIn("/x")
				wants(t, res, l.status, l.shown)
				if strings.Contains(text(res), "secret database") {
					t.Error("the page says what is nobody's business")
				}
				if l.answer != nil {
					if !errors.Is(a.lastFailure(), l.answer) || b.session() != before {
						t.Error("there is a session, or nobody heard")
					}
					wants(t, b.get("/open"), 200, "nobody apple")
					return
				}
				wants(t, b.get("/open"), 200, "alice-sub pie")
			})
		})
	}
}

// TestOnResult: the application answers the callback itself.
func TestOnResult(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		a.cfg.OnResult = func(w http.ResponseWriter, _ *http.Request, r *Result) { fmt.Fprint(w, "hello ", r.User, r.ReturnTo) }
		wants(t, b.logIn("/x"), 200, `hello user "alice-sub" of "https://op.example/t"/x`)
		wants(t, b.get("/open"), 200, "alice-sub")
	})
}

// TestPlainOAuth: without an ID Token the application's own Identify says who it is.
func TestPlainOAuth(t *testing.T) {
	identify := func(ctx context.Context, r *Result) (string, error) {
		if r.Tokens.IDToken != nil || r.User.IDToken() != nil {
			return "", errors.New("there is an ID Token")
		}
		return "api-" + r.Tokens.Type, nil
	}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		wants(t, b.get("/"), 200, "api-Bearer")
	}, func(c *Config) { c.Scope, c.Identify = []string{"profile"}, identify })
	play(t, func(t *testing.T, a *app, b *browser) {
		wants(t, b.logIn("/"), 500, "Something is wrong")
		if !errors.Is(a.lastFailure(), errNoUser) {
			t.Error("another error")
		}
	}, func(c *Config) {
		c.Scope, c.Identify = []string{"profile"}, func(context.Context, *Result) (string, error) { return "", nil }
	})
	play(t, func(t *testing.T, a *app, b *browser) {
		wants(t, b.logIn("/"), 500, "Something is wrong")
		if !errors.Is(a.lastFailure(), errNoToken) {
			t.Error("another error")
		}
	}, func(c *Config) {
		c.Ask = func(_ *http.Request, ask *openid.AuthorizationRequest) error {
			ask.Scope = []string{"profile"}
			return nil
		}
	})
}

// TestLink: a second account is added to who is signed in, by issuer and subject, and the session stays theirs.
func TestLink(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		links := map[string]string{}
		a.cfg.OnLogin = func(_ context.Context, r *Result) error {
			if r.LinkTo == nil {
				return nil
			}
			_, to := r.LinkTo.Subject()
			issuer, subject := r.User.Subject()
			links[issuer+" "+subject] = to
			return nil
		}
		mux := b.h.(*http.ServeMux)
		mux.HandleFunc("/link", func(w http.ResponseWriter, r *http.Request) { a.Start(w, r, Start{Link: true, ReturnTo: "/x"}) })
		link := func(change ...func(*http.Request)) *http.Response {
			r := page("POST", "/link")
			for _, f := range change {
				f(r)
			}
			return b.do(r)
		}
		wants(t, link(), 500)
		if !errors.Is(a.lastFailure(), errNobody) {
			t.Error("linked to nobody")
		}
		b.mustLogIn("/")
		before := b.session()
		wants(t, b.get("/link"), 500)
		if !errors.Is(a.lastFailure(), errLink) {
			t.Error("another site can link by a link")
		}
		wants(t, link(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), 500)
		if a.lastFailure() == nil || len(b.transactions()) != 0 {
			t.Error("another site can link by a form")
		}
		a.p.Subject = "alice-elsewhere"
		if res := b.do(b.answer(link().Header.Get("Location"))); res.Header.Get("Location") != "/x" {
			t.Fatalf("%d %s", res.StatusCode, text(res))
		}
		if links[a.p.Issuer+" alice-elsewhere"] != "alice-sub" {
			t.Errorf("links %v", links)
		}
		wants(t, b.get("/open"), 200, "alice-sub")
		if b.session() == before {
			t.Error("the same id")
		}
		// Logged out in between: there is nobody to link to.
		location := link().Header.Get("Location")
		b.post("/auth/logout")
		wants(t, b.do(b.answer(location)), 500)
		wants(t, b.get("/open"), 200, "nobody")
	})
}
