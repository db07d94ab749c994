package login

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// TestStepUp: the user is asked for more, once, and comes back to the same place.
func TestStepUp(t *testing.T) {
	for _, l := range []struct {
		name, target, parameter, want string
		give                          func(*hostile.Provider)
	}{
		{"a recent login", "/pay?sum=7", "max_age", "300", func(*hostile.Provider) {}},
		{"a class", "/vault", "acr_values", "gold silver", func(p *hostile.Provider) {
			p.IDToken = func(tok *hostile.Token) { tok.Claims["acr"] = "silver" }
		}},
		{"a scope", "/mail", "scope", "openid mail", func(*hostile.Provider) {}},
	} {
		t.Run(l.name, func(t *testing.T) {
			both(t, func(t *testing.T, a *app, b *browser) {
				b.mustLogIn("/")
				time.Sleep(10 * time.Minute)
				if l.parameter != "max_age" {
					wants(t, b.do(apiCall("GET", l.target)), 401, "insufficient_")
				}
				l.give(a.p)
				location := b.start(l.target)
				u, _ := url.Parse(location)
				if got := u.Query().Get(l.parameter); got != l.want {
					t.Errorf("%s=%q, want %q", l.parameter, got, l.want)
				}
				if got := u.Query().Has("id_token_hint"); got == a.cfg.Stateless {
					t.Errorf("id_token_hint: %v", got)
				}
				res := b.do(b.answer(location))
				if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != l.target {
					t.Fatalf("%d %s", res.StatusCode, text(res))
				}
				wants(t, b.get(l.target), 200, "alice-sub")
			})
		})
	}
}

// TestStepUpKeepsScope: what was granted before is asked for again.
func TestStepUpKeepsScope(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.h.(*http.ServeMux).HandleFunc("/calendar", func(w http.ResponseWriter, r *http.Request) {
			a.Start(w, r, Start{ReturnTo: "/calendar", Ask: openid.AuthorizationRequest{Scope: []string{"openid", "calendar"}}})
		})
		b.mustLogIn("/calendar")
		u, _ := url.Parse(b.start("/mail"))
		if got := u.Query().Get("scope"); got != "openid calendar mail" {
			t.Errorf("scope %q", got)
		}
	})
}

// TestStepUpGivesUp: a provider that does not give it ends the round with a page, and what was there before stays.
func TestStepUpGivesUp(t *testing.T) {
	for _, l := range []struct {
		name, target string
		lie          func(*hostile.Provider)
		check        string
		status       int
	}{
		{"the same old login", "/pay", func(p *hostile.Provider) {
			p.IDToken = func(tok *hostile.Token) { tok.Claims["auth_time"] = time.Now().Add(-10 * time.Minute).Unix() }
		}, "auth_time", 502},
		{"no auth_time", "/pay", func(p *hostile.Provider) {
			p.IDToken = func(tok *hostile.Token) { delete(tok.Claims, "auth_time") }
		}, "auth_time", 502},
		{"no class", "/vault", func(*hostile.Provider) {}, "", 403},
		{"another class", "/vault", func(p *hostile.Provider) {
			p.IDToken = func(tok *hostile.Token) { tok.Claims["acr"] = "bronze" }
		}, "", 403},
		{"a smaller scope", "/mail", func(p *hostile.Provider) {
			p.TokenResponse = func(m map[string]any) { m["scope"] = "openid" }
		}, "", 403},
	} {
		t.Run(l.name, func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				b.mustLogIn("/")
				time.Sleep(10 * time.Minute)
				before := b.session()
				l.lie(a.p)
				wants(t, b.logIn(l.target), l.status)
				err := a.lastFailure()
				if refusedCheck(err) != l.check || l.check == "" && !errors.Is(err, errUnmet) {
					t.Errorf("reported %v", err)
				}
				if b.session() != before {
					t.Error("the session has changed")
				}
				wants(t, b.get("/"), 200, "alice-sub")
			})
		})
	}
}

// TestStepUpOfNegativeAge: what an application has computed wrong is the least, not any time.
func TestStepUpOfNegativeAge(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.h.(*http.ServeMux).Handle("/now", a.With(Need{MaxAge: -time.Second}).Require(http.NotFoundHandler()))
		b.mustLogIn("/")
		time.Sleep(10 * time.Minute)
		u, _ := url.Parse(b.start("/now"))
		if got := u.Query().Get("max_age"); got != "60" {
			t.Errorf("max_age %q", got)
		}
		wants(t, b.do(apiCall("GET", "/now")), 401, `"max_age":60`)
	})
}

// TestStepUpTellsPrograms: RFC 9470 section 3 and RFC 6750 section 3.1, in a problem document.
func TestStepUpTellsPrograms(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		time.Sleep(10 * time.Minute)
		wants(t, b.do(apiCall("GET", "/pay")), 401, `"error":"insufficient_user_authentication"`, `"max_age":300`)
		wants(t, b.do(apiCall("GET", "/vault")), 401, `"error":"insufficient_user_authentication"`, `"acr_values":"gold silver"`)
		wants(t, b.do(apiCall("GET", "/mail")), 401, `"error":"insufficient_scope"`, `"scope":"mail"`)
	})
}

// TestStepUpWithoutSession: whoever is not signed in is asked for all of it at once.
func TestStepUpWithoutSession(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		u, _ := url.Parse(b.start("/vault"))
		if u.Query().Get("acr_values") != "gold silver" || u.Query().Has("id_token_hint") {
			t.Error(u.Query())
		}
		u, _ = url.Parse(b.start("/mail"))
		if u.Query().Get("scope") != "openid mail" {
			t.Error(u.Query())
		}
		b.mustLogIn("/pay")
		wants(t, b.get("/pay"), 200, "alice-sub")
		time.Sleep(5 * time.Minute)
		wants(t, b.get("/pay"), 200, "alice-sub") // within what clocks may differ
		time.Sleep(time.Minute)
		if res := b.get("/pay"); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%d", res.StatusCode)
		}
	})
}
