package openid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

// A sourceTest is one application, of maybe several processes, that keeps the tokens of one user.
type sourceTest struct {
	*hostile.Provider
	t       *testing.T
	backend *brokenStore
	first   *Tokens // of the login, good for ten minutes
}

// client is another process of the application.
func (s *sourceTest) client(tune ...func(*Config)) *Client {
	return newTestClient(s.t, s.Provider, append(tune, func(cfg *Config) { cfg.Store = store.New(s.backend, store.Options{}) })...)
}

func (s *sourceTest) source(g Grant) *TokenSource { return s.client().TokenSource("alice", g) }

func (s *sourceTest) refreshes() (n int) {
	for _, r := range s.Requests("token") {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// withSource logs a user in and saves the tokens, in a bubble.
func withSource(t *testing.T, f func(t *testing.T, s *sourceTest, source *TokenSource)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = 10 * time.Minute
		s := &sourceTest{Provider: p, t: t, backend: &brokenStore{Backend: store.NewMemory(100)}}
		c := s.client()
		var err error
		if s.first, err = logIn(t, c, p); err != nil {
			t.Fatal(err)
		}
		source := c.TokenSource("alice", nil)
		if err := source.Save(t.Context(), s.first); err != nil {
			t.Fatal(err)
		}
		f(t, s, source)
	})
}

// brokenStore fails where a test says so.
type brokenStore struct {
	store.Backend
	mu   sync.Mutex
	fail func(step string) error
	slow time.Duration    // between reading and answering
	meet func(saved bool) // just before and just after a Save
}

func (b *brokenStore) meets(meet func(saved bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.meet = meet
}

func (b *brokenStore) met(saved bool) {
	b.mu.Lock()
	meet := b.meet
	b.mu.Unlock()
	if meet != nil {
		meet(saved)
	}
}

func (b *brokenStore) slows(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = d
}

func (b *brokenStore) breaks(fail func(step string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

func (b *brokenStore) broken(step string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail == nil {
		return nil
	}
	return b.fail(step)
}

func (b *brokenStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := b.broken("Get"); err != nil {
		return nil, err
	}
	v, err := b.Backend.Get(ctx, key)
	b.mu.Lock()
	slow := b.slow
	b.mu.Unlock()
	time.Sleep(slow)
	return v, err
}

func (b *brokenStore) Delete(ctx context.Context, key string) error {
	if err := b.broken("Delete"); err != nil {
		return err
	}
	return b.Backend.Delete(ctx, key)
}

func (b *brokenStore) Lock(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
	if err := b.broken("Lock"); err != nil {
		return store.Locked{}, err
	}
	return b.Backend.Lock(ctx, key, tok, over, d)
}

func (b *brokenStore) Renew(ctx context.Context, key string, tok store.Token, d time.Duration) error {
	if err := b.broken("Renew"); err != nil {
		return err
	}
	return b.Backend.Renew(ctx, key, tok, d)
}

func (b *brokenStore) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	if err := b.broken("Save"); err != nil {
		return err
	}
	b.met(false)
	err := b.Backend.Save(ctx, key, tok, c)
	b.met(true)
	return err
}

func mustToken(t *testing.T, s *TokenSource) *Tokens {
	t.Helper()
	tokens, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokenSourceLife(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		for range 3 {
			if got := mustToken(t, source); got != s.first {
				t.Errorf("not the tokens that were saved: %v", got)
			}
		}
		// Early, and nobody waits for it.
		time.Sleep(time.Until(s.first.Expiry) - time.Minute)
		began := time.Now()
		if got := mustToken(t, source); got != s.first || time.Since(began) != 0 {
			t.Errorf("while it is good: %v after %v", got, time.Since(began))
		}
		synctest.Wait()
		second := mustToken(t, source)
		if second.AccessToken.Equal(s.first.AccessToken) || second.RefreshToken.Equal(s.first.RefreshToken) || second.IDToken.Subject() != s.Subject || s.refreshes() != 1 {
			t.Errorf("after %d refreshes: %v", s.refreshes(), second)
		}
		// Another process finds what this one has saved, and refreshes what it found.
		other := s.source(nil)
		if got := mustToken(t, other); !got.AccessToken.Equal(second.AccessToken) || s.refreshes() != 1 {
			t.Errorf("another process: %v, %d refreshes", got, s.refreshes())
		}
		time.Sleep(time.Hour)
		third := mustToken(t, other)
		if got := mustToken(t, source); !got.AccessToken.Equal(third.AccessToken) || s.refreshes() != 2 || third.RefreshToken.Equal(second.RefreshToken) {
			t.Errorf("back here: %v, %d refreshes", got, s.refreshes())
		}
	})
}

// TestHostileTokenSourceStorm: 1,000 callers in four processes, one refresh.
func TestHostileTokenSourceStorm(t *testing.T) {
	t.Run("T20 1,000 callers", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks (discovery|token|jwks)+")
		withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
			honest := s.Honest("token")
			s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(300 * time.Millisecond)
				honest(w, r)
			})
			time.Sleep(time.Hour)
			sources := []*TokenSource{source, s.source(nil), s.source(nil), s.source(nil)}
			var wg sync.WaitGroup
			var mu sync.Mutex
			seen := map[string]int{}
			late := 0
			for i := range 1000 {
				wg.Go(func() {
					ctx := t.Context()
					if i%10 == 0 { // some have no patience
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
						defer cancel()
					}
					began := time.Now()
					tokens, err := sources[i%4].Token(ctx)
					mu.Lock()
					defer mu.Unlock()
					if errors.Is(err, context.DeadlineExceeded) && time.Since(began) == 50*time.Millisecond {
						late++
					} else if err != nil {
						t.Error(err)
					} else {
						seen[tokens.AccessToken.Reveal()]++
					}
				})
			}
			wg.Wait()
			if s.refreshes() != 1 || len(seen) != 1 || late != 100 {
				t.Errorf("%d refreshes, %d tokens, %d gave up", s.refreshes(), len(seen), late)
			}
		})
	})
}

// TestTokenSourceSparesAServerInTrouble: callers of all processes share a failure, each with its own deadline.
func TestTokenSourceSparesAServerInTrouble(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(100 * time.Millisecond)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		time.Sleep(time.Hour)
		before := s.Count("token")
		sources := []*TokenSource{source, s.source(nil)}
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // some come while it is asked, some right after
				var failed *ExchangeError
				if _, err := sources[i%2].Token(t.Context()); !errors.As(err, &failed) || failed.Status != http.StatusServiceUnavailable || !failed.Sent {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if n := s.Count("token") - before; n != 1 {
			t.Errorf("%d requests to a server in trouble", n)
		}
		// It recovers, and so do they.
		s.Serve("token", s.Honest("token"))
		time.Sleep(5 * time.Second)
		if mustToken(t, sources[0]); s.refreshes() != 2 {
			t.Errorf("%d refreshes", s.refreshes())
		}
		mustToken(t, sources[1])
	})
}

func TestTokenSourceObeysRetryAfter(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		time.Sleep(time.Hour)
		before := s.Count("token")
		for range 19 {
			if _, err := source.Token(t.Context()); err == nil {
				t.Fatal("no error")
			}
			time.Sleep(time.Second)
		}
		if n := s.Count("token") - before; n != 1 {
			t.Errorf("asked %d times in 19 s", n)
		}
		s.Serve("token", s.Honest("token"))
		time.Sleep(2 * time.Second)
		mustToken(t, source)
	})
}

// TestTokenSourceKeepsTryingBehind: while the old token is good nobody hears of the trouble, and the server is asked less and less.
func TestTokenSourceKeepsTryingBehind(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		var mu sync.Mutex
		var kinds []string
		source.Observe(func(_ context.Context, change TokenChange) {
			mu.Lock()
			defer mu.Unlock()
			kinds = append(kinds, change.Kind)
		})
		s.Serve("token", hostile.Status(http.StatusBadGateway, "text/plain", "down"))
		before := s.Count("token")
		time.Sleep(time.Until(s.first.Expiry) - time.Minute)
		for range 45 {
			if got := mustToken(t, source); got != s.first {
				t.Fatal("other tokens")
			}
			time.Sleep(time.Second)
		}
		if n := s.Count("token") - before; n < 3 || n > 6 {
			t.Errorf("asked %d times in 45 s", n)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if slices.ContainsFunc(kinds, func(kind string) bool { return kind != TokensFailed }) {
			t.Errorf("heard of %v", kinds)
		}
	})
}

func TestTokenSourceLogInAgain(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		var changes []TokenChange
		source.Observe(func(_ context.Context, change TokenChange) { changes = append(changes, change) })
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "the user has changed the password"))
		time.Sleep(time.Hour)
		before := s.Count("token")
		for i := range 2 {
			_, err := source.Token(t.Context())
			var again *LoginRequiredError
			if !errors.As(err, &again) || again.Unsure || !errors.Is(err, ErrLoginRequired) {
				t.Fatalf("got %v", err)
			}
			if i == 0 && !errors.Is(err, ErrInvalidGrant) {
				t.Errorf("does not say why: %v", err)
			}
		}
		if n := s.Count("token") - before; n != 1 {
			t.Errorf("%d requests with a token that was refused", n)
		}
		if changes[0].Kind != TokensRefused || changes[0].Tokens != nil {
			t.Errorf("heard of %v", changes)
		}
		s.Serve("token", s.Honest("token"))
		tokens, err := logIn(t, source.c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Save(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		if mustToken(t, source) != tokens {
			t.Error("not those of the new login")
		}
	})
}

// TestHostileTokenSourceLostAnswer: nobody knows what became of it, so the next one tries once, and says why it may not have worked.
func TestHostileTokenSourceLostAnswer(t *testing.T) {
	t.Run("T22 the answer is lost", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks (discovery|token) (discovery|token) token")
		withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
			honest := s.Honest("token")
			s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
				honest(&discarded{http.Header{}}, r)
				hostile.Reset()(w, r)
			})
			time.Sleep(time.Hour)
			before := s.Count("token")
			_, err := source.Token(t.Context())
			var failed *ExchangeError
			hostile.Hear(err)
			if !errors.As(err, &failed) || !failed.Sent || s.Count("token")-before != 1 {
				t.Fatalf("got %v after %d requests", err, s.Count("token")-before)
			}
			s.Serve("token", honest)
			time.Sleep(2 * time.Second)
			_, err = s.source(nil).Token(t.Context())
			var again *LoginRequiredError
			if !errors.As(err, &again) || !again.Unsure || s.Count("token")-before != 2 {
				t.Errorf("got %v after %d requests", err, s.Count("token")-before)
			}
		})
	})
}

// discarded is an answer that nobody gets.
type discarded struct{ h http.Header }

func (d *discarded) Header() http.Header         { return d.h }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

func TestTokenSourceGarbage(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", hostile.HTML())
		time.Sleep(time.Hour)
		var failed *ExchangeError
		if _, err := source.Token(t.Context()); !errors.As(err, &failed) || !failed.Sent {
			t.Errorf("a page: %v", err)
		}
		s.Serve("token", s.Honest("token"))
		s.IDToken = func(tok *hostile.Token) { tok.Claims["sub"] = "mallory" }
		time.Sleep(2 * time.Second)
		if _, err := source.Token(t.Context()); refusedBy(err) != "same sub" && refusedBy(err) != "sub" {
			t.Errorf("somebody else's: %v, refused by %q", err, refusedBy(err))
		}
	})
}

func TestTokenSourceForget(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, source := range []*TokenSource{source, s.source(nil)} {
			if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestTokenSourceForgetWins over a refresh under way, in whatever process: what it brings is handed back and not kept.
func TestTokenSourceForgetWins(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
			honest := s.Honest("token")
			s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second)
				honest(w, r)
			})
			time.Sleep(time.Hour)
			result := make(chan error)
			go func() {
				_, err := source.Token(t.Context())
				result <- err
			}()
			time.Sleep(500 * time.Millisecond)
			forgetter := source
			if elsewhere {
				forgetter = s.source(nil)
			}
			if err := forgetter.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			var unsaved *UnsavedError
			if err := <-result; !errors.As(err, &unsaved) || !errors.Is(err, store.ErrLost) || unsaved.Tokens.RefreshToken.IsEmpty() {
				t.Errorf("the one who waited: %v", err)
			}
			if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// TestTokenSourceForgetWinsOverAReader, who was just about to cache what has been forgotten.
func TestTokenSourceForgetWinsOverAReader(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(nil)
		s.backend.slows(time.Second)
		done := make(chan error)
		go func() {
			_, err := source.Token(t.Context())
			done <- err
		}()
		time.Sleep(500 * time.Millisecond)
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("who asked before: %v", err)
		}
		if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("after it: %v", err)
		}
	})
}

// TestTokenSourceRejectionJoins a refresh that knows nothing of it, and is not content with what that brings.
func TestTokenSourceRejectionJoins(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, first *TokenSource) {
		source := s.source(nil)
		s.backend.slows(time.Second)
		go func() { _, _ = source.Token(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		k, err := source.obtain(t.Context(), first.kept.Load())
		if err != nil || k.tokens.AccessToken.Equal(s.first.AccessToken) || s.refreshes() != 1 {
			t.Errorf("got %v, %v after %d refreshes", k, err, s.refreshes())
		}
	})
}

// TestTokenSourceIsEarly, also when it was asked a moment before.
// TestTokenSourceReplace: all who do not want the tokens of the login get the same others, for one refresh.
func TestTokenSourceReplace(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		time.Sleep(time.Minute)
		got := make(chan *Tokens)
		for range 50 {
			go func() {
				tokens, err := source.Replace(t.Context(), s.first)
				if err != nil {
					t.Error(err)
				}
				got <- tokens
			}()
		}
		next := <-got
		for range 49 {
			if tokens := <-got; !tokens.AccessToken.Equal(next.AccessToken) || tokens.AccessToken.Equal(s.first.AccessToken) {
				t.Errorf("%v beside %v", tokens, next)
			}
		}
		late, err := s.source(nil).Replace(t.Context(), s.first) // another process, which comes late
		if err != nil || !late.AccessToken.Equal(next.AccessToken) || s.refreshes() != 1 {
			t.Errorf("%v, %v after %d refreshes", late, err, s.refreshes())
		}
		time.Sleep(time.Minute)
		for i, old := range []*Tokens{next, nil} {
			last := next
			if next, err = source.Replace(t.Context(), old); err != nil || next.AccessToken.Equal(last.AccessToken) || s.refreshes() != i+2 {
				t.Fatalf("%v, %v after %d refreshes", next, err, s.refreshes())
			}
			time.Sleep(time.Minute)
		}
		s.Serve("token", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		})
		if _, err := source.Replace(t.Context(), next); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTokenSourceIsEarly(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		time.Sleep(time.Until(source.kept.Load().early) - wallClockEvery/4)
		mustToken(t, source)
		time.Sleep(wallClockEvery / 2)
		mustToken(t, source)
		synctest.Wait()
		if s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceSleeper: a holder that slept does not send what another has used meanwhile.
func TestTokenSourceSleeper(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		time.Sleep(time.Hour)
		asleep, awake := make(chan struct{}), make(chan struct{})
		sleeper := s.client(func(cfg *Config) {
			next := cfg.HTTPClient.Transport
			cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/token") {
					select {
					case <-asleep:
					default:
						close(asleep) // after dialling, before the body
						<-awake
					}
				}
				return next.RoundTrip(r)
			})}
		}).TokenSource("alice", nil)
		// While it sleeps nothing of it is alive: its lease is not renewed either.
		s.backend.breaks(func(step string) error {
			if step == "Renew" {
				return errors.New("asleep")
			}
			return nil
		})
		result := make(chan *Tokens)
		go func() {
			tokens, err := sleeper.Token(t.Context())
			if err != nil {
				t.Error(err)
			}
			result <- tokens
		}()
		<-asleep
		second := mustToken(t, source) // waits for the lease to lapse, and takes over
		s.backend.breaks(nil)
		close(awake)
		if got := <-result; got == nil || !got.AccessToken.Equal(second.AccessToken) {
			t.Errorf("the sleeper got %v", got)
		}
		if s.refreshes() != 1 {
			t.Errorf("%d refreshes: a used token was sent", s.refreshes())
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTokenSourceStoreTrouble(t *testing.T) {
	down := errors.New("connection refused")
	always := func(err error, steps ...string) func(string) error {
		return func(step string) error {
			if slices.Contains(steps, step) {
				return err
			}
			return nil
		}
	}
	for _, row := range []struct {
		name  string
		fail  func(string) error
		wants error
		sent  int // refreshes
	}{
		{"unreachable", always(down, "Get", "Lock"), down, 0},
		{"no lease", always(down, "Lock"), down, 0},
		{"unreadable", always(store.ErrUnreadable, "Get"), store.ErrUnreadable, 0},
		{"full", always(store.ErrFull, "Lock"), store.ErrFull, 0},
		{"read-only", always(down, "Save", "Add"), down, 1},
		{"full afterwards", always(store.ErrFull, "Save"), store.ErrFull, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				time.Sleep(time.Hour)
				s.backend.breaks(row.fail)
				_, err := source.Token(t.Context())
				if !errors.Is(err, row.wants) || s.refreshes() != row.sent {
					t.Fatalf("got %v after %d refreshes", err, s.refreshes())
				}
				var unsaved *UnsavedError
				var failed *StoreError
				if row.sent == 0 {
					if !errors.As(err, &failed) {
						t.Fatalf("got %T", err)
					}
					s.backend.breaks(nil)
					time.Sleep(2 * time.Second)
					mustToken(t, source)
					return
				}
				// Nothing is lost: it is in the error, it is used here, and it is saved as soon as the store lets it.
				if !errors.As(err, &unsaved) || unsaved.Tokens.RefreshToken.IsEmpty() || strings.Contains(err.Error(), hostile.Canary) {
					t.Fatalf("got %v", err)
				}
				if got := mustToken(t, source); got != unsaved.Tokens {
					t.Errorf("used here: %v", got)
				}
				s.backend.breaks(nil)
				time.Sleep(2 * time.Second)
				if got := mustToken(t, s.source(nil)); !got.AccessToken.Equal(unsaved.Tokens.AccessToken) || s.refreshes() != 1 {
					t.Errorf("another process: %v, %d refreshes", got, s.refreshes())
				}
				source.c.store.Close(t.Context())
			})
		})
	}
}

// TestHostileTokenSourceSaveTrouble: whoever brought tokens hears that they are not kept, and has them still.
func TestHostileTokenSourceSaveTrouble(t *testing.T) {
	t.Run("T21 a store that is full", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks")
		withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
			s.backend.breaks(func(string) error { return store.ErrFull })
			var unsaved *UnsavedError
			err := source.Save(t.Context(), s.first)
			hostile.Hear(err)
			if !errors.As(err, &unsaved) || unsaved.Tokens != s.first || !errors.Is(err, store.ErrFull) {
				t.Errorf("got %v", err)
			}
			if err := source.Forget(t.Context()); !errors.Is(err, store.ErrFull) {
				t.Errorf("got %v", err)
			}
			s.backend.breaks(nil)
			if err := source.Save(t.Context(), nil); err == nil {
				t.Error("nothing was saved")
			}
			if err := source.Save(t.Context(), &Tokens{AccessToken: NewSecret("a"), Type: "Bearer", issuer: "https://other.example"}); refusedBy(err) != "issuer" {
				t.Errorf("another issuer's: %v", err)
			}
		})
	})
}

// TestTokenSourceCorruptRecord: what cannot be read is not overwritten unless somebody says so.
func TestTokenSourceCorruptRecord(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(ClientCredentials{})
		err := source.c.store.Update(t.Context(), source.key, func(context.Context, *store.Held) (store.Change, error) {
			return store.Put([]byte("of a newer version"), time.Hour), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before := s.Count("token")
		var failed *StoreError
		if _, err := source.Token(t.Context()); !errors.As(err, &failed) || s.Count("token") != before {
			t.Errorf("got %v", err)
		}
		if err := source.Save(t.Context(), s.first); err != nil {
			t.Fatal(err)
		}
		mustToken(t, source)
	})
}

// TestTokenSourceGrants: who needs no user is asked once for all, also where there is no refresh token.
func TestTokenSourceGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Lifetime = time.Minute
		s := &sourceTest{Provider: p, t: t, backend: &brokenStore{Backend: store.NewMemory(10)}}
		sources := []*TokenSource{s.source(ClientCredentials{Scope: []string{"read"}}), s.source(ClientCredentials{Scope: []string{"read"}})}
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { mustToken(t, sources[i%2]) })
		}
		wg.Wait()
		if n := p.Count("token"); n != 1 {
			t.Errorf("%d requests", n)
		}
		first := mustToken(t, sources[0])
		time.Sleep(55 * time.Second)
		mustToken(t, sources[0])
		synctest.Wait()
		if got := mustToken(t, sources[0]); got.AccessToken.Equal(first.AccessToken) || p.Count("token") != 2 {
			t.Errorf("early: %v, %d requests", got, p.Count("token"))
		}
		time.Sleep(time.Hour)
		mustToken(t, sources[1])
		if p.Count("token") != 3 {
			t.Errorf("%d requests", p.Count("token"))
		}
	})
}

// TestTokenSourceGrantAfterRefusal: a grant that needs nobody stands in when the refresh token is not accepted any more.
func TestTokenSourceGrantAfterRefusal(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(ClientCredentials{Scope: []string{"read"}})
		if got := mustToken(t, source); !got.AccessToken.Equal(s.first.AccessToken) {
			t.Error("what is saved comes first")
		}
		honest := s.Honest("token")
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			if r.ParseForm(); r.PostForm.Get("grant_type") == "refresh_token" {
				hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked")(w, r)
				return
			}
			r.Body = http.NoBody
			honest(w, r)
		})
		time.Sleep(time.Hour)
		if _, err := source.Token(t.Context()); errors.Is(err, ErrLoginRequired) {
			t.Errorf("there is a grant: %v", err)
		}
		requests := s.Requests("token")
		if got := requests[len(requests)-1].Form.Get("grant_type"); got != "client_credentials" {
			t.Errorf("the last request was for %s", got)
		}
	})
}

// TestTokenSourceSeed: a refresh token that was kept elsewhere starts a source, and is not sent again when it has been refused.
func TestTokenSourceSeed(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		seeded := s.source(RefreshToken{Token: s.first.RefreshToken})
		before := s.refreshes()
		second := mustToken(t, seeded)
		time.Sleep(time.Hour)
		if third := mustToken(t, seeded); third.AccessToken.Equal(second.AccessToken) || s.refreshes()-before != 2 {
			t.Errorf("%d refreshes", s.refreshes()-before)
		}
		if err := seeded.Save(t.Context(), s.first); err != nil { // its refresh token is used up
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := seeded.Token(t.Context()); !errors.Is(err, ErrLoginRequired) || s.refreshes()-before != 3 {
			t.Errorf("got %v after %d refreshes", err, s.refreshes()-before)
		}
	})
}

// TestTokenSourceUser: a grant that waits for a user runs while somebody waits with it, once for all of them, and holds no lease.
func TestTokenSourceUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		s := &sourceTest{Provider: p, t: t, backend: &brokenStore{Backend: store.NewMemory(10)}}
		p.Decision = hostile.Decision{Answers: slices.Repeat([]string{"authorization_pending"}, 1000)}
		shown := 0
		source := s.source(Device{Scope: []string{"openid", "offline_access"}, Show: func(DevicePrompt) { shown++ }})

		for range 2 {
			impatient, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			if _, err := source.Token(impatient); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for tokens") {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
		}
		asked := p.Count("token")
		time.Sleep(time.Minute)
		if p.Count("token") != asked {
			t.Error("it goes on asking although nobody waits")
		}
		p.Change(func() {
			p.Decision = hostile.Decision{Answers: []string{"authorization_pending", "authorization_pending", ""}}
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got := mustToken(t, source); got.IDToken.Subject() != p.Subject {
					t.Errorf("got %v", got)
				}
			})
		}
		wg.Wait()
		if shown != 3 {
			t.Errorf("the user saw %d codes", shown)
		}
		if got := mustToken(t, s.source(nil)); got.RefreshToken.IsEmpty() {
			t.Errorf("another process: %v", got)
		}
	})
}

// TestTokenSourceClockJump: a machine that slept has an old cheap clock, and expired tokens.
func TestTokenSourceClockJump(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		k := source.kept.Load()
		mustToken(t, source)
		for _, at := range []*time.Time{&k.early, &k.late, &k.wall} { // as if the wall clock had gone on by an hour
			*at = at.Add(-time.Hour)
		}
		time.Sleep(wallClockEvery)
		if mustToken(t, source); s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

func TestTokenSourcePrintsNothing(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(CustomGrant{Type: "x", Form: map[string][]string{"password": {hostile.Canary}}})
		mustToken(t, source)
		for _, text := range []string{source.String(), sprintAll(source), sprintAll(TokenChange{Kind: TokensSaved, Tokens: s.first}), sprintAll(&UnsavedError{s.first, store.ErrFull})} {
			if strings.Contains(text, hostile.Canary) {
				t.Errorf("a secret is printed: %s", text)
			}
		}
	})
}

func BenchmarkTokenSource(b *testing.B) {
	c, err := New(Config{Issuer: "https://op.example", ClientID: "c", Auth: None()})
	if err != nil {
		b.Fatal(err)
	}
	s := c.TokenSource("k", nil)
	if err := s.Save(b.Context(), &Tokens{AccessToken: NewSecret("a"), RefreshToken: NewSecret("r"), Type: "Bearer", Expiry: time.Now().Add(24 * time.Hour)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Token(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTokenRecords(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	for i, r := range []*tokenRecord{
		{},
		{spent: seedDigest(NewSecret("r")), unsure: true},
		{obtained: at, refused: &ResponseError{Endpoint: "token", Code: ErrInvalidScope, Description: "no", Status: 400}, at: at, until: at},
		{obtained: at, failed: &ExchangeError{Endpoint: "token", Status: 502, Sent: true, Err: errOtherHolder}, until: at,
			tokens: &Tokens{AccessToken: NewSecret("a"), RefreshToken: NewSecret("r"), Type: "Bearer"}},
	} {
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readTokenRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := got.encode(); err != nil || string(again) != string(b) || got.unsure != r.unsure || got.spent != r.spent || (got.refused == nil) != (r.refused == nil) || (got.failed == nil) != (r.failed == nil) {
			t.Errorf("%d: got %+v, want %+v", i, got, r)
		}
		for n := 1; n < len(b); n++ {
			if _, err := readTokenRecord(b[:n]); err == nil {
				t.Errorf("%d: %d of %d bytes were accepted", i, n, len(b))
			}
		}
	}
	if r, err := readTokenRecord(nil); err != nil || r.tokens != nil {
		t.Errorf("nothing: %v, %v", r, err)
	}
}

func FuzzTokenRecord(f *testing.F) {
	b, _ := (&tokenRecord{tokens: &Tokens{AccessToken: NewSecret("a"), Type: "Bearer"}, failed: &ExchangeError{Sent: true}}).encode()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readTokenRecord(b)
		if err != nil {
			return
		}
		if r == nil {
			t.Fatal("neither a record nor an error: " + strconv.Quote(string(b)))
		}
		once, err := r.encode()
		if err != nil {
			t.Fatalf("read, but cannot be written: %v", err)
		}
		again, err := readTokenRecord(once)
		if err != nil {
			t.Fatalf("written, but cannot be read: %v", err)
		}
		if twice, err := again.encode(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written in two ways: %q, %q, %v", once, twice, err)
		}
	})
}

func sprintAll(v any) string {
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb, v)
	}
	return b.String()
}

// TestTokenSourceKeepUntil: what a source puts into the store does not outlive the session that it is of, however it came there.
func TestTokenSourceKeepUntil(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(nil)
		end := time.Now().Add(time.Hour)
		source.KeepUntil(end)
		if err := source.Save(t.Context(), s.first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		mustToken(t, source) // refreshed, and kept for the rest
		time.Sleep(time.Until(end) - time.Second)
		another := s.source(nil)
		another.KeepUntil(end)
		mustToken(t, another)
		time.Sleep(2 * time.Second)
		if _, err := s.source(nil).Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("after the end: %v", err)
		}
	})
}
