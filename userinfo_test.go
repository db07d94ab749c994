package openid

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestUserInfo(t *testing.T) {
	p := hostile.New(t)
	p.UserInfo = func(m map[string]any) { m["email"], m["email_verified"] = "a@x@corp", true }
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.UserInfo(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := Claims[struct {
		Subject  string `json:"sub"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}](info)
	if err != nil || claims.Subject != p.Subject || info.Subject() != p.Subject || claims.Email != "a@x@corp" || !claims.Verified {
		t.Errorf("got %+v, %v", claims, err)
	}
}

func TestHostileUserInfo(t *testing.T) {
	for _, l := range []struct {
		name   string
		script func(p *hostile.Provider)
		want   func(error) bool
	}{
		{"U01 another subject", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { m["sub"] = "mallory" } }, bySub},
		{"U02 no subject", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { delete(m, "sub") } }, bySub},
		{"U02 a subject of another kind", func(p *hostile.Provider) { p.UserInfo = func(m map[string]any) { m["sub"] = []string{"alice-sub"} } }, bySub},
		{"no JSON", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`{"sub":`)) }, noAnswer},
		{"bytes after the object", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`{"sub":"alice-sub"}{}`)) }, noAnswer},
		{"a name with 250 KB", func(p *hostile.Provider) {
			p.UserInfo = func(m map[string]any) { m["sub"] = strings.Repeat("a", 250<<10) }
		}, bySub},
		{"U03 an array", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`[]`)) }, noAnswer},
		{"U04 sub twice", func(p *hostile.Provider) { p.Serve("userinfo", hostile.JSON(`{"sub":"mallory","sub":"alice-sub"}`)) }, noAnswer},
		{"an encrypted object where JSON was said", func(p *hostile.Provider) { p.Serve("userinfo", hostile.Status(200, "application/json", "a.b.c.d.e")) }, noAnswer},
		{"a JWT as text", func(p *hostile.Provider) { p.Serve("userinfo", hostile.Status(200, "text/plain", "a.b.c")) }, noAnswer},
		{"status 201", func(p *hostile.Provider) {
			p.Serve("userinfo", hostile.Status(201, "application/json", `{"sub":"alice-sub"}`))
		}, noAnswer},
		{"500 with an error body", func(p *hostile.Provider) { p.Serve("userinfo", hostile.Error(500, "server_error", "")) },
			func(err error) bool { return errors.Is(err, ErrServerError) }},
		{"a challenge alone", func(p *hostile.Provider) { p.Serve("userinfo", challenging("")) }, func(err error) bool {
			var r *ResponseError
			return errors.As(err, &r) && r.Code == ErrInsufficientScope && len(r.Challenges) == 1 && r.Challenges[0].Params["scope"] == "email"
		}},
		{"a challenge and a body", func(p *hostile.Provider) {
			p.Serve("userinfo", challenging(`{"error":"invalid_token","error_description":"gone"}`))
		}, func(err error) bool {
			var r *ResponseError
			return errors.As(err, &r) && r.Code == ErrInvalidToken && r.Description == "gone" && len(r.Challenges) == 1 && r.Challenges[0].Code() == ErrInsufficientScope
		}},
		{"a page", func(p *hostile.Provider) { p.Serve("userinfo", hostile.HTML()) }, noAnswer},
		{"401", func(p *hostile.Provider) { p.Serve("userinfo", hostile.Error(401, "invalid_token", "expired")) },
			func(err error) bool { return errors.Is(err, ErrInvalidToken) }},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks userinfo")
			p := hostile.New(t)
			c := newTestClient(t, p)
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			l.script(p)
			info, err := c.UserInfo(t.Context(), tokens)
			hostile.Hear(err)
			if err == nil || info != nil || !l.want(err) {
				t.Errorf("got %v, %v", info, err)
			}
		})
	}
}

// A signedLie is something false in UserInfo that is a JWT.
type signedLie struct {
	name  string
	lie   func(*hostile.Token)
	check string
}

var signedUserInfoLies = []signedLie{
	{"two parts", compact(hostile.DropPart), "compact"},
	{"an encrypted one, and nothing to decrypt with", compact(wrap), "encryption"},
	{"I40 a header that is an array", func(tok *hostile.Token) { tok.RawHeader = []byte("[]") }, "header"},
	{"I01 none", func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, "alg"},
	{"I36 an extension that must be understood", header("crit", `["x"]`), "crit"},
	{"I38 b64", header("b64", `true`), "b64"},
	{"I05 a key in the header", header("jwk", `{"kty":"EC"}`), "embedded key"},
	{"I34 an access token", header("typ", `"at+jwt"`), "typ"},
	{"an unknown key", header("kid", `"nobody's"`), "key"},
	{"a broken signature", compact(hostile.BreakSignature), "signature"},
	{"I08 sub twice", func(tok *hostile.Token) { tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "sub", `"x"`) }, "payload"},
	{"of another server", claim("iss", `"https://evil.example"`), "iss"},
	{"iss a number", claim("iss", `1`), "iss"},
	{"I21 for another client", claim("aud", `"another client"`), "aud"},
	{"I21 for nobody at all", claim("aud", `[]`), "aud"},
	{"I23 for somebody else besides", claim("aud", `["client","friend"]`), "aud"},
	{"of yesterday", claim("exp", "1"), "exp"},
	{"I15 exp a string", claim("exp", `"9999999999"`), "exp"},
	{"I20 of tomorrow", claim("nbf", "9999999999"), "nbf"},
	{"nbf a string", claim("nbf", `"1"`), "nbf"},
	{"about somebody else", claim("sub", `"mallory"`), "sub"},
	{"I24 about nobody", claim("sub", ""), "sub"},
}

func (l signedLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	p.UserInfoJWT = l.lie
	c := newTestClient(t, p)
	c.rows.userInfoJWT, c.rows.userInfo = dropRow(userInfoJWTChecks(), drop), dropRow(userInfoChecks, drop)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.UserInfo(t.Context(), tokens)
	if (info == nil) != (err != nil) {
		t.Errorf("got %v and %v", info, err)
	}
	return err
}

// TestHostileSignedUserInfo: who signs it, for whom, about whom.
func TestHostileSignedUserInfo(t *testing.T) {
	for _, l := range signedUserInfoLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks userinfo jwks?")
			var v *VerificationError
			err := l.tell(t, "")
			hostile.Hear(err)
			if !errors.As(err, &v) || v.Check != l.check || v.Document != "UserInfo" || v.Spec == "" {
				t.Errorf("refused by %v, want %q", err, l.check)
			}
		})
	}
	for name, truth := range map[string]func(*hostile.Token){
		"honest": func(*hostile.Token) {}, "for nobody in particular": func(tok *hostile.Token) { delete(tok.Claims, "iss"); delete(tok.Claims, "aud") },
		"in time": func(tok *hostile.Token) {
			tok.Claims["exp"], tok.Claims["nbf"] = time.Now().Add(time.Minute).Unix(), time.Now().Unix()
		},
	} {
		if err := (signedLie{lie: truth}).tell(t, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSigningAlgsAreTheCallers: what a client is registered with counts, whatever the metadata lists; and UserInfo that has to be signed
// is signed.
func TestSigningAlgsAreTheCallers(t *testing.T) {
	p := hostile.New(t)
	p.UserInfoJWT = func(*hostile.Token) {}
	p.Metadata = func(m map[string]any) {
		delete(m, "userinfo_signing_alg_values_supported")
		delete(m, "authorization_signing_alg_values_supported")
	}
	for name, row := range map[string]struct {
		tune          func(*Config)
		login, claims string // the refusing check
	}{
		"nothing said and nothing listed: RS256": {func(*Config) {}, "alg", ""},
		"ES256, which signs": {func(cfg *Config) {
			cfg.ResponseSigningAlgs, cfg.UserInfoSigningAlgs = []string{"ES256"}, []string{"ES256"}
		}, "", ""},
		"another for UserInfo": {func(cfg *Config) {
			cfg.ResponseSigningAlgs, cfg.UserInfoSigningAlgs = []string{"ES256"}, []string{"PS256"}
		}, "", "alg"},
		"another for responses": {func(cfg *Config) { cfg.ResponseSigningAlgs = []string{"PS256"} }, "alg", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestClient(t, p, row.tune)
			tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"})
			if refusedBy(err) != row.login || row.login == "" && err != nil {
				t.Fatalf("refused by %v, want %q", err, row.login)
			}
			if err != nil {
				return
			}
			if _, err := c.UserInfo(t.Context(), tokens); refusedBy(err) != row.claims || row.claims == "" && err != nil {
				t.Errorf("UserInfo is refused by %v, want %q", err, row.claims)
			}
		})
	}
}

// TestHostileUserInfoUnsigned: who wants a signature takes nothing without one.
func TestHostileUserInfoUnsigned(t *testing.T) {
	t.Run("U08 JSON where a signed answer is required", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks userinfo")
		p := hostile.New(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.UserInfoSigningAlgs = []string{"ES256"} })
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.UserInfo(t.Context(), tokens)
		hostile.Hear(err)
		if !noAnswer(err) {
			t.Errorf("got %v", err)
		}
		if accept := p.Requests("userinfo")[0].Header.Get("Accept"); accept != "application/jwt" {
			t.Errorf("asked for %s", accept)
		}
	})
}

// challenging refuses by WWW-Authenticate, and by a body too if there is one.
func challenging(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="email"`)
		hostile.Status(403, "application/json", body)(w, r)
	}
}

func httpGet(url string) *http.Request { return httptest.NewRequest("GET", url, nil) }

func bySub(err error) bool { return refusedBy(err) == "sub" }

func noAnswer(err error) bool {
	var e *ExchangeError
	return errors.As(err, &e) && e.Endpoint == "userinfo"
}

func TestHostileClaimsAreExact(t *testing.T) {
	p := hostile.New(t)
	p.IDToken = func(tok *hostile.Token) {
		tok.Claims["EMAIL"] = "evil@example"
	}
	tokens, err := logIn(t, newTestClient(t, p), p)
	if err != nil {
		t.Fatal(err)
	}
	mail, err := Claims[struct {
		Email string `json:"email"`
	}](tokens.IDToken)
	if err != nil || mail.Email == "evil@example" {
		t.Errorf("a name of other case was taken: %+v, %v", mail, err)
	}
	for name, value := range map[string]string{`U05 "true"`: `"true"`, "U05 1": "1", "U05 an array": "[true]"} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks")
			p.IDToken = claim("email_verified", value)
			tokens, err := logIn(t, newTestClient(t, p), p)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Claims[struct {
				Verified bool `json:"email_verified"`
			}](tokens.IDToken); err == nil || got.Verified {
				t.Errorf("%s was taken for true", value)
			}
		})
	}
	for name, address := range map[string]string{"U06 two at-signs": "a@x@corp", "U06 a wide at-sign": "alice＠op.example", "U06 a Cyrillic letter": "аlice@op.example", "U06 capitals and spaces": " Alice@OP.example "} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks")
			p.IDToken = func(tok *hostile.Token) { tok.Claims["email"] = address }
			tokens, err := logIn(t, newTestClient(t, p), p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Claims[struct {
				Email    string `json:"email"`
				Verified bool   `json:"email_verified"`
			}](tokens.IDToken)
			if err != nil || got.Email != address || got.Verified {
				t.Errorf("%q became %+v, %v", address, got, err)
			}
		})
	}
}

func TestLogout(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	rawURL, tx, err := c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("id_token_hint") != tokens.IDToken.Raw().Reveal() || q.Get("client_id") != p.ClientID || q.Get("post_logout_redirect_uri") != "https://app.example/bye" {
		t.Errorf("got %s", strings.ReplaceAll(rawURL, q.Get("id_token_hint"), "…"))
	}
	if err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?state="+q.Get("state")), tx); err != nil {
		t.Error(err)
	}
	old, _ := c.openTransaction(tx)
	old.created = old.created.Add(-transactionLifetime - time.Second)
	yesterday, err := c.sealTransaction(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?state="+q.Get("state")), yesterday); refusedBy(err) != "age" {
		t.Errorf("a logout of yesterday: %v", err)
	}
	// A login is no logout.
	_, login, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	opened, _ := c.openTransaction(login)
	if err := c.LogoutCallback(t.Context(), httpGet("https://app.example/bye?state="+opened.state), login); refusedBy(err) != "state" {
		t.Errorf("the transaction of a login: %v", err)
	}
	before := p.Count("")
	cold := newTestClient(t, p)
	if _, _, err := cold.LogoutURL(t.Context(), nil, "http://app.example/bye"); err == nil || !strings.Contains(err.Error(), "ReturnTo") || p.Count("") != before {
		t.Errorf("a returnTo without TLS: %v", err)
	}
	bare, none, err := c.LogoutURL(t.Context(), nil, "")
	if err != nil || none != "" || strings.Contains(bare, "state=") {
		t.Errorf("got %s, %q, %v", bare, none, err)
	}
}

// TestUserInfoInBody: the token is in the body of a POST and nowhere else.
func TestUserInfoInBody(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.UserInfoInBody = true })
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	u, err := c.UserInfo(t.Context(), tokens)
	if err != nil || u.Subject() != p.Subject {
		t.Fatalf("got %v, %v", u, err)
	}
	r := p.Requests("userinfo")[0]
	if r.Method != "POST" || r.Header.Get("Authorization") != "" || len(r.Query) != 0 || r.Form.Get("access_token") != tokens.AccessToken.Reveal() || len(r.Form) != 1 {
		t.Errorf("sent %s %v", r.Method, r.Form)
	}
	p.Serve("userinfo", hostile.Error(http.StatusBadRequest, "invalid_request", "what is "+tokens.AccessToken.Reveal()+"?"))
	if _, err := c.UserInfo(t.Context(), tokens); err == nil || strings.Contains(err.Error(), hostile.Canary) {
		t.Errorf("got %v", err)
	}
	_, err = New(Config{Issuer: p.Issuer, ClientID: "c", Auth: None(), UserInfoInBody: true, DPoP: DPoPPerGrant()})
	if err == nil || !strings.Contains(err.Error(), "UserInfoInBody") || !strings.Contains(err.Error(), "DPoP") {
		t.Errorf("with DPoP: %v", err)
	}
}

// TestEndpointsThatAreMissing: a server without an endpoint is told from one that refuses, and nothing is sent.
func TestEndpointsThatAreMissing(t *testing.T) {
	for member, call := range map[string]func(*testing.T, *Client, *Tokens) error{
		"userinfo_endpoint": func(t *testing.T, c *Client, tokens *Tokens) error {
			_, err := c.UserInfo(t.Context(), tokens)
			return err
		},
		"introspection_endpoint": func(t *testing.T, c *Client, tokens *Tokens) error {
			_, err := c.Introspect(t.Context(), tokens.AccessToken)
			return err
		},
		"revocation_endpoint": func(t *testing.T, c *Client, tokens *Tokens) error { return c.Revoke(t.Context(), tokens.AccessToken) },
		"device_authorization_endpoint": func(t *testing.T, c *Client, _ *Tokens) error {
			_, err := c.Tokens(t.Context(), Device{Show: quietly})
			return err
		},
		"backchannel_authentication_endpoint": func(t *testing.T, c *Client, _ *Tokens) error {
			_, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice"})
			return err
		},
		"end_session_endpoint": func(t *testing.T, c *Client, tokens *Tokens) error {
			_, _, err := c.LogoutURL(t.Context(), tokens.IDToken, "")
			return err
		},
		"token_endpoint": func(t *testing.T, c *Client, tokens *Tokens) error {
			_, err := c.Refresh(t.Context(), tokens)
			return err
		},
	} {
		t.Run(member, func(t *testing.T) {
			p := hostile.New(t)
			tokens, err := logIn(t, newTestClient(t, p), p)
			if err != nil {
				t.Fatal(err)
			}
			p.Metadata = func(m map[string]any) { delete(m, member) }
			c := newTestClient(t, p)
			before := p.Count("")
			var v *VerificationError
			if err := call(t, c, tokens); !errors.As(err, &v) || v.Document != "server metadata" || v.Check != member {
				t.Errorf("got %v", err)
			}
			if n := p.Count("") - before; n != 1 {
				t.Errorf("%d requests beside the one for the metadata", n-1)
			}
		})
	}
}
