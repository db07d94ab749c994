package login

import (
	"context"
	"encoding/base64"
	"errors"
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
	"github.com/openid-client/openid/store"
)

func stateless(c *Config) { c.Stateless = true }

// both plays with sessions in the store and in cookies.
func both(t *testing.T, f func(t *testing.T, a *app, b *browser), tune ...func(*Config)) {
	t.Helper()
	t.Run("store", func(t *testing.T) { play(t, f, tune...) })
	t.Run("stateless", func(t *testing.T) { play(t, f, append(tune, stateless)...) })
}

// with presents a session cookie of this value.
func (b *browser) with(value string) *browser {
	other := b.also()
	other.cookies["__Host-session"] = &http.Cookie{Name: "__Host-session", Value: value}
	return other
}

// flips are all texts that differ from s in one bit of one character, as far as a cookie can hold them.
func flips(s string) (list []string) {
	for i := range len(s) {
		for bit := range 7 {
			if c := s[i] ^ 1<<bit; c > ' ' && c < 0x7f && !strings.ContainsRune("\",;\\", rune(c)) {
				list = append(list, s[:i]+string(rune(c))+s[i+1:])
			}
		}
	}
	return list
}

// TestSessionBitFlips: S01, in the session and in the transaction, and whatever else is no cookie of ours.
func TestSessionBitFlips(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		good := b.session()
		lies := append(flips(good), "", "x", good[1:], good[:len(good)-1], good+"A", good+"=", strings.Repeat("A", 100_000), good+good, "\x00", good[:10]+" "+good[11:])
		for _, lie := range lies {
			if res := b.with(lie).get("/open"); text(res) != "nobody " || res.StatusCode != 200 {
				t.Fatalf("%.90q: %d %s", lie, res.StatusCode, text(res))
			}
		}
		twice := page("GET", "/open")
		twice.Header.Set("Cookie", "__Host-session="+good+"; __Host-session="+good[1:])
		if res := b.also().do(twice); text(res) != "nobody " {
			t.Errorf("two of one name: %s", text(res))
		}
		wants(t, b.with(good).get("/open"), 200, "alice-sub")
	})
}

func TestTransactionBitFlips(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		location := b.start("/")
		name := b.transactions()[0]
		good := b.cookies[name].Value
		back := b.answer(location).URL.String()
		lies := append(flips(good), "", ".", good+"x", good[:100], strings.Repeat("A.", 50_000), good+"."+good)
		for _, lie := range lies {
			b.cookies[name] = &http.Cookie{Name: name, Value: lie}
			if res := b.get(back); res.StatusCode != 400 {
				t.Fatalf("%.90q: %d", lie, res.StatusCode)
			}
		}
		if a.p.Count("token") != 0 {
			t.Error("a code was redeemed")
		}
		delete(b.cookies, name)
		b.cookies[name+"x"] = &http.Cookie{Name: name + "x", Value: good} // S02: under another name
		wants(t, b.get(back), 400, "expired")
		delete(b.cookies, name+"x")
		b.cookies[name] = &http.Cookie{Name: name, Value: good}
		if res := b.get(back); res.StatusCode != http.StatusSeeOther {
			t.Errorf("the good one: %d %s", res.StatusCode, text(res))
		}
	})
}

// TestForeignCookies: S02, what another application made, which shares keys and store.
func TestForeignCookies(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		good := b.session()
		for _, l := range []struct {
			name string
			tune func(*Config)
			want string
		}{
			{"session", func(*Config) {}, "alice-sub "},
			{"session", func(c *Config) { c.BaseURL = "https://app.example/other" }, "nobody "},
			{"session", func(c *Config) { c.BaseURL = "https://other.example/auth" }, "nobody "},
			{"session-tx-1", func(*Config) {}, "nobody "},
		} {
			cfg := Config{BaseURL: base, Keys: []openid.Secret{key('1')}, Store: a.store, Stateless: a.cfg.Stateless}
			l.tune(&cfg)
			h, err := New(cfg, providerConfig(a.p))
			if err != nil {
				t.Fatal(err)
			}
			other := b.also()
			other.h = (&app{Handler: h, p: a.p}).mux()
			other.cookies["__Host-"+l.name] = &http.Cookie{Name: "__Host-" + l.name, Value: good}
			if got := text(other.get("/open")); got != l.want {
				t.Errorf("%s at %s: %q", l.name, cfg.BaseURL, got)
			}
		}
	})
}

// TestForeignSealedCookies: S02 for sealed sessions.
func TestForeignSealedCookies(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		now := time.Now()
		alice := &session{started: now, seen: now, issuer: a.p.Issuer, subject: "alice-sub"}
		seal := func(s *sealer, plain []byte, name string) string {
			v, err := s.seal(plain, name)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		wants(t, b.with(seal(a.sessionSeal, alice.encode(), "__Host-session")).get("/open"), 200, "alice-sub")
		newer := alice.encode()
		newer[0]++
		raw, _ := base64.RawURLEncoding.DecodeString(b.session())
		raw[0]++
		unknown := *alice
		unknown.provider = "gone"
		for lie, value := range map[string]string{
			"another name":         seal(a.sessionSeal, alice.encode(), "__Host-session-tx-1"),
			"another purpose":      seal(a.attemptSeal, alice.encode(), "__Host-session"),
			"another key":          seal(newSealer([]openid.Secret{key('2')}, "openid login session", base), alice.encode(), "__Host-session"),
			"another application":  seal(newSealer([]openid.Secret{key('1')}, "openid login session", base+"2"), alice.encode(), "__Host-session"),
			"another version":      seal(a.sessionSeal, newer, "__Host-session"),
			"another seal version": base64.RawURLEncoding.EncodeToString(raw),
			"trailing bytes":       seal(a.sessionSeal, append(alice.encode(), 0), "__Host-session"),
			"a record cut off":     seal(a.sessionSeal, alice.encode()[:20], "__Host-session"),
			"nothing":              seal(a.sessionSeal, nil, "__Host-session"),
			"a provider that went": seal(a.sessionSeal, unknown.encode(), "__Host-session"),
		} {
			if res := b.with(value).get("/open"); text(res) != "nobody " {
				t.Errorf("%s: %s", lie, text(res))
			}
		}
	}, stateless)
}

// TestSessionLifetimes: S04. The ID Token of an hour has nothing to do with it.
func TestSessionLifetimes(t *testing.T) {
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

// TestReplayAfterLogout: S05. In cookies it cannot be, and Config says so.
func TestReplayAfterLogout(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		stolen := b.session()
		b.post("/auth/logout")
		wants(t, b.get("/open"), 200, "nobody")
		wants(t, b.with(stolen).get("/open"), 200, "nobody")
	})
}

// TestSessionFixation: S06, the id is another one after each login, and what the application keeps stays if it is the same person's.
func TestSessionFixation(t *testing.T) {
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

// TestKeyRotation: S08, nobody is logged out, and no login under way is lost.
func TestKeyRotation(t *testing.T) {
	both(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		before := b.session()
		pending := b.start("/auth/login?return_to=/y")
		rotated := func(keys ...openid.Secret) http.Handler {
			h, err := New(Config{BaseURL: base, Keys: keys, Store: a.store, Stateless: a.cfg.Stateless}, providerConfig(a.p))
			if err != nil {
				t.Fatal(err)
			}
			return (&app{Handler: h, p: a.p}).mux()
		}
		b.h = rotated(key('2'), key('1'))
		wants(t, b.get("/open"), 200, "alice-sub")
		if a.cfg.Stateless && b.session() == before {
			t.Error("still sealed with the old key")
		}
		moved := maps.Clone(b.cookies)
		if res := b.do(b.answer(pending)); res.Header.Get("Location") != "/y" {
			t.Errorf("the login under way: %d %s", res.StatusCode, text(res))
		}
		b.cookies = moved
		b.h = rotated(key('2'))
		wants(t, b.with(b.session()).get("/open"), 200, map[bool]string{true: "alice-sub", false: "nobody"}[a.cfg.Stateless])
	})
}

// TestNothingPrints: S11.
func TestNothingPrints(t *testing.T) {
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

// TestStoreDown: a store that cannot be asked is a 503, never an anonymous user.
func TestStoreDown(t *testing.T) {
	down := &brokenStore{Backend: store.NewMemory(1000)}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		pending := b.answer(b.start("/auth/login?return_to=/y"))
		down.fail(errAway)
		for _, target := range []string{"/", "/open", "/set?cart=x"} {
			wants(t, b.get(target), 503, "Please try again in a while")
		}
		res := b.do(apiCall("GET", "/"))
		wants(t, res, 503, `"status":503`, `"error":"store"`)
		if res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Retry-After") == "" {
			t.Errorf("headers: %v", res.Header)
		}
		before := b.session()
		wants(t, b.post("/auth/logout"), 503)
		wants(t, b.do(pending), 503)
		if b.session() != before || a.p.Count("token") != 1 {
			t.Error("something happened without the store")
		}
		if err := a.lastFailure(); !errors.Is(err, errAway) {
			t.Errorf("reported: %v", err)
		}
		wants(t, b.also().get("/open"), 200, "nobody") // who brings nothing has nothing to be asked
		down.fail(nil)
		wants(t, b.get("/"), 200, "alice-sub")
	}, func(c *Config) { c.Store = store.New(down, store.Options{}) })
}

// TestStoreDownAtLogin: at whatever step it fails, there is no session, and no tokens are left behind.
func TestStoreDownAtLogin(t *testing.T) {
	for _, step := range []string{"Lock", "Save", "AddSession", "Delete"} {
		t.Run(step, func(t *testing.T) {
			down := &brokenStore{Backend: store.NewMemory(1000)}
			play(t, func(t *testing.T, a *app, b *browser) {
				b.get("/set?cart=apple")
				before := b.session()
				back := b.answer(b.start("/x"))
				down.failAt(step, errAway)
				wants(t, b.do(back), 503)
				down.fail(nil)
				if b.session() != before {
					t.Error("there is a session")
				}
				wants(t, b.get("/open"), 200, "nobody apple")
				b.mustLogIn("/x")
				wants(t, b.get("/open"), 200, "alice-sub apple")
			}, func(c *Config) { c.Store = store.New(down, store.Options{}) })
		})
	}
}

// TestStoreFull: a full store refuses logins, and serves who is signed in.
func TestStoreFull(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/") // session, tokens, used state
		wants(t, b.also().logIn("/"), 503)
		if err := a.lastFailure(); !errors.Is(err, store.ErrFull) {
			t.Error(err)
		}
		wants(t, b.get("/"), 200, "alice-sub")
	}, func(c *Config) { c.Store = store.Memory(3) })
}

// TestUnreadableRecord: what nobody can read any more is a new login, not an error for ever.
func TestUnreadableRecord(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		err := a.store.Update(t.Context(), a.storeKey(b.session()), func(context.Context, *store.Held) (store.Change, error) {
			return store.Put([]byte{sessionVersion + 1}, time.Hour), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wants(t, b.get("/open"), 200, "nobody")
		if err := a.lastFailure(); !errors.Is(err, errRecord) {
			t.Error(err)
		}
		b.mustLogIn("/")
	})
}

// TestStoreKeepsNoID: who reads the store cannot become anybody.
func TestStoreKeepsNoID(t *testing.T) {
	seen := &brokenStore{Backend: store.NewMemory(1000)}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		b.get("/")
		for _, key := range seen.keys {
			if strings.Contains(key, b.session()) {
				t.Errorf("the id is in the key %s", key)
			}
		}
	}, func(c *Config) { c.Store = store.New(seen, store.Options{}) })
}

var errAway = errors.New("the store is away")

// brokenStore fails where a test says so.
type brokenStore struct {
	store.Backend
	mu   sync.Mutex
	step string // empty: all
	err  error
	keys []string
}

func (b *brokenStore) fail(err error) { b.failAt("", err) }

func (b *brokenStore) failAt(step string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step, b.err = step, err
}

func (b *brokenStore) at(step, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys = append(b.keys, key)
	if b.step == "" || b.step == step || b.step == step+"Session" && strings.HasPrefix(key, "session:") {
		return b.err
	}
	return nil
}

func (b *brokenStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := b.at("Get", key); err != nil {
		return nil, err
	}
	return b.Backend.Get(ctx, key)
}

func (b *brokenStore) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
	if err := b.at("Add", key); err != nil {
		return false, err
	}
	return b.Backend.Add(ctx, key, v, ttl, tok)
}

func (b *brokenStore) Delete(ctx context.Context, key string) error {
	if err := b.at("Delete", key); err != nil {
		return err
	}
	return b.Backend.Delete(ctx, key)
}

func (b *brokenStore) Lock(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
	if err := b.at("Lock", key); err != nil {
		return store.Locked{}, err
	}
	return b.Backend.Lock(ctx, key, tok, over, d)
}

func (b *brokenStore) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	if err := b.at("Save", key); err != nil {
		return err
	}
	return b.Backend.Save(ctx, key, tok, c)
}

// TestConcurrentSession: S12, callbacks, refreshes, changes, reads and a logout of one session at once. Nobody outlives the logout.
func TestConcurrentSession(t *testing.T) {
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
