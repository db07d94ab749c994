package openid

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
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
		time.Sleep(time.Hour)
		if _, err := source.logIn(t.Context(), nil); err != nil || logins != 3 {
			t.Errorf("expired: got %v after %d logins", err, logins)
		}
	})
}

// TestTokenSourceStaysUnsure: what became of a refresh token whose answer was lost is not found out by a later request that is not answered
// either.
func TestTokenSourceStaysUnsure(t *testing.T) {
	for name, between := range map[string]http.HandlerFunc{
		"a refusal":     hostile.Status(http.StatusTooManyRequests, "text/plain", "later"),
		"a gateway":     hostile.Status(http.StatusBadGateway, "text/plain", "down"),
		"nothing again": hostile.Reset(),
	} {
		t.Run(name, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				time.Sleep(time.Hour)
				for _, answer := range []http.HandlerFunc{hostile.Reset(), between} {
					s.Serve("token", answer)
					if _, err := source.Token(t.Context()); err == nil {
						t.Fatal("no error")
					}
					time.Sleep(2 * time.Second)
				}
				s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "used"))
				_, err := s.source(nil).Token(t.Context())
				var again *LoginRequiredError
				if !errors.As(err, &again) || !again.Unsure {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestTokenSourceIsSure: who could not ask anybody has lost no answer.
func TestTokenSourceIsSure(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		time.Sleep(time.Hour)
		honest := s.Honest("discovery")
		s.Serve("discovery", hostile.Reset())
		source := s.source(nil)
		if _, err := source.Token(t.Context()); err == nil {
			t.Fatal("no error")
		}
		time.Sleep(2 * time.Second)
		s.Serve("discovery", honest)
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
		_, err := source.Token(t.Context())
		var again *LoginRequiredError
		if !errors.As(err, &again) || again.Unsure {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenSourceUnacceptableAnswer: its refresh token is lost with it, so the others wait a moment, and are told what happened.
func TestTokenSourceUnacceptableAnswer(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.TokenResponse = func(m map[string]any) { m["expires_in"] = -1 }
		time.Sleep(time.Hour)
		if _, err := source.Token(t.Context()); refusedBy(err) != "expires_in" {
			t.Fatalf("got %v", err)
		}
		other := s.source(nil)
		var failed *ExchangeError
		if _, err := other.Token(t.Context()); !errors.As(err, &failed) || !failed.Sent || s.refreshes() != 1 {
			t.Errorf("got %v after %d refreshes", err, s.refreshes())
		}
		time.Sleep(2 * time.Second)
		_, err := other.Token(t.Context())
		var again *LoginRequiredError
		if !errors.As(err, &again) || !again.Unsure {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenSourceUnacceptableIDToken: of an answer that speaks of somebody else nothing is kept, its refresh token neither.
func TestTokenSourceUnacceptableIDToken(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.IDToken = func(tok *hostile.Token) { tok.Claims["sub"] = "mallory" }
		time.Sleep(time.Hour)
		if _, err := source.Token(t.Context()); refusedBy(err) == "" {
			t.Fatalf("got %v", err)
		}
		s.IDToken = nil
		time.Sleep(2 * time.Second)
		_, err := source.Token(t.Context())
		var again *LoginRequiredError
		if requests := s.Requests("token"); !errors.As(err, &again) || !again.Unsure || requests[len(requests)-1].Form.Get("refresh_token") != s.first.RefreshToken.Reveal() {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenSourceKeysUnreachableSeed: the same for what a source begins with, which is spent then.
func TestTokenSourceKeysUnreachableSeed(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		honest := s.Honest("jwks")
		s.Serve("jwks", hostile.Status(http.StatusServiceUnavailable, "text/plain", "down"))
		source = s.source(RefreshToken{Previous: s.first})
		if got, err := source.Token(t.Context()); err == nil || errors.Is(err, ErrLoginRequired) {
			t.Fatalf("got %v, %v", got, err)
		}
		s.Serve("jwks", honest)
		time.Sleep(time.Hour)
		mustToken(t, source)
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
		time.Sleep(time.Hour)
		for range 2 {
			if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
				t.Errorf("got %v", err)
			}
		}
		if s.refreshes() != 3 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceKeysUnreachableNoRotation: an answer without a refresh token takes none away.
func TestTokenSourceKeysUnreachableNoRotation(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		s.Serve("jwks", hostile.Status(http.StatusServiceUnavailable, "text/plain", "down"))
		s.TokenResponse = func(m map[string]any) { delete(m, "refresh_token") }
		time.Sleep(time.Hour)
		if got, err := s.source(nil).Token(t.Context()); err == nil || errors.Is(err, ErrLoginRequired) {
			t.Fatalf("got %v, %v", got, err)
		}
		if r := s.record(); r.tokens == nil || !r.tokens.RefreshToken.Equal(s.first.RefreshToken) {
			t.Errorf("stored: %v", r.tokens)
		}
	})
}

// record is what the store holds.
func (s *sourceTest) record() *tokenRecord {
	s.t.Helper()
	c := s.client()
	b, err := c.store.Get(s.t.Context(), c.storeKey("tokens", "alice"))
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := readTokenRecord(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// TestTokenSourceKeysUnreachable: a refresh whose ID Token cannot be judged for now brings nothing, and costs nobody the login.
func TestTokenSourceKeysUnreachable(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		honest := s.Honest("jwks")
		s.Serve("jwks", hostile.Status(http.StatusServiceUnavailable, "text/plain", "down"))
		time.Sleep(time.Hour)
		source := s.source(nil) // has just started and knows no key
		if got, err := source.Token(t.Context()); err == nil || errors.Is(err, ErrLoginRequired) {
			t.Fatalf("got %v, %v", got, err)
		}
		s.Serve("jwks", honest)
		time.Sleep(time.Minute)
		if got := mustToken(t, source); got.IDToken.Subject() != s.Subject || s.refreshes() != 2 {
			t.Errorf("got %v after %d refreshes", got, s.refreshes())
		}
	})
}

// TestTokenSourceRefusedOnce: a refresh token that was refused is not sent again because the grant that stands in fails.
func TestTokenSourceRefusedOnce(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(ClientCredentials{})
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			if r.PostFormValue("grant_type") == "refresh_token" {
				hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked")(w, r)
				return
			}
			hostile.Status(http.StatusBadGateway, "text/plain", "down")(w, r)
		})
		time.Sleep(time.Hour)
		for range 3 {
			if _, err := source.Token(t.Context()); err == nil || errors.Is(err, ErrLoginRequired) {
				t.Errorf("got %v", err)
			}
			time.Sleep(2 * time.Second)
		}
		if s.refreshes() != 1 {
			t.Errorf("sent %d times", s.refreshes())
		}
	})
}

// TestTokenSourceRefusedOnceWithoutAnswer: nor where the grant fails in this process.
func TestTokenSourceRefusedOnceWithoutAnswer(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(bringing(func() (*Tokens, error) { return nil, errors.New("not now") }))
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
		time.Sleep(time.Hour)
		for range 3 {
			if _, err := source.Token(t.Context()); err == nil || errors.Is(err, ErrLoginRequired) {
				t.Errorf("got %v", err)
			}
			time.Sleep(2 * time.Second)
		}
		if s.refreshes() != 1 {
			t.Errorf("sent %d times", s.refreshes())
		}
	})
}

// TestTokenSourceSeedStandsIn for tokens that were saved and are refused, if it is another one.
func TestTokenSourceSeedStandsIn(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(RefreshToken{Token: s.first.RefreshToken})
		if err := source.Save(t.Context(), &Tokens{RefreshToken: NewSecret("revoked")}); err != nil {
			t.Fatal(err)
		}
		if mustToken(t, source); s.refreshes() != 2 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceSeedIsSentOnce: the refresh token that a source begins with is good once, in all processes, also after what it brought is
// of no use any more.
func TestTokenSourceSeedIsSentOnce(t *testing.T) {
	for name, seed := range map[string]func(*Tokens) Grant{
		"a token":   func(t *Tokens) Grant { return RefreshToken{Token: t.RefreshToken} },
		"tokens":    func(t *Tokens) Grant { return RefreshToken{Previous: t} },
		"a pointer": func(t *Tokens) Grant { return &RefreshToken{Token: t.RefreshToken} },
	} {
		for _, refuse := range []bool{true, false} {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				if err := source.Forget(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !refuse {
					mustToken(t, s.source(seed(s.first)))
				}
				s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
				time.Sleep(time.Hour)
				before := s.refreshes()
				for i := range 4 {
					_, err := s.source(seed(s.first)).Token(t.Context())
					var again *LoginRequiredError
					if !errors.As(err, &again) || again.Unsure || i == 0 && !errors.Is(err, ErrInvalidGrant) {
						t.Errorf("%s: got %v", name, err)
					}
				}
				if r := s.record(); r.tokens != nil {
					t.Errorf("%s: %v is still there", name, r.tokens)
				}
				if n := s.refreshes() - before; n != 1 {
					t.Errorf("%s, refused at once: %v: a refused token was sent %d times", name, refuse, n)
				}
			})
		}
	}
}

// TestTokenSourceSeedAnswerLost: a source that begins with a refresh token tries it again, and says why that may have failed.
func TestTokenSourceSeedAnswerLost(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		seeded := s.source(RefreshToken{Token: s.first.RefreshToken})
		honest := s.Honest("token")
		s.Serve("token", hostile.Reset())
		if _, err := seeded.Token(t.Context()); err == nil {
			t.Fatal("no error")
		}
		time.Sleep(2 * time.Second)
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "used"))
		_, err := seeded.Token(t.Context())
		var again *LoginRequiredError
		if !errors.As(err, &again) || !again.Unsure {
			t.Errorf("got %v", err)
		}
		s.Serve("token", honest)
	})
}

// TestTokenSourceRefreshPolicy: how to refresh is said once and holds for each refresh, of what was saved as well.
func TestTokenSourceRefreshPolicy(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(RefreshToken{Scope: []string{"openid", "offline_access"}, Resource: []string{"https://api.example/"}, Extra: map[string][]string{"tenant": {"t1"}}})
		for range 2 {
			time.Sleep(time.Hour)
			mustToken(t, source)
		}
		requests := s.Requests("token")
		for _, r := range requests[len(requests)-2:] {
			if r.Form.Get("scope") != "openid offline_access" || r.Form.Get("resource") != "https://api.example/" || r.Form.Get("tenant") != "t1" {
				t.Errorf("asked with %v", r.Form)
			}
		}
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("nothing to refresh: %v", err)
		}
	})
}

// TestTokenSourceNobody: for keys that nobody logged in with, which strangers may invent, nothing is written.
func TestTokenSourceNobody(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.backend.breaks(func(step string) error {
			if step != "Get" {
				t.Errorf("%s was called", step)
			}
			return nil
		})
		for _, g := range []Grant{nil, ownGrant(func() (*Tokens, error) { return nil, errors.New("not now") })} {
			if _, err := source.c.TokenSource("nobody", g).Token(t.Context()); err == nil {
				t.Error("no error")
			}
		}
	})
}

// A bringing grant needs no user.
type bringing func() (*Tokens, error)

func (g bringing) Obtain(context.Context, *Client) (*Tokens, error) { return g() }
func (bringing) unattended()                                        {}

// TestTokenSourceUnencodable: what a grant brought and cannot be written down is not lost.
func TestTokenSourceUnencodable(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		brought := &Tokens{AccessToken: NewSecret("a"), Type: "Bearer", AuthorizationDetails: []AuthorizationDetail{{}}}
		source = source.c.TokenSource("other", bringing(func() (*Tokens, error) { return brought, nil }))
		_, err := source.Token(t.Context())
		var unsaved *UnsavedError
		if !errors.As(err, &unsaved) || unsaved.Tokens != brought || mustToken(t, source) != brought {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenRecordNotes: a note counts for the time it says, however far apart the clocks of two machines are.
func TestTokenRecordNotes(t *testing.T) {
	now := time.Now()
	for _, err := range []error{&ResponseError{Endpoint: "token", RetryAfter: 20 * time.Second}, &ExchangeError{Endpoint: "token", RetryAfter: time.Hour}} {
		r := new(tokenRecord)
		if !r.note(err, false, now) {
			t.Fatal("not noted")
		}
		for _, row := range []struct {
			after time.Duration
			want  bool
		}{{0, true}, {15 * time.Second, true}, {2 * time.Minute, false}, {24 * time.Hour, false}, {-30 * time.Second, false}, {-3 * time.Hour, false}} {
			if got := r.noted(now.Add(row.after)); (got != nil) != row.want {
				t.Errorf("%v after %s: %v", err, row.after, got)
			}
		}
		r.until = now.Add(time.Hour)
		if got := r.noted(now.Add(15 * time.Second)); got != nil {
			t.Errorf("for an hour: %v", got)
		}
	}
	if r := new(tokenRecord); r.note(errors.New("of this process"), false, now) {
		t.Errorf("noted %v", r.noted(now))
	}
}

// TestTokenSourceFailedLogin: a grant that fails at once is not asked again for everybody who comes in the next second.
func TestTokenSourceFailedLogin(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		denied, asked := errors.New("denied"), 0
		source = s.source(ownGrant(func() (*Tokens, error) { asked++; return nil, denied }))
		for range 20 {
			if _, err := source.Token(t.Context()); !errors.Is(err, denied) {
				t.Errorf("got %v", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if asked != 2 {
			t.Errorf("asked %d times in 2 s", asked)
		}
		if err := source.Save(t.Context(), s.first); err != nil {
			t.Fatal(err)
		}
		mustToken(t, source)
	})
}

// TestTokenSourceSleptAlone: who slept past its lease without anybody noticing begins again at once, and holds nobody up.
func TestTokenSourceSleptAlone(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		time.Sleep(time.Hour)
		slept := false
		sleeper := s.client(func(cfg *Config) {
			next := cfg.HTTPClient.Transport
			cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/token") && !slept {
					slept = true
					time.Sleep(20 * time.Second)
				}
				return next.RoundTrip(r)
			})}
		}).TokenSource("alice", nil)
		s.backend.breaks(func(step string) error {
			if step == "Renew" {
				return errors.New("asleep")
			}
			return nil
		})
		if mustToken(t, sleeper); s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceRefusedElsewhere: who waits for the lease while another process is refused has callers who log in together.
func TestTokenSourceRefusedElsewhere(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		refused := hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked")
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			refused(w, r)
		})
		time.Sleep(time.Hour)
		go func() { _, _ = source.Token(t.Context()) }()
		time.Sleep(time.Millisecond)
		fresh := &Tokens{AccessToken: NewSecret("b"), Type: "Bearer"}
		other := s.source(ownGrant(func() (*Tokens, error) { time.Sleep(time.Second); return fresh, nil }))
		for range 3 {
			go func() {
				if got := mustToken(t, other); got != fresh {
					t.Errorf("got %v", got)
				}
			}()
			time.Sleep(600 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestTokenSourceLoginMeetsRefusal: a user who logged in elsewhere while the old tokens were refused need not do so again.
func TestTokenSourceLoginMeetsRefusal(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		second, err := logIn(t, source.c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		second.Expiry = second.Expiry.Add(2 * time.Hour)
		refused := hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked")
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			other := s.source(nil)
			if err := errors.Join(other.Forget(t.Context()), other.Save(t.Context(), second)); err != nil {
				t.Error(err)
			}
			refused(w, r)
		})
		time.Sleep(time.Hour)
		if got := mustToken(t, source); !got.AccessToken.Equal(second.AccessToken) {
			t.Errorf("got %v", got)
		}
	})
}

// TestTokenSourceRefusedIsRemoved, also from the store.
func TestTokenSourceRefusedIsRemoved(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
		time.Sleep(time.Hour)
		if _, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("got %v", err)
		}
		if b, err := source.c.store.Get(t.Context(), source.key); b != nil || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

// TestTokenSourceDiscoveryFirst: without the server's metadata there is nothing to hold a lease for.
func TestTokenSourceDiscoveryFirst(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		s.Serve("discovery", hostile.Status(http.StatusServiceUnavailable, "text/plain", "down"))
		time.Sleep(time.Hour)
		s.backend.breaks(func(step string) error {
			if step == "Lock" {
				t.Error("a lease was taken")
			}
			return nil
		})
		var failed *ExchangeError
		if _, err := s.source(nil).Token(t.Context()); !errors.As(err, &failed) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenSourceKeyGone: tokens that are bound to a DPoP key which is not there are neither handed out nor refreshed, nor taken in.
func TestTokenSourceKeyGone(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		bound := s.client(func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
		tokens, err := logIn(t, bound, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		var unsaved *UnsavedError
		if err := source.Save(t.Context(), tokens); !errors.As(err, &unsaved) || refusedBy(err) != "DPoP key" {
			t.Errorf("saved: %v", err)
		}
		if got := mustToken(t, source); got != s.first {
			t.Errorf("got %v", got)
		}
		if err := bound.TokenSource("alice", nil).Save(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		s.backend.breaks(func(step string) error {
			if step == "Lock" {
				t.Error("a lease was taken")
			}
			return nil
		})
		if got, err := s.source(nil).Token(t.Context()); refusedBy(err) != "DPoP key" {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestTokenSourceAuthFails: what failed before anything was sent leaves no doubt.
func TestTokenSourceAuthFails(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		auth := new(failingAuth)
		source := s.client(func(cfg *Config) { auth.next, cfg.Auth = cfg.Auth, auth }).TokenSource("alice", nil)
		time.Sleep(time.Hour)
		if _, err := source.Token(t.Context()); err == nil || s.refreshes() != 0 {
			t.Fatalf("got %v after %d refreshes", err, s.refreshes())
		}
		if r := s.record(); r.failed != nil || r.unsure {
			t.Errorf("noted: %+v", r)
		}
		time.Sleep(2 * time.Second)
		s.Serve("token", hostile.Error(http.StatusBadRequest, "invalid_grant", "revoked"))
		_, err := source.Token(t.Context())
		var again *LoginRequiredError
		if !errors.As(err, &again) || again.Unsure {
			t.Errorf("got %v", err)
		}
	})
}

// failingAuth fails once.
type failingAuth struct {
	next   ClientAuth
	failed bool
}

func (a *failingAuth) Authenticate(ctx context.Context, r *AuthRequest) error {
	if !a.failed {
		a.failed = true
		return errors.New("the KMS is away")
	}
	return a.next.Authenticate(ctx, r)
}

// TestTokenSourceStoreAndServerFail: the server's word comes first.
func TestTokenSourceStoreAndServerFail(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", hostile.Status(http.StatusBadGateway, "text/plain", "down"))
		time.Sleep(time.Hour)
		s.backend.breaks(func(step string) error {
			if step == "Save" {
				return store.ErrFull
			}
			return nil
		})
		var failed *ExchangeError
		if _, err := source.Token(t.Context()); !errors.As(err, &failed) || failed.Status != http.StatusBadGateway {
			t.Errorf("got %v", err)
		}
		s.backend.breaks(nil)
		time.Sleep(time.Minute)
	})
}

// TestTokenSourceUnsavedIsUsed here, also when it came by Save, unless somebody removed it.
func TestTokenSourceUnsavedIsUsed(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		second, err := logIn(t, source.c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		var unsaved *UnsavedError
		s.backend.breaks(func(string) error { return store.ErrFull })
		if err := source.Save(t.Context(), second); !errors.As(err, &unsaved) {
			t.Errorf("got %v", err)
		}
		s.backend.breaks(nil)
		if mustToken(t, source) != second {
			t.Error("not those")
		}
		time.Sleep(time.Second) // what gave up has tidied up
		other := s.source(nil)
		s.backend.meets(func(saved bool) {
			if !saved {
				s.backend.meets(nil)
				if err := other.Forget(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		if err := source.Save(t.Context(), s.first); !errors.As(err, &unsaved) || !errors.Is(err, store.ErrLost) {
			t.Errorf("got %v", err)
		}
		if got, err := source.Token(t.Context()); !errors.Is(err, ErrLoginRequired) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestTokenSourceWaitersAreNotQuiet: when the tokens expire it does not matter how often the background has tried.
func TestTokenSourceWaitersAreNotQuiet(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.Serve("token", hostile.Status(http.StatusBadGateway, "text/plain", "down"))
		time.Sleep(time.Until(s.first.Expiry) - time.Minute)
		for range 45 {
			mustToken(t, source)
			time.Sleep(time.Second)
		}
		source.mu.Lock()
		quiet := time.Until(source.failed.quiet)
		source.mu.Unlock()
		if quiet < 10*time.Second {
			t.Fatalf("quiet for %s", quiet)
		}
		s.Serve("token", s.Honest("token"))
		source.kept.Load().late = time.Now().Round(0)
		mustToken(t, source)
	})
}

// TestTokenSourceNoWayToRenew: tokens that nobody can renew are handed out until they end, and nobody tries.
func TestTokenSourceNoWayToRenew(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		tokens := &Tokens{AccessToken: NewSecret("a"), Type: "Bearer", Expiry: time.Now().Add(10 * time.Minute)}
		if err := source.Save(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9*time.Minute + 45*time.Second)
		s.backend.breaks(func(step string) error { t.Errorf("%s was called", step); return nil })
		if mustToken(t, source) != tokens {
			t.Error("others")
		}
		synctest.Wait()
		s.backend.breaks(nil)
		// And those of which nobody knows when they end are found by others without a lease.
		endless := &Tokens{AccessToken: NewSecret("b"), Type: "Bearer"}
		if err := source.Save(t.Context(), endless); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		s.backend.breaks(func(step string) error {
			if step != "Get" {
				t.Errorf("%s was called", step)
			}
			return nil
		})
		for _, source := range []*TokenSource{source, s.source(nil)} {
			if got := mustToken(t, source); !got.AccessToken.Equal(endless.AccessToken) {
				t.Errorf("got %v", got)
			}
		}
	})
}

// TestTokenSourceSaveExpired: tokens that have just expired are not handed out, and ones that say nothing are not taken.
func TestTokenSourceSaveExpired(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		if err := source.Save(t.Context(), &Tokens{AccessToken: NewSecret("old"), RefreshToken: s.first.RefreshToken, Type: "Bearer", Expiry: time.Now().Add(-time.Millisecond)}); err != nil {
			t.Fatal(err)
		}
		if mustToken(t, source); s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
		for _, tokens := range []*Tokens{{}, {AccessToken: NewSecret("a"), Type: notAccess}} {
			if err := source.Save(t.Context(), tokens); err == nil {
				t.Errorf("saved: %v", tokens)
			}
		}
	})
}

// TestTokenSourceAsksTheUserLast: a server in trouble is no reason to log in again.
func TestTokenSourceAsksTheUserLast(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(ownGrant(func() (*Tokens, error) { t.Error("asked"); return s.first, nil }))
		s.Serve("token", hostile.Status(http.StatusBadGateway, "text/plain", "down"))
		time.Sleep(time.Hour)
		var failed *ExchangeError
		if _, err := source.Token(t.Context()); !errors.As(err, &failed) {
			t.Errorf("got %v", err)
		}
		// Nor is a caller without patience a failure.
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			s.Honest("token")(w, r)
		})
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := source.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for tokens") {
			t.Errorf("got %v", err)
		}
		mustToken(t, source)
	})
}

// TestTokenRecordLifetime: what nobody comes back for is not kept for long.
func TestTokenRecordLifetime(t *testing.T) {
	now := time.Now()
	access, both := &Tokens{AccessToken: NewSecret("a"), Expiry: now.Add(time.Hour)}, &Tokens{AccessToken: NewSecret("a"), RefreshToken: NewSecret("r"), Expiry: now.Add(time.Hour)}
	for _, row := range []struct {
		r    tokenRecord
		want time.Duration
	}{
		{tokenRecord{}, noteKept},
		{tokenRecord{spent: "x"}, keptFor},
		{tokenRecord{tokens: access}, time.Hour},
		{tokenRecord{tokens: &Tokens{AccessToken: NewSecret("a"), Expiry: now.Add(-time.Hour)}}, noteKept},
		{tokenRecord{tokens: &Tokens{AccessToken: NewSecret("a")}}, keptFor},
		{tokenRecord{tokens: both}, keptFor},
	} {
		if got := row.r.lifetime(now); got != row.want {
			t.Errorf("%+v: %s, want %s", row.r, got, row.want)
		}
	}
	if err := (&tokenRecord{at: now, until: now.Add(time.Second)}).noted(now); err != nil {
		t.Errorf("a note of a kind that is not known: %v", err)
	}
}

// TestTokenSourceReadsAgain: what changed between the first look and the lease is judged anew.
func TestTokenSourceReadsAgain(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		bound := *s.first
		bound.bind(strings.Repeat("x", thumbprintSize))
		b, err := (&tokenRecord{tokens: &bound, obtained: time.Now()}).encode()
		if err != nil {
			t.Fatal(err)
		}
		before := s.Count("token")
		var failed *StoreError
		for _, row := range []struct {
			value []byte
			good  func(error) bool
		}{
			{[]byte("of a newer version"), func(err error) bool { return errors.As(err, &failed) }},
			{b, func(err error) bool { return refusedBy(err) == "DPoP key" }},
		} {
			var o outcome
			if change, err := source.hold(t.Context(), &store.Held{Value: row.value}, nil, &o); err != nil || !row.good(o.err) || change.String() != "keep" || s.Count("token") != before {
				t.Errorf("got %v, %v, %v", change, o.err, err)
			}
		}
	})
}

// TestTokenSourceOnlyTheNonce: a request that was refused for its nonce, and could not be made again, has used up nothing.
func TestTokenSourceOnlyTheNonce(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		cut := false
		c := s.client(func(cfg *Config) {
			cfg.DPoP = DPoPPerGrant()
			next := cfg.HTTPClient.Transport
			cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if cut && strings.HasSuffix(r.URL.Path, "/token") && s.refreshes() > 0 {
					return nil, errors.New("unreachable")
				}
				return next.RoundTrip(r)
			})}
		})
		tokens, err := logIn(t, c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		source := c.TokenSource("alice", nil)
		if err := source.Save(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		s.Change(func() { s.DPoP.Nonce = true })
		time.Sleep(time.Hour)
		cut = true
		var failed *ExchangeError
		if _, err := source.Token(t.Context()); !errors.As(err, &failed) || failed.Sent || s.refreshes() != 1 {
			t.Fatalf("got %v after %d refreshes", err, s.refreshes())
		}
		if r := s.record(); r.unsure {
			t.Error("nobody can be in doubt")
		}
	})
}
