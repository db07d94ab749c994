package openid

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestIntrospect(t *testing.T) {
	for name, tune := range map[string]func(*hostile.Provider, *Config){
		"JSON": func(*hostile.Provider, *Config) {},
		"JWT":  func(p *hostile.Provider, _ *Config) { p.IntrospectionJWT = func(*hostile.Token) {} },
		"JWT required": func(p *hostile.Provider, cfg *Config) {
			p.IntrospectionJWT, cfg.IntrospectionSigningAlgs = func(*hostile.Token) {}, []string{"ES256"}
		},
		"JWT with the long type": func(p *hostile.Provider, _ *Config) {
			p.IntrospectionJWT = func(tok *hostile.Token) { tok.Header["typ"] = "application/Token-Introspection+JWT" }
		},
		"JWT, encrypted": func(p *hostile.Provider, cfg *Config) {
			p.IntrospectionJWT, p.Encrypt, cfg.Decrypter = func(*hostile.Token) {}, wrap, wrapped{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := hostile.New(t)
			c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPPerGrant(); tune(p, cfg) })
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Introspect(t.Context(), tokens.AccessToken, "access_token")
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject() != p.Subject || got.ClientID() != p.ClientID || got.Username() != "alice" || got.Issuer() != p.Issuer || got.TokenType() != "DPoP" ||
				!slices.Equal(got.Scope(), tokens.Scope) || !slices.Equal(got.Audience(), []string{"https://api.example"}) || got.DPoPThumbprint() != tokens.DPoPThumbprint() ||
				got.CertificateThumbprint() != "" || time.Until(got.Expiry()) > time.Hour || got.IssuedAt().IsZero() || got.AuthorizationDetails() != nil {
				t.Errorf("got %s", got.Payload())
			}
			claims, err := Claims[struct {
				Kind string `json:"kind"`
			}](got)
			if err != nil || claims.Kind != "access_token" {
				t.Errorf("%+v, %v", claims, err)
			}
			sent := p.Requests("introspection")[0]
			if sent.Form.Get("token_type_hint") != "access_token" || !strings.Contains(sent.Header.Get("Accept"), introspectionMediaType) {
				t.Errorf("sent %v, Accept %q", sent.Form, sent.Header.Get("Accept"))
			}
			if err := c.Revoke(t.Context(), tokens.AccessToken); err != nil {
				t.Fatal(err)
			}
			_, err = c.Introspect(t.Context(), tokens.AccessToken)
			if !errors.Is(err, ErrInactive) || strings.Contains(err.Error(), hostile.Canary) {
				t.Errorf("a revoked token: %v", err)
			}
		})
	}
}

var introspectionLies = []struct {
	name  string
	lie   func(map[string]any)
	check string
}{
	{"N02 active missing", responseMember("active", ""), "active"},
	{"N01 active a word", responseMember("active", `"true"`), "active"},
	{"active null", responseMember("active", "null"), "active"},
	{"N01 active 1", responseMember("active", "1"), "active"},
	{"N04 iss another", responseMember("iss", `"https://evil.example"`), "iss"},
	{"iss a number", responseMember("iss", "1"), "iss"},
	{"N03 exp in the past", responseMember("exp", "1000000000"), "exp"},
	{"exp a word", responseMember("exp", `"tomorrow"`), "exp"},
	{"nbf in the future", responseMember("nbf", "9999999999"), "nbf"},
	{"nbf an object", responseMember("nbf", "{}"), "nbf"},
	{"iat a word", responseMember("iat", `"now"`), "iat"},
	{"I24 sub empty", responseMember("sub", `""`), "sub"},
	{"I24 sub a number", responseMember("sub", "7"), "sub"},
	{"client_id a number", responseMember("client_id", "7"), "text members"},
	{"username an object", responseMember("username", "{}"), "text members"},
	{"token_type an array", responseMember("token_type", "[]"), "text members"},
	{"scope an array", responseMember("scope", `["a"]`), "text members"},
	{"I22 aud a number", responseMember("aud", "7"), "aud"},
	{"I22 aud of numbers", responseMember("aud", "[7]"), "aud"},
	{"cnf a string", responseMember("cnf", `"x"`), "cnf"},
	{"cnf with a number for its thumbprint", responseMember("cnf", `{"jkt":7}`), "cnf"},
	{"cnf with an empty certificate", responseMember("cnf", `{"x5t#S256":""}`), "cnf"},
	{"authorization_details an object", responseMember("authorization_details", `{}`), "authorization_details"},
}

var introspectionJWTLies = []struct {
	name  string
	lie   func(*hostile.Token)
	check string
}{
	{"a bad signature", func(tok *hostile.Token) { tok.Compact = hostile.BreakSignature }, "signature"},
	{"I01 alg none", func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, "alg"},
	{"N05 an ID Token's type", func(tok *hostile.Token) { tok.Header["typ"] = "JWT" }, "typ"},
	{"I34 an access token's type", func(tok *hostile.Token) { tok.Header["typ"] = "at+jwt" }, "typ"},
	{"no type", func(tok *hostile.Token) { delete(tok.Header, "typ") }, "typ"},
	{"N05 iss another", func(tok *hostile.Token) { tok.Claims["iss"] = "https://evil.example" }, "iss"},
	{"iss missing", func(tok *hostile.Token) { delete(tok.Claims, "iss") }, "iss"},
	{"I21 aud another", func(tok *hostile.Token) { tok.Claims["aud"] = "other" }, "aud"},
	{"I21 aud missing", func(tok *hostile.Token) { delete(tok.Claims, "aud") }, "aud"},
	{"I20 iat missing", func(tok *hostile.Token) { delete(tok.Claims, "iat") }, "iat"},
	{"I20 iat in the future", func(tok *hostile.Token) { tok.Claims["iat"] = time.Now().Add(time.Hour).Unix() }, "iat"},
	{"N07 token_introspection missing", func(tok *hostile.Token) { delete(tok.Claims, "token_introspection") }, "token_introspection"},
	{"N07 token_introspection a string", func(tok *hostile.Token) { tok.Claims["token_introspection"] = `{"active":true}` }, "token_introspection"},
	{"two parts", func(tok *hostile.Token) { tok.Compact = hostile.DropPart }, "compact"},
	{"an encrypted one, and nothing to decrypt with", func(tok *hostile.Token) { tok.Compact = wrap }, "encryption"},
	{"I40 a header that is an array", func(tok *hostile.Token) { tok.RawHeader = []byte("[]") }, "header"},
	{"I38 b64", func(tok *hostile.Token) { tok.Header["b64"] = true }, "b64"},
	{"I05 a key in the header", func(tok *hostile.Token) { tok.Header["jwk"] = map[string]any{"kty": "EC"} }, "embedded key"},
	{"an unknown key", func(tok *hostile.Token) { tok.Header["kid"] = "nobody's" }, "key"},
	{"I08 the answer twice", func(tok *hostile.Token) {
		tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "token_introspection", `{"active":true}`)
	}, "payload"},
	{"I36 a critical extension", func(tok *hostile.Token) { tok.Header["crit"] = []string{"x"}; tok.Header["x"] = 1 }, "crit"},
}

func TestHostileIntrospection(t *testing.T) {
	ask := func(t *testing.T, check string, lie func(*hostile.Provider)) {
		p := hostile.New(t)
		c := newTestClient(t, p)
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		lie(p)
		_, err = c.Introspect(t.Context(), tokens.AccessToken)
		hostile.Hear(err)
		if refusedBy(err) != check {
			t.Errorf("refused by %v, want %s", err, check)
		}
	}
	for _, l := range introspectionLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks introspection jwks?")
			ask(t, l.check, func(p *hostile.Provider) { p.Introspection = l.lie })
		})
	}
	for _, l := range introspectionJWTLies {
		t.Run(l.name+"/JWT", func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks introspection jwks?")
			ask(t, l.check, func(p *hostile.Provider) { p.IntrospectionJWT = l.lie })
		})
	}
}

// TestHostileIntrospectionEndpoint: an unsigned answer where a signed one is required, and what is no answer.
func TestHostileIntrospectionEndpoint(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.IntrospectionSigningAlgs = []string{"ES256"} })
	token := NewSecret(hostile.Canary + "-token")
	var failed *ExchangeError
	t.Run("N06 an unsigned answer where a signed one is required", func(t *testing.T) {
		hostile.Watch(t, "discovery introspection")
		_, err := c.Introspect(t.Context(), token)
		hostile.Hear(err)
		if !errors.As(err, &failed) || failed.Got != "application/json" {
			t.Errorf("got %v", err)
		}
	})
	c = newTestClient(t, p)
	if _, err := c.Introspect(t.Context(), Secret{}); err == nil || p.Count("introspection") != 1 {
		t.Errorf("no token: %v", err)
	}
	for name, l := range map[string]struct {
		serve http.HandlerFunc
		want  func(error) bool
	}{
		"refused":       {hostile.Error(401, "invalid_client", ""), func(err error) bool { return errors.Is(err, ErrInvalidClient) }},
		"with 200":      {hostile.JSON(`{"error":"invalid_request"}`), func(err error) bool { return errors.Is(err, ErrInvalidRequest) }},
		"another page":  {hostile.HTML(), func(err error) bool { return errors.As(err, &failed) }},
		"not an object": {hostile.JSON(`[true]`), func(err error) bool { return errors.As(err, &failed) }},
		"active twice":  {hostile.JSON(`{"active":false,"active":true}`), func(err error) bool { return errors.As(err, &failed) }},
		"too much":      {hostile.Oversize(2 << 20), func(err error) bool { return errors.As(err, &failed) }},
		"a dead line":   {hostile.Reset(), func(err error) bool { return errors.As(err, &failed) && failed.Sent }},
		"busy": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "17")
			hostile.Status(503, "text/plain", "later")(w, r)
		}, func(err error) bool { return errors.As(err, &failed) && failed.RetryAfter == 17*time.Second }},
	} {
		p.Serve("introspection", l.serve)
		if got, err := c.Introspect(t.Context(), token); got != nil || err == nil || !l.want(err) || strings.Contains(err.Error(), hostile.Canary) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestHostileInactiveSaysNothing: what stands beside "active": false is nobody's business.
func TestHostileInactiveSaysNothing(t *testing.T) {
	t.Run("N08 inactive, with claims", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks introspection introspection")
		p := hostile.New(t)
		c := newTestClient(t, p)
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		p.Introspection = func(m map[string]any) { m["active"], m["sub"], m["username"] = false, hostile.Canary, hostile.Canary }
		for name, sign := range map[string]func(*hostile.Token){"JSON": nil, "JWT": func(*hostile.Token) {}} {
			p.IntrospectionJWT = sign
			got, err := c.Introspect(t.Context(), tokens.AccessToken)
			hostile.Hear(err)
			if got != nil || !errors.Is(err, ErrInactive) || strings.Contains(err.Error(), hostile.Canary) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	})
}

func TestRevoke(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // who asks to forget what nobody knows is told that it is forgotten
		if err := c.Revoke(t.Context(), tokens.RefreshToken, "refresh_token"); err != nil {
			t.Fatal(err)
		}
	}
	if sent := p.Requests("revocation")[0]; sent.Form.Get("token") != tokens.RefreshToken.Reveal() || sent.Form.Get("token_type_hint") != "refresh_token" || sent.Header.Get("Accept") != "" {
		t.Errorf("sent %v, Accept %q", sent.Form, sent.Header.Get("Accept"))
	}
	if _, err := c.Refresh(t.Context(), tokens); !errors.Is(err, ErrInvalidGrant) {
		t.Errorf("a revoked refresh token: %v", err)
	}
	var refused *ResponseError
	var failed *ExchangeError
	for name, l := range map[string]struct {
		serve http.HandlerFunc
		want  func(error) bool
	}{
		"not this kind":    {hostile.Error(400, "unsupported_token_type", ""), func(err error) bool { return errors.Is(err, ErrUnsupportedTokenType) }},
		"no such endpoint": {http.NotFound, func(err error) bool { return errors.As(err, &refused) && refused.Status == 404 }},
		"204":              {hostile.Status(204, "text/plain", ""), func(err error) bool { return errors.As(err, &failed) && failed.Status == 204 }},
		"a redirect":       {hostile.Redirect("https://evil.example"), func(err error) bool { return errors.As(err, &failed) }},
		"busy": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "17")
			hostile.Status(503, "text/plain", "later")(w, r)
		}, func(err error) bool { return errors.As(err, &failed) && failed.RetryAfter == 17*time.Second }},
	} {
		p.Serve("revocation", l.serve)
		if err := c.Revoke(t.Context(), tokens.AccessToken); err == nil || !l.want(err) || strings.Contains(err.Error(), hostile.Canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Serve("revocation", hostile.HTML()) // RFC 7009 section 2.2: the status says it all
	if err := c.Revoke(t.Context(), tokens.AccessToken); err != nil {
		t.Errorf("a page with status 200: %v", err)
	}
	if err := c.Revoke(t.Context(), Secret{}); err == nil {
		t.Error("no token was revoked")
	}
}
