package openid

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A profiled is a profile with what a conforming program adds to it: keys, beside the issuer.
type profiled struct {
	make func() Profile
	tune func(*testing.T, *Config)
}

var profiles = []profiled{
	{FAPI1Advanced, func(t *testing.T, cfg *Config) {
		cfg.Auth, cfg.Certificate = PrivateKeyJWT(rsaKey(), "k1"), newCertificate(t, "the client")
	}},
	{FAPI2Security, func(t *testing.T, cfg *Config) {
		cfg.Auth, cfg.DPoP = PrivateKeyJWT(rsaKey(), "k1"), DPoPKey(newKey(t))
	}},
	{FAPI2MessageSigning, func(t *testing.T, cfg *Config) { cfg.Auth, cfg.DPoP = PrivateKeyJWT(rsaKey(), "k1"), DPoPKey(rsaKey()) }},
	{OAuth21, func(*testing.T, *Config) {}},
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// config is a conforming configuration.
func (x profiled) config(t *testing.T, p *hostile.Provider) Config {
	cfg := Config{Issuer: p.Issuer, ClientID: p.ClientID, Auth: ClientSecret(NewSecret(p.ClientSecret)), RedirectURI: p.RedirectURI, HTTPClient: p.HTTPClient(),
		Trace: listener, Profile: x.make()}
	x.tune(t, &cfg)
	return cfg
}

// provider is one that conforms to every profile.
func profiledProvider(t *testing.T) *hostile.Provider {
	p := hostile.New(t)
	p.Alg, p.Aliases = "PS256", true
	p.Metadata = func(m map[string]any) { m["tls_client_certificate_bound_access_tokens"] = true }
	return p
}

// TestProfiles: a conforming program needs only the profile, keys and the issuer; what follows is set.
func TestProfiles(t *testing.T) {
	for _, x := range profiles {
		name := x.make().String()
		t.Run(name, func(t *testing.T) {
			p := profiledProvider(t)
			cfg := x.config(t, p)
			p.DPoP.Nonce = cfg.DPoP.enabled()
			heard := map[string]bool{}
			cfg.Trace = func(_ context.Context, e Event) {
				if e.Kind == EventCheck && (e.Expected == "" || e.Got == "" || e.Spec == "" || strings.Contains(fmt.Sprint(e), hostile.Canary)) {
					t.Errorf("%s of the %s says %q, %q, %q", e.Name, e.Document, e.Expected, e.Got, e.Spec)
				}
				heard[e.Name+" "+e.Spec] = true
			}
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid", "offline_access"}})
			if err != nil {
				t.Fatal(err)
			}
			if tokens, err = c.Refresh(t.Context(), tokens); err != nil {
				t.Fatal(err)
			}
			if _, err = c.UserInfo(t.Context(), tokens); err != nil {
				t.Error(err)
			}
			for _, clause := range c.cfg.Profile.Clauses() {
				if clause.When == whenRequest && !heard[clause.Name+" "+clause.Spec] {
					t.Errorf("nobody heard of %+v", clause)
				}
			}
			suiteIsContent(t, p, c)
			fapi, pushes, signs := name != "OAuth21", strings.HasPrefix(name, "FAPI2"), name == "FAPI1Advanced" || name == "FAPI2MessageSigning"
			if got := p.Count("pushed_authorization_request") > 0; got != pushes {
				t.Errorf("pushed: %t", got)
			}
			objects := p.Requests("request object")
			if got := len(objects) > 0; got != signs {
				t.Errorf("signed requests: %t", got)
			}
			for _, r := range objects {
				header, claims := decoded(t, string(r.Body))
				if string(header["alg"]) != `"PS256"` || string(header["kid"]) != `"k1"` || string(claims["response_mode"]) != `"jwt"` {
					t.Errorf("a request object of %s and %s", header, claims)
				}
			}
			if a := p.Requests("token")[0].Form.Get("client_assertion"); fapi {
				if header, _ := decoded(t, a); string(header["alg"]) != `"PS256"` {
					t.Errorf("an assertion of %s", header)
				}
			}
			for _, proof := range p.Proofs() {
				if header, _ := decoded(t, proof.Compact); string(header["alg"]) == `"RS256"` {
					t.Errorf("a proof of %s", header)
				}
			}
			suites := c.http.Transport.(*http.Transport).TLSClientConfig.CipherSuites
			if fapi != (len(suites) > 0) || fapi != (c.resources.(*http.Transport).TLSClientConfig.CipherSuites != nil) || cfg.HTTPClient.Transport.(*http.Transport).TLSClientConfig.CipherSuites != nil {
				t.Errorf("cipher suites %v", suites)
			}
			if got := c.cfg.IntrospectionSigningAlgs != nil; got != (name == "FAPI2MessageSigning") {
				t.Errorf("signed introspection: %t", got)
			}
			if got := c.cfg.DetachedSignature; got != (name == "FAPI1Advanced") {
				t.Errorf("detached signature: %t", got)
			}
		})
	}
}

// TestProfileKeysInTurn: keys that replace each other conform as one key does, and each of them has to.
func TestProfileKeysInTurn(t *testing.T) {
	p := profiledProvider(t)
	for algorithm, conforms := range map[string]bool{"PS256": true, "RS256": false, "": false} {
		keys, err := NewSigningKeys([]SigningKey{{Key: newKey(t), KeyID: "new"}, {Key: rsaKey(), KeyID: "next", Algorithm: algorithm, From: time.Now().Add(time.Hour)}})
		if err != nil {
			t.Fatal(err)
		}
		cfg := profiles[2].config(t, p)
		cfg.Auth = keys.PrivateKeyJWT()
		c, err := New(cfg)
		if !conforms {
			for _, field := range []string{"Auth", "RequestObject"} {
				if !(Clause{Name: field, Spec: fapi2Signing}).refuses(err) {
					t.Errorf("%q as %s: %v", algorithm, field, err)
				}
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
			t.Error(err)
		}
		if objects := p.Requests("request object"); len(objects) != 1 {
			t.Errorf("%d request objects", len(objects))
		}
	}
}

// A profileLie contradicts one clause: in the configuration, in a request or in what the server says. The clause is found by when, check and
// a part of its text.
type profileLie struct {
	profiles string // those that it is told, separated by spaces; empty: all that have the clause
	when     string
	check    string
	text     string
	name     string

	config func(*testing.T, *Config)
	ask    AuthorizationRequest // with the scope openid where none is said
	meta   func(map[string]any)
	script func(*testing.T, *hostile.Provider)
	how    Confirmation                             // of an access token that is bound to what it says
	end    func(*testing.T, *Client, *Tokens) error // after the login; instead of it where tokens are nil
	alone  bool                                     // there is no login
}

func configLie(check, text, name string, config func(*testing.T, *Config)) profileLie {
	return profileLie{when: whenNew, check: check, text: text, name: name, config: config}
}

// anotherAuth is an authentication of the application's own.
type anotherAuth func(context.Context, *AuthRequest) error

func (f anotherAuth) Authenticate(ctx context.Context, r *AuthRequest) error { return f(ctx, r) }

// shortCurve is a key on a curve of 160 bits.
type shortCurve struct{}

func (shortCurve) Public() crypto.PublicKey {
	return &ecdsa.PublicKey{Curve: &elliptic.CurveParams{Name: "short", BitSize: 160, P: big.NewInt(23)}}
}

func (shortCurve) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("unable")
}

// tinyCurve has 112 bits, fewer than any profile wants.
type tinyCurve struct{ shortCurve }

func (tinyCurve) Public() crypto.PublicKey {
	return &ecdsa.PublicKey{Curve: &elliptic.CurveParams{Name: "tiny", BitSize: 112, P: big.NewInt(23)}}
}

func shortCertificate(t *testing.T) *tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func p384(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// spoken changes the caller's TLS.
func spoken(change func(*tls.Config)) func(*testing.T, *Config) {
	return func(_ *testing.T, cfg *Config) {
		transport := cfg.HTTPClient.Transport.(*http.Transport).Clone()
		change(transport.TLSClientConfig)
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
}

// requestEdit changes the claims of request objects.
func requestEdit(edit func(claims map[string]json.RawMessage)) func(*testing.T, *Config) {
	return func(_ *testing.T, cfg *Config) {
		cfg.RequestObject = &RequestObject{Key: rsaKey(), Signing: Signing{Modify: func(_, claims map[string]json.RawMessage) { edit(claims) }}}
	}
}

func inClaim(name, value string) func(*testing.T, *Config) {
	return requestEdit(func(claims map[string]json.RawMessage) {
		if claims[name] = json.RawMessage(value); value == "" {
			delete(claims, name)
		}
	})
}

func epoch(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

// byRS256 is a lie of the server's: signed by a good key of its own, and with an algorithm that no FAPI profile knows.
func byRS256(lie func(*hostile.Provider, func(*hostile.Token))) func(*testing.T, *hostile.Provider) {
	return func(t *testing.T, p *hostile.Provider) {
		key := hostile.NewKey(t, "RS256", "another")
		p.JWKS = func(set map[string]any) {
			jwk := key.PublicJWK()
			delete(jwk, "alg")
			set["keys"] = append(set["keys"].([]any), jwk)
		}
		lie(p, func(tok *hostile.Token) { tok.Key, tok.Header["alg"], tok.Header["kid"] = key, "RS256", key.ID })
	}
}

func told(lie func(*hostile.Provider)) func(*testing.T, *hostile.Provider) {
	return func(_ *testing.T, p *hostile.Provider) { lie(p) }
}

func posted(auth ClientAuth) func(*testing.T, *Config) {
	return func(_ *testing.T, cfg *Config) {
		cfg.Auth, cfg.PushAuthorizationRequests = auth, true
		if cfg.Profile.(*profile).objects != nil {
			cfg.RequestObject = &RequestObject{Key: rsaKey()}
		}
	}
}

func obtain(g Grant) func(*testing.T, *Client, *Tokens) error {
	return func(t *testing.T, c *Client, _ *Tokens) error { _, err := c.Tokens(t.Context(), g); return err }
}

func refresh(t *testing.T, c *Client, tokens *Tokens) error {
	_, err := c.Refresh(t.Context(), tokens)
	return err
}

var frontHybrid = AuthorizationRequest{ResponseType: "code id_token", ResponseMode: "fragment"}

var profileLies = []profileLie{
	configLie("Auth", "authenticates with a key", "None", posted(None())),
	configLie("Auth", "authenticates with a key", "ClientSecret", posted(ClientSecret(NewSecret("s")))),
	configLie("Auth", "authenticates with a key", "ClientSecretJWT", posted(ClientSecretJWT(NewSecret(strings.Repeat("s", 32))))),
	configLie("Auth", "authenticates with a key", "ClientSecretFile", posted(ClientSecretFile("secret"))),
	configLie("Auth", "audience", "the token endpoint", func(t *testing.T, cfg *Config) {
		cfg.Auth = PrivateKeyJWT(rsaKey(), "k1", Signing{Algorithm: "PS256", Audience: cfg.Issuer + "/token"})
	}),
	configLie("Auth", "algorithms", "RS256", func(_ *testing.T, cfg *Config) {
		cfg.Auth = PrivateKeyJWT(rsaKey(), "k1", Signing{Algorithm: "RS256"})
	}),
	configLie("Auth", "algorithms", "ES384", func(t *testing.T, cfg *Config) { cfg.Auth = PrivateKeyJWT(p384(t), "k1") }),
	configLie("Certificate", "", "none", func(_ *testing.T, cfg *Config) { cfg.Certificate = nil }),
	configLie("DPoP", "not bound in another way", "DPoP", func(_ *testing.T, cfg *Config) { cfg.DPoP = DPoPPerGrant() }),
	configLie("DPoP", "bound to a key", "neither", func(_ *testing.T, cfg *Config) { cfg.DPoP = DPoP{} }),
	configLie("DPoP", "algorithms", "ES384", func(t *testing.T, cfg *Config) { cfg.DPoP = DPoPKey(p384(t)) }),
	configLie("DPoP", "algorithms", "RS256", func(t *testing.T, cfg *Config) { cfg.DPoP = DPoPKey(rsaKey()).With(Signing{Algorithm: "RS256"}) }),
	configLie("DPoP", "algorithms", "ES384, an old one", func(t *testing.T, cfg *Config) { cfg.DPoP = DPoPKey(newKey(t), p384(t)) }),
	configLie("RequestObject", "Requests are signed", "none, and no key to make one", func(t *testing.T, cfg *Config) {
		cfg.Auth, cfg.Certificate = TLSClientAuth(), newCertificate(t, "c")
	}),
	configLie("RequestObject", "Requests are signed", "unsigned", func(_ *testing.T, cfg *Config) { cfg.RequestObject = &RequestObject{InsecureUnsigned: true} }),
	configLie("RequestObject", "with none", "unsigned", func(_ *testing.T, cfg *Config) { cfg.RequestObject = &RequestObject{InsecureUnsigned: true} }),
	configLie("RequestObject", "audience", "the authorization endpoint", func(_ *testing.T, cfg *Config) {
		cfg.RequestObject = &RequestObject{Key: rsaKey(), Signing: Signing{Audience: cfg.Issuer + "/authorize"}}
	}),
	configLie("RequestObject", "algorithms", "RS256", func(_ *testing.T, cfg *Config) {
		cfg.RequestObject = &RequestObject{Key: rsaKey(), Signing: Signing{Algorithm: "RS256"}}
	}),
	configLie("InsecureAllowFrontChannelTokens", "", "allowed", func(_ *testing.T, cfg *Config) { cfg.InsecureAllowFrontChannelTokens = true }),
	configLie("InsecureAllowNoPKCE", "", "allowed", func(_ *testing.T, cfg *Config) {
		cfg.InsecureAllowNoPKCE, cfg.PushAuthorizationRequests = true, true
	}),
	configLie("InsecureAllowHTTP", "", "allowed", func(_ *testing.T, cfg *Config) { cfg.InsecureAllowHTTP = true }),
	configLie("UserInfoInBody", "", "in the body", func(_ *testing.T, cfg *Config) { cfg.UserInfoInBody = true }),
	configLie("Metadata", "", "by hand", func(_ *testing.T, cfg *Config) { cfg.Metadata = &ServerMetadata{Issuer: cfg.Issuer} }),
	configLie("DiscoveryURL", "", "elsewhere", func(_ *testing.T, cfg *Config) { cfg.DiscoveryURL = "https://elsewhere.example/metadata" }),
	configLie("RSA keys", "", "1024 bits", func(t *testing.T, cfg *Config) { cfg.Certificate = shortCertificate(t) }),
	configLie("EC keys", "", "112 bits", func(_ *testing.T, cfg *Config) { cfg.Auth = PrivateKeyJWT(tinyCurve{}, "k1") }),
	configLie("HTTPClient", "TLS 1.2 or later", "TLS 1.1", spoken(func(c *tls.Config) { c.MinVersion = tls.VersionTLS11 })),
	configLie("HTTPClient", "TLS 1.2 or later", "TLS 1.1 at most", spoken(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })),
	configLie("HTTPClient", "certificates of servers", "not checked", spoken(func(c *tls.Config) { c.InsecureSkipVerify = true })),
	configLie("HTTPClient", "cipher suites", "CBC", spoken(func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA} })),
	configLie("IDTokenSigningAlgs", "", "RS256", func(_ *testing.T, cfg *Config) { cfg.IDTokenSigningAlgs = []string{"PS256", "RS256"} }),
	configLie("UserInfoSigningAlgs", "", "ES512", func(_ *testing.T, cfg *Config) { cfg.UserInfoSigningAlgs = []string{"ES512"} }),
	configLie("ResponseSigningAlgs", "", "RS256", func(_ *testing.T, cfg *Config) { cfg.ResponseSigningAlgs = []string{"RS256"} }),
	configLie("IntrospectionSigningAlgs", "", "RS256", func(_ *testing.T, cfg *Config) { cfg.IntrospectionSigningAlgs = []string{"RS256"} }),
	configLie("AccessTokenSigningAlgs", "", "RS256", func(_ *testing.T, cfg *Config) { cfg.AccessTokenSigningAlgs = []string{"RS256"} }),
	configLie("IssuerAliases", "", "another name", func(_ *testing.T, cfg *Config) { cfg.IssuerAliases = []string{"https://alias.example"} }),
	configLie("Tenants", "", "a tenant", func(_ *testing.T, cfg *Config) {
		cfg.Issuer, cfg.Tenants = "https://op.example/{tenantid}", []string{"one"}
	}),
	{profiles: "FAPI1Advanced", when: whenNew, check: "RedirectURI", name: "a scheme of its own", config: func(_ *testing.T, cfg *Config) { cfg.RedirectURI = "com.example.app:/cb" }},
	{profiles: "FAPI1Advanced", when: whenNew, check: "RedirectURI", name: "a loopback address", config: func(_ *testing.T, cfg *Config) { cfg.RedirectURI = "http://127.0.0.1/cb" }},
	{profiles: "FAPI2Security FAPI2MessageSigning OAuth21", when: whenNew, check: "RedirectURI", name: "http", config: func(_ *testing.T, cfg *Config) { cfg.RedirectURI = "http://app.example/cb" }},
	{profiles: "OAuth21", when: whenNew, check: "RedirectURI", name: "a scheme without a period", config: func(_ *testing.T, cfg *Config) { cfg.RedirectURI = "app:/cb" }},
	{profiles: "FAPI2Security FAPI2MessageSigning", when: whenNew, check: "EC keys", name: "160 bits", config: func(_ *testing.T, cfg *Config) { cfg.Auth = PrivateKeyJWT(shortCurve{}, "k1") }},

	{when: whenMetadata, check: "issuer", name: "another issuer", meta: func(m map[string]any) { m["issuer"] = "https://evil.example" }},
	{when: whenMetadata, check: "id_token_signing_alg_values_supported", name: "RS256 only", meta: func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []any{"RS256"} }},
	{when: whenMetadata, check: "token_endpoint_auth_methods_supported", name: "secrets only", meta: func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []any{"client_secret_basic"} }},
	{when: whenMetadata, check: "tls_client_certificate_bound_access_tokens", name: "not bound", meta: func(m map[string]any) { delete(m, "tls_client_certificate_bound_access_tokens") },
		config: func(t *testing.T, cfg *Config) { cfg.DPoP, cfg.Certificate = DPoP{}, newCertificate(t, "c") }},
	{when: whenMetadata, check: "pushed_authorization_request_endpoint", name: "nowhere to push to", meta: func(m map[string]any) { delete(m, "pushed_authorization_request_endpoint") }},
	{when: whenMetadata, check: "code_challenge_methods_supported", name: "plain only", meta: func(m map[string]any) { m["code_challenge_methods_supported"] = []any{"plain"} },
		config: func(_ *testing.T, cfg *Config) { cfg.PushAuthorizationRequests = true }},
	{profiles: "FAPI1Advanced", when: whenMetadata, check: "code_challenge_methods_supported", name: "plain only, and the server wants pushed requests", meta: func(m map[string]any) {
		m["code_challenge_methods_supported"], m["require_pushed_authorization_requests"] = []any{"plain"}, true
	}, config: func(_ *testing.T, cfg *Config) { cfg.InsecureAllowNoPKCE = true }},
	{profiles: "FAPI1Advanced", when: whenMetadata, check: "code_challenge_methods_supported", name: "plain only, and this request is pushed", meta: func(m map[string]any) { m["code_challenge_methods_supported"] = []any{"plain"} },
		config: func(_ *testing.T, cfg *Config) { cfg.InsecureAllowNoPKCE = true }, ask: AuthorizationRequest{Push: true}},

	{profiles: "FAPI1Advanced", when: whenRequest, check: "response_type", name: "implicit", ask: AuthorizationRequest{ResponseType: "id_token"}},
	{profiles: "FAPI1Advanced OAuth21", when: whenRequest, check: "response_type", name: "a token in front", ask: AuthorizationRequest{ResponseType: "code id_token token"}},
	{profiles: "FAPI2Security FAPI2MessageSigning", when: whenRequest, check: "response_type", name: "hybrid", ask: frontHybrid},
	{when: whenRequest, check: "response_mode", name: "query", ask: AuthorizationRequest{ResponseMode: "query"}},
	{when: whenRequest, check: "response_mode", name: "form_post.jwt", ask: AuthorizationRequest{ResponseMode: "form_post.jwt"}},
	{profiles: "FAPI1Advanced", when: whenRequest, check: "redirect_uri", name: "a scheme of its own", ask: AuthorizationRequest{RedirectURI: "com.example.app:/cb"}},
	{profiles: "FAPI2Security FAPI2MessageSigning OAuth21", when: whenRequest, check: "redirect_uri", name: "http", ask: AuthorizationRequest{RedirectURI: "http://app.example/cb"}},
	{profiles: "OAuth21", when: whenRequest, check: "redirect_uri", name: "a scheme without a period", ask: AuthorizationRequest{RedirectURI: "app:/cb"}},
	{when: whenRequest, check: "aud", name: "another server", config: inClaim("aud", `"https://evil.example"`)},
	{when: whenRequest, check: "aud", name: "missing", config: inClaim("aud", "")},
	{when: whenRequest, check: "nbf", name: "missing", config: inClaim("nbf", "")},
	{when: whenRequest, check: "nbf", name: "two hours ago", config: inClaim("nbf", epoch(-2*time.Hour))},
	{when: whenRequest, check: "exp", name: "missing", config: inClaim("exp", "")},
	{when: whenRequest, check: "exp", name: "in two hours", config: inClaim("exp", epoch(2*time.Hour))},
	{when: whenRequest, check: "exp", name: "before nbf", config: inClaim("exp", epoch(-time.Hour))},
	{when: whenRequest, check: "client authentication", name: "a secret in the body", config: posted(anotherAuth(func(_ context.Context, r *AuthRequest) error {
		r.Form.Set("client_secret", "s")
		return nil
	}))},
	{when: whenRequest, check: "client authentication", name: "a secret in the header", config: posted(anotherAuth(func(ctx context.Context, r *AuthRequest) error {
		return ClientSecretBasic(NewSecret("s")).Authenticate(ctx, r)
	}))},
	{profiles: "FAPI2Security FAPI2MessageSigning", when: whenRequest, check: "client authentication", name: "none", config: posted(anotherAuth(func(context.Context, *AuthRequest) error { return nil }))},
	{when: whenRequest, check: "assertion algorithm", name: "RS256", config: posted(anotherAuth(func(ctx context.Context, r *AuthRequest) error {
		return PrivateKeyJWT(rsaKey(), "k1").Authenticate(ctx, r)
	}))},
	{when: whenRequest, check: "assertion algorithm", name: "what is no JWT", config: func(t *testing.T, cfg *Config) {
		path := filepath.Join(t.TempDir(), "assertion")
		if err := os.WriteFile(path, []byte("a.projected.token"), 0o600); err != nil {
			t.Fatal(err)
		}
		posted(AssertionFile(path))(t, cfg)
	}},
	{when: whenRequest, check: "assertion audience", name: "a list", config: func(_ *testing.T, cfg *Config) {
		cfg.Auth = PrivateKeyJWT(rsaKey(), "k1", Signing{Modify: func(_, claims map[string]json.RawMessage) {
			claims["aud"] = json.RawMessage("[" + string(claims["aud"]) + "]")
		}})
	}},
	{when: whenRequest, check: "grant_type", name: "password", alone: true, end: obtain(CustomGrant{Type: "password", Form: url.Values{"username": {"alice"}}})},
	{profiles: "OAuth21", when: whenRequest, check: "grant_type", name: "a name that is no URI", alone: true, end: obtain(CustomGrant{Type: "vendor"})},
	{when: whenRequest, check: "client_credentials", name: "of a public client", alone: true, config: posted(None()), end: obtain(ClientCredentials{})},

	{when: whenResponse, check: "iss", text: "which server", name: "missing", meta: func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") },
		script: told(func(p *hostile.Provider) { p.Callback = dropParam("iss") })},
	{when: whenResponse, check: "iss", text: "which server", name: "another", script: told(func(p *hostile.Provider) { p.Callback = setParam("iss", "https://evil.example") })},
	{when: whenResponse, check: "iss", text: "of the response are verified", name: "another", ask: signed, script: told(response(claim("iss", `"https://evil.example"`)))},
	{when: whenResponse, check: "aud", name: "another", ask: signed, script: told(response(claim("aud", `"another"`)))},
	{when: whenResponse, check: "exp", name: "over", ask: signed, script: told(response(hostile.Expired))},
	{when: whenResponse, check: "signature", name: "broken", ask: signed, script: told(response(compact(hostile.BreakSignature)))},
	{when: whenResponse, check: "alg", text: "A response", name: "RS256", ask: signed, script: byRS256(func(p *hostile.Provider, lie func(*hostile.Token)) { p.Response = lie })},
	{when: whenResponse, check: "alg", text: "An ID Token", name: "RS256", script: byRS256(func(p *hostile.Provider, lie func(*hostile.Token)) { p.IDToken = lie })},
	{profiles: "FAPI1Advanced", when: whenResponse, check: "alg", text: "An ID Token", name: "RS256 in front", ask: frontHybrid, script: byRS256(func(p *hostile.Provider, lie func(*hostile.Token)) { p.FrontIDToken = lie })},
	{when: whenResponse, check: "alg", text: "UserInfo", name: "RS256", script: byRS256(func(p *hostile.Provider, lie func(*hostile.Token)) { p.UserInfoJWT = lie }),
		end: func(t *testing.T, c *Client, tokens *Tokens) error {
			_, err := c.UserInfo(t.Context(), tokens)
			return err
		}},
	{when: whenResponse, check: "alg", text: "An introspection", name: "RS256", script: byRS256(func(p *hostile.Provider, lie func(*hostile.Token)) { p.IntrospectionJWT = lie }),
		end: func(t *testing.T, c *Client, tokens *Tokens) error {
			_, err := c.Introspect(t.Context(), tokens.AccessToken)
			return err
		}},
	{when: whenResponse, check: "age", name: "a week", script: told(inBack(hostile.WeekOld))},
	{when: whenResponse, check: "token_type", name: "Bearer", script: told(func(p *hostile.Provider) {
		p.TokenResponse = func(m map[string]any) { m["token_type"] = "Bearer" }
	})},
	{when: whenResponse, check: "granted scope", name: "more", ask: AuthorizationRequest{Scope: []string{"accounts"}}, script: told(func(p *hostile.Provider) {
		p.TokenResponse = func(m map[string]any) { m["scope"] = "accounts payments" }
	})},
	{when: whenResponse, check: "rotation", name: "the old one stays", config: posted(None()), end: refresh, script: told(onRefresh(func(m map[string]any, _ string) { delete(m, "refresh_token") }))},
	{when: whenResponse, check: "rotation", name: "the old one again", config: posted(None()), end: refresh, script: told(onRefresh(func(m map[string]any, first string) { m["refresh_token"] = first }))},
	{when: whenResponse, check: "c_hash", name: "another code's", ask: frontHybrid, script: told(front(claim("c_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)))},
	{when: whenResponse, check: "s_hash", name: "another state's", ask: frontHybrid, script: told(front(claim("s_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)))},
	{when: whenToken, check: "sender constraint", name: "bound to nothing", how: Bearer()},
	{profiles: "FAPI1Advanced", when: whenToken, check: "sender constraint", name: "bound to a DPoP key", how: ProvenByDPoP("the key")},
	{when: whenResponse, check: "c_hash present", name: "missing", ask: frontHybrid, script: told(front(claim("c_hash", "")))},
	{when: whenResponse, check: "s_hash present", name: "missing", ask: frontHybrid, script: told(front(claim("s_hash", "")))},
}

// onRefresh changes the answer to the second token request, and knows the refresh token of the first.
func onRefresh(change func(m map[string]any, first string)) func(*hostile.Provider) {
	return func(p *hostile.Provider) {
		first := ""
		p.TokenResponse = func(m map[string]any) {
			if first != "" {
				change(m, first)
			}
			first, _ = m["refresh_token"].(string)
		}
	}
}

// tell plays the lie to a client under the profile.
func (l profileLie) tell(t *testing.T, x profiled, under Profile) error {
	t.Helper()
	p := profiledProvider(t)
	if honest := p.Metadata; l.meta != nil {
		p.Metadata = func(m map[string]any) { honest(m); l.meta(m) }
	}
	cfg := x.config(t, p)
	cfg.Profile = under
	if l.config != nil {
		l.config(t, &cfg)
	}
	c, err := New(cfg)
	if err != nil || l.when == whenNew {
		return err
	}
	if l.script != nil {
		l.script(t, p)
	}
	if l.when == whenToken {
		raw := rawAccessToken(p)
		if l.how.jkt != "" {
			raw = rawAccessToken(p, boundTo("jkt", l.how.jkt))
		}
		_, err := c.VerifyAccessToken(t.Context(), raw, api, l.how)
		return err
	}
	if l.alone {
		return l.end(t, c, nil)
	}
	ask := l.ask
	if ask.Scope == nil {
		ask.Scope = []string{"openid", "offline_access"}
	}
	if l.when == whenRequest {
		_, _, err := c.Authorize(t.Context(), ask) // no browser gets to see it
		return err
	}
	tokens, err := play(t, c, p, ask)
	if err != nil || l.end == nil {
		return err
	}
	return l.end(t, c, tokens)
}

// refuses: err is a refusal in the clause's name.
func (c Clause) refuses(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), func(err error) bool {
			var m *ConfigError
			return errors.As(err, &m) && m.Field == c.Name && m.Spec == c.Spec && m.Expected != "" && m.Got != ""
		})
	}
	var v *VerificationError
	return errors.As(err, &v) && v.Check == c.Name && (v.Spec == c.Spec || strings.HasPrefix(v.Spec, c.Spec+", "))
}

// lacking is a profile without one of its clauses.
func lacking(p Profile, clause Clause) Profile {
	cut := *p.(*profile)
	cut.config = lackingRow(cut.config, clause)
	cut.metadata = lackingRow(cut.metadata, clause)
	cut.support = lackingRow(cut.support, clause)
	cut.asked = lackingRow(cut.asked, clause)
	cut.objects = lackingRow(cut.objects, clause)
	cut.posts = lackingRow(cut.posts, clause)
	cut.answers = lackingRow(cut.answers, clause)
	cut.jarm = lackingRow(cut.jarm, clause)
	cut.tokens = lackingRow(cut.tokens, clause)
	cut.idTokens = lackingRow(cut.idTokens, clause)
	cut.front = lackingRow(cut.front, clause)
	cut.userInfo = lackingRow(cut.userInfo, clause)
	cut.inspects = lackingRow(cut.inspects, clause)
	cut.access = lackingRow(cut.access, clause)
	return &cut
}

func lackingRow[D document](table []clause[D], gone Clause) []clause[D] {
	return slices.DeleteFunc(slices.Clone(table), func(c clause[D]) bool {
		return c.name == gone.Name && c.spec == gone.Spec && c.text == gone.Text
	})
}

// TestEveryClauseBites walks all clauses of all profiles: each has a lie that it refuses in its own name, and refuses no more once it is
// taken away. A new clause for which nobody tells a lie is a failure.
func TestEveryClauseBites(t *testing.T) {
	used := make([]bool, len(profileLies))
	for _, x := range profiles {
		whole := x.make()
		for _, clause := range whole.Clauses() {
			if clause.When == whenSet {
				continue
			}
			found := false
			for i, l := range profileLies {
				if l.when != clause.When || l.check != clause.Name || !strings.Contains(clause.Text, l.text) ||
					l.profiles != "" && !slices.Contains(strings.Fields(l.profiles), whole.String()) {
					continue
				}
				found, used[i] = true, true
				t.Run(whole.String()+"/"+clause.Spec+"/"+clause.Name+"/"+l.name, func(t *testing.T) {
					err := l.tell(t, x, x.make())
					if !clause.refuses(err) {
						t.Errorf("refused by %v, want %+v", err, clause)
					} else if strings.Contains(err.Error(), hostile.Canary) {
						t.Error("a secret is shown")
					}
					if err := l.tell(t, x, lacking(whole, clause)); clause.refuses(err) {
						t.Errorf("still refused without its clause: %v", err)
					}
				})
			}
			if !found {
				t.Errorf("%s: nobody lies to %+v", whole, clause)
			}
		}
	}
	for i, l := range profileLies {
		if !used[i] {
			t.Errorf("no clause for %s %s: %s", l.when, l.check, l.name)
		}
	}
}

// TestClausesAreWellFormed: each says where it is written and what it demands, and what stands for another row finds it.
func TestClausesAreWellFormed(t *testing.T) {
	for _, x := range profiles {
		p := x.make()
		seen := map[Clause]bool{}
		for _, c := range p.Clauses() {
			if c.Spec == "" || c.Name == "" || !strings.HasSuffix(c.Text, ".") || !strings.Contains(c.Spec, " §") || seen[c] {
				t.Errorf("%s: %+v", p, c)
			}
			seen[c] = true
		}
		tables := reflect.ValueOf(wholeTables(p.over(allTables)))
		for i := range tables.NumField() {
			for j := range tables.Field(i).Len() {
				if row := tables.Field(i).Index(j); row.FieldByName("holds").IsNil() {
					t.Errorf("%s: %s is no row of the table %s", p, row.FieldByName("name"), tables.Type().Field(i).Name)
				}
			}
		}
	}
}
