package openid

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func TestTokenExchange(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	login, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := c.Tokens(t.Context(), TokenExchange{Subject: login.AccessToken, Actor: login.IDToken.Raw(), ActorType: IDTokenType, Audience: []string{"a", "b"},
		Resource: []string{"https://api.example"}, Scope: []string{"orders"}, Extra: url.Values{"vendor": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if tokens.Type != "Bearer" || tokens.IssuedType != AccessTokenType || tokens.IDToken != nil || !slices.Equal(tokens.Scope, []string{"orders"}) {
		t.Errorf("got %v of type %q", tokens, tokens.IssuedType)
	}
	sent := p.Requests("token")[1].Form
	want := url.Values{"grant_type": {tokenExchangeGrant}, "subject_token": {login.AccessToken.Reveal()}, "subject_token_type": {AccessTokenType},
		"actor_token": {login.IDToken.Raw().Reveal()}, "actor_token_type": {IDTokenType}, "audience": {"a", "b"}, "resource": {"https://api.example"}, "scope": {"orders"}, "vendor": {"1"}}
	if sent.Encode() != want.Encode() {
		t.Errorf("sent %v", sent)
	}
	stored, err := tokens.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again Tokens
	if err := again.UnmarshalBinary(stored); err != nil || again.IssuedType != AccessTokenType {
		t.Errorf("after storing: %q, %v", again.IssuedType, err)
	}
}

// TestTokenExchangeOfNoAccessToken: what is none is presented nowhere.
func TestTokenExchangeOfNoAccessToken(t *testing.T) {
	for _, bound := range []DPoP{{}, DPoPPerGrant()} {
		p := hostile.New(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = bound })
		login, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := c.Tokens(t.Context(), TokenExchange{Subject: login.AccessToken, RequestedType: IDTokenType})
		if err != nil || tokens.Type != "N_A" || tokens.IssuedType != IDTokenType || tokens.DPoPThumbprint() != "" {
			t.Fatalf("got %v, %v", tokens, err)
		}
		if _, err := c.HTTPClient(tokens, strings.TrimSuffix(p.URL("resource"), "/t/resource")).Get(p.URL("resource")); err == nil || !strings.Contains(err.Error(), "N_A") {
			t.Errorf("presented: %v", err)
		}
		tokens.IDToken = login.IDToken
		if _, err := c.UserInfo(t.Context(), tokens); err == nil || p.Count("userinfo") != 0 {
			t.Errorf("presented: %v", err)
		}
	}
}

func TestHostileTokenExchange(t *testing.T) {
	for _, l := range []struct {
		name, requested string
		lie             func(map[string]any)
		check           string
	}{
		{"T25 issued_token_type missing", "", responseMember("issued_token_type", ""), "issued_token_type"},
		{"T25 issued_token_type empty", "", responseMember("issued_token_type", `""`), "issued_token_type"},
		{"T25 issued_token_type an array", "", responseMember("issued_token_type", `[]`), "issued_token_type"},
		{"T25 another type than asked for", IDTokenType, responseMember("issued_token_type", `"`+RefreshTokenType+`"`), "issued_token_type"},
		{"T25 an ID Token for an access token", AccessTokenType, responseMember("issued_token_type", `"`+IDTokenType+`"`), "issued_token_type"},
		{"T14 N_A for an access token", "", responseMember("token_type", `"N_A"`), "token_type"},
		{"T15 MAC", "", responseMember("token_type", `"mac"`), "token_type"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks token token")
			p := hostile.New(t)
			c := newTestClient(t, p)
			login, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			p.TokenResponse = l.lie
			_, err = c.Tokens(t.Context(), TokenExchange{Subject: login.AccessToken, RequestedType: l.requested})
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
			c.without(l.check)
			if _, err := c.Tokens(t.Context(), TokenExchange{Subject: login.AccessToken, RequestedType: l.requested}); err != nil {
				t.Errorf("still refused without the row: %v", err)
			}
		})
	}
}

// TestTokenExchangeOfAJWT: an access token that is called a JWT is one.
func TestTokenExchangeOfAJWT(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	login, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.TokenResponse = responseMember("issued_token_type", `"`+JWTType+`"`)
	if tokens, err := c.Tokens(t.Context(), TokenExchange{Subject: login.AccessToken, RequestedType: AccessTokenType}); err != nil || tokens.IssuedType != JWTType {
		t.Errorf("an access token that is a JWT: %v", err)
	}
}

// TestAssertionGrants: RFC 7521 section 4.1, with both kinds of assertions.
func TestAssertionGrants(t *testing.T) {
	const xml = "<Assertion>?>~</Assertion>"
	for _, l := range []struct {
		grant     func(func(context.Context) (Secret, error)) Grant
		kind      string
		assertion string
		sent      string
	}{
		{func(a func(context.Context) (Secret, error)) Grant {
			return JWTBearer{Assertion: a, Scope: []string{"openid"}}
		}, "urn:ietf:params:oauth:grant-type:jwt-bearer", "a.b.c", "a.b.c"},
		{func(a func(context.Context) (Secret, error)) Grant {
			return SAMLBearer{Assertion: a, Scope: []string{"openid"}}
		}, "urn:ietf:params:oauth:grant-type:saml2-bearer", xml,
			base64.RawURLEncoding.EncodeToString([]byte(xml))},
	} {
		p := hostile.New(t)
		c := newTestClient(t, p)
		calls := 0
		grant := l.grant(func(context.Context) (Secret, error) { calls++; return NewSecret(l.assertion), nil })
		for range 2 {
			tokens, err := c.Tokens(t.Context(), grant)
			if err != nil || tokens.IDToken.Subject() != p.Subject {
				t.Fatalf("%s: %v, %v", l.kind, tokens, err)
			}
		}
		if form := p.Requests("token")[1].Form; calls != 2 || form.Get("grant_type") != l.kind || form.Get("assertion") != l.sent || form.Get("scope") != "openid" {
			t.Errorf("%s: %d calls, sent %v", l.kind, calls, form)
		}
		p.TokenResponse = responseMember("id_token", "")
		if tokens, err := c.Tokens(t.Context(), grant); err != nil || tokens.IDToken != nil {
			t.Errorf("%s: a server that has no ID Token to give: %v", l.kind, err)
		}
		p.TokenResponse = responseMember("id_token", `"a.b.c"`)
		if _, err := c.Tokens(t.Context(), grant); err == nil {
			t.Errorf("%s: an ID Token that is none was accepted", l.kind)
		}
		p.TokenResponse = responseMember("token_type", `"N_A"`)
		if _, err := c.Tokens(t.Context(), grant); refusedBy(err) != "token_type" {
			t.Errorf("%s: N_A outside token exchange: %v", l.kind, err)
		}
		before := p.Count("token")
		broken := errors.New("the key store is away")
		for name, bad := range map[string]func(context.Context) (Secret, error){
			"none":     nil,
			"an empty": func(context.Context) (Secret, error) { return Secret{}, nil },
			"an error": func(context.Context) (Secret, error) { return Secret{}, broken },
		} {
			_, err := c.Tokens(t.Context(), l.grant(bad))
			if err == nil || !strings.Contains(err.Error(), "Assertion") || name == "an error" && !errors.Is(err, broken) {
				t.Errorf("%s, %s assertion: %v", l.kind, name, err)
			}
		}
		if p.Count("token") != before {
			t.Errorf("%s: a request was sent without an assertion", l.kind)
		}
	}
}

func TestCustomGrant(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := c.Tokens(t.Context(), CustomGrant{Type: "urn:ietf:params:oauth:grant-type:jwt-bearer", Form: url.Values{"assertion": {"a.b.c"}, "scope": {"orders"}}})
	if err != nil || tokens.AccessToken.IsEmpty() || tokens.IDToken != nil || !slices.Equal(tokens.Scope, []string{"orders"}) {
		t.Errorf("got %v, %v", tokens, err)
	}
	for name, g := range map[string]CustomGrant{
		"no type":                 {},
		"a code":                  {Type: "authorization_code", Form: url.Values{"code": {"x"}}},
		"a refresh token":         {Type: "refresh_token"},
		"another type inside":     {Type: "urn:x", Form: url.Values{"grant_type": {"refresh_token"}}},
		"somebody else's client":  {Type: "urn:x", Form: url.Values{"client_id": {"other"}}},
		"somebody else's secret":  {Type: "urn:x", Form: url.Values{"client_secret": {"other"}}},
		"a code in another grant": {Type: "urn:x", Form: url.Values{"code": {"x"}}},
	} {
		if _, err := c.Tokens(t.Context(), g); err == nil || p.Count("token") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.DPoP.Nonce = true
	bound := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
	if tokens, err := bound.Tokens(t.Context(), CustomGrant{Type: "client_credentials"}); err != nil || tokens.Type != "DPoP" {
		t.Errorf("with DPoP and nonces: %v, %v", tokens, err)
	}
}
