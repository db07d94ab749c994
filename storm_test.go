package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jwks"
)

// storm is a provider and a client in a bubble, whose key set's endpoint answers after a while as the real ones do.
func storm(t *testing.T, f func(t *testing.T, p *hostile.Provider, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("jwks", hostile.Slow(p.Honest("jwks"), 50*time.Millisecond))
		f(t, p, newTestClient(t, p))
	})
}

// longLived is an honest ID Token that is good for a week.
func longLived(p *hostile.Provider, key *hostile.Key) *hostile.Token {
	now := time.Now()
	return hostile.NewToken(key, map[string]any{"iss": p.Issuer, "sub": p.Subject, "aud": p.ClientID,
		"iat": now.Unix(), "exp": now.Add(7 * 24 * time.Hour).Unix()})
}

func verify(t *testing.T, c *Client, raw string) {
	t.Helper()
	token, err := c.VerifyIDToken(t.Context(), raw, "")
	hostile.Hear(token, err)
	if err != nil {
		t.Errorf("a good token: %v", err)
	}
}

func refuse(t *testing.T, c *Client, raw, check string) {
	t.Helper()
	_, err := c.VerifyIDToken(t.Context(), raw, "")
	hostile.Hear(err)
	if refusedBy(err) != check {
		t.Errorf("refused by %q (%v), want %q", refusedBy(err), err, check)
	}
}

// verifyAtOnce wants n callers at the same moment to succeed.
func verifyAtOnce(t *testing.T, c *Client, raw string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { verify(t, c, raw) })
	}
	wg.Wait()
}

// TestColdStart: nobody has the keys yet, and everybody needs them.
func TestColdStart(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		verifyAtOnce(t, c, longLived(p, p.SigningKey()).String(), 200)
		if d, j := p.Count("discovery"), p.Count("jwks"); d != 1 || j != 1 {
			t.Errorf("%d fetches of the metadata and %d of the keys, want 1 and 1", d, j)
		}
	})
}

// TestHostileUnknownKeyFlood: 10,000 tokens with made-up key ids in two seconds.
func TestHostileUnknownKeyFlood(t *testing.T) {
	t.Run("J12 a flood of made-up key ids", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks+", hostile.Bytes(2<<30))
		storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			good := longLived(p, p.SigningKey()).String()
			verify(t, c, good)
			before := p.Count("jwks")
			_, rest, _ := strings.Cut(good, ".")
			var wg sync.WaitGroup
			for i := range 10_000 {
				wg.Go(func() {
					header := fmt.Appendf(nil, `{"alg":"ES256","kid":"made-up-%d"}`, i)
					refuse(t, c, strings.TrimSuffix(hostile.Compact(header, nil, nil), ".")+rest, "key")
				})
				if i%100 == 0 {
					began := time.Now()
					verify(t, c, good)
					if waited := time.Since(began); waited > 0 {
						t.Errorf("a good token waited %v in the flood", waited)
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
			wg.Wait()
			if n := p.Count("jwks") - before; n > 3 {
				t.Errorf("%d fetches, want at most 3", n)
			}
			// A real rotation right after it.
			p.Rotate("fresh")
			fresh := longLived(p, p.SigningKey()).String()
			rotated := time.Now()
			for {
				if _, err := c.VerifyIDToken(t.Context(), fresh, ""); err == nil {
					return
				}
				if time.Since(rotated) > 5*time.Second {
					t.Fatal("the rotation is not seen within 5 s")
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	})
}

// TestBadSignatureFlood: a key that is known answers for itself.
func TestBadSignatureFlood(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		good := longLived(p, p.SigningKey()).String()
		verify(t, c, good)
		before := p.Count("jwks")
		forged := longLived(p, hostile.NewKey(t, p.Alg, p.SigningKey().ID))
		for i := range 10_000 {
			forged.Claims["jti"] = i
			refuse(t, c, forged.String(), "signature")
		}
		verify(t, c, good)
		if n := p.Count("jwks") - before; n != 0 {
			t.Errorf("%d fetches, want none", n)
		}
	})
}

// TestHostileKeyServerDown: J20, whatever comes instead of keys, the old ones serve until the hard age, and no longer.
func TestHostileKeyServerDown(t *testing.T) {
	for _, fault := range hostile.Faults() {
		t.Run("J17 the keys' server: "+fault.Name, func(t *testing.T) {
			hostile.Watch(t, "discovery jwks (discovery|jwks)+", hostile.Bytes(512<<20))
			storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				var fetches atomic.Int64 // not requests: net/http sends a GET again for each kept connection that turns out to be dead
				c.cfg.Trace = func(_ context.Context, e Event) {
					if e.Kind == EventExchange && e.Name == "jwks" {
						fetches.Add(1)
					}
				}
				good := longLived(p, p.SigningKey()).String()
				verify(t, c, good)
				fetched := time.Now()
				before := fetches.Load()
				p.Serve("jwks", fault.Handler(p.Honest("jwks")))
				for time.Since(fetched) < jwks.HardAge-time.Hour {
					time.Sleep(time.Hour)
					began := time.Now()
					verify(t, c, good)
					if waited := time.Since(began); waited > 0 {
						t.Errorf("a good token waited %v", waited)
					}
				}
				if n := fetches.Load() - before; n == 0 || n > 23 {
					t.Errorf("%d fetches for 23 verifications in 23 hours", n)
				}
				time.Sleep(time.Hour)
				refuse(t, c, good, "key")

				p.Serve("jwks", nil)
				time.Sleep(time.Minute)
				verify(t, c, good)
			})
		})
	}
}

// TestHostileRotation: the first tokens under a new key arrive all at once.
func TestHostileRotation(t *testing.T) {
	t.Run("J15 a new key and 200 callers", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks jwks")
		storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			old := longLived(p, p.SigningKey()).String()
			verify(t, c, old)
			p.Publish(p.Rotate("second"))
			before := p.Count("jwks")
			verifyAtOnce(t, c, longLived(p, p.SigningKey()).String(), 200)
			if n := p.Count("jwks") - before; n != 1 {
				t.Errorf("%d fetches, want 1", n)
			}
			verify(t, c, old)
		})
	})
	// The bucket has three fetches at once: two rotations in a row are seen without any wait.
	t.Run("two in a row", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks jwks jwks")
		storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			verify(t, c, longLived(p, p.SigningKey()).String())
			var old []string
			for _, kid := range []string{"second", "third"} {
				old = append(old, longLived(p, p.Rotate(kid)).String())
				verify(t, c, longLived(p, p.SigningKey()).String())
			}
			if n := p.Count("jwks"); n != 3 {
				t.Errorf("%d fetches, want 3", n)
			}
			for _, raw := range old {
				refuse(t, c, raw, "key")
			}
		})
	})
}

// TestHostileFirstCallerGivesUp: the fetch is nobody's own.
func TestHostileFirstCallerGivesUp(t *testing.T) {
	t.Run("J16 the first caller gives up", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks")
		storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
			good := longLived(p, p.SigningKey()).String()
			if _, err := c.Metadata(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := c.VerifyIDToken(ctx, good, ""); !errors.Is(err, context.Canceled) {
					t.Errorf("the one who gave up got %v", err)
				}
			})
			synctest.Wait() // the fetch is under way
			for range 100 {
				wg.Go(func() { verify(t, c, good) })
			}
			synctest.Wait()
			cancel()
			wg.Wait()
			if n := p.Count("jwks"); n != 1 {
				t.Errorf("%d fetches, want 1", n)
			}
		})
	})
}

// TestHostileWithdrawnKey: a key that is published no more is refused after the soft age, whatever lifetime the set was given.
func TestHostileWithdrawnKey(t *testing.T) {
	for _, l := range []struct {
		name, cacheControl string
		refusedAfter       time.Duration
	}{
		{"J19 nothing said", "", time.Hour},
		{"J19 a minute", "max-age=60", time.Minute},
		{"J19 a year", "max-age=31536000, immutable", jwks.HardAge / 2},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery jwks (discovery|jwks)+")
			storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
				p.CacheControl = l.cacheControl
				good := longLived(p, p.SigningKey()).String()
				verify(t, c, good)
				p.Rotate("second")
				time.Sleep(l.refusedAfter - time.Second)
				verify(t, c, good)
				time.Sleep(2 * time.Second)
				c.VerifyIDToken(t.Context(), good, "") // may still pass, and starts the renewal
				time.Sleep(time.Second)
				refuse(t, c, good, "key")
			})
		})
	}
}

// TestHostileKeysStayWithTheirIssuer: two issuers use the same key id.
func TestHostileKeysStayWithTheirIssuer(t *testing.T) {
	t.Run("J21 two issuers use the same key id", func(t *testing.T) {
		hostile.Watch(t, "discovery jwks discovery jwks")
		synctest.Test(t, func(t *testing.T) {
			p, q := hostile.PipeAt(t, "one.example"), hostile.PipeAt(t, "two.example")
			if p.SigningKey().ID != q.SigningKey().ID {
				t.Fatal("the two issuers do not use the same key id")
			}
			both := func(cfg *Config) { cfg.HTTPClient = hostile.Client(p, q) }
			one, two := newTestClient(t, p, both), newTestClient(t, q, both)
			for range 2 { // cold and warm
				verify(t, one, longLived(p, p.SigningKey()).String())
				verify(t, two, longLived(q, q.SigningKey()).String())
				refuse(t, one, longLived(p, q.SigningKey()).String(), "signature")
				refuse(t, two, longLived(q, p.SigningKey()).String(), "signature")
			}
		})
	})
}

// TestMetadataServerDown: old metadata serves on, and one of the many callers asks anew, once a minute.
func TestMetadataServerDown(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		var fetches atomic.Int64 // not requests, as above
		c.cfg.Trace = func(_ context.Context, e Event) {
			if e.Kind == EventExchange && e.Name == "discovery" {
				fetches.Add(1)
			}
		}
		good := longLived(p, p.SigningKey()).String()
		verify(t, c, good)
		p.Serve("discovery", hostile.Hang())
		for range 3 {
			time.Sleep(metadataAge + time.Second)
			before, began := fetches.Load(), time.Now()
			verifyAtOnce(t, c, good, 200)
			if waited := time.Since(began); waited > 0 {
				t.Errorf("good tokens waited %v", waited)
			}
			time.Sleep(discoveryTimeout)
			verifyAtOnce(t, c, good, 200)
			synctest.Wait()
			if n := fetches.Load() - before; n != 1 {
				t.Errorf("%d fetches, want 1", n)
			}
		}
	})
}

// TestCallbackReload: a browser sends the same response many times at once. The code leaves once.
func TestCallbackReload(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		p.Serve("token", hostile.Slow(p.Honest("token"), time.Second))
		url, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		back := p.Authorize(url)
		var wg sync.WaitGroup
		var good, replays atomic.Int32
		for range 100 {
			wg.Go(func() {
				switch _, err := c.Callback(t.Context(), back.Clone(t.Context()), tx); {
				case err == nil:
					good.Add(1)
				case refusedBy(err) == "replay":
					replays.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if good.Load() != 1 || replays.Load() != 99 || p.Count("token") != 1 {
			t.Errorf("%d logins, %d replays, %d token requests", good.Load(), replays.Load(), p.Count("token"))
		}
	})
}

// TestMovedKeySet: a key set that moves takes its keys along, although the new place does not answer yet.
func TestMovedKeySet(t *testing.T) {
	storm(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		good := longLived(p, p.SigningKey()).String()
		verify(t, c, good)
		p.Change(func() { p.Metadata = func(m map[string]any) { m["jwks_uri"] = p.URL("moved") } })
		p.Serve("moved", hostile.Status(500, "text/plain", "not yet"))
		time.Sleep(metadataAge + time.Second)
		verify(t, c, good) // starts the renewal
		time.Sleep(time.Second)
		verify(t, c, good)
		p.Rotate("fresh")
		p.Serve("moved", p.Honest("jwks"))
		time.Sleep(10 * time.Second)
		verify(t, c, longLived(p, p.SigningKey()).String())
	})
}

// TestHostileManyAtOnce: one client serves many users at once, each through login, UserInfo, a protected resource, refresh, introspection, revocation
// and logout; nobody gets what is another's.
func TestHostileManyAtOnce(t *testing.T) {
	for name, bound := range map[string]DPoP{"S12 a key per grant": DPoPPerGrant(), "S12 one key": DPoPKey(newKey(t)), "S12 no key": {}} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "discovery (pushed_authorization_request|token|jwks|resource|userinfo|introspection|revocation)+")
			p := hostile.New(t)
			c := newTestClient(t, p, push, func(cfg *Config) {
				cfg.DPoP, cfg.Auth, cfg.RequestObject = bound, PrivateKeyJWT(newKey(t), "k"), &RequestObject{Key: newKey(t)}
			})
			var users sync.WaitGroup
			for i := range 16 {
				users.Go(func() {
					state := fmt.Sprint("user ", i)
					tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid", "offline_access"}, AppState: state})
					if err != nil || tokens.AppState != state {
						t.Errorf("%s: %v, %v", state, tokens, err)
						return
					}
					again, err := c.Refresh(t.Context(), tokens)
					if err != nil || again.AppState != state || again.DPoPThumbprint() != tokens.DPoPThumbprint() {
						t.Errorf("%s: refresh: %v, %v", state, again, err)
						return
					}
					r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
					res, err1 := c.Do(r, again)
					if err1 == nil {
						res.Body.Close()
					}
					_, err2 := c.UserInfo(t.Context(), again)
					_, err3 := c.Introspect(t.Context(), again.AccessToken)
					_, _, err4 := c.LogoutURL(t.Context(), again.IDToken, "https://app.example/bye")
					if err := errors.Join(err1, err2, err3, c.Revoke(t.Context(), again.RefreshToken), err4); err != nil || res.StatusCode != 200 {
						t.Errorf("%s: %v", state, err)
					}
				})
			}
			users.Wait()
		})
	}
}
