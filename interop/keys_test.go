package interop

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/openidtest"
)

// fetches counts the exchanges with one endpoint.
type fetches struct {
	endpoint string
	n        atomic.Int64
}

func (f *fetches) count(cfg *openid.Config) {
	cfg.Trace = func(_ context.Context, e openid.Event) {
		if e.Kind == openid.EventExchange && e.Name == f.endpoint {
			f.n.Add(1)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	op := openidtest.New(t, openidtest.Config{AutoApprove: "alice", Log: t.Logf})
	p := &provider{issuer: op.Issuer()}
	keys := &fetches{endpoint: "jwks"}
	c := p.confidential(t, keys.count)
	before, _ := logIn(t, c, p.userAgent(), offline())
	for generation := range int64(2) {
		if err := op.Rotate(); err != nil {
			t.Fatal(err)
		}
		logIn(t, c, p.userAgent(), offline())
		var err error
		if before, err = c.Refresh(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if want := 2 + generation; keys.n.Load() != want {
			t.Errorf("the keys were fetched %d times, want %d", keys.n.Load(), want)
		}
	}
}

func TestLoginsAtOnce(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		metadata := &fetches{endpoint: "discovery"}
		c := p.confidential(t, metadata.count)
		t.Run("all", func(t *testing.T) { // returns when all are through
			for range 8 {
				t.Run("one", func(t *testing.T) {
					t.Parallel()
					tokens, _ := logIn(t, c, p.userAgent(), offline())
					if _, err := c.UserInfo(t.Context(), tokens); err != nil {
						t.Error(err)
					}
					if _, err := c.Refresh(t.Context(), tokens); err != nil {
						t.Error(err)
					}
				})
			}
		})
		if metadata.n.Load() != 1 {
			t.Errorf("the metadata was fetched %d times, want once", metadata.n.Load())
		}
	})
}

// A process that is started for one request takes the keys from one that ran before it.
func TestWarmStart(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		id, secret := p.register(t, registration{})
		auth := openid.ClientSecret(openid.NewSecret(secret))
		before := p.client(t, id, auth)
		tokens, _ := logIn(t, before, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})
		exported, err := before.ExportKeys()
		if err != nil {
			t.Fatal(err)
		}
		nonce, err := openid.Claims[struct {
			Nonce string `json:"nonce"`
		}](tokens.IDToken)
		if err != nil {
			t.Fatal(err)
		}

		keys := &fetches{endpoint: "jwks"}
		after := p.client(t, id, auth, keys.count)
		if err := after.ImportKeys(exported); err != nil {
			t.Fatal(err)
		}
		raw := tokens.IDToken.Raw().Reveal()
		if again, err := after.VerifyIDToken(t.Context(), raw, nonce.Nonce); err != nil || again.Subject() != "alice" {
			t.Errorf("got %v, %v", again, err)
		}
		_, err = after.VerifyIDToken(t.Context(), raw, "another")
		refusedByUs(t, err, "ID Token", "nonce")
		if keys.n.Load() != 0 {
			t.Errorf("the keys were fetched %d times, although they were there", keys.n.Load())
		}
	})
}
