package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestLogout: here, at the provider, and back.
func TestLogout(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		wants(t, b.get("/auth/logout"), 200, `<form method="post" action="/auth/logout">`)
		wants(t, b.get("/open"), 200, "alice-sub") // asking changes nothing
		res := b.post("/auth/logout")
		u, _ := url.Parse(res.Header.Get("Location"))
		q := u.Query()
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(u.String(), a.p.URL("end_session")+"?") || q.Get("post_logout_redirect_uri") != base+"/logged-out" || q.Get("state") == "" {
			t.Fatalf("%d %s", res.StatusCode, u)
		}
		if q.Has("id_token_hint") == a.cfg.Stateless {
			t.Errorf("id_token_hint: %v", q.Has("id_token_hint"))
		}
		if b.session() != "" {
			t.Error("the cookie is still there")
		}
		for _, c := range b.set {
			if c.Name == "__Host-session" && c.Raw != "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
				t.Error(c.Raw)
			}
		}
		wants(t, b.get("/open"), 200, "nobody")
		res = b.get("/auth/logged-out?state=" + q.Get("state"))
		if res.Header.Get("Location") != "/bye" || len(b.transactions()) != 0 {
			t.Errorf("back to %q, left %v", res.Header.Get("Location"), b.transactions())
		}
		if errs := a.failures(); errs != nil {
			t.Error(errs)
		}
	}, func(c *Config) { c.AfterLogout = "/bye" })
}

// TestHostileLogout: C16, an answer that no logout of this browser waits for leads nowhere, and nobody is frightened by it.
func TestHostileLogout(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		other := b.also()
		other.mustLogIn("/")
		mux := b.h.(*http.ServeMux)
		mux.HandleFunc("/leave", func(w http.ResponseWriter, r *http.Request) { a.Logout(w, r, "/survey") })
		u, _ := url.Parse(other.get("/leave").Header.Get("Location"))
		for _, target := range []string{"", "?state=x", "?state=" + u.Query().Get("state"), "?state=x&state=y", "?post_logout_redirect_uri=https://evil.example"} {
			res := b.get("/auth/logged-out" + target)
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
				t.Errorf("%s: %d %q", target, res.StatusCode, res.Header.Get("Location"))
			}
			if check := refusedCheck(a.lastFailure()); check != "state" {
				t.Errorf("%s: check %q", target, check)
			}
		}
		wants(t, b.get("/open"), 200, "alice-sub")
		if res := other.get("/auth/logged-out?state=" + u.Query().Get("state")); res.Header.Get("Location") != "/survey" {
			t.Errorf("the true one: %q", res.Header.Get("Location"))
		}
		// A login's state is no logout's.
		v, _ := url.Parse(b.start("/auth/login"))
		if res := b.get("/auth/logged-out?state=" + v.Query().Get("state")); res.Header.Get("Location") != "/" || refusedCheck(a.lastFailure()) != "state" {
			t.Error("a login was taken for a logout")
		}
		wants(t, b.post("/auth/logged-out"), 405)
	})
}

// TestLogoutFromElsewhere: another site cannot log anybody out.
func TestLogoutFromElsewhere(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		for name, header := range map[string][2]string{"cross-site": {"Sec-Fetch-Site", "cross-site"}, "same-site": {"Sec-Fetch-Site", "same-site"}, "an old browser": {"Origin", "https://evil.example"}} {
			r := page("POST", "/auth/logout")
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set(header[0], header[1])
			for n, c := range b.cookies {
				r.AddCookie(&http.Cookie{Name: n, Value: c.Value}) // as if they came along
			}
			if res := b.also().do(r); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
		wants(t, b.get("/open"), 200, "alice-sub")
		r := page("POST", "/auth/logout") // behind a proxy that changes Host
		r.Host = "internal:8080"
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://app.example")
		if res := b.do(r); res.StatusCode != http.StatusSeeOther {
			t.Errorf("from the site itself: %d", res.StatusCode)
		}
	})
}

// TestLogoutWithoutProvider: one that has no logout, or is away, keeps nobody signed in.
func TestLogoutWithoutProvider(t *testing.T) {
	for name, lie := range map[string]func(*hostile.Provider){
		"no logout there": func(p *hostile.Provider) { p.Metadata = func(m map[string]any) { delete(m, "end_session_endpoint") } },
		"nothing to say":  func(*hostile.Provider) {},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				lie(a.p)
				if name == "nothing to say" { // nobody is signed in
					if res := b.post("/auth/logout"); res.Header.Get("Location") != "/" {
						t.Errorf("%d %q", res.StatusCode, res.Header.Get("Location"))
					}
					return
				}
				b.mustLogIn("/")
				if res := b.post("/auth/logout"); res.Header.Get("Location") != "/" {
					t.Errorf("%d %q", res.StatusCode, res.Header.Get("Location"))
				}
				wants(t, b.get("/open"), 200, "nobody")
			})
		})
	}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		// Another process, which has never reached the provider, serves the logout.
		h, err := New(Config{BaseURL: base, Keys: a.keys(), Store: a.store}, providerConfig(a.p))
		if err != nil {
			t.Fatal(err)
		}
		b.h = (&app{Handler: h, p: a.p}).mux()
		a.p.Serve("discovery", hostile.Status(500, "text/plain", "down"))
		if res := b.post("/auth/logout"); res.Header.Get("Location") != "/" {
			t.Errorf("%d %q", res.StatusCode, res.Header.Get("Location"))
		}
		wants(t, b.get("/open"), 200, "nobody")
	})
}

// TestLogoutAfterRenewal: an answer says one thing of a cookie (RFC 6265 section 4.1.1), whichever line a browser or a proxy keeps.
func TestLogoutAfterRenewal(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		b.post("/auth/logout")
		said := map[string]int{}
		for _, c := range b.set {
			if said[c.Name]++; said[c.Name] > 1 || c.Name == "__Host-session" && c.MaxAge >= 0 {
				t.Errorf("%s", c.Raw)
			}
		}
	}, stateless)
}

// TestBackAfterLogout: the page from before is not shown out of a cache, and loading it again leads to the login.
func TestBackAfterLogout(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		if got := b.get("/").Header.Get("Cache-Control"); got != "no-store" {
			t.Error(got)
		}
		b.post("/auth/logout")
		if res := b.get("/"); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

// TestLogoutForgetsTokens: they are gone from the store, too, and so are those of a session that a login replaces.
func TestLogoutForgetsTokens(t *testing.T) {
	counted := &countedStore{Backend: newMemory()}
	play(t, func(t *testing.T, a *app, b *browser) {
		for range 5 {
			b.mustLogIn("/")
			time.Sleep(10 * time.Minute)
			b.mustLogIn("/pay")
			if n := counted.count("session:"); n != 1 {
				t.Errorf("%d sessions", n)
			}
			if n := counted.count("tokens:"); n != 1 {
				t.Errorf("%d token records", n)
			}
			b.post("/auth/logout")
		}
		if n, m := counted.count("session:"), counted.count("tokens:"); n != 0 || m != 0 {
			t.Errorf("left: %d sessions, %d token records", n, m)
		}
	}, counted.use)
}
