package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

// refusing is a resource that refuses the first tokens it is shown.
func refusing(p *hostile.Provider, n int, challenge string) http.HandlerFunc {
	honest := p.Honest("resource")
	refused := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("Authorization"); refused[token] || len(refused) < n {
			refused[token] = true
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		honest(w, r)
	}
}

// TestSourceHTTPClient: a token that a resource refuses is replaced once, and the request is sent again if that is safe.
func TestSourceHTTPClient(t *testing.T) {
	body := func() io.Reader { return strings.NewReader("hello") }
	once := func() io.Reader { return io.MultiReader(strings.NewReader("hello")) } // no GetBody
	for _, row := range []struct {
		name      string
		refuse    int // tokens
		challenge string
		body      func() io.Reader
		wait      time.Duration // since the login
		status    int
		requests  int
		refreshes int
	}{
		{"good", 0, "", body, time.Minute, 200, 1, 0},
		{"revoked", 1, `Bearer error="invalid_token"`, body, time.Minute, 200, 2, 1},
		{"revoked, without a word", 1, "Bearer", body, time.Minute, 200, 2, 1},
		{"revoked, a body that is gone", 1, "Bearer", once, time.Minute, 401, 1, 1},
		{"whatever it is", 99, "Bearer", body, time.Minute, 401, 2, 1},
		{"soon after the login", 99, "Bearer", body, 8 * time.Second, 401, 1, 0}, // less than a sixtieth of ten minutes
		{"right after the login", 99, "Bearer", body, time.Second, 401, 1, 0},
		{"the request, not the token", 99, `Bearer error="invalid_request"`, body, time.Minute, 401, 1, 0},
		{"expired", 0, "", body, time.Hour, 200, 1, 1},
		{"a Basic challenge as well", 1, `Basic realm="x", Bearer error="invalid_token"`, body, time.Minute, 200, 2, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				s.Serve("resource", refusing(s.Provider, row.refuse, row.challenge))
				time.Sleep(row.wait)
				res, err := source.HTTPClient(origin(s.Provider)).Post(s.URL("resource"), "text/plain", row.body())
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != row.status || s.Count("resource") != row.requests || s.refreshes() != row.refreshes {
					t.Errorf("status %d after %d requests and %d refreshes", res.StatusCode, s.Count("resource"), s.refreshes())
				}
				if res.StatusCode == 200 && !strings.Contains(string(text), `"hello"`) {
					t.Errorf("got %s", text)
				}
			})
		})
	}
}

func origin(p *hostile.Provider) string { return p.URL("")[:strings.Index(p.URL(""), "/t/")] }

// TestSourceHTTPClientManyRefused: 50 requests whose token has been revoked cause one refresh.
func TestSourceHTTPClientManyRefused(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		good := s.first.AccessToken.Reveal()
		honest := s.Honest("resource")
		s.Serve("resource", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.Header.Get("Authorization"), good) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			honest(w, r)
		})
		time.Sleep(time.Minute)
		h := source.HTTPClient(origin(s.Provider))
		done := make(chan int)
		for range 50 {
			go func() {
				res, err := h.Get(s.URL("resource"))
				if err != nil {
					t.Error(err)
					done <- 0
					return
				}
				res.Body.Close()
				done <- res.StatusCode
			}()
		}
		for range 50 {
			if status := <-done; status != 200 {
				t.Errorf("status %d", status)
			}
		}
		if s.refreshes() != 1 {
			t.Errorf("%d refreshes", s.refreshes())
		}
	})
}

// TestSourceHTTPClientUsesWhatIsUnsaved: a store in trouble does not keep a request from the token that was just issued for it, because the old one
// has expired or because the API refused it.
func TestSourceHTTPClientUsesWhatIsUnsaved(t *testing.T) {
	for why, row := range map[string]struct {
		wait   time.Duration
		refuse int
	}{"expired": {time.Hour, 0}, "refused": {time.Minute, 1}} {
		t.Run(why, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				s.Serve("resource", refusing(s.Provider, row.refuse, "Bearer"))
				time.Sleep(row.wait)
				s.backend.breaks(func(step string) error {
					if step == "Save" {
						return store.ErrFull
					}
					return nil
				})
				res, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != 200 || s.refreshes() != 1 {
					t.Errorf("status %d, %d refreshes", res.StatusCode, s.refreshes())
				}
				s.backend.breaks(nil)
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestSourceHTTPClientForgotten: what was forgotten while it was on its way is presented to nobody.
func TestSourceHTTPClientForgotten(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		honest := s.Honest("token")
		s.Serve("token", func(w http.ResponseWriter, r *http.Request) {
			if err := source.Forget(t.Context()); err != nil {
				t.Error(err)
			}
			honest(w, r)
		})
		time.Sleep(time.Hour)
		_, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
		var unsaved *UnsavedError
		if !errors.As(err, &unsaved) || unsaved.Tokens.RefreshToken.IsEmpty() || s.Count("resource") != 0 {
			t.Errorf("got %v after %d requests", err, s.Count("resource"))
		}
	})
}

// TestSourceHTTPClientNoAccessToken: what is no access token does not stand in for one that was refused.
func TestSourceHTTPClientNoAccessToken(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		source := s.source(TokenExchange{Subject: s.first.AccessToken, RequestedType: JWTType})
		s.Serve("resource", refusing(s.Provider, 99, "Bearer"))
		if err := source.Save(t.Context(), &Tokens{AccessToken: NewSecret("a"), Type: "Bearer"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		before := s.Count("token")
		res, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := mustToken(t, source); got.Type != notAccess || s.Count("resource") != 1 || s.Count("token")-before != 1 {
			t.Errorf("got %v after %d requests to the resource and %d for tokens", got, s.Count("resource"), s.Count("token")-before)
		}
	})
}

// TestSourceHTTPClientNewcomer: who has just started believes the refusal of a token that is old.
func TestSourceHTTPClientNewcomer(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		s.Serve("resource", refusing(s.Provider, 1, "Bearer"))
		time.Sleep(time.Minute)
		res, err := s.source(nil).HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 || s.refreshes() != 1 {
			t.Errorf("status %d, %d refreshes", res.StatusCode, s.refreshes())
		}
		s.Serve("resource", hostile.Reset())
		if _, err := s.source(nil).HTTPClient(origin(s.Provider)).Get(s.URL("resource")); err == nil {
			t.Error("no error")
		}
	})
}

// TestSourceTokenStaysHome: the rules are those of Client.Transport, and no token is fetched for a request that may not have it.
func TestSourceTokenStaysHome(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		time.Sleep(time.Hour)
		closed := false
		for name, r := range map[string]*http.Request{
			"another origin":         {Method: "POST", URL: mustURL(t, "https://stranger.example/"), Body: emptyBody{&closed}},
			"where a redirect leads": {Method: "GET", URL: mustURL(t, s.URL("resource")), Response: new(http.Response)},
			"a header of its own":    {Method: "GET", URL: mustURL(t, s.URL("resource")), Header: http.Header{"Authorization": {"Bearer x"}}},
		} {
			if _, err := source.Transport(origin(s.Provider)).RoundTrip(r); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if _, err := source.Transport("https://op.example/path").RoundTrip(&http.Request{URL: mustURL(t, s.URL("resource"))}); err == nil {
			t.Error("an origin with a path: no error")
		}
		if s.refreshes() != 0 || s.Count("resource") != 0 || !closed {
			t.Errorf("%d refreshes, %d requests, body closed: %v", s.refreshes(), s.Count("resource"), closed)
		}
	})
}

// TestSourceHTTPClientSameToken: a server that gives the same access token once more is not asked a third time.
func TestSourceHTTPClientSameToken(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
		s.TokenResponse = func(m map[string]any) {
			m["access_token"] = s.first.AccessToken.Reveal()
			delete(m, "id_token") // its at_hash is another's
		}
		s.Serve("resource", hostile.Status(http.StatusUnauthorized, "text/plain", "no"))
		time.Sleep(time.Minute)
		res, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || s.refreshes() != 1 || s.Count("resource") != 2 {
			t.Errorf("status %d after %d requests and %d refreshes", res.StatusCode, s.Count("resource"), s.refreshes())
		}
	})
}

// TestSourceHTTPClientBelievesARefusal of a token that lives long, and of one that was obtained by a machine whose clock is ahead.
func TestSourceHTTPClientBelievesARefusal(t *testing.T) {
	for _, row := range []struct {
		name     string
		lifetime time.Duration
		ahead    time.Duration
		wait     time.Duration
	}{
		{"of a token for a year", 365 * 24 * time.Hour, 0, 2 * time.Minute},
		{"of another machine's token", time.Hour, 3 * time.Hour, 2 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *sourceTest, source *TokenSource) {
				tokens := &Tokens{AccessToken: NewSecret("a"), RefreshToken: s.first.RefreshToken, Type: "Bearer"}
				now := time.Now().Add(row.ahead)
				tokens.Expiry = now.Add(row.lifetime)
				r := &tokenRecord{tokens: tokens, obtained: now}
				b, err := r.encode()
				if err != nil {
					t.Fatal(err)
				}
				err = source.c.store.Update(t.Context(), source.key, func(context.Context, *store.Held) (store.Change, error) {
					return store.Put(b, r.lifetime(now)), nil
				})
				if err != nil {
					t.Fatal(err)
				}
				source = s.source(nil)
				for _, want := range []int{http.StatusUnauthorized, http.StatusOK} { // at first it is too new to tell
					res, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
					if err != nil {
						t.Fatal(err)
					}
					res.Body.Close()
					if res.StatusCode != want {
						t.Errorf("status %d, want %d", res.StatusCode, want)
					}
					time.Sleep(row.wait)
				}
			})
		})
	}
}

type emptyBody struct{ closed *bool }

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (c emptyBody) Close() error           { *c.closed = true; return nil }

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestSourceDPoP: each request has a proof, and a refresh keeps the key.
func TestSourceDPoP(t *testing.T) {
	withSource(t, func(t *testing.T, s *sourceTest, _ *TokenSource) {
		s.Change(func() { s.DPoP.Nonce = true })
		c := s.client(func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
		tokens, err := logIn(t, c, s.Provider)
		if err != nil {
			t.Fatal(err)
		}
		source := c.TokenSource("bob", nil)
		if err := source.Save(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			res, err := source.HTTPClient(origin(s.Provider)).Get(s.URL("resource"))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("status %d", res.StatusCode)
			}
			time.Sleep(time.Hour)
		}
		if got := mustToken(t, source); got.DPoPThumbprint() != tokens.DPoPThumbprint() || got.AccessToken.Equal(tokens.AccessToken) {
			t.Errorf("got %v with key %s", got, got.DPoPThumbprint())
		}
	})
}
