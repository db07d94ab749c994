package login

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid/store"
)

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

// TestLoginAbandoned: a browser that goes away in the middle of a login leaves neither tokens nor a second session.
func TestLoginAbandoned(t *testing.T) {
	for _, at := range []string{"Add session:", "Delete session:"} {
		t.Run(at, func(t *testing.T) {
			s := &impatient{countedStore: countedStore{Backend: newMemory()}}
			play(t, func(t *testing.T, a *app, b *browser) {
				b.get("/set?cart=apple")
				r := b.answer(b.start("/x"))
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				s.before = func(step, key string) {
					if strings.HasPrefix(step+" "+key, at) {
						cancel()
					}
				}
				wants(t, b.do(r.WithContext(ctx)), 503)
				if n, m := s.count("session:"), s.count("tokens:"); n != 1 || m != 0 {
					t.Errorf("left: %d sessions, %d token records", n, m)
				}
			}, offline, func(c *Config) { c.Store = store.New(s, store.Options{}) })
		})
	}
}

// TestLogoutAbandoned: a browser that is closed as soon as the user has said so is logged out.
func TestLogoutAbandoned(t *testing.T) {
	s := &impatient{countedStore: countedStore{Backend: newMemory()}}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		r := page("POST", "/auth/logout")
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		b.do(r.WithContext(ctx))
		if n, m := s.count("session:"), s.count("tokens:"); n != 0 || m != 0 {
			t.Errorf("left: %d sessions, %d token records", n, m)
		}
	}, offline, func(c *Config) { c.Store = store.New(s, store.Options{}) })
}

// TestLogoutHalf: a logout that the store did not finish can be repeated, all of it.
func TestLogoutHalf(t *testing.T) {
	for _, step := range []string{"DeleteTokens", "DeleteSession"} {
		t.Run(step, func(t *testing.T) {
			counted := &countedStore{Backend: newMemory()}
			down := &brokenStore{Backend: counted}
			play(t, func(t *testing.T, a *app, b *browser) {
				b.mustLogIn("/")
				down.failAt(step, errAway)
				wants(t, b.post("/auth/logout"), 503)
				down.fail(nil)
				if to := b.post("/auth/logout").Header.Get("Location"); !strings.HasPrefix(to, a.p.URL("end_session")) {
					t.Errorf("to %q, and the provider has not heard of it", to)
				}
				if n, m := counted.count("session:"), counted.count("tokens:"); n != 0 || m != 0 {
					t.Errorf("left: %d sessions, %d token records", n, m)
				}
			}, offline, func(c *Config) { c.Store = store.New(down, store.Options{}) })
		})
	}
}

// TestStoreSavesNothing: that nobody can note the use of a session delays its requests a little, and holds none of them up for the minute in which the
// store goes on trying.
func TestStoreSavesNothing(t *testing.T) {
	down := &brokenStore{Backend: newMemory()}
	play(t, func(t *testing.T, a *app, b *browser) {
		b.mustLogIn("/")
		time.Sleep(2 * time.Minute)
		down.failAt("Save", errAway)
		for range 5 {
			began := time.Now()
			wants(t, b.get("/"), 200, "alice-sub")
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("a page took %v", d)
			}
		}
		down.fail(nil)
	}, func(c *Config) { c.Store = store.New(down, store.Options{}) })
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

// impatient does nothing for those who have gone.
type impatient struct {
	countedStore
	before func(step, key string)
}

func (s *impatient) look(ctx context.Context, step, key string) error {
	if s.before != nil {
		s.before(step, key)
	}
	return ctx.Err()
}

func (s *impatient) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.look(ctx, "Get", key); err != nil {
		return nil, err
	}
	return s.countedStore.Get(ctx, key)
}

func (s *impatient) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
	if err := s.look(ctx, "Add", key); err != nil {
		return false, err
	}
	return s.countedStore.Add(ctx, key, v, ttl, tok)
}

func (s *impatient) Delete(ctx context.Context, key string) error {
	if err := s.look(ctx, "Delete", key); err != nil {
		return err
	}
	return s.countedStore.Delete(ctx, key)
}

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
	if b.step == "" || b.step == step || b.step == step+"Session" && strings.HasPrefix(key, "session:") || b.step == step+"Tokens" && strings.HasPrefix(key, "tokens:") {
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
