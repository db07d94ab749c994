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
