package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// TestChallenge: who is sent to the login, and who is told.
func TestChallenge(t *testing.T) {
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for _, name := range []string{"Accept", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-Site"} {
				r.Header.Del(name)
			}
			for i := 0; i+1 < len(pairs); i += 2 {
				r.Header.Set(pairs[i], pairs[i+1])
			}
		}
	}
	for _, l := range []struct {
		name, method string
		header       func(*http.Request)
		status       int
		media        string
	}{
		{"a page", "GET", header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"), 303, ""},
		{"an old browser", "GET", header("Accept", "text/html,*/*"), 303, ""},
		{"HEAD of a page", "HEAD", header("Accept", "text/html"), 303, ""},
		{"fetch", "GET", header("Sec-Fetch-Mode", "cors", "Accept", "*/*"), 401, "application/problem+json"},
		{"fetch that wants a page", "GET", header("Sec-Fetch-Mode", "same-origin", "Accept", "text/html"), 401, "application/problem+json"},
		{"a picture", "GET", header("Sec-Fetch-Mode", "no-cors", "Accept", "image/*"), 401, "application/problem+json"},
		{"a frame", "GET", header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"), 401, "text/html; charset=utf-8"},
		{"XMLHttpRequest", "GET", header("X-Requested-With", "XMLHttpRequest", "Accept", "text/html"), 401, "application/problem+json"},
		{"curl", "GET", header("Accept", "*/*"), 401, "application/problem+json"},
		{"no header at all", "GET", header(), 401, "application/problem+json"},
		{"a form", "POST", header("Sec-Fetch-Mode", "navigate", "Accept", "text/html", "Referer", "https://app.example/edit?id=7"), 401, "text/html; charset=utf-8"},
		{"a call that changes", "DELETE", header("Sec-Fetch-Mode", "cors", "Accept", "application/json"), 401, "application/problem+json"},
	} {
		t.Run(l.name, func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				r := page(l.method, "/x")
				l.header(r)
				res := b.do(r)
				if res.StatusCode != l.status || l.media != "" && res.Header.Get("Content-Type") != l.media {
					t.Fatalf("%d %v", res.StatusCode, res.Header)
				}
				if l.status != 401 {
					return
				}
				if got := res.Header.Get("WWW-Authenticate"); got != `Cookie realm="/auth/login", error="login_required"` {
					t.Errorf("WWW-Authenticate: %s", got)
				}
				if len(b.set) != 0 {
					t.Errorf("cookies: %v", b.set)
				}
				if l.name == "a form" {
					wants(t, res, 401, "was not accepted", `href="/auth/login?return_to=%2Fedit%3Fid%3D7"`)
				}
				if l.media != "application/problem+json" {
					return
				}
				var problem struct {
					Type, Title, Detail, Error, Login string
					Status                            int
				}
				if err := json.Unmarshal([]byte(text(res)), &problem); err != nil || problem.Error != "login_required" || problem.Status != 401 || problem.Login != "/auth/login" ||
					problem.Type != "about:blank" || problem.Title == "" || problem.Detail == "" {
					t.Errorf("%v: %s", err, text(res))
				}
			})
		})
	}
}

// TestForeignReferer: a form of another site does not choose where a login leads.
func TestForeignReferer(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		r := page("POST", "/x")
		r.Header.Set("Referer", "https://evil.example/edit")
		wants(t, b.do(r), 401, `href="/auth/login?return_to=%2F"`)
	})
}

// TestNestedMiddleware: one request, one look into the store.
func TestNestedMiddleware(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		calls := 0
		a.cfg.LoadUser = func(context.Context, *User) (any, error) { calls++; return calls, nil }
		var seen any
		inner := a.With(Need{MaxAge: time.Hour}).Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = UserFrom(r.Context()).Account() }))
		b.h = a.Optional(a.Require(inner))
		b.get("/")
		if calls != 1 || seen != 1 {
			t.Errorf("%d calls, %v", calls, seen)
		}
	})
}

// TestLoadUser: an account that is gone ends the session; a database that is away does not.
func TestLoadUser(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		stolen := b.session()
		var answer error
		a.cfg.LoadUser = func(_ context.Context, u *User) (any, error) { return "account of " + u.String(), answer }
		answer = errAway
		wants(t, b.get("/open"), 503)
		wants(t, b.get("/"), 503)
		wants(t, b.get("/auth/logout"), 200)
		answer = nil
		wants(t, b.get("/open"), 200, "alice-sub")
		answer = ErrNoAccount
		wants(t, b.get("/open"), 200, "nobody")
		answer = nil
		if b.session() != "" {
			t.Error("the cookie is still there")
		}
		if !a.cfg.Stateless {
			wants(t, b.with(stolen).get("/open"), 200, "nobody")
		}
	})
}

// TestUnknownUser: whom the application does not have, and nothing refuses at the login, is told so here: the provider would send the same person back
// again and again.
func TestUnknownUser(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		a.cfg.LoadUser = func(context.Context, *User) (any, error) { return nil, ErrNoAccount }
		for range 2 {
			b.logIn("/auth/login?return_to=/x")
			wants(t, b.get("/x"), 403, "not allowed to use this application", "/auth/login?return_to=%2Fx")
			if err := a.lastFailure(); !errors.Is(err, ErrNoAccount) {
				t.Errorf("reported: %v", err)
			}
			b.start("/x") // nobody is signed in any more
		}
		b.logIn("/auth/login?return_to=/x")
		wants(t, b.do(apiCall("GET", "/x")), 401, "login_required")
		b.logIn("/auth/login?return_to=/x")
		b.h = Protect(a.Handler, nil)(http.NotFoundHandler())
		wants(t, b.get("/x"), 403)
	})
}

// TestUser: what an application learns.
func TestUser(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		a.p.IDToken = func(tok *hostile.Token) { tok.Claims["acr"], tok.Claims["email"] = "gold", "alice@op.example" }
		b.mustLogIn("/")
		began := time.Now()
		time.Sleep(time.Minute)
		b.h = a.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			u := UserFrom(r.Context())
			issuer, subject := u.Subject()
			if issuer != a.p.Issuer || subject != "alice-sub" || u.Provider() != "" || !u.SignedIn().Equal(began) || !u.AuthTime().Equal(began) || u.ACR() != "gold" ||
				!slices.Equal(u.Scope(), []string{"openid"}) || u.Account() != nil {
				t.Errorf("%v %v %v %v %v %v", u, u.Provider(), u.SignedIn(), u.AuthTime(), u.ACR(), u.Scope())
			}
			claims, err := openid.Claims[struct {
				Email string `json:"email"`
			}](u.IDToken())
			if err != nil || claims.Email != "alice@op.example" {
				t.Errorf("%v, %v", claims, err)
			}
		}))
		b.get("/")
	})
	if UserFrom(t.Context()) != nil || TokenSource(t.Context()) != nil || Value(t.Context(), "x") != "" {
		t.Error("somebody is there without a request")
	}
	var nobody *User
	if nobody.String() != "nobody" {
		t.Error(nobody)
	}
}

// TestOnFailure: the application answers itself.
func TestOnFailure(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		a.cfg.OnFailure = func(w http.ResponseWriter, r *http.Request, f *Failure) {
			w.Header().Set("Location", "/sorry?"+f.Kind+"&"+f.Retry)
			w.WriteHeader(http.StatusSeeOther)
		}
		a.p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		res := b.logIn("/x")
		if got := res.Header.Get("Location"); got != "/sorry?denied&/auth/login?return_to=%2Fx" {
			t.Error(got)
		}
	})
}

// TestPage: an application may show pages in its own way; ours are closed to everything that is not theirs.
func TestPage(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		res := b.get("/auth/callback?error=x")
		want := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src " + styleHash + "; form-action 'none'"
		if got := res.Header.Get("Content-Security-Policy"); got != want {
			t.Error(got)
		}
		if res.Header.Get("X-Frame-Options") != "DENY" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(res.Header)
		}
		a.cfg.Page = func(w http.ResponseWriter, _ *http.Request, p *Page) {
			w.WriteHeader(p.Status)
			w.Write([]byte("my own " + p.Title))
		}
		wants(t, b.get("/auth/logout"), 200, "my own Log out")
	})
}

func TestQuoteJSON(t *testing.T) {
	for _, s := range []string{"", "plain", `"\` + "\x00\x1f\n\r\t<>&\x7f", "ä€𝄞", "\xff\xc3(", "\u2028"} {
		var back string
		if err := json.Unmarshal([]byte(quoteJSON(s)), &back); err != nil || back != strings.ToValidUTF8(s, "\uFFFD") {
			t.Errorf("%q: %q, %v", s, back, err)
		}
	}
}

// TestRequireAllocates: a signed-in request costs little more than the look into the store.
func TestRequireAllocates(t *testing.T) {
	h, r := signedIn(t)
	w := httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 25 {
		t.Errorf("%v allocations", n)
	}
}
