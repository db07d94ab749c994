package login

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// TestHostileSessionLifetimes: S04. The ID Token of an hour has nothing to do with it.
func TestHostileSessionLifetimes(t *testing.T) {
	hostile.Watch(t, "(discovery|token|jwks)+") // metadata and keys grow old meanwhile
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		stolen := b.session()
		for range 35 { // 11 h 40 min of work
			time.Sleep(20 * time.Minute)
			wants(t, b.get("/open"), 200, "alice-sub")
		}
		time.Sleep(21 * time.Minute)
		wants(t, b.get("/open"), 200, "nobody")
		wants(t, b.with(stolen).get("/open"), 200, "nobody")

		b.mustLogIn("/")
		time.Sleep(61 * time.Minute)
		wants(t, b.get("/open"), 200, "nobody")
		if res := b.get("/x"); res.StatusCode != http.StatusSeeOther {
			t.Errorf("after idling: %d", res.StatusCode)
		}
	})
}

// TestTouch: that a session is in use is written once in a minute, however many requests come.
func TestTouch(t *testing.T) {
	counted := &countedStore{Backend: newMemory()}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		before := counted.writes()
		for range 59 {
			time.Sleep(time.Second)
			b.get("/")
		}
		if n := counted.writes() - before; n != 0 {
			t.Errorf("%d writes in the first minute", n)
		}
		time.Sleep(time.Second)
		counted.slow = time.Millisecond // so that all have read before the first one writes
		var all sync.WaitGroup
		for range 20 {
			c := b.also()
			c.cookies = maps.Clone(b.cookies)
			all.Go(func() { wants(t, c.get("/"), 200, "alice-sub") })
		}
		all.Wait()
		if n := counted.writes() - before; n != 1 {
			t.Errorf("%d writes for twenty at once", n)
		}
	}, counted.use)
}

// TestHostileReplayAfterLogout: S05. In cookies it cannot be, and Config says so.
func TestHostileReplayAfterLogout(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		stolen := b.session()
		b.post("/auth/logout")
		wants(t, b.get("/open"), 200, "nobody")
		wants(t, b.with(stolen).get("/open"), 200, "nobody")
	})
}

// TestHostileSessionFixation: S06, the id is another one after each login, and what the application keeps stays if it is the same person's.
func TestHostileSessionFixation(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token token")
	play(t, func(t *testing.T, a *app, b *browser) {
		wants(t, b.get("/set?cart=apple"), 200, "apple")
		planted := b.session()
		if planted == "" {
			t.Fatal("no session for the cart")
		}
		wants(t, b.get("/open"), 200, "nobody apple")
		b.mustLogIn("/x")
		wants(t, b.get("/open"), 200, "alice-sub apple")
		wants(t, b.with(planted).get("/open"), 200, "nobody ")
		first := b.session()

		time.Sleep(10 * time.Minute)
		wants(t, b.get("/set?cart=pear"), 200, "pear")
		if b.session() != first {
			t.Error("a value moved the session")
		}
		b.mustLogIn("/pay") // a step-up
		wants(t, b.get("/open"), 200, "alice-sub pear")
		wants(t, b.with(first).get("/open"), 200, "nobody ")
		if second := b.session(); second == first || second == planted {
			t.Error("the id is the same")
		}

		time.Sleep(10 * time.Minute)
		a.p.Subject = "bob-sub"
		b.mustLogIn("/pay")
		wants(t, b.get("/open"), 200, "bob-sub")
		if body := text(b.get("/open")); body != "bob-sub " {
			t.Errorf("bob has alice's cart: %q", body)
		}
		wants(t, b.get("/set"), 200)
	})
}

// TestHostileCachedSession: S14, an answer that gives a browser its session is not kept for the next one by a cache.
func TestHostileCachedSession(t *testing.T) {
	hostile.Watch(t, "")
	both(t, func(t *testing.T, a *app, b *browser) {
		renewed := func(target string) {
			t.Helper()
			if res := b.get(target); len(b.set) > 0 && res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s sets %s with Cache-Control %q", target, b.set[0].Name, res.Header.Get("Cache-Control"))
			}
		}
		renewed("/set?cart=apple")
		if b.session() == "" {
			t.Fatal("no session for the cart")
		}
		time.Sleep(2 * time.Minute)
		renewed("/open")
		renewed("/set?cart=pear")
	})
}

// TestStatelessValues: they travel with the cookie, and what does not fit is refused.
func TestStatelessValues(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.get("/set?cart=apple")
		b.mustLogIn("/x")
		wants(t, b.get("/open"), 200, "alice-sub apple")
		size := len(b.session())
		wants(t, b.get("/set?cart="+strings.Repeat("x", 4000)), 500, "does not fit")
		wants(t, b.get("/open"), 200, "alice-sub apple")
		if size > 600 || strings.Contains(b.session(), "alice") {
			t.Errorf("%d bytes", size)
		}
	}, stateless)
}

func TestValuesAreBounded(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/x")
		b.get("/set?cart=apple")
		wants(t, b.post("/set", "cart", strings.Repeat("x", maxValueBytes)), 500, "too large")
		wants(t, b.get("/open"), 200, "alice-sub apple")
	})
}

// TestHostileNothingPrints: S11.
func TestHostileNothingPrints(t *testing.T) {
	hostile.Watch(t, "discovery token jwks")
	play(t, func(t *testing.T, a *app, b *browser) {
		var seen []any
		a.cfg.OnLogin = func(_ context.Context, r *Result) error {
			seen = append(seen, r, *r, r.User, r.Tokens)
			return nil
		}
		mux := http.NewServeMux()
		mux.Handle("/auth/", a)
		mux.Handle("/", a.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, UserFrom(r.Context()), TokenSource(r.Context()), UserFrom(r.Context()).IDToken(), r.Context())
		})))
		b.h = mux
		b.mustLogIn("/x")
		b.get("/x")
		seen = append(seen, a.Handler, a.cfg, Config{BaseURL: base, Keys: []openid.Secret{key('1')}})
		for _, v := range seen {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				s := fmt.Sprintf(verb, v)
				if strings.Contains(s, hostile.Canary) || strings.Contains(s, key('1').Reveal()) || strings.Contains(s, "eyJ") {
					t.Errorf("%T with %s: %s", v, verb, s)
				}
			}
		}
		if len(seen) != 11 {
			t.Errorf("%d values", len(seen))
		}
	}, func(c *Config) { c.Scope = []string{"openid", "offline_access"} })
}

// TestHostileConcurrentSession: S12, callbacks, refreshes, changes, reads and a logout of one session at once. Nobody outlives the logout.
func TestHostileConcurrentSession(t *testing.T) {
	hostile.Watch(t, "discovery token jwks token+")
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		a, b := newApp(t, p, func(c *Config) { c.Scope = []string{"openid", "offline_access"} })
		for range 5 {
			b.mustLogIn("/")
			time.Sleep(2 * time.Minute) // the tokens have expired, and the session is due
			id := b.session()
			callbacks := []*http.Request{}
			for range 3 {
				callbacks = append(callbacks, b.answer(b.start("/auth/login")))
			}
			var all sync.WaitGroup
			run := func(f func(c *browser) *http.Response) {
				c := b.also()
				c.cookies = maps.Clone(b.cookies)
				all.Go(func() {
					res := f(c)
					if res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
						body, _ := io.ReadAll(res.Body)
						if !strings.Contains(string(body), "ended meanwhile") && !strings.Contains(string(body), "log in again") && !strings.Contains(string(body), "not saved") {
							t.Errorf("%d %s", res.StatusCode, body)
						}
					}
				})
			}
			for i := range 6 {
				run(func(c *browser) *http.Response { return c.get("/token") })
				run(func(c *browser) *http.Response { return c.get("/open") })
				run(func(c *browser) *http.Response { return c.get(fmt.Sprintf("/set?cart=%d", i)) })
			}
			for _, r := range callbacks {
				run(func(c *browser) *http.Response { return c.do(r) })
			}
			run(func(c *browser) *http.Response { return c.post("/auth/logout") })
			all.Wait()
			wants(t, b.with(id).get("/open"), 200, "nobody")
			if b, err := a.store.Get(t.Context(), a.storeKey(id)); b != nil || err != nil {
				t.Errorf("the session is still there: %d bytes, %v", len(b), err)
			}
			b.cookies = map[string]*http.Cookie{}
		}
	})
}
