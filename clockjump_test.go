package openid

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

// later runs f in a bubble of its own, so many hours after all bubbles begin: whoever takes what f made into an earlier one finds it made by
// a clock that was set back since.
func later(t *testing.T, hours int, f func(t *testing.T, p *hostile.Provider, c *Client)) {
	t.Helper()
	keys := []Secret{NewSecret(strings.Repeat("the same in all bubbles ", 2))}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(hours) * time.Hour)
		p := hostile.Pipe(t)
		f(t, p, newTestClient(t, p, func(cfg *Config) { cfg.Keys = keys }))
	})
}

// TestClockJumps: the clock goes on by hours, as when a machine slept, or is set back, while something is under way. Nothing is good for longer
// than it says, nothing is sent twice, and what was not the jump's fault goes on.
func TestClockJumps(t *testing.T) {
	t.Run("on, between start and callback", func(t *testing.T) {
		later(t, 0, func(t *testing.T, p *hostile.Provider, c *Client) {
			location, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
			if err != nil {
				t.Fatal(err)
			}
			back := p.Authorize(location)
			time.Sleep(3 * time.Hour)
			if _, err := c.Callback(t.Context(), back, tx); refusedBy(err) != "age" || p.Count("token") != 0 {
				t.Errorf("got %v after %d requests", err, p.Count("token"))
			}
		})
	})
	t.Run("back, between start and callback", func(t *testing.T) {
		var location string
		var tx Transaction
		later(t, 3, func(t *testing.T, _ *hostile.Provider, c *Client) {
			var err error
			if location, tx, err = c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
				t.Fatal(err)
			}
		})
		later(t, 0, func(t *testing.T, p *hostile.Provider, c *Client) {
			if _, err := c.Callback(t.Context(), p.Authorize(location), tx); err != nil {
				t.Errorf("the login is not to blame: %v", err)
			}
			if _, err := c.Callback(t.Context(), p.Authorize(location), tx); err == nil || p.Count("token") != 1 {
				t.Errorf("twice: got %v after %d requests", err, p.Count("token"))
			}
		})
	})
	t.Run("on, between keys and their use", func(t *testing.T) {
		later(t, 0, func(t *testing.T, p *hostile.Provider, c *Client) {
			verify(t, c, rawIDToken(p, "", time.Hour))
			p.Serve("jwks", hostile.Reset())
			time.Sleep(5 * time.Hour)
			verify(t, c, rawIDToken(p, "", time.Hour))
			time.Sleep(24 * time.Hour)
			refuse(t, c, rawIDToken(p, "", time.Hour), "key")
			p.Serve("jwks", nil)
			time.Sleep(time.Minute)
			verify(t, c, rawIDToken(p, "", time.Hour))
		})
	})
	t.Run("back, between keys and their use", func(t *testing.T) {
		var exported []byte
		later(t, 5, func(t *testing.T, p *hostile.Provider, c *Client) {
			verify(t, c, rawIDToken(p, "", time.Hour))
			var err error
			if exported, err = c.ExportKeys(); err != nil {
				t.Fatal(err)
			}
		})
		later(t, 0, func(t *testing.T, p *hostile.Provider, c *Client) {
			if err := c.ImportKeys(exported); err != nil { // they wait for the metadata
				t.Fatal(err)
			}
			verify(t, c, rawIDToken(p, "", time.Hour))
			if err := c.ImportKeys(exported); err == nil || !strings.Contains(err.Error(), "future") || p.Count("jwks") != 1 {
				t.Errorf("keys of the future: %v, %d fetches", err, p.Count("jwks"))
			}
		})
	})
	t.Run("on, between tokens and their refresh", func(t *testing.T) {
		withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
			time.Sleep(5 * time.Hour)
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() {
					if got, err := source.Token(t.Context()); err != nil || got == s.first {
						t.Errorf("got %v, %v", got, err)
					}
				})
			}
			callers.Wait()
			if n := s.refreshes(); n != 1 {
				t.Errorf("%d refreshes", n)
			}
		})
	})
	t.Run("back, between tokens and their refresh", func(t *testing.T) {
		var kept []byte
		key := ""
		later(t, 3, func(t *testing.T, p *hostile.Provider, c *Client) {
			p.Lifetime = 10 * time.Minute
			tokens, err := logIn(t, c, p)
			if err == nil {
				source := c.TokenSource("alice", nil)
				key, err = source.key, source.Save(t.Context(), tokens)
			}
			if err == nil {
				kept, err = c.store.Get(t.Context(), key)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		later(t, 0, func(t *testing.T, p *hostile.Provider, c *Client) { // another process, which finds the tokens
			err := c.store.Update(t.Context(), key, func(context.Context, *store.Held) (store.Change, error) { return store.Put(kept, time.Hour), nil })
			if err != nil {
				t.Fatal(err)
			}
			source := c.TokenSource("alice", nil)
			if _, err := source.Token(t.Context()); err != nil || p.Count("token") != 0 {
				t.Errorf("they are good: %v", err)
			}
			time.Sleep(11 * time.Minute)
			if got, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) || p.Count("token") != 1 { // this provider knows nothing of them
				t.Errorf("after 11 of 10 minutes: %v, %v, %d requests", got, err, p.Count("token"))
			}
		})
	})
}
