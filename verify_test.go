package openid

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// rawIDToken is a token of p that came on another way than through a callback.
func rawIDToken(p *hostile.Provider, nonce string, lifetime time.Duration) string {
	now := time.Now()
	claims := map[string]any{"iss": p.Issuer, "sub": p.Subject, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
		"acr": "gold", "amr": []string{"pwd", "otp"}, "sid": "s1"}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return hostile.NewToken(p.SigningKey(), claims).String()
}

func TestVerifyIDToken(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	token, err := c.VerifyIDToken(t.Context(), rawIDToken(p, "n", time.Hour), "n")
	if err != nil {
		t.Fatal(err)
	}
	if token.Subject() != p.Subject || token.Issuer() != p.Issuer || token.ACR() != "gold" || len(token.AMR()) != 2 || token.SessionID() != "s1" || !token.AuthTime().IsZero() {
		t.Errorf("got %v with %s", token, token.Payload())
	}
	token.Payload()[0] = 'x'
	if token.Payload()[0] != '{' {
		t.Error("the caller can change what was verified")
	}
	hashed := hostile.NewToken(p.SigningKey(), map[string]any{"iss": p.Issuer, "sub": p.Subject, "aud": p.ClientID, "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Hour).Unix(), "auth_time": int64(1_700_000_000), "at_hash": "of something", "c_hash": "unknown here"})
	if token, err = c.VerifyIDToken(t.Context(), hashed.String(), ""); err != nil || token.AuthTime().Unix() != 1_700_000_000 {
		t.Errorf("hashes of what nobody here knows: %v", err)
	}
	hashed.Claims["c_hash"] = 1
	if _, err := c.VerifyIDToken(t.Context(), hashed.String(), ""); refusedBy(err) != "c_hash" {
		t.Errorf("a hash that is none: %v", err)
	}
	for _, l := range []struct{ name, sent, expected string }{
		{"a nonce that nobody expects", "n", ""},
		{"another nonce", "n", "m"},
		{"no nonce", "", "n"},
	} {
		if _, err := c.VerifyIDToken(t.Context(), rawIDToken(p, l.sent, time.Hour), l.expected); refusedBy(err) != "nonce" {
			t.Errorf("%s: %v", l.name, err)
		}
	}
	if _, err := c.VerifyIDToken(t.Context(), rawIDToken(p, "", time.Hour), ""); err != nil {
		t.Errorf("no nonce on both sides: %v", err)
	}
}

// TestClock: the tolerance widens every comparison, the skew moves this machine's clock.
func TestClock(t *testing.T) {
	p := hostile.New(t)
	for _, l := range []struct {
		name     string
		tune     func(*Config)
		lifetime time.Duration
		check    string
	}{
		{"expired a minute ago, 30 s tolerated", func(*Config) {}, -time.Minute, "exp"},
		{"expired a minute ago, 90 s tolerated", func(c *Config) { c.ClockTolerance = 90 * time.Second }, -time.Minute, ""},
		{"expired 20 s ago, a nanosecond tolerated", func(c *Config) { c.ClockTolerance = 1 }, -20 * time.Second, "exp"},
		{"this clock is two minutes fast", func(c *Config) { c.ClockSkew = -2 * time.Minute }, -time.Minute, "iat"},
		{"this clock is an hour slow", func(c *Config) { c.ClockSkew = time.Hour }, time.Minute, "exp"},
		{"this clock is ten seconds slow", func(c *Config) { c.ClockSkew = 10 * time.Second }, time.Minute, ""},
	} {
		t.Run(l.name, func(t *testing.T) {
			_, err := newTestClient(t, p, l.tune).VerifyIDToken(t.Context(), rawIDToken(p, "", l.lifetime), "")
			if refusedBy(err) != l.check || l.check == "" && err != nil {
				t.Errorf("got %v, want %q", err, l.check)
			}
		})
	}
}

// TestUnreachableKeyServer: the check that failed and the reason are both there.
func TestUnreachableKeyServer(t *testing.T) {
	p := hostile.New(t)
	p.Serve("jwks", hostile.Reset())
	_, err := newTestClient(t, p).VerifyIDToken(t.Context(), rawIDToken(p, "", time.Hour), "")
	var exchange *ExchangeError
	if refusedBy(err) != "key" || !errors.As(err, &exchange) || exchange.Endpoint != "jwks" {
		t.Errorf("got %v", err)
	}
}

func TestExportKeys(t *testing.T) {
	p := hostile.New(t)
	cold := newTestClient(t, p)
	if _, err := cold.ExportKeys(); err == nil {
		t.Error("exported keys that were never fetched")
	}
	raw := rawIDToken(p, "", time.Hour)
	if _, err := cold.VerifyIDToken(t.Context(), raw, ""); err != nil {
		t.Fatal(err)
	}
	exported, err := cold.ExportKeys()
	if err != nil {
		t.Fatal(err)
	}
	warm := newTestClient(t, p)
	if err := warm.ImportKeys(exported); err != nil {
		t.Fatal(err)
	}
	before := p.Count("jwks")
	if _, err := warm.VerifyIDToken(t.Context(), raw, ""); err != nil || p.Count("jwks") != before {
		t.Errorf("%v after %d fetches", err, p.Count("jwks")-before)
	}
	other := hostile.New(t)
	if err := newTestClient(t, other).ImportKeys(exported); refusedBy(err) != "issuer" {
		t.Errorf("the keys of another issuer: %v", err)
	}
	for n := range exported {
		if err := newTestClient(t, p).ImportKeys(exported[:n]); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(exported))
		}
	}
	moved := newTestClient(t, p)
	p.Change(func() { p.Metadata = func(m map[string]any) { m["jwks_uri"] = p.URL("jwks") + "?v=2" } })
	if err := moved.ImportKeys(exported); err != nil {
		t.Fatal(err)
	}
	before = p.Count("jwks")
	if _, err := moved.VerifyIDToken(t.Context(), raw, ""); err != nil || p.Count("jwks") != before+1 {
		t.Errorf("keys of another jwks_uri were taken: %v", err)
	}
}

// TestCallerMayStopWaiting: a caller's cancelled context comes out as it is, in a typed error.
func TestCallerMayStopWaiting(t *testing.T) {
	p := hostile.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newTestClient(t, p).Metadata(ctx)
	var exchange *ExchangeError
	if !errors.As(err, &exchange) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
