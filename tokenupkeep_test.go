package openid

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestTokenSourceSaveWithoutAccessToken: who brings a refresh token only, as one that was kept elsewhere, gets an access token with it.
func TestTokenSourceSaveWithoutAccessToken(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Save(t.Context(), &Tokens{RefreshToken: s.first.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := mustToken(t, source); got.AccessToken.IsEmpty() || s.refreshes() != 1 {
				t.Errorf("got %v after %d refreshes", got, s.refreshes())
			}
		}
	})
}

// TestTokenSourceSaveMeets a Forget that comes between its store and its cache, and a reader who comes between its lease and its store. What
// is cached afterwards is what is stored.
func TestTokenSourceSaveMeets(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.backend.meets(func(saved bool) {
			if saved {
				s.backend.meets(nil)
				if err := source.Forget(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		if err := source.Save(t.Context(), s.first); err != nil {
			t.Fatal(err)
		}
		if got, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("forgotten, and yet there: %v, %v", got, err)
		}
	})
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		second, err := logIn(t, source.c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		s.backend.slows(time.Second)
		s.backend.meets(func(saved bool) {
			if !saved {
				s.backend.meets(nil)
				go func() { _, _ = source.Token(t.Context()) }()
				time.Sleep(time.Millisecond) // it has read, and is slow to get it
			}
		})
		if err := source.Save(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := mustToken(t, source); !got.AccessToken.Equal(second.AccessToken) {
			t.Error("those of the login before")
		}
	})
}

// TestTokenSourceNewcomer: who has just started finds tokens that are good for a minute, and the server in trouble. It has no reason to fail.
func TestTokenSourceNewcomer(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		s.Serve("token", hostile.Status(http.StatusBadGateway, "text/plain", "down"))
		time.Sleep(time.Until(s.first.Expiry) - time.Minute)
		before := s.Count("token")
		source := s.source(nil)
		if got := mustToken(t, source); !got.AccessToken.Equal(s.first.AccessToken) {
			t.Errorf("got %v", got)
		}
		synctest.Wait()
		if n := s.Count("token") - before; n != 1 {
			t.Errorf("asked %d times in the background", n)
		}
		s.Serve("token", s.Honest("token"))
		time.Sleep(2 * time.Second)
		if got := mustToken(t, s.source(nil)); !got.AccessToken.Equal(s.first.AccessToken) {
			t.Errorf("got %v", got)
		}
		synctest.Wait()
		if got := mustToken(t, source); got.AccessToken.Equal(s.first.AccessToken) {
			mustToken(t, source)
		}
		if s.refreshes() != 2 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceClockSetBack: a clock that went wrong and is right again does not make tokens live longer.
func TestTokenSourceClockSetBack(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		k := source.kept.Load()
		for _, at := range []*time.Time{&k.early, &k.late, &k.wall, &k.obtained} { // as if this clock had been ahead by an hour then
			*at = at.Add(time.Hour)
		}
		time.Sleep(20 * time.Minute)
		if got := mustToken(t, source); got == s.first || s.refreshes() != 1 {
			t.Errorf("after 20 of 10 minutes: %v, %d refreshes", got, s.refreshes())
		}
	})
}

// TestTokenSourceNoLifetime: a server that says that its tokens are good for 0 s is not asked for each request.
func TestTokenSourceNoLifetime(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		for _, lifetime := range []time.Duration{0, time.Second} {
			s.Change(func() { s.Lifetime = lifetime })
			s.IDToken = func(tok *hostile.Token) { tok.Claims["exp"] = time.Now().Add(time.Minute).Unix() }
			time.Sleep(time.Hour)
			before := s.refreshes()
			other := s.source(nil)
			for range 3000 {
				mustToken(t, source)
				mustToken(t, other)
				time.Sleep(time.Millisecond)
			}
			if n := s.refreshes() - before; n < 3 || n > 5 {
				t.Errorf("lifetime %s: %d refreshes in 3 s", lifetime, n)
			}
		}
	})
}

// ownGrant is one of the caller's own, which may wait for a user.
type ownGrant func() (*Tokens, error)

func (g ownGrant) Obtain(context.Context, *Client) (*Tokens, error) { return g() }

// TestTokenSourceOwnGrant: what a grant of the caller's own brings is judged as what is saved.
func TestTokenSourceOwnGrant(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.source(ownGrant(func() (*Tokens, error) { return nil, nil })).Token(t.Context()); err == nil {
			t.Errorf("nothing: %v", got)
		}
		others := ownGrant(func() (*Tokens, error) {
			return &Tokens{AccessToken: NewSecret("a"), Type: "Bearer", issuer: "https://other.example"}, nil
		})
		if got, err := s.source(others).Token(t.Context()); refusedBy(err) != "issuer" {
			t.Errorf("another issuer's: %v, %v", got, err)
		}
		// Such as one that was kept by the program before this one.
		refreshable := s.source(ownGrant(func() (*Tokens, error) { return &Tokens{RefreshToken: s.first.RefreshToken}, nil }))
		if got := mustToken(t, refreshable); got.AccessToken.IsEmpty() || s.refreshes() != 1 {
			t.Errorf("a refresh token only: %v after %d refreshes", got, s.refreshes())
		}
	})
}

// TestTokenSourceOwnGrantLosesNothing: what cannot be encoded is in the error, and used here.
func TestTokenSourceOwnGrantLosesNothing(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		brought := &Tokens{AccessToken: NewSecret("a"), Type: "Bearer", AuthorizationDetails: []AuthorizationDetail{{}}}
		source = s.source(ownGrant(func() (*Tokens, error) { return brought, nil }))
		_, err := source.Token(t.Context())
		var unsaved *UnsavedError
		if !errors.As(err, &unsaved) || unsaved.Tokens != brought {
			t.Errorf("got %v", err)
		}
		if mustToken(t, source) != brought {
			t.Error("not used here")
		}
		if err := source.Save(t.Context(), brought); !errors.As(err, &unsaved) {
			t.Errorf("saved: %v", err)
		}
	})
}

// TestTokenSourceLateForLogin: who heard that a login is needed, and comes when it is over, does not bother the user again.
func TestTokenSourceLateForLogin(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		logins := 0
		source = s.source(ownGrant(func() (*Tokens, error) { logins++; return s.first, nil }))
		first := mustToken(t, source)
		k, err := source.logIn(t.Context(), nil)
		if err != nil || k.tokens != first || logins != 1 {
			t.Errorf("got %v, %v after %d logins", k, err, logins)
		}
		if _, err := source.logIn(t.Context(), source.kept.Load()); err != nil || logins != 2 {
			t.Errorf("got %v after %d logins", err, logins)
		}
	})
}
