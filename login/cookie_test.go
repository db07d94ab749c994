package login

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

var (
	attemptName = regexp.MustCompile(`-tx-[A-Z2-7]{16}=`)
	cookieValue = regexp.MustCompile(`=[A-Za-z0-9_.-]{16,}; `)
)

// lines are the Set-Cookie lines of the last answer, to the letter but for what is random.
func (b *browser) lines() []string {
	lines := []string{}
	for _, c := range b.set {
		lines = append(lines, cookieValue.ReplaceAllString(attemptName.ReplaceAllString(c.Raw, "-tx-NAME="), "=VALUE; "))
	}
	slices.Sort(lines)
	return lines
}

// TestHostileEveryCookie: S07, each cookie of this package in each answer that sets or ends one, over https and on loopback without it.
func TestHostileEveryCookie(t *testing.T) {
	hostile.Watch(t, "discovery token jwks discovery token jwks discovery token jwks discovery token jwks", hostile.Bytes(1<<30))
	gone := false
	for _, site := range []struct {
		base, prefix, flags, crossSite string
	}{
		{"https://app.example/auth", "__Host-", "; HttpOnly; Secure; SameSite=Lax", "; HttpOnly; Secure; SameSite=None"},
		{"http://127.0.0.1:8080/auth", "", "; HttpOnly; SameSite=Lax", "; HttpOnly; SameSite=Lax"}, // where no browser would take None
	} {
		session := site.prefix + "session=VALUE; Path=/" + site.flags
		noSession := site.prefix + "session=; Path=/; Max-Age=0" + site.flags
		attempt := site.prefix + "session-tx-NAME=VALUE; Path=/; Max-Age=1800" + site.flags
		noAttempt := site.prefix + "session-tx-NAME=; Path=/; Max-Age=0" + site.flags
		notice := site.prefix + "session-notice=VALUE; Path=/; Max-Age=60" + site.flags
		noNotice := site.prefix + "session-notice=; Path=/; Max-Age=0" + site.flags
		for _, stateless := range []bool{false, true} {
			t.Run(site.base+map[bool]string{true: " stateless"}[stateless], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					gone = false
					var ended []string // which only a browser that keeps its session itself has to remember
					if stateless {
						ended = []string{site.prefix + "session-ended=VALUE; Path=/; Max-Age=43200" + site.flags}
					}
					p := hostile.Pipe(t)
					a, b := newApp(t, p, func(c *Config) {
						c.BaseURL, c.Stateless, c.FailurePage = site.base, stateless, "/sorry"
						c.LoadUser = func(context.Context, *User) (any, error) {
							if gone {
								return nil, ErrNoAccount
							}
							return nil, nil
						}
					})
					p.RedirectURI = site.base + "/callback"
					mux := b.h.(*http.ServeMux)
					mux.HandleFunc("/sorry", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, a.Notice(w, r)) })
					mux.Handle("/password", a.SignIn(passwords))
					mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
						a.Start(w, r, Start{Ask: openid.AuthorizationRequest{ResponseMode: "form_post"}})
					})
					sets := func(what string, want ...string) {
						t.Helper()
						slices.Sort(want)
						if got := b.lines(); !slices.Equal(got, want) {
							t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
						}
					}
					b.get("/open")
					sets("nobody")
					b.get("/set?cart=apple")
					sets("a value", session)
					location := b.start("/x")
					sets("a challenge", attempt)
					b.do(b.answer(location))
					sets("a callback", append(ended, noAttempt, session)...)
					b.get("/x")
					sets("a page")
					time.Sleep(2 * time.Minute)
					b.get("/x")
					if stateless {
						sets("a page later", session)
					} else {
						sets("a page later")
					}
					if res := b.post("/auth/logout"); res.StatusCode != http.StatusSeeOther {
						t.Fatal(res.StatusCode)
					} else {
						sets("a logout", append(ended, noSession, attempt)...)
						u, _ := url.Parse(res.Header.Get("Location"))
						b.get("/auth/logged-out?state=" + u.Query().Get("state"))
						sets("back from it", noAttempt)
					}
					b.start("/post")
					sets("form_post", strings.Replace(attempt, site.flags, site.crossSite, 1))
					clear(b.cookies)
					p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
					b.logIn("/x")
					sets("a refusal", noAttempt, notice)
					b.get("/sorry")
					sets("its notice", noNotice)
					p.Callback = nil
					b.post("/password", "name", "dave", "password", "secret")
					sets("a password", session)
					gone = true
					b.get("/open")
					sets("a user who is gone", append(ended, noSession)...)
					b.cookies[site.prefix+"session-tx-ABCDEFGHIJKLMNOP"] = &http.Cookie{Name: site.prefix + "session-tx-ABCDEFGHIJKLMNOP", Value: "x"}
					b.start("/x")
					sets("a strange attempt", attempt, noAttempt)
				})
			})
		}
	}
}

// TestHostileCookieSize: S10, what does not fit into a cookie is not sent, and what a login may need does fit.
func TestHostileCookieSize(t *testing.T) {
	hostile.Watch(t, "discovery")
	play(t, func(t *testing.T, a *app, b *browser) {
		mux := b.h.(*http.ServeMux)
		extra := 0
		mux.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
			a.Start(w, r, Start{ReturnTo: "/" + strings.Repeat("x", maxReturnTarget-1), Ask: openid.AuthorizationRequest{TokenExtra: url.Values{"x": {strings.Repeat("x", extra)}}}})
		})
		fits, most := 0, 0
		for extra = 0; extra < 4000; extra += 100 {
			res := b.get("/start")
			if res.StatusCode == http.StatusSeeOther {
				fits = extra
				most = max(most, len(b.set[0].Name)+len(b.set[0].Value))
				if len(b.set) != 1 && b.set[0].MaxAge < 0 {
					t.Fatalf("cookies: %v", b.set)
				}
				clear(b.cookies)
				continue
			}
			wants(t, res, 500, "Something is wrong")
			if err := a.lastFailure(); err == nil || len(b.set) != 0 {
				t.Errorf("%d more bytes: %v, cookies %v", extra, err, b.set)
			}
		}
		if fits < 500 || fits > 3000 || most > maxAttempt {
			t.Errorf("%d bytes fit, into %d", fits, most)
		}
	})
}

// TestHostileDuplicates: S02, another cookie of the same name beside the true one, in whatever order, is neither taken for it nor in its way.
func TestHostileDuplicates(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+ discovery token jwks token discovery token jwks token")
	play(t, func(t *testing.T, a *app, b *browser) {
		other := b.also()
		other.start("/elsewhere")
		foreign := other.cookies[other.transactions()[0]].Value
		for lie, lines := range map[string]func(name, good string) []string{
			"the same twice":     func(name, good string) []string { return []string{name + "=" + good, name + "=" + good} },
			"garbage in front":   func(name, good string) []string { return []string{name + "=x", name + "=" + good} },
			"garbage behind":     func(name, good string) []string { return []string{name + "=" + good, name + "=x"} },
			"another's in front": func(name, good string) []string { return []string{name + "=" + foreign, name + "=" + good} },
			"one under many names": func(name, good string) []string {
				return []string{name + "A=" + good, name + "B=" + good, name + "=" + good}
			},
			"five hundred of others": func(name, good string) []string {
				many := []string{}
				for i := range 500 {
					many = append(many, name+strings.Repeat("Z", i%9)+"="+foreign)
				}
				return append(many, name+"="+good)
			},
		} {
			c := b.also()
			back := c.answer(c.start("/x"))
			name := c.transactions()[0]
			cookies := lines(name, c.cookies[name].Value)
			clear(c.cookies)
			back.Header.Set("Cookie", strings.Join(cookies, "; "))
			before := a.p.Count("token")
			if res := c.do(back); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/x" {
				t.Errorf("%s: %d %s", lie, res.StatusCode, text(res))
			}
			if n := a.p.Count("token") - before; n != 1 {
				t.Errorf("%s: %d token requests", lie, n)
			}
		}
	})
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		mallory := b.also()
		a.p.Subject = "mallory"
		mallory.mustLogIn("/")
		good, planted := "__Host-session="+b.session(), "__Host-session="+mallory.session()
		for _, cookies := range []string{planted + "; " + good, good + "; " + planted, good + "; " + good} {
			r := page("GET", "/open")
			r.Header.Set("Cookie", cookies)
			wants(t, b.also().do(r), 200, "nobody")
		}
	})
}

// TestHostileLogoutCookie: S01, S03 and S04, the attempt of a logout is sealed as that of a login is, and as short-lived; without it the way back leads to
// where every logout ends.
func TestHostileLogoutCookie(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.h.(*http.ServeMux).HandleFunc("/leave", func(w http.ResponseWriter, r *http.Request) { a.Logout(w, r, "/survey") })
		b.mustLogIn("/")
		u, _ := url.Parse(b.get("/leave").Header.Get("Location"))
		back := "/auth/logged-out?state=" + u.Query().Get("state")
		name := b.transactions()[0]
		good := b.cookies[name].Value
		for _, lie := range append(flips(good), "", ".", good[:50], good+"x", strings.Repeat("A.", 50_000)) {
			b.cookies[name] = &http.Cookie{Name: name, Value: lie}
			if res := b.get(back); res.Header.Get("Location") != "/" {
				t.Fatalf("%.90q: %d %s", lie, res.StatusCode, res.Header.Get("Location"))
			}
		}
		b.cookies[name] = &http.Cookie{Name: name, Value: good}
		kept := maps.Clone(b.cookies)
		login := page("GET", base+"/callback?"+url.Values{"state": {u.Query().Get("state")}, "code": {"x"}, "iss": {a.p.Issuer}}.Encode())
		wants(t, b.do(login), 400, "expired")
		if check := refusedCheck(a.lastFailure()); check != "state" || a.p.Count("token") != 1 {
			t.Errorf("a logout was taken for a login: check %q", check)
		}
		if res := b.get(back); res.Header.Get("Location") != "/survey" {
			t.Errorf("the true one: %s", res.Header.Get("Location"))
		}
		time.Sleep(31 * time.Minute)
		b.cookies = kept
		if res := b.get(back); res.Header.Get("Location") != "/" {
			t.Errorf("later: %s", res.Header.Get("Location"))
		}
	})
}

// TestRemember: the cookie is kept until the session ends in any case, and not a second longer.
func TestRemember(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		last := func(want string) {
			t.Helper()
			if got := b.lines(); len(got) == 0 || got[len(got)-1] != "__Host-session=VALUE; Path=/; Max-Age="+want+"; HttpOnly; Secure; SameSite=Lax" {
				t.Errorf("cookies %q, want Max-Age=%s", got, want)
			}
		}
		b.get("/set?cart=apple")
		last("43200")
		time.Sleep(30 * time.Minute)
		b.mustLogIn("/")
		b.set = b.set[1:] // behind the end of the attempt
		last("43200")
		time.Sleep(30*time.Minute + time.Millisecond)
		b.get("/set?cart=pear")
		if a.cfg.Stateless {
			last("41399")
		}
		b.post("/auth/logout")
		if b.session() != "" {
			t.Error("still remembered")
		}
	}, func(c *Config) { c.Remember = true })
}
