package openid

import (
	"context"
	"errors"
	"fmt"
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
	if token.Subject() != p.Subject || token.Issuer() != p.Issuer || token.ACR() != "gold" || len(token.AMR()) != 2 || token.SessionID() != "s1" || !token.AuthTime().IsZero() ||
		time.Since(token.IssuedAt()).Abs() > time.Minute || token.Expiry().Sub(token.IssuedAt()) != time.Hour {
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

// TestIDTokenPrints: who it is of, and nothing that could be sent somewhere.
func TestIDTokenPrints(t *testing.T) {
	p := hostile.New(t)
	token, err := newTestClient(t, p).VerifyIDToken(t.Context(), rawIDToken(p, "", time.Hour), "")
	if err != nil {
		t.Fatal(err)
	}
	want := `ID Token of "alice-sub" at "` + p.Issuer + `"`
	text, err := token.MarshalText()
	if err != nil || string(text) != want || token.String() != want || fmt.Sprintf("%+v", token) != want || fmt.Sprintf("%#v", *token) != want {
		t.Errorf("printed %s, %v, %+v, %#v", text, err, token, *token)
	}
	var none IDToken
	if got := fmt.Sprintf("%v %s", none, new(IDToken)); got != "no ID Token no ID Token" {
		t.Errorf("the zero value: %s", got)
	}
}

// TestVerifyIDTokenIsAFlow: what was checked can be told apart from what another caller had checked.
func TestVerifyIDTokenIsAFlow(t *testing.T) {
	p := hostile.New(t)
	flows := map[string]bool{}
	c := newTestClient(t, p, func(cfg *Config) { cfg.Trace = func(_ context.Context, e Event) { flows[e.Flow] = true } })
	for range 2 {
		if _, err := c.VerifyIDToken(t.Context(), rawIDToken(p, "", time.Hour), ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(flows) != 2 || flows[""] {
		t.Errorf("flows: %v", flows)
	}
}

// TestTimesToTheSecond: where the tolerance ends, and the ages. The clock stands at a whole second.
func TestTimesToTheSecond(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		seconds := func(n int) string { return at(time.Duration(n) * time.Second) }
		front := func(r *AuthorizationRequest) { r.ResponseType = "code id_token" }
		signed := func(r *AuthorizationRequest) { r.ResponseMode = "jwt" }
		for _, l := range []struct {
			what    string
			script  func(tok func(*hostile.Token)) // which token it is
			ask     func(*AuthorizationRequest)
			claim   string
			in, out int // seconds from now: the last that is accepted, the first that is refused
			check   string
		}{
			{"exp", func(f func(*hostile.Token)) { p.IDToken = f }, keepAsking, "exp", -29, -30, "exp"},
			{"iat", func(f func(*hostile.Token)) { p.IDToken = f }, keepAsking, "iat", 30, 31, "iat"},
			{"nbf", func(f func(*hostile.Token)) { p.IDToken = f }, keepAsking, "nbf", 30, 31, "nbf"},
			{"auth_time", func(f func(*hostile.Token)) { p.IDToken = f }, keepAsking, "auth_time", 30, 31, "auth_time"},
			{"auth_time and max_age", func(f func(*hostile.Token)) { p.IDToken = f }, maxAge(time.Minute), "auth_time", -90, -91, "auth_time"},
			{"the age of a front-channel ID Token", func(f func(*hostile.Token)) { p.FrontIDToken = f }, front, "iat", -3630, -3631, "age"},
			{"the life of a signed response", func(f func(*hostile.Token)) { p.Response = f }, signed, "exp", 630, 631, "lifetime"},
			{"the end of a signed response", func(f func(*hostile.Token)) { p.Response = f }, signed, "exp", -29, -30, "exp"},
			{"iat of a signed response", func(f func(*hostile.Token)) { p.Response = f }, signed, "iat", 30, 31, "iat"},
			{"nbf of a signed response", func(f func(*hostile.Token)) { p.Response = f }, signed, "nbf", 30, 31, "nbf"},
		} {
			l.script(claim(l.claim, seconds(l.in)))
			if _, err := logIn(t, c, p, l.ask); err != nil {
				t.Errorf("%s: %d seconds: %v", l.what, l.in, err)
			}
			l.script(claim(l.claim, seconds(l.out)))
			if _, err := logIn(t, c, p, l.ask); refusedBy(err) != l.check {
				t.Errorf("%s: %d seconds: %v, want %s", l.what, l.out, err, l.check)
			}
			l.script(nil)
		}
		for _, l := range []struct {
			claim   string
			in, out int
			check   string
		}{{"exp", -29, -30, "exp"}, {"iat", 30, 31, "iat"}, {"iat", -3630, -3631, "age"}, {"nbf", 30, 31, "nbf"}} {
			p.LogoutToken = claim(l.claim, seconds(l.in))
			if _, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); err != nil {
				t.Errorf("logout token: %s in %d seconds: %v", l.claim, l.in, err)
			}
			p.LogoutToken = claim(l.claim, seconds(l.out))
			if _, err := c.VerifyLogoutToken(t.Context(), p.BackchannelLogout(backchannelURI)); refusedBy(err) != l.check {
				t.Errorf("logout token: %s in %d seconds: %v, want %s", l.claim, l.out, err, l.check)
			}
		}
	})
}

// TestExpInTheFirstSecondsOf1970: where the clock of a machine stands that has none, a token without an end is as little good as anywhere else.
func TestExpInTheFirstSecondsOf1970(t *testing.T) {
	if expRequired(t.Context(), &jwt{earliest: -20}) {
		t.Error("accepted")
	}
}

func keepAsking(*AuthorizationRequest) {}

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

// TestUnreachableMetadata: without it there are no keys to ask for.
func TestUnreachableMetadata(t *testing.T) {
	p := hostile.New(t)
	raw := rawIDToken(p, "", time.Hour)
	p.Serve("discovery", hostile.Reset())
	token, err := newTestClient(t, p).VerifyIDToken(t.Context(), raw, "")
	var exchange *ExchangeError
	if !errors.As(err, &exchange) || exchange.Endpoint != "discovery" || token != nil {
		t.Errorf("got %v, %v", token, err)
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
