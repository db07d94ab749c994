package login

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestHostileCallback: the C cases, each by its number. Nobody is signed in, and the code goes nowhere.
func TestHostileCallback(t *testing.T) {
	query := func(change func(q url.Values)) func(b *browser, r *http.Request) *http.Request {
		return func(_ *browser, r *http.Request) *http.Request {
			q := r.URL.Query()
			change(q)
			return page("GET", base+"/callback?"+q.Encode())
		}
	}
	for _, l := range []struct {
		name   string
		tell   func(b *browser, r *http.Request) *http.Request
		status int
		check  string // empty: not by a check of the protocol
		kind   string // on the page
	}{
		{"C01 no cookie", func(b *browser, r *http.Request) *http.Request { clear(b.cookies); return r }, 400, "state", "needs cookies"},
		{"C02 duplicate state", query(func(q url.Values) { q.Add("state", q.Get("state")) }), 502, "repeated parameter", "not accepted"},
		{"C02 duplicate code", query(func(q url.Values) { q.Add("code", "evil") }), 502, "repeated parameter", "not accepted"},
		{"C03 state of another browser", func(b *browser, r *http.Request) *http.Request {
			other := b.also()
			return other.answer(other.start("/"))
		}, 400, "state", "expired"},
		{"C05 iss missing", query(func(q url.Values) { q.Del("iss") }), 502, "iss", "not accepted"},
		{"C06 iss wrong", query(func(q url.Values) { q.Set("iss", "https://evil.example") }), 502, "iss", "not accepted"},
		{"C07 iss empty", query(func(q url.Values) { q.Set("iss", "") }), 502, "iss", "not accepted"},
		{"C07 iss twice", query(func(q url.Values) { q.Add("iss", q.Get("iss")) }), 502, "repeated parameter", "not accepted"},
		{"C09 no verifier", func(b *browser, r *http.Request) *http.Request {
			// A transaction half of another login, with this one's own half.
			other := b.also()
			other.start("/")
			name, foreign := b.transactions()[0], other.cookies[other.transactions()[0]].Value
			tx, _, _ := strings.Cut(foreign, ".")
			_, own, _ := strings.Cut(b.cookies[name].Value, ".")
			b.cookies[name].Value = tx + "." + own
			return r
		}, 400, "state", "expired"},
		{"C10 code in query state in body", func(b *browser, r *http.Request) *http.Request {
			return page("POST", base+"/callback?again=1&code="+r.URL.Query().Get("code"), "state", r.URL.Query().Get("state"))
		}, 502, "response_mode", "not accepted"},
		{"C11 POST when query", func(b *browser, r *http.Request) *http.Request {
			q := r.URL.Query()
			return page("POST", base+"/callback", "state", q.Get("state"), "code", q.Get("code"), "iss", q.Get("iss"))
		}, 502, "response_mode", "not accepted"},
		{"C12 an access token in front", query(func(q url.Values) { q.Set("access_token", "x") }), 502, "front-channel token", "not accepted"},
		{"C12 an ID Token in front", query(func(q url.Values) { q.Set("id_token", "x") }), 502, "front-channel token", "not accepted"},
		{"C12 a JWT instead", query(func(q url.Values) { clear(q); q.Set("response", "x") }), 502, "response", "not accepted"},
		{"C13 error script", query(func(q url.Values) {
			q.Del("code")
			q.Set("error", "<script>alert(1)</script>")
			q.Set("error_description", "</code><script>alert(2)</script>\r\nSet-Cookie: x=y")
		}), 502, "", "refused this login"},
		{"C13 denied", query(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }), 403, "", "cancelled"},
		{"nobody there and no page wanted", query(func(q url.Values) { q.Del("code"); q.Set("error", "login_required") }), 403, "", "try again"},
		{"a provider that cannot do better", query(func(q url.Values) { q.Del("code"); q.Set("error", "unmet_authentication_requirements") }), 403, "", "stronger login"},
		{"a provider in trouble", query(func(q url.Values) { q.Del("code"); q.Set("error", "temporarily_unavailable") }), 502, "", "does not answer"},
		{"C17 code and error", query(func(q url.Values) { q.Set("error", "access_denied") }), 502, "code", "not accepted"},
		{"C17 state of 1 MB", query(func(q url.Values) { q.Set("state", strings.Repeat("x", 1<<20)) }), 400, "state", "expired"},
		{"a body of 1 MB", func(b *browser, _ *http.Request) *http.Request {
			return page("POST", base+"/callback", "state", strings.Repeat("x", 1<<20))
		}, 400, "", "cannot be answered"},
		{"a body of JSON", func(b *browser, _ *http.Request) *http.Request {
			r := page("POST", base+"/callback")
			r.Header.Set("Content-Type", "application/json")
			return r
		}, 502, "request", "not accepted"},
		{"a PUT", func(_ *browser, r *http.Request) *http.Request { r.Method = "PUT"; return r }, 405, "", "cannot be answered"},
		{"after a day", func(_ *browser, r *http.Request) *http.Request { time.Sleep(24 * time.Hour); return r }, 400, "state", "expired"},
		{"after half an hour and a bit", func(_ *browser, r *http.Request) *http.Request {
			time.Sleep(30*time.Minute + time.Second)
			return r
		}, 400, "state", "expired"},
		{"no parameters", func(*browser, *http.Request) *http.Request { return page("GET", base+"/callback") }, 400, "state", "expired"},
		{"a malformed query", func(*browser, *http.Request) *http.Request { return page("GET", base+"/callback?a;b=%zz") }, 502, "request", "not accepted"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery") // for the login; the code is not redeemed
			play(t, func(t *testing.T, a *app, b *browser) {
				res := b.do(l.tell(b, b.answer(b.start("/"))))
				wants(t, res, l.status, l.kind)
				if strings.Contains(text(res), "<script>") || strings.Contains(text(res), "Set-Cookie") {
					t.Errorf("page: %s", text(res))
				}
				err := a.lastFailure()
				if got := refusedCheck(err); got != l.check || err == nil {
					t.Errorf("check %q, want %q: %v", got, l.check, err)
				}
				if a.p.Count("token") != 0 || b.session() != "" {
					t.Error("the code was redeemed, or there is a session")
				}
				wants(t, b.get("/open"), 200, "nobody")
			})
		})
	}
}

// TestHostileCallbackReplay: C04, also for whoever has kept the cookie.
func TestHostileCallbackReplay(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		location := b.start("/x")
		kept := *b.cookies[b.transactions()[0]]
		back := b.answer(location).URL.String()
		if res := b.get(back); res.StatusCode != http.StatusSeeOther {
			t.Fatal(res.StatusCode)
		}
		before := b.session()
		wants(t, b.get(back), 400, "expired") // the cookie is gone
		b.cookies[kept.Name] = &kept
		wants(t, b.get(back), 400, "expired", "%2Fx")
		if got := refusedCheck(a.lastFailure()); got != "replay" {
			t.Errorf("check %q", got)
		}
		if b.session() != before || a.p.Count("token") != 1 {
			t.Error("it did something")
		}
		wants(t, b.get("/open"), 200, "alice-sub")
	})
}

// TestFormPost: the provider's POST finds the cookie, or is sent again from here where browsers keep such cookies back.
func TestFormPost(t *testing.T) {
	for _, blocked := range []bool{false, true} {
		t.Run(fmt.Sprintf("blocked=%v", blocked), func(t *testing.T) {
			play(t, func(t *testing.T, a *app, b *browser) {
				location := b.start("/x?y")
				if blocked {
					b.cookies[b.transactions()[0]].SameSite = http.SameSiteLaxMode
				}
				res := b.do(b.answer(location))
				if blocked {
					wants(t, res, 200, "You are being logged in", `action="/auth/callback?again=1"`)
					if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src "+scriptHash+"; form-action 'self' https://spa.example") {
						t.Error(csp)
					}
					if len(b.set) != 0 || a.p.Count("token") != 0 {
						t.Error("the first of two posts did something")
					}
					r := page("POST", base+"/callback?again=1", fields(t, text(res))...)
					res = b.do(r)
				}
				if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/x?y" {
					t.Errorf("%d %s", res.StatusCode, text(res))
				}
				wants(t, b.get("/open"), 200, "alice-sub")
			}, func(c *Config) { c.Ask, c.ReturnTo = formPostResponse, []string{"https://spa.example/done"} })
		})
	}
}

// TestHostileFormPostFixation: S06 where the answer is a form of another site, with which browsers do not send the cookie of the session: it ends at the
// login all the same, what is kept in it goes along, and accounts can be linked.
func TestHostileFormPostFixation(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token token")
	play(t, func(t *testing.T, a *app, b *browser) {
		links := a.links(b, func() {})
		logIn := func(location string) {
			t.Helper()
			res := b.do(b.answer(location))
			wants(t, res, 200, "You are being logged in")
			if res = b.do(page("POST", base+"/callback?again=1", fields(t, text(res))...)); res.StatusCode != http.StatusSeeOther {
				t.Fatalf("%d %s", res.StatusCode, text(res))
			}
		}
		b.get("/set?cart=apple")
		planted := b.session()
		logIn(b.start("/x"))
		first := b.session()
		logIn(b.start("/auth/login"))
		second := b.session()
		logIn(b.post("/link").Header.Get("Location"))
		wants(t, b.get("/open"), 200, "alice-sub apple")
		for _, old := range []string{planted, first, second} {
			wants(t, b.with(old).get("/open"), 200, "nobody ")
		}
		if links["alice-sub"] != "alice-sub" {
			t.Errorf("links %v, reported %v", links, a.lastFailure())
		}
	}, func(c *Config) { c.Ask = formPostResponse })
}

// TestFormPostBelowRouter: the page finds the way back where a router has taken the prefix away.
func TestFormPostBelowRouter(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.h = http.StripPrefix("/auth", a)
		wants(t, b.post("/auth/callback"), 200, `action="/auth/callback?again=1"`)
	})
}

// fields are what a page would post.
func fields(t *testing.T, body string) (pairs []string) {
	t.Helper()
	unescape := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&")
	for _, m := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		pairs = append(pairs, unescape.Replace(m[1]), unescape.Replace(m[2]))
	}
	return pairs
}

// TestPostAgainEscapes: what a stranger posts comes back as text only, and only once round.
func TestPostAgainEscapes(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		evil := `"><script>alert(1)</script>`
		r := page("POST", base+"/callback", "state", evil, evil, "x")
		res := b.do(r)
		wants(t, res, 200, "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;")
		if n := strings.Count(text(res), "<script"); n != 1 {
			t.Errorf("%d scripts", n)
		}
		if got := fields(t, text(res)); len(got) != 4 || got[1] != "x" || got[3] != evil {
			t.Errorf("fields %q", got)
		}
		wants(t, b.do(page("POST", base+"/callback?again=1", "state", "x")), 400, "cookies")
	})
}

// TestDevelopment: only there the page names the check.
func TestDevelopment(t *testing.T) {
	for _, development := range []bool{false, true} {
		play(t, func(t *testing.T, a *app, b *browser) {
			a.p.IDToken = func(tok *hostile.Token) { tok.Claims["aud"] = "another<b>" }
			res := b.logIn("/")
			wants(t, res, 502, "could not be verified")
			if got := strings.Contains(text(res), "ID Token: aud: expected"); got != development {
				t.Errorf("development %v: %s", development, text(res))
			}
			if strings.Contains(text(res), "<b>") {
				t.Error("not escaped")
			}
		}, func(c *Config) { c.Development = development })
	}
}

// TestOtherHost: the developer is told what nobody else can find out.
func TestOtherHost(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		r := page("GET", "/auth/callback?state=x&code=y")
		r.Host = "www.app.example"
		wants(t, b.do(r), 400, "this request is for the host www.app.example, and Config.BaseURL says app.example")
		r = page("GET", "/auth/callback?state=x&code=y")
		r.Host = "app.example"
		if res := b.do(r); strings.Contains(text(res), "BaseURL") {
			t.Errorf("%s", text(res))
		}
	}, func(c *Config) { c.Development = true })
}

// TestProviderDown: who is signed in works on; the login says so and offers to try again.
func TestProviderDown(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		location := b.start("/auth/login?return_to=/y")
		back := b.answer(location)
		for _, endpoint := range []string{"discovery", "token", "jwks"} {
			a.p.Serve(endpoint, hostile.Status(500, "text/plain", "down"))
		}
		wants(t, b.do(back), 502, "does not answer at the moment", "Try again", "%2Fy")
		wants(t, b.get("/"), 200, "alice-sub")
		for _, endpoint := range []string{"discovery", "token", "jwks"} {
			a.p.Serve(endpoint, nil)
		}
	})
	play(t, func(t *testing.T, a *app, b *browser) {
		a.p.Serve("discovery", hostile.Status(500, "text/plain", "down"))
		res := b.get("/x")
		wants(t, res, 502, "does not answer at the moment", `href="/auth/login?return_to=%2Fx"`)
		a.p.Serve("discovery", nil)
		time.Sleep(time.Minute)
		if res := b.logIn("/auth/login?return_to=%2Fx"); res.Header.Get("Location") != "/x" {
			t.Errorf("later: %d %s", res.StatusCode, text(res))
		}
	})
}
