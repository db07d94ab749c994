package interop

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/openid-client/openid"
)

// refused checks that they said no, where, and with which code.
func refused(t *testing.T, err error, endpoint string, code openid.Code) {
	t.Helper()
	e, ok := errors.AsType[*openid.ResponseError](err)
	if !ok || e.Endpoint != endpoint || !errors.Is(err, code) {
		t.Fatalf("got %v, want %s from the %s endpoint", err, code, endpoint)
	}
}

// refusedByUs checks that our client said no, and by which check.
func refusedByUs(t *testing.T, err error, document, check string) {
	t.Helper()
	e, ok := errors.AsType[*openid.VerificationError](err)
	if !ok || e.Document != document || e.Check != check {
		t.Fatalf("got %v, want a failed check %q of the %s", err, check, document)
	}
}

func TestDeniedLogin(t *testing.T) {
	eachWithPages(t, func(t *testing.T, p *provider) {
		for _, mode := range []string{"query", "form_post"} {
			t.Run(mode, func(t *testing.T) {
				c, ua := p.confidential(t), p.userAgent()
				request := openid.AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: mode}
				ua.deny = true
				arrived, tx := authorize(t, c, ua, request)
				_, err := c.Callback(t.Context(), arrived, tx)
				refused(t, err, "authorization", openid.ErrAccessDenied)

				ua.deny = false // the same browser may try again
				logIn(t, c, ua, request)

				ua.deny = true // logged in, and asked to agree to more
				typed := ua.typed
				request.Scope = append(request.Scope, "email")
				arrived, tx = authorize(t, c, ua, request)
				_, err = c.Callback(t.Context(), arrived, tx)
				refused(t, err, "authorization", openid.ErrAccessDenied)
				if ua.typed != typed {
					t.Error("the login was denied, not the consent")
				}
			})
		}
	})
}

func TestNobodyIsLoggedIn(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		arrived, tx := authorize(t, c, p.userAgent(), silently())
		_, err := c.Callback(t.Context(), arrived, tx)
		refused(t, err, "authorization", openid.ErrLoginRequired)
	})
}

// silently asks for a login without any page.
func silently() openid.AuthorizationRequest {
	return openid.AuthorizationRequest{Scope: []string{"openid"}, Extra: url.Values{"prompt": {"none"}}}
}

func TestWrongSecret(t *testing.T) {
	methods := map[string]func(openid.Secret) openid.ClientAuth{
		"client_secret_basic": openid.ClientSecretBasic,
		"client_secret_post":  openid.ClientSecretPost,
		"client_secret_jwt":   func(s openid.Secret) openid.ClientAuth { return openid.ClientSecretJWT(s) },
	}
	eachProvider(t, func(t *testing.T, p *provider) {
		for method, auth := range methods {
			t.Run(method, func(t *testing.T) {
				id, _ := p.register(t, registration{AuthMethod: method})
				c := p.client(t, id, auth(openid.NewSecret("a secret of 32 bytes that nobody gave out")))
				arrived, tx := authorize(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})
				_, err := c.Callback(t.Context(), arrived, tx)
				refused(t, err, "token", openid.ErrInvalidClient)
			})
		}
	})
}

func TestReplayedCallback(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		id, secret := p.register(t, registration{})
		key := openid.NewSecret("32 bytes that two processes share")
		share := func(cfg *openid.Config) { cfg.Keys = []openid.Secret{key} }
		auth := openid.ClientSecret(openid.NewSecret(secret))
		one, other := p.client(t, id, auth, share), p.client(t, id, auth, share)
		arrived, tx := authorize(t, one, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})

		if _, err := one.Callback(t.Context(), arrived, tx); err != nil {
			t.Fatal(err)
		}
		_, err := one.Callback(t.Context(), arrived, tx)
		refusedByUs(t, err, "authorization response", "replay")
		_, err = other.Callback(t.Context(), arrived, tx) // which cannot know: the provider's own check
		refused(t, err, "token", openid.ErrInvalidGrant)
	})
}

func TestIssuerOfTheResponse(t *testing.T) {
	lies := []struct {
		name string
		lie  func(url.Values)
	}{
		{"iss names another server", func(q url.Values) { q.Set("iss", "https://other.example.com") }},
		{"iss is gone although it was announced", func(q url.Values) { q.Del("iss") }},
	}
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.confidential(t)
		for _, l := range lies {
			t.Run(l.name, func(t *testing.T) {
				arrived, tx := authorize(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})
				q := arrived.URL.Query()
				if q.Get("iss") != p.issuer {
					t.Fatalf("iss is %q, want %q (RFC 9207)", q.Get("iss"), p.issuer)
				}
				l.lie(q)
				arrived.URL.RawQuery = q.Encode()
				_, err := c.Callback(t.Context(), arrived, tx)
				refusedByUs(t, err, "authorization response", "iss")
			})
		}
	})
}

func TestIssuerOfTheMetadata(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		slash := func(cfg *openid.Config) {
			cfg.DiscoveryURL = cfg.Issuer + "/.well-known/openid-configuration"
			cfg.Issuer += "/"
		}
		c := p.client(t, "app", openid.None(), slash)
		_, _, err := c.Authorize(t.Context(), openid.AuthorizationRequest{Scope: []string{"openid"}})
		refusedByUs(t, err, "server metadata", "issuer")
	})
}

func TestTwoPendingLogins(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c, ua := p.confidential(t), p.userAgent()
		var pending []openid.Transaction
		var arrivals []*http.Request
		for _, tab := range []string{"first tab", "second tab"} {
			arrived, tx := authorize(t, c, ua, openid.AuthorizationRequest{Scope: []string{"openid"}, AppState: tab})
			pending, arrivals = append(pending, tx), append(arrivals, arrived)
		}
		for i, want := range []string{"first tab", "second tab"} {
			tokens, err := c.Callback(t.Context(), arrivals[i], pending...)
			if err != nil || tokens.AppState != want {
				t.Errorf("got %v, %v; want the login of the %s", tokens, err, want)
			}
		}
	})
}
