package login

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
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

// TestCookieFlags: S07, every flag of every cookie.
func TestCookieFlags(t *testing.T) {
	for _, l := range []struct {
		name string
		tune func(*Config)
		want string // of the transaction cookie
	}{
		{"query", func(*Config) {}, "Lax"},
		{"form_post", func(c *Config) { c.Ask = formPostResponse }, "None"},
	} {
		t.Run(l.name, func(t *testing.T) {
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

// TestNewReportsAllMistakes: at once, each by its field.
func TestNewReportsAllMistakes(t *testing.T) {
	good := func() (Config, openid.Config) {
		return Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, openid.Config{Issuer: "https://op.example", ClientID: "web", Auth: openid.None()}
	}
	for _, l := range []struct {
		lie  string
		tell func(*Config, *openid.Config)
		want string
	}{
		{"no base", func(c *Config, _ *openid.Config) { c.BaseURL = "" }, "Config.BaseURL: expected an absolute URL"},
		{"a path for a base", func(c *Config, _ *openid.Config) { c.BaseURL = "/auth" }, "Config.BaseURL"},
		{"http", func(c *Config, _ *openid.Config) { c.BaseURL = "http://app.example/auth" }, "Config.BaseURL: expected https, or http on a loopback address"},
		{"a query", func(c *Config, _ *openid.Config) { c.BaseURL = base + "?x" }, "Config.BaseURL"},
		{"a user", func(c *Config, _ *openid.Config) { c.BaseURL = "https://me@app.example" }, "Config.BaseURL"},
		{"another scheme", func(c *Config, _ *openid.Config) { c.BaseURL = "ftp://app.example" }, "Config.BaseURL"},
		{"a base that moves", func(c *Config, _ *openid.Config) { c.BaseURL = "https://app.example/a/../b" }, "Config.BaseURL"},
		{"no key", func(c *Config, _ *openid.Config) { c.Keys = nil }, "openssl rand -base64 32"},
		{"a short key", func(c *Config, _ *openid.Config) { c.Keys = []openid.Secret{key('1'), openid.NewSecret("short")} }, "Config.Keys[1]: expected at least 32 random bytes; to make one: openssl rand"},
		{"a flat key", func(c *Config, _ *openid.Config) { c.Keys = []openid.Secret{openid.NewSecret(strings.Repeat("a", 40))} }, "Config.Keys[0]: expected random bytes"},
		{"a wild return target", func(c *Config, _ *openid.Config) { c.ReturnTo = []string{"http://other.example/"} }, "Config.ReturnTo[0]"},
		{"a logout into nowhere", func(c *Config, _ *openid.Config) { c.AfterLogout = "https://evil.example/" }, "Config.AfterLogout"},
		{"a logout into itself", func(c *Config, _ *openid.Config) { c.AfterLogout = "/auth/logout" }, "Config.AfterLogout"},
		{"negative idleness", func(c *Config, _ *openid.Config) { c.IdleLifetime = -1 }, "Config.IdleLifetime"},
		{"no life", func(c *Config, _ *openid.Config) { c.Lifetime = time.Millisecond }, "Config.Lifetime"},
		{"a cookie name with a space", func(c *Config, _ *openid.Config) { c.CookieName = "my session" }, "Config.CookieName"},
		{"nobody to identify", func(c *Config, _ *openid.Config) { c.Scope = []string{"email"} }, "Config.Scope"},
		{"tokens without a place", func(c *Config, _ *openid.Config) { c.Stateless, c.Scope = true, []string{"openid", "offline_access"} }, "Config.Scope"},
		{"another site's redirect URI", func(_ *Config, p *openid.Config) { p.RedirectURI = "https://other.example/auth/callback" }, "providers[0].RedirectURI"},
		{"a provider's own mistake", func(_ *Config, p *openid.Config) { p.Auth = nil }, "login: providers[0]: openid: Config.Auth"},
		{"a name with a slash", func(_ *Config, p *openid.Config) { p.Name = "a/b" }, "providers[0].Name"},
	} {
		cfg, p := good()
		l.tell(&cfg, &p)
		_, err := New(cfg, p)
		if err == nil || !strings.Contains(err.Error(), l.want) {
			t.Errorf("%s: got %v, want %q", l.lie, err, l.want)
		}
	}
	cfg, p := good()
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "no provider") {
		t.Errorf("no provider: %v", err)
	}
	for _, l := range []struct{ first, second, want string }{{"", "", "providers[0].Name"}, {"a", "a", `"a" twice`}} {
		q := p
		p.Name, q.Name = l.first, l.second
		if _, err := New(cfg, p, q); err == nil || !strings.Contains(err.Error(), l.want) {
			t.Errorf("names %q and %q: %v", l.first, l.second, err)
		}
	}
	_, err := New(Config{BaseURL: "http://app.example", Keys: []openid.Secret{openid.NewSecret("x")}, CookieName: "ä"}, openid.Config{})
	var one *ConfigError
	var theirs *openid.ConfigError
	if !errors.As(err, &one) || !errors.As(err, &theirs) || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("all at once: %v", err)
	}
	cfg, p = good()
	cfg.BaseURL, cfg.Keys = "http://127.0.0.1:8080/auth/", nil
	if _, err := New(cfg, p); err != nil {
		t.Errorf("development: %v", err)
	}
}

// TestTabs: C08, two logins of one browser do not disturb each other, in whatever order they end.
func TestTabs(t *testing.T) {
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

// TestAsk: item 5, what one login asks in another way.
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

// TestPushedRequest: with the state out of sight in a pushed request, a failed login still ends its own attempt if it is the only one.
func TestPushedRequest(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		cfg := providerConfig(a.p)
		cfg.PushAuthorizationRequests = true
		h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.h = (&app{Handler: h, p: a.p}).mux()
		b.mustLogIn("/x")
		a.p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		c := b.also()
		wants(t, c.logIn("/y"), 403, "%2Fy")
		if left := c.transactions(); len(left) != 0 {
			t.Errorf("left: %v", left)
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
