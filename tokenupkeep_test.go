package openid

import (
	"errors"
	"testing"
	"time"
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
