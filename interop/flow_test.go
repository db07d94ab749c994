package interop

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/jwe"
	"github.com/openid-client/openid/openidtest"
)

const (
	appURI   = "https://app.example/callback" // implicit clients must be https; nobody goes there
	resource = "https://api.example/accounts"
)

// A flow is a way to speak: what the client registers, how it is configured, what it asks.
type flow struct {
	name        string
	issuer      func(issuers) string    // of npm oidc-provider; the plain one when nil
	register    map[string]any          // beside what every client registers
	certificate func() *tls.Certificate // that the client publishes
	config      func(t *testing.T, cfg *openid.Config, secret openid.Secret)
	ask         openid.AuthorizationRequest
	deny        bool                                                     // the user says no
	check       func(t *testing.T, c *openid.Client, got *openid.Tokens) // beside UserInfo and refresh
	refusals    map[string]string                                        // by provider: why it cannot play this, as it documents
	implicit    bool                                                     // nothing to refresh and no token for UserInfo
	elsewhere   map[string]configure                                     // by provider: what it wants beside config
}

var (
	signingKey    = sync.OnceValue(fresh)
	rsaSigningKey = sync.OnceValue(newRSA)
	rsaEncryption = sync.OnceValue(newRSA)
	ecEncryption  = sync.OnceValue(fresh)
	edSigningKey  = sync.OnceValue(func() ed25519.PrivateKey { _, key, _ := ed25519.GenerateKey(rand.Reader); return key })
)

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func mtls(i issuers) string  { return i.MTLS }
func fapi1(i issuers) string { return i.FAPI1 }
func fapi2(i issuers) string { return i.FAPI2 }

func bound(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.DPoP = openid.DPoPPerGrant() }
func pushing(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.PushAuthorizationRequests = true
}

func signedRequests(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.RequestObject = &openid.RequestObject{Key: signingKey(), KeyID: "sig"}
}

func sealedRequests(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.RequestObject = &openid.RequestObject{Key: signingKey(), KeyID: "sig", Encrypter: jwe.Encrypt("ECDH-ES+A256KW", "A256GCM")}
}

func decrypting(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.Decrypter = &counted{Decrypter: jwe.Keys(jwe.Key{Private: rsaEncryption(), KeyID: "rsa-enc"}, jwe.Key{Private: ecEncryption(), KeyID: "ec-enc"})}
}

// counted tells whether anything came encrypted at all.
type counted struct {
	openid.Decrypter
	n atomic.Int64
}

func (d *counted) Decrypt(ctx context.Context, compact string) ([]byte, error) {
	d.n.Add(1)
	return d.Decrypter.Decrypt(ctx, compact)
}

// signedUserInfo tells whether UserInfo came as a JWT, by the checks that it met.
func signedUserInfo(t *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.UserInfoSigningAlgs = []string{"ES256"}
	met := new(atomic.Bool)
	cfg.Trace = func(_ context.Context, e openid.Event) {
		if e.Document == "UserInfo" && e.Name == "signature" {
			met.Store(true)
		}
	}
	t.Cleanup(func() {
		if !met.Load() && !t.Failed() {
			t.Error("UserInfo did not come signed")
		}
	})
}

const ownType = "types signed UserInfo token-userinfo+jwt, which no specification knows"

const oldName = "knows the algorithm by its old name EdDSA only"

// escapes is what Glewlwyd does to the values in its form_post pages: they arrive with %3A for a colon.
const escapes = "percent-encodes the values in its form_post pages, so that iss is another"

type configure = func(*testing.T, *openid.Config, openid.Secret)

func all(list ...configure) configure {
	return func(t *testing.T, cfg *openid.Config, secret openid.Secret) {
		for _, f := range list {
			f(t, cfg, secret)
		}
	}
}

func withAuth(auth func(openid.Secret) openid.ClientAuth) configure {
	return func(_ *testing.T, cfg *openid.Config, secret openid.Secret) { cfg.Auth = auth(secret) }
}

// byKey is private_key_jwt with PS256, as FAPI has it.
func byKey(openid.Secret) openid.ClientAuth {
	return openid.PrivateKeyJWT(rsaSigningKey(), "rsa-sig", openid.Signing{Algorithm: "PS256"})
}

// byKeyForEach is the same for a server that wants to be told, each time, which of its endpoints it is.
func byKeyForEach(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.Auth = endpointAudience{} }

type endpointAudience struct{}

func (endpointAudience) Authenticate(ctx context.Context, r *openid.AuthRequest) error {
	return openid.PrivateKeyJWT(rsaSigningKey(), "rsa-sig", openid.Signing{Algorithm: "PS256", Audience: r.Endpoint}).Authenticate(ctx, r)
}

var jarm = map[string]any{"authorization_signed_response_alg": "ES256"}

var keyClient = map[string]any{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256"}

func plus(list ...map[string]any) map[string]any {
	sum := map[string]any{}
	for _, m := range list {
		maps.Copy(sum, m)
	}
	return sum
}

func hybridClient(types ...string) map[string]any {
	return map[string]any{"grant_types": []string{"authorization_code", "refresh_token", "implicit"}, "response_types": types}
}

func isBound(t *testing.T, _ *openid.Client, got *openid.Tokens) {
	if got.Type != "DPoP" || got.DPoPThumbprint() == "" {
		t.Errorf("got %v, bound to %q", got, got.DPoPThumbprint())
	}
}

var flows = []flow{
	{name: "plain"},
	{name: "error", deny: true},
	{name: "form_post", ask: openid.AuthorizationRequest{ResponseMode: "form_post"}, refusals: map[string]string{"Glewlwyd": escapes}},
	{name: "fragment", ask: openid.AuthorizationRequest{ResponseMode: "fragment"}},
	{name: "PAR", config: pushing},
	{name: "PAR, required", register: map[string]any{"require_pushed_authorization_requests": true}, config: pushing},
	{name: "JAR", register: map[string]any{"request_object_signing_alg": "ES256"}, config: signedRequests},
	{name: "JAR, encrypted", register: map[string]any{"request_object_signing_alg": "ES256", "request_object_encryption_alg": "ECDH-ES+A256KW", "request_object_encryption_enc": "A256GCM"},
		config: sealedRequests},
	{name: "JAR by request_uri", register: map[string]any{"request_object_signing_alg": "ES256", "request_uris": []string{publishing()}},
		config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
			cfg.RequestObject = &openid.RequestObject{Key: signingKey(), KeyID: "sig", Publish: publish}
		},
		refusals: map[string]string{"oidc-provider": "takes no request_uri that it did not issue"}},
	{name: "PAR and JAR", register: map[string]any{"request_object_signing_alg": "ES256"}, config: all(pushing, signedRequests),
		refusals: map[string]string{"Glewlwyd": "answers 403 and nothing else to a request object that is pushed"}},
	{name: "DPoP", register: map[string]any{"dpop_bound_access_tokens": true}, config: bound, check: isBound},
	{name: "DPoP with nonces", register: map[string]any{"dpop_bound_access_tokens": true, "dpop_nonce": true}, config: bound, check: isBound},
	{name: "DPoP with Ed25519", register: map[string]any{"dpop_bound_access_tokens": true}, check: isBound, refusals: map[string]string{"openidtest": oldName, "Glewlwyd": oldName},
		config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.DPoP = openid.DPoPKey(edSigningKey()) }},
	{name: "PAR and DPoP with nonces", register: map[string]any{"dpop_bound_access_tokens": true, "dpop_nonce": true}, config: all(pushing, bound), check: isBound,
		refusals: map[string]string{"Glewlwyd": "answers invalid_dpop_proof, and gives no nonce, where a pushed request has a proof without one"}},
	{name: "JARM", register: jarm, ask: openid.AuthorizationRequest{ResponseMode: "jwt"}},
	{name: "JARM, form_post", register: jarm, ask: openid.AuthorizationRequest{ResponseMode: "form_post.jwt"}},
	{name: "JARM, fragment, PS256", register: map[string]any{"authorization_signed_response_alg": "PS256"}, ask: openid.AuthorizationRequest{ResponseMode: "fragment.jwt"}},
	{name: "JARM, encrypted", register: map[string]any{"authorization_signed_response_alg": "ES256", "authorization_encrypted_response_alg": "ECDH-ES+A256KW", "authorization_encrypted_response_enc": "A256GCM"},
		config: decrypting, ask: openid.AuthorizationRequest{ResponseMode: "jwt"}, refusals: map[string]string{"Glewlwyd": "encrypts no authorization response"}},
	{name: "JARM, error", register: jarm, ask: openid.AuthorizationRequest{ResponseMode: "jwt"}, deny: true},
	{name: "encrypted ID Token, RSA-OAEP-256", register: map[string]any{"id_token_encrypted_response_alg": "RSA-OAEP-256", "id_token_encrypted_response_enc": "A128CBC-HS256"}, config: decrypting},
	{name: "encrypted ID Token, RSA-OAEP-512", register: map[string]any{"id_token_encrypted_response_alg": "RSA-OAEP-512", "id_token_encrypted_response_enc": "A256CBC-HS512"}, config: decrypting,
		refusals: map[string]string{"openidtest": "its engine has no RSA-OAEP-512", "Glewlwyd": "has no RSA-OAEP-512, and sends the ID Token unencrypted then"}},
	{name: "encrypted ID Token, ECDH-ES", register: map[string]any{"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM"}, config: decrypting},
	{name: "JWT UserInfo", register: map[string]any{"userinfo_signed_response_alg": "ES256"}, config: signedUserInfo, refusals: map[string]string{"Glewlwyd": ownType}},
	{name: "encrypted UserInfo", register: map[string]any{"userinfo_signed_response_alg": "ES256", "userinfo_encrypted_response_alg": "ECDH-ES+A128KW", "userinfo_encrypted_response_enc": "A128GCM"}, config: all(decrypting, signedUserInfo),
		refusals: map[string]string{"Glewlwyd": ownType}},
	{name: "hybrid", register: hybridClient("code id_token"), ask: openid.AuthorizationRequest{ResponseType: "code id_token", ResponseMode: "fragment"}},
	{name: "hybrid, form_post", register: hybridClient("code id_token"), ask: openid.AuthorizationRequest{ResponseType: "code id_token"}, refusals: map[string]string{"Glewlwyd": escapes}},
	{name: "hybrid, error", register: hybridClient("code id_token"), ask: openid.AuthorizationRequest{ResponseType: "code id_token"}, deny: true},
	{name: "hybrid, encrypted", register: plus(hybridClient("code id_token"), map[string]any{"id_token_encrypted_response_alg": "RSA-OAEP", "id_token_encrypted_response_enc": "A192GCM"}),
		config: decrypting, ask: openid.AuthorizationRequest{ResponseType: "code id_token"}},
	{name: "hybrid with an access token", register: hybridClient("code id_token token"), ask: openid.AuthorizationRequest{ResponseType: "code id_token token"},
		config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.InsecureAllowFrontChannelTokens = true }},
	{name: "implicit", register: hybridClient("id_token"), implicit: true, ask: openid.AuthorizationRequest{ResponseType: "id_token", ResponseMode: "fragment"}},
	{name: "implicit, form_post", register: hybridClient("id_token"), implicit: true, ask: openid.AuthorizationRequest{ResponseType: "id_token"}, refusals: map[string]string{"Glewlwyd": escapes}},
	{name: "implicit, error", register: hybridClient("id_token"), ask: openid.AuthorizationRequest{ResponseType: "id_token"}, deny: true},
	{name: "none", register: map[string]any{"token_endpoint_auth_method": "none"}, config: withAuth(func(openid.Secret) openid.ClientAuth { return openid.None() })},
	{name: "client_secret_post", register: map[string]any{"token_endpoint_auth_method": "client_secret_post"}, config: withAuth(openid.ClientSecretPost)},
	{name: "client_secret_jwt, HS512", register: map[string]any{"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS512"},
		config: withAuth(func(s openid.Secret) openid.ClientAuth {
			return openid.ClientSecretJWT(s, openid.Signing{Algorithm: "HS512"})
		}), elsewhere: map[string]configure{"Glewlwyd": func(_ *testing.T, cfg *openid.Config, s openid.Secret) {
			cfg.Auth = openid.ClientSecretJWT(s, openid.Signing{Algorithm: "HS512", Audience: cfg.Issuer + "/token"})
		}}},
	{name: "private_key_jwt, PS256", register: keyClient, config: withAuth(byKey), elsewhere: map[string]configure{"Glewlwyd": byKeyForEach}},
	{name: "tls_client_auth", issuer: mtls, register: map[string]any{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=interop client", "tls_client_certificate_bound_access_tokens": true},
		config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
			cfg.Auth, cfg.Certificate = openid.TLSClientAuth(), clientCertificate("interop client", false)
		}},
	{name: "self_signed_tls_client_auth", issuer: mtls, register: map[string]any{"token_endpoint_auth_method": "self_signed_tls_client_auth", "tls_client_certificate_bound_access_tokens": true},
		certificate: selfSigned, config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
			cfg.Auth, cfg.Certificate = openid.TLSClientAuth(), selfSigned()
		}},
	{name: "RAR", register: map[string]any{"authorization_details_types": []string{"payment"}}, ask: openid.AuthorizationRequest{Resource: []string{resource}, TokenExtra: url.Values{"resource": {resource}}, AuthorizationDetails: []openid.AuthorizationDetail{
		{Type: "payment", Actions: []string{"initiate"}, Extra: map[string]json.RawMessage{"amount": json.RawMessage(`"12.30"`)}}}}, implicit: true,
		check: func(t *testing.T, _ *openid.Client, got *openid.Tokens) {
			if len(got.AuthorizationDetails) != 1 || got.AuthorizationDetails[0].Type != "payment" || string(got.AuthorizationDetails[0].Extra["amount"]) != `"12.30"` {
				t.Errorf("granted %+v", got.AuthorizationDetails)
			}
		}},
	{name: "resource", ask: openid.AuthorizationRequest{Scope: []string{"openid", "api:read"}, Resource: []string{resource}, TokenExtra: url.Values{"resource": {resource}}}, implicit: true},
	{name: "claims", ask: openid.AuthorizationRequest{Claims: &openid.ClaimsRequest{IDToken: map[string]openid.ClaimRequest{"email": {Essential: true}}}},
		check: func(t *testing.T, _ *openid.Client, got *openid.Tokens) {
			claims, err := openid.Claims[struct {
				Email string `json:"email"`
			}](got.IDToken)
			if err != nil || claims.Email != "alice@example.com" {
				t.Errorf("%+v, %v", claims, err)
			}
		}},
	{name: "FAPI 1.0: hybrid, JAR, mTLS", issuer: fapi1, register: plus(keyClient, hybridClient("code id_token"), map[string]any{"request_object_signing_alg": "PS256", "id_token_signed_response_alg": "PS256",
		"tls_client_certificate_bound_access_tokens": true}), config: profiled(openid.FAPI1Advanced(), certified), ask: openid.AuthorizationRequest{ResponseType: "code id_token", ResponseMode: "fragment"}},
	{name: "FAPI 1.0: JARM, PAR and JAR, mTLS", issuer: fapi1, register: plus(keyClient, map[string]any{"request_object_signing_alg": "PS256", "id_token_signed_response_alg": "PS256",
		"authorization_signed_response_alg": "PS256", "tls_client_certificate_bound_access_tokens": true}), config: profiled(openid.FAPI1Advanced(), all(certified, pushing))},
	{name: "FAPI 2.0: PAR, DPoP, private_key_jwt", issuer: fapi2, register: plus(keyClient, map[string]any{"id_token_signed_response_alg": "PS256", "dpop_bound_access_tokens": true}),
		config: profiled(openid.FAPI2Security(), bound), check: isBound},
	{name: "FAPI 2.0: PAR, mTLS", issuer: fapi2, register: plus(keyClient, map[string]any{"id_token_signed_response_alg": "PS256", "tls_client_certificate_bound_access_tokens": true}),
		config: profiled(openid.FAPI2Security(), certified)},
	{name: "FAPI 2.0, message signing: PAR, JAR, JARM, DPoP", issuer: fapi2, register: plus(keyClient, map[string]any{"request_object_signing_alg": "PS256", "id_token_signed_response_alg": "PS256",
		"authorization_signed_response_alg": "PS256", "introspection_signed_response_alg": "PS256", "dpop_bound_access_tokens": true}), config: profiled(openid.FAPI2MessageSigning(), bound), check: isSignedFor},
	{name: "OAuth 2.1", issuer: mtls, config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.Profile = openid.OAuth21() }},
}

// profiled is a client that says its profile and its keys, and nothing else.
func profiled(p openid.Profile, keys configure) configure {
	return func(t *testing.T, cfg *openid.Config, s openid.Secret) {
		cfg.Profile, cfg.Auth = p, openid.PrivateKeyJWT(rsaSigningKey(), "rsa-sig")
		keys(t, cfg, s)
	}
}

func certified(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.Certificate = clientCertificate("fapi", false)
}

// isSignedFor: the token is bound, and introspection, which has to be signed, says so too.
func isSignedFor(t *testing.T, c *openid.Client, got *openid.Tokens) {
	isBound(t, c, got)
	if what, err := c.Introspect(t.Context(), got.AccessToken); err != nil || what.DPoPThumbprint() != got.DPoPThumbprint() {
		t.Errorf("introspection: %v, %v", what, err)
	}
}

// published is the request object that the client hosts at the moment.
var published atomic.Pointer[string]

var publishing = sync.OnceValue(func() string {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		_, _ = io.WriteString(w, *published.Load())
	})).URL + "/request"
})

func publish(_ context.Context, object string) (string, error) {
	published.Store(&object)
	return publishing() + "?id=1", nil
}

var selfSigned = sync.OnceValue(func() *tls.Certificate { return clientCertificate("nobody vouches", true) })

// TestFlows plays every way to speak against everybody who understands it. The table of docs/interop.md is what comes of it.
func TestFlows(t *testing.T) {
	var mu sync.Mutex
	cells := map[[2]string]string{}
	providers := []string{"oidc-provider", "Glewlwyd", "openidtest"}
	node(t)
	startedGlewlwyd(t)
	t.Run("each", func(t *testing.T) {
		for _, f := range flows {
			for _, name := range providers {
				t.Run(f.name+" at "+name, func(t *testing.T) {
					said := f.play(t, name)
					mu.Lock()
					defer mu.Unlock()
					if cells[[2]string{f.name, name}] = said; t.Failed() {
						cells[[2]string{f.name, name}] = "failed"
					}
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	stands(t, "Flows", tabulate("flow", names(flows, func(f flow) string { return f.name }), providers, cells), flowsSay)
}

const flowsSay = `Each flow is a login with UserInfo and a refresh where the flow has them. Glewlwyd shows no page to say no on, so that its errors are those of
prompt=none.`

func (f flow) play(t *testing.T, name string) string {
	if why := f.refusals[name]; why != "" {
		return "refused: " + why
	}
	p := f.provider(t, name)
	if p == nil {
		return "refused: " + issuerLacks
	}
	id, secret := p.registerAny(t, f.metadata(t))
	cfg := openid.Config{Issuer: p.issuer, ClientID: id, Auth: openid.ClientSecret(openid.NewSecret(secret)), RedirectURI: appURI,
		HTTPClient: &http.Client{Transport: p.transport}, InsecureAllowHTTP: strings.HasPrefix(p.issuer, "http:")}
	if f.config != nil {
		f.config(t, &cfg, openid.NewSecret(secret))
	}
	if special := f.elsewhere[name]; special != nil {
		special(t, &cfg, openid.NewSecret(secret))
	}
	c, err := openid.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ask := f.ask
	if ask.Scope == nil {
		ask.Scope = []string{"openid", "email", "offline_access"}
		ask.Prompt = []string{"consent"}
	}
	if p.glewlwyd != nil && ask.ResponseType != "" && ask.ResponseMode == "" {
		ask.ResponseMode = "fragment" // its form_post pages cannot be read, see the row form_post
	}
	got, err := through(t.Context(), c, p, id, ask, f.deny)
	if f.deny {
		if !errors.Is(err, openid.ErrAccessDenied) && !(p.glewlwyd != nil && errors.Is(err, openid.ErrInteractionRequired)) {
			t.Errorf("the user said no, and it came as %v", err)
		}
		return "passed"
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.IDToken.Subject() == "" {
		t.Error("nobody logged in")
	}
	if f.check != nil {
		f.check(t, c, got)
	}
	if d, ok := cfg.Decrypter.(*counted); ok && !strings.Contains(f.name, "UserInfo") && d.n.Load() == 0 {
		t.Error("nothing came encrypted")
	}
	if f.implicit {
		return "passed"
	}
	if info, err := c.UserInfo(t.Context(), got); err != nil || info.Subject() != got.IDToken.Subject() {
		t.Errorf("UserInfo: %v, %v", info, err)
	}
	if d, ok := cfg.Decrypter.(*counted); ok && d.n.Load() == 0 {
		t.Error("nothing came encrypted")
	}
	again, err := c.Refresh(t.Context(), got)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if again.DPoPThumbprint() != got.DPoPThumbprint() {
		t.Error("refreshed under another key")
	}
	if _, err := c.UserInfo(t.Context(), again); err != nil {
		t.Errorf("UserInfo after the refresh: %v", err)
	}
	return "passed"
}

// issuerLacks stands where only npm oidc-provider plays an issuer.
const issuerLacks = "has no issuer of this kind"

func (f flow) provider(t *testing.T, name string) *provider {
	if name == "oidc-provider" {
		which := f.issuer
		if which == nil {
			which = func(i issuers) string { return i.Issuer }
		}
		p := &provider{issuer: which(oidcProviderIssuers(t)), pages: true}
		if strings.HasPrefix(p.issuer, "https:") {
			p.transport = trusting()
		}
		return p
	}
	if f.issuer != nil {
		return nil
	}
	switch name {
	case "zitadel":
		one := zitadel.started(t)
		return &provider{issuer: one.Issuer, one: one}
	case "fosite":
		return &provider{issuer: fosite.started(t).Issuer}
	}
	_, nonces := f.register["dpop_nonce"]
	if name == "Glewlwyd" {
		g := startedGlewlwyd(t)
		return &provider{issuer: g.base + map[bool]string{false: "plain", true: "nonce"}[nonces], glewlwyd: g, transport: &g.turns}
	}
	op := openidtest.New(t, openidtest.Config{Scopes: scopes, AuthorizationDetails: []string{"payment"}, Resources: []string{resource}, DPoPNonces: nonces,
		Log: t.Logf})
	return &provider{issuer: op.Issuer(), pages: true}
}

// through is a whole login, whatever its response mode.
func through(ctx context.Context, c *openid.Client, p *provider, id string, ask openid.AuthorizationRequest, deny bool) (*openid.Tokens, error) {
	ua := p.userAgent()
	ua.deny = deny
	if p.glewlwyd != nil {
		// Its pages run in a browser only. Who says no there just stays; an error comes where nobody may be asked.
		ask.Prompt = nil
		if deny {
			ask.Prompt = []string{"none"}
		} else if err := p.glewlwyd.logIn(ctx, ua, p.issuer, id, ask); err != nil {
			return nil, err
		}
	}
	address, tx, err := c.Authorize(ctx, ask)
	if err != nil {
		return nil, err
	}
	if p.glewlwyd != nil {
		address += "&g_continue"
	}
	arrived, err := ua.visit(ctx, address, appURI)
	if err != nil {
		return nil, err
	}
	if arrived.URL.Fragment == "" {
		return c.Callback(ctx, arrived, tx)
	}
	values, err := url.ParseQuery(arrived.URL.EscapedFragment())
	if err != nil {
		return nil, err
	}
	return c.CallbackValues(ctx, "fragment", values, tx)
}

func (f flow) metadata(t *testing.T) map[string]any {
	m := map[string]any{"redirect_uris": []string{appURI}, "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": "ES256"}
	keys := []any{jwk(t, signingKey().Public(), "sig", "sig"), jwk(t, rsaSigningKey().Public(), "rsa-sig", "sig"),
		jwk(t, rsaEncryption().Public(), "rsa-enc", "enc"), jwk(t, ecEncryption().Public(), "ec-enc", "enc")}
	if f.certificate != nil {
		published := jwk(t, f.certificate().PrivateKey.(crypto.Signer).Public(), "tls", "sig")
		published["x5c"] = []string{base64.StdEncoding.EncodeToString(f.certificate().Certificate[0])}
		keys = append(keys, published)
	}
	m["jwks"] = map[string]any{"keys": keys}
	maps.Copy(m, f.register)
	return m
}

func jwk(t *testing.T, public crypto.PublicKey, kid, use string) map[string]any {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": kid, "use": use, "n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		var point *ecdh.PublicKey
		point, err := k.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		raw := point.Bytes()
		return map[string]any{"kty": "EC", "kid": kid, "use": use, "crv": k.Params().Name, "x": encode(raw[1:33]), "y": encode(raw[33:])}
	}
	t.Fatalf("no JWK of a %T", public)
	return nil
}

func (p *provider) registerAny(t *testing.T, metadata map[string]any) (id, secret string) {
	t.Helper()
	if p.glewlwyd != nil {
		id, secret = p.glewlwyd.clientID(metadata), rand.Text()+rand.Text()+rand.Text()
		p.glewlwyd.register(t, id, secret, metadata)
		return id, secret
	}
	if p.one != nil {
		return p.one.ClientID, p.one.Secret
	}
	var server struct {
		Endpoint string `json:"registration_endpoint"`
	}
	p.call(t, http.MethodGet, p.issuer+"/.well-known/openid-configuration", nil, http.StatusOK, &server)
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	p.call(t, http.MethodPost, server.Endpoint, metadata, http.StatusCreated, &made)
	return made.ID, made.Secret
}
