package login

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

func TestLogin(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		wants(t, b.get("/open"), 200, "nobody")
		if len(b.set) != 0 {
			t.Errorf("cookies for nobody: %v", b.set)
		}
		b.mustLogIn("/orders?id=7&x=%2F")
		res := b.get("/orders?id=7&x=%2F")
		wants(t, res, 200, "alice-sub")
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control of what only alice may see: %q", got)
		}
		wants(t, b.get("/open"), 200, "alice-sub")
		if got := a.p.Count("token"); got != 1 {
			t.Errorf("%d token requests", got)
		}
		if errs := a.failures(); errs != nil {
			t.Error(errs)
		}
		wants(t, b.also().get("/open"), 200, "nobody")
	})
}

// TestHostileCookieFlags: S07, every flag of every cookie.
func TestHostileCookieFlags(t *testing.T) {
	for _, l := range []struct {
		name string
		tune func(*Config)
		want string // of the transaction cookie
	}{
		{"query", func(*Config) {}, "Lax"},
		{"form_post", func(c *Config) { c.Ask = formPostResponse }, "None"},
		{"hybrid", func(c *Config) {
			c.Ask = func(_ *http.Request, ask *openid.AuthorizationRequest) error {
				ask.ResponseType = "code id_token"
				return nil
			}
		}, "None"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery (token|jwks) (token|jwks)")
			play(t, func(t *testing.T, a *app, b *browser) {
				location := b.start("/")
				if len(b.set) != 1 {
					t.Fatalf("cookies: %v", b.set)
				}
				name, rest, _ := strings.Cut(b.set[0].Raw, "=")
				_, flags, _ := strings.Cut(rest, "; ")
				if !strings.HasPrefix(name, "__Host-session-tx-") || flags != "Path=/; Max-Age=1800; HttpOnly; Secure; SameSite="+l.want {
					t.Errorf("transaction: %s with %s", name, flags)
				}
				b.do(b.answer(location))
				if len(b.set) != 2 {
					t.Fatalf("cookies: %v", b.set)
				}
				if got, want := b.set[0].Raw, name+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"; got != want {
					t.Errorf("end of the transaction: %s, want %s", got, want)
				}
				if got, want := b.set[1].Raw, "__Host-session="+b.session()+"; Path=/; HttpOnly; Secure; SameSite=Lax"; got != want || len(b.session()) != randomLength {
					t.Errorf("session: %s, want %s", got, want)
				}
			}, l.tune)
		})
	}
}

func formPostResponse(_ *http.Request, ask *openid.AuthorizationRequest) error {
	ask.ResponseMode = "form_post"
	return nil
}

// TestHeaders: nothing of a login is cached, and no address of it goes on to another site.
func TestHeaders(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		check := func(what string, res *http.Response) {
			t.Helper()
			if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s: %v", what, res.Header)
			}
		}
		check("challenge", b.get("/"))
		check("401", b.do(apiCall("GET", "/")))
		check("login", b.get("/auth/login"))
		check("callback without a login", b.also().get("/auth/callback?state=x&code=y"))
		check("callback", b.do(b.answer(b.start("/"))))
		check("logout page", b.get("/auth/logout"))
		check("logout", b.post("/auth/logout"))
		check("logged out", b.get("/auth/logged-out"))
		check("nothing", b.get("/auth/nothing"))
	})
}

func apiCall(method, target string) *http.Request {
	r := page(method, target)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	return r
}

// TestHostileTabs: C08, two logins of one browser do not disturb each other, in whatever order they end.
func TestHostileTabs(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token")
	play(t, func(t *testing.T, a *app, b *browser) {
		one, two := b.start("/one"), b.start("/two")
		for _, l := range []struct{ location, want string }{{two, "/two"}, {one, "/one"}} {
			res := b.do(b.answer(l.location))
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != l.want {
				t.Errorf("%d %s, want %s", res.StatusCode, res.Header.Get("Location"), l.want)
			}
			wants(t, b.get("/open"), 200, "alice-sub")
		}
		if left := b.transactions(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestHostileLargeHeader: C19, another site starts logins where there is a large session in a cookie. What the browser sends with each request stays below what
// servers refuse.
func TestHostileLargeHeader(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.get("/set?cart=" + strings.Repeat("x", 2900))
		b.mustLogIn("/x")
		for range 10 {
			b.start("/auth/login?return_to=/" + strings.Repeat("x", 900))
			time.Sleep(time.Second)
			r := page("GET", "/open")
			b.do(r)
			if size := len(strings.Join(r.Header["Cookie"], "; ")); size > 7<<10 {
				t.Fatalf("%d bytes of cookies", size)
			}
		}
		if len(b.transactions()) == 0 {
			t.Error("no login at all")
		}
		wants(t, b.get("/open"), 200, "alice-sub xxx")
	}, stateless)
}

// TestAttemptsAreCapped: a browser that starts logins for ever keeps the last few, and sends no header that a server would refuse.
func TestAttemptsAreCapped(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		long := "/" + strings.Repeat("x", 900)
		var last []string
		for range 20 {
			last = append(last, b.start(long))
			time.Sleep(time.Second)
			size := 0
			for name, c := range b.cookies {
				size += len(name) + len(c.Value)
			}
			if n := len(b.transactions()); n > maxAttempts || size > maxAttemptBytes {
				t.Fatalf("%d transactions in %d bytes", n, size)
			}
		}
		wants(t, b.do(b.answer(last[0])), 400, "expired")
		if res := b.do(b.answer(last[19])); res.StatusCode != http.StatusSeeOther {
			t.Errorf("the last one: %d", res.StatusCode)
		}
	})
}
