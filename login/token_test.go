package login

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

func (a *app) keys() []openid.Secret { return []openid.Secret{key('1')} }

func newMemory() store.Backend { return store.NewMemory(10_000) }

// countedStore knows which keys have a value, with the longest lifetime that was asked for.
type countedStore struct {
	store.Backend
	mu    sync.Mutex
	kept  map[string]time.Duration
	saved map[string]time.Duration // by kind
	puts  int
	slow  time.Duration // of reading
}

func (c *countedStore) use(cfg *Config) { cfg.Store = store.New(c, store.Options{}) }

func (c *countedStore) note(key string, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept, c.saved = map[string]time.Duration{}, map[string]time.Duration{}
	}
	if ttl == 0 {
		delete(c.kept, key)
		return
	}
	c.puts++
	c.kept[key] = ttl
	kind, _, _ := strings.Cut(key, ":")
	c.saved[kind] = max(c.saved[kind], ttl)
}

func (c *countedStore) count(prefix string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.kept {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

func (c *countedStore) writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.puts
}

func (c *countedStore) Get(ctx context.Context, key string) ([]byte, error) {
	b, err := c.Backend.Get(ctx, key)
	time.Sleep(c.slow)
	return b, err
}

func (c *countedStore) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
	c.note(key, ttl)
	return c.Backend.Add(ctx, key, v, ttl, tok)
}

func (c *countedStore) Delete(ctx context.Context, key string) error {
	c.note(key, 0)
	return c.Backend.Delete(ctx, key)
}

func (c *countedStore) Save(ctx context.Context, key string, tok store.Token, change store.Change) error {
	if _, ttl, ok := change.Value(); ok {
		c.note(key, ttl)
	} else if change.Removes() {
		c.note(key, 0)
	}
	return c.Backend.Save(ctx, key, tok, change)
}

func offline(c *Config) { c.Scope = []string{"openid", "offline_access"} }

// TestOneRefresh: of all requests, in two processes, one refreshes.
func TestOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		a, b := newApp(t, p, offline)
		h, err := New(Config{BaseURL: base, Keys: a.keys(), Store: a.store, Scope: []string{"openid", "offline_access"}}, providerConfig(p))
		if err != nil {
			t.Fatal(err)
		}
		second := (&app{Handler: h, p: p}).mux()
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		var all sync.WaitGroup
		for i := range 40 {
			c := b.also()
			c.cookies = maps.Clone(b.cookies)
			if i%2 == 0 {
				c.h = second
			}
			all.Go(func() { wants(t, c.get("/token"), 200, "2000-") })
		}
		all.Wait()
		if n := p.Count("token"); n != 2 {
			t.Errorf("%d token requests, want the login and one refresh", n)
		}
	})
}

// TestRefusedRefresh: the session ends, and the next page is a login, after which all is well.
func TestRefusedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		counted := &countedStore{Backend: newMemory()}
		a, b := newApp(t, p, offline, counted.use)
		b.mustLogIn("/")
		other := b.also()
		other.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		p.Serve("token", hostile.Error(400, "invalid_grant", ""))
		wants(t, b.get("/token"), 401, "login required")
		wants(t, b.get("/open"), 200, "nobody")
		p.Serve("token", nil)
		wants(t, other.get("/open"), 200, "alice-sub") // each session is its own
		if n := counted.count("session:"); n != 1 {
			t.Errorf("%d sessions", n)
		}
		b.mustLogIn("/token")
		wants(t, b.get("/token"), 200, "2000-")
		if errs := a.failures(); errs != nil {
			t.Error(errs)
		}
	})
}

// TestRefusedRefreshWithoutStore: a session that could not be ended with its tokens is ended by the next one who wants them.
func TestRefusedRefreshWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		down := &brokenStore{Backend: newMemory()}
		_, b := newApp(t, p, offline, func(c *Config) { c.Store = store.New(down, store.Options{}) })
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		p.Serve("token", hostile.Error(400, "invalid_grant", ""))
		down.failAt("DeleteSession", errAway)
		wants(t, b.get("/token"), 502) // nobody is told to log in who still is
		wants(t, b.get("/open"), 200, "alice-sub")
		down.fail(nil)
		wants(t, b.get("/token"), 401, "login required")
		wants(t, b.get("/open"), 200, "nobody")
		if n := p.Count("token"); n != 2 {
			t.Errorf("%d token requests, want the login and one refresh", n)
		}
	})
}

// TestRefusedRefreshAfterLink: the session ends also where its name has changed since the request began.
func TestRefusedRefreshAfterLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		a, b := newApp(t, p, offline)
		a.links(b, func() {})
		b.h.(*http.ServeMux).Handle("/slow", a.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			tab := b.also()
			tab.cookies = b.cookies
			tab.do(tab.answer(tab.post("/link").Header.Get("Location")))
			p.Serve("token", hostile.Error(400, "invalid_grant", ""))
			if _, err := TokenSource(r.Context()).Token(r.Context()); !errors.Is(err, openid.ErrLoginRequired) || !errors.Is(err, openid.ErrInvalidGrant) {
				t.Error(err)
			}
		})))
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		b.get("/slow")
		wants(t, b.get("/token"), 401, "login required")
		wants(t, b.get("/open"), 200, "nobody")
	})
}

// TestProviderDownAtRefresh: the session stays.
func TestProviderDownAtRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		_, b := newApp(t, p, offline)
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		p.Serve("token", hostile.Status(503, "text/plain", "down"))
		wants(t, b.get("/token"), 502)
		wants(t, b.get("/open"), 200, "alice-sub")
		p.Serve("token", nil)
		time.Sleep(time.Minute)
		wants(t, b.get("/token"), 200, "2000-")
	})
}

// TestNoRefreshToken: without one the user has to log in again for an API, and stays signed in here.
func TestNoRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		_, b := newApp(t, p)
		b.mustLogIn("/")
		wants(t, b.get("/token"), 200, "2000-")
		time.Sleep(2 * time.Minute)
		wants(t, b.get("/token"), 401, "login required")
		wants(t, b.get("/open"), 200, "alice-sub")
	})
}

// TestTokensEndWithTheSession: nothing that is kept outlives the session's own end.
func TestTokensEndWithTheSession(t *testing.T) {
	counted := &countedStore{Backend: newMemory()}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		time.Sleep(2 * time.Hour)
		b.mustLogIn("/")
		if got := counted.saved["tokens"]; got != 12*time.Hour {
			t.Errorf("tokens are kept for %v", got)
		}
		if got := counted.saved["session"]; got != time.Hour {
			t.Errorf("sessions are kept for %v", got)
		}
	}, offline, counted.use)
}

// TestStatelessTokens: there are none, which is not the user's fault.
func TestStatelessTokens(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		b.h = a.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := TokenSource(r.Context()).Token(r.Context())
			if !errors.Is(err, errNoTokens) || errors.Is(err, openid.ErrLoginRequired) {
				t.Error(err)
			}
		}))
		wants(t, b.get("/"), 200)
	}, stateless)
}

// TestCallAPI: as the user.
func TestCallAPI(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		b.h = a.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			res, err := TokenSource(r.Context()).HTTPClient("https://op.example").Get(a.p.URL("resource"))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			w.WriteHeader(res.StatusCode)
		}))
		wants(t, b.get("/"), 200)
	})
}
