package openid

import (
	"testing"
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
