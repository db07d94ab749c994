package openid

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// A module is one of the certification suite's tests of a relying party (OpenID Connect RP conformance profiles: basic, config,
// form_post, RP-initiated logout), under the suite's own name. The provider here has the suite's habits: an issuer with a slash at its
// end, punctuation in client_id and secret, keys of other kinds in its key set.
type module struct {
	name   string
	script func(t *testing.T, p *hostile.Provider)
	tune   func(*Config)
	ask    func(*AuthorizationRequest)
	end    func(s *session, tokens *Tokens) error // what follows a good login
	check  string                                 // refuses the login or what follows; empty: all is well
	code   Code                                   // what the provider says instead of a login; empty: there is one
	calls  string                                 // that the provider sees, in order

	vary     func(*variant)                  // what the module fixes, whatever the variant
	find     string                          // the identifier that somebody types; %s is the provider's host
	register func(*ClientMetadata)           // what it registers besides
	begin    func(*session) (*Tokens, error) // the login, where it is not as ever
}

// A session is a module that runs: the provider, the client, and how it logs users in.
type session struct {
	t   *testing.T
	p   *hostile.Provider
	c   *Client
	ask AuthorizationRequest
}

func (s *session) logIn() (*Tokens, error) { return play(s.t, s.c, s.p, s.ask) }

const (
	toLogin    = "discovery authorization token jwks"
	toRefresh  = toLogin + " token"
	toUserInfo = toLogin + " userinfo"
)

// changed is the suite's lie: what was right, and a character more.
func changed(name string) func(*testing.T, *hostile.Provider) {
	return func(_ *testing.T, p *hostile.Provider) { p.IDToken = hostile.Longer(name) }
}

func without(name string) func(*testing.T, *hostile.Provider) {
	return func(_ *testing.T, p *hostile.Provider) { p.IDToken = claim(name, "") }
}

func signedWith(alg string, lie func(*hostile.Token)) func(*testing.T, *hostile.Provider) {
	return func(_ *testing.T, p *hostile.Provider) { p.Alg, p.IDToken = alg, lie }
}

func noKeyID(tok *hostile.Token) { delete(tok.Header, "kid") }

var modules = []module{
	{name: "oidcc-client-test", end: askUserInfo, calls: toUserInfo},
	{name: "oidcc-client-test-client-secret-basic", calls: toLogin, vary: func(v *variant) { v.auth = "client_secret_basic" }, end: func(s *session, _ *Tokens) error {
		if r := s.p.Requests("token")[0]; r.Auth != "client_secret_basic" || r.Form.Has("client_id") {
			s.t.Errorf("authenticated with %s", r.Auth)
		}
		return nil
	}},
	{name: "oidcc-client-test-nonce-unless-code-flow", calls: toLogin, end: func(s *session, _ *Tokens) error {
		q := asked(s.t, s.p)
		for _, name := range []string{"nonce", "state"} { // more characters are a warning of the suite's
			if v := q.Get(name); len(v) != 43 || url.QueryEscape(v) != v {
				s.t.Errorf("%s of %d characters", name, len(v))
			}
		}
		return nil
	}},
	{name: "oidcc-client-test-scope-userinfo-claims", ask: func(r *AuthorizationRequest) { r.Scope = []string{"openid", "profile", "email"} },
		script: func(_ *testing.T, p *hostile.Provider) {
			p.FrontIDToken = func(tok *hostile.Token) {
				tok.Claims["name"], tok.Claims["email"] = "Alice Example", "alice@op.example"
			}
		},
		end: func(s *session, tokens *Tokens) error {
			if !tokens.AccessToken.IsEmpty() {
				return askUserInfo(s, tokens)
			}
			// Nowhere else can the claims be then: OpenID Connect Core section 5.4.
			claims, err := Claims[map[string]any](tokens.IDToken)
			if claims["name"] == nil || claims["email"] == nil {
				s.t.Errorf("claims are lost: %v", claims)
			}
			return err
		}, calls: toUserInfo},

	{name: "oidcc-client-test-idtoken-sig-rs256", script: signedWith("RS256", nil), calls: toLogin},
	{name: "oidcc-client-test-idtoken-sig-none", check: "alg", calls: "discovery authorization token", script: signedWith("RS256", hostile.Unsigned)},
	{name: "oidcc-client-test-invalid-sig-rs256", script: signedWith("RS256", compact(hostile.BreakSignature)), check: "signature", calls: toLogin},
	{name: "oidcc-client-test-invalid-sig-es256", script: signedWith("ES256", compact(hostile.BreakSignature)), check: "signature", calls: toLogin},
	{name: "oidcc-client-test-invalid-sig-hs256", script: signedWith("HS256", compact(hostile.BreakSignature)), check: "signature",
		calls: "discovery authorization token", tune: func(cfg *Config) { cfg.IDTokenSigningAlgs = []string{"HS256"} },
		register: func(m *ClientMetadata) { m.IDTokenSignedResponseAlg = "HS256" },
		vary: func(v *variant) { // a secret is what HS256 is about
			if !strings.HasPrefix(v.auth, "client_secret_") {
				v.auth = "client_secret_basic"
			}
		}},
	{name: "oidcc-client-test-kid-absent-single-jwks", calls: toLogin, script: func(t *testing.T, p *hostile.Provider) {
		p.Alg, p.IDToken = "RS256", noKeyID
		p.JWKS = func(set map[string]any) { // one signature key of each kind, none has a kid or an alg
			set["keys"] = append(set["keys"].([]any)[:1], hostile.NewKey(t, "ES256", "").PublicJWK())
			for _, k := range set["keys"].([]any) {
				delete(k.(map[string]any), "kid")
				delete(k.(map[string]any), "alg")
			}
		}
	}},
	{name: "oidcc-client-test-kid-absent-multiple-jwks", calls: toLogin, script: func(t *testing.T, p *hostile.Provider) {
		p.Alg, p.IDToken = "RS256", noKeyID
		p.JWKS = func(set map[string]any) {
			all := []any{}
			for _, alg := range []string{"RS256", "ES256", "RS256", "ES256", "ES256"} {
				all = append(all, hostile.NewKey(t, alg, alg+"-another").PublicJWK())
			}
			set["keys"] = append(all, set["keys"].([]any)...)
		}
	}},

	{name: "oidcc-client-test-invalid-iss", script: changed("iss"), check: "iss", calls: toLogin},
	{name: "oidcc-client-test-invalid-aud", script: changed("aud"), check: "aud", calls: toLogin},
	{name: "oidcc-client-test-missing-aud", script: without("aud"), check: "aud", calls: toLogin},
	{name: "oidcc-client-test-missing-sub", script: without("sub"), check: "sub", calls: toLogin},
	{name: "oidcc-client-test-missing-iat", script: without("iat"), check: "iat", calls: toLogin},
	{name: "oidcc-client-test-nonce-invalid", script: changed("nonce"), check: "nonce", calls: toLogin},
	{name: "oidcc-client-test-userinfo-invalid-sub", end: askUserInfo, check: "sub", calls: toUserInfo, script: func(_ *testing.T, p *hostile.Provider) {
		p.UserInfo = func(m map[string]any) { m["sub"] = m["sub"].(string) + "invalid" }
	}},

	{name: "oidcc-client-test-aggregated-claims", calls: toUserInfo, check: "alg", script: func(_ *testing.T, p *hostile.Provider) {
		p.Claims = map[string]any{"credit_score": 650}
		p.ClaimsJWT = hostile.Unsigned
		refer(p, map[string][]string{"src1": {"credit_score"}}, map[string]any{"src1": hostile.Aggregated(p.Vouch())})
	}, end: resolveClaims},
	{name: "oidcc-client-test-distributed-claims", calls: toUserInfo + " claims", script: func(_ *testing.T, p *hostile.Provider) {
		p.Claims = map[string]any{"credit_score": 650}
		refer(p, map[string][]string{"src1": {"credit_score"}}, map[string]any{"src1": hostile.Distributed(p.URL("claims"), hostile.ClaimsToken)})
	}, end: resolveClaims},

	{name: "oidcc-client-test-discovery-openid-config", calls: "discovery authorization token jwks", end: func(s *session, _ *Tokens) error {
		if at := s.p.Requests("discovery")[0].Path; at != "/t/.well-known/openid-configuration" {
			s.t.Errorf("asked at %s: a slash is doubled or lost", at)
		}
		return nil
	}},
	{name: "oidcc-client-test-discovery-jwks-uri-keys", calls: "discovery authorization token random/keys userinfo", end: askUserInfo,
		script: func(_ *testing.T, p *hostile.Provider) {
			p.Serve("random/keys", p.Honest("jwks"))
			p.Metadata = func(m map[string]any) { m["jwks_uri"] = p.URL("random/keys") }
		}},
	{name: "oidcc-client-test-discovery-issuer-mismatch", check: "issuer", calls: "discovery", script: func(_ *testing.T, p *hostile.Provider) {
		p.Metadata = func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "INVALID" }
	}},
	{name: "oidcc-client-test-signing-key-rotation-just-before-signing", calls: toLogin + " authorization token jwks",
		end: func(s *session, tokens *Tokens) error {
			if strings.HasPrefix(s.ask.ResponseType, "code id_token") {
				return nil // two ID Tokens by two keys have come already
			}
			return again(s, tokens)
		},
		script: func(_ *testing.T, p *hostile.Provider) {
			n := 0
			p.IDToken = func(tok *hostile.Token) {
				n++
				p.Rotate("just-made-" + string(rune('0'+n)))
				tok.Key = p.SigningKey()
				tok.Header["kid"] = tok.Key.ID
			}
		}},
	{name: "oidcc-client-test-signing-key-rotation", calls: toLogin + " authorization token jwks",
		end: func(s *session, tokens *Tokens) error {
			s.p.Rotate("second")
			before := s.p.Count("jwks")
			err := again(s, tokens)
			if s.p.Count("jwks") != before+1 {
				s.t.Error("the keys were not fetched again, once")
			}
			return err
		}},

	{name: "oidcc-client-test-refresh-token", calls: toRefresh + " token userinfo", end: func(s *session, tokens *Tokens) error {
		for range 2 { // each answer rotates the refresh token
			var err error
			if tokens, err = s.c.Refresh(s.t.Context(), tokens); err != nil {
				return err
			}
		}
		return askUserInfo(s, tokens)
	}},
	{name: "oidcc-client-test-refresh-token-invalid-issuer", end: refreshed(changed("iss")), check: "iss", calls: toRefresh},
	{name: "oidcc-client-test-refresh-token-invalid-sub", end: refreshed(changed("sub")), check: "same sub", calls: toRefresh},
}

// askUserInfo is where most modules end. An implicit login without an access token has ended before.
func askUserInfo(s *session, tokens *Tokens) error {
	if tokens.AccessToken.IsEmpty() {
		return nil
	}
	info, err := s.c.UserInfo(s.t.Context(), tokens)
	if err != nil {
		return err
	}
	claims, err := Claims[map[string]any](info)
	if claims["name"] == nil || claims["email"] == nil {
		s.t.Errorf("claims are lost: %v", claims)
	}
	return err
}

// resolveClaims believes the suite about its own claims, wherever they are; the login has ended well in any case.
func resolveClaims(s *session, tokens *Tokens) error {
	info, err := s.c.UserInfo(s.t.Context(), tokens)
	if err != nil {
		s.t.Fatal(err)
	}
	results, err := s.c.ResolveClaims(s.t.Context(), info, ClaimSource{Client: s.c, Origins: []string{strings.TrimSuffix(s.p.URL(""), "/t/")}})
	if err != nil || len(results) != 1 {
		s.t.Fatalf("got %v, %v", results, err)
	}
	if results[0].Err == nil && string(results[0].Claims.Payload()) != `{"credit_score":650}` {
		s.t.Errorf("got %s", results[0].Claims.Payload())
	}
	return results[0].Err
}

// again is the suite's second full login of one module: the same client.
func again(s *session, _ *Tokens) error {
	_, err := s.logIn()
	return err
}

func refreshed(lie func(*testing.T, *hostile.Provider)) func(*session, *Tokens) error {
	return func(s *session, tokens *Tokens) error {
		lie(s.t, s.p)
		_, err := s.c.Refresh(s.t.Context(), tokens)
		return err
	}
}

func TestCertification(t *testing.T) {
	for _, m := range modules {
		t.Run(m.name, func(t *testing.T) {
			p, err := m.run(t, variant{"client_secret_basic", "code", "", "static_client", "plain_http_request", ""})
			if got := refusedBy(err); got != m.check || m.check == "" && err != nil {
				t.Errorf("refused by %q (%v), want %q", got, err, m.check)
			}
			var calls []string
			for _, r := range p.Requests("") {
				calls = append(calls, r.Endpoint)
			}
			if got := strings.Join(calls, " "); got != m.calls {
				t.Errorf("the suite sees %s, want %s", got, m.calls)
			}
		})
	}
}

// TestCertificationFormPostError: oidcc-client-test-form-post-error.
func TestCertificationFormPostError(t *testing.T) {
	p := hostile.New(t, hostile.Suite)
	p.Callback = func(q url.Values) {
		q.Del("code")
		q.Set("error", "login_required")
	}
	_, err := logIn(t, newTestClient(t, p), p, maxAge(0), func(r *AuthorizationRequest) {
		r.ResponseMode, r.Extra = "form_post", url.Values{"prompt": {"none"}}
	})
	var refused *ResponseError
	if !errors.Is(err, ErrLoginRequired) || !errors.As(err, &refused) || refused.Endpoint != "authorization" {
		t.Errorf("got %v, want login_required", err)
	}
	if q := p.Requests("authorization")[0].Query; q.Get("max_age") != "0" || q.Get("prompt") != "none" || q.Get("response_mode") != "form_post" {
		t.Errorf("asked for %v", q)
	}
}

// TestCertificationRegistration: oidcc-client-test-dynamic-registration, and the login that shows that it was of use.
func TestCertificationRegistration(t *testing.T) {
	p := hostile.New(t, hostile.Suite)
	cfg := unregistered(p)
	made, err := Register(t.Context(), cfg, ClientMetadata{RedirectURIs: []string{p.RedirectURI}, GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"},
		ClientName: "Shop", Contacts: []string{"admin@app.example"}, TokenEndpointAuthMethod: "client_secret_basic"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err = made.Config(cfg); err != nil {
		t.Fatal(err)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, r := range p.Requests("") {
		calls = append(calls, r.Endpoint)
	}
	if got, want := strings.Join(calls, " "), "discovery registration "+toLogin; got != want {
		t.Errorf("the suite sees %s, want %s", got, want)
	}
}

// follow plays the browser that is sent to the provider and back.
func follow(t *testing.T, p *hostile.Provider, rawURL string) *http.Request {
	t.Helper()
	browser := p.HTTPClient()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := browser.Get(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return httptest.NewRequestWithContext(t.Context(), "GET", answer.Header.Get("Location"), nil)
}
