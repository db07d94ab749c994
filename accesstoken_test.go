package openid

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

const api = "https://api.example"

// rawAccessToken is an honest access token of p, but for the lies.
func rawAccessToken(p *hostile.Provider, lies ...func(*hostile.Token)) string {
	now := time.Now()
	tok := hostile.NewToken(p.SigningKey(), map[string]any{"iss": p.Issuer, "aud": api, "sub": p.Subject, "client_id": "web", "jti": "1", "scope": "read write",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	tok.Header["typ"] = "at+jwt"
	for _, lie := range lies {
		lie(tok)
	}
	return tok.String()
}

// thumb is a thumbprint of the right length.
func thumb(of string) string {
	sum := sha256.Sum256([]byte(of))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func boundTo(method, thumbprint string) func(*hostile.Token) {
	return claim("cnf", `{"`+method+`":"`+thumbprint+`"}`)
}

// An accessTokenLie is something false about an access token, or about how it came.
type accessTokenLie struct {
	name  string
	lie   func(*hostile.Token)
	check string
	how   Confirmation // Bearer when zero
	tune  func(*Config)
	key   any // the issuer of the key that signs; nil: none in particular
}

var ours = &x509.Certificate{Raw: []byte("ours")}

var accessTokenLies = []accessTokenLie{
	{name: "A01 an ID Token", lie: header("typ", `"JWT"`), check: "typ"},
	{name: "no type", lie: func(tok *hostile.Token) { delete(tok.Header, "typ") }, check: "typ"},
	{name: "I34 a logout token", lie: header("typ", `"logout+jwt"`), check: "typ"},
	{name: "a type that only begins like it", lie: header("typ", `"at+jwt+x"`), check: "typ"},
	{name: "two parts", lie: compact(hostile.DropPart), check: "compact"},
	{name: "an encrypted one, and nothing to decrypt with", lie: compact(wrap), check: "encryption"},
	{name: "I40 a header that is an array", lie: func(tok *hostile.Token) { tok.RawHeader = []byte("[]") }, check: "header"},
	{name: "I01 none", lie: func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, check: "alg"},
	{name: "an algorithm against the policy", check: "alg", tune: func(cfg *Config) { cfg.AccessTokenSigningAlgs = []string{"PS256"} }},
	{name: "I04 HS256, which is accepted for ID Tokens only", check: "alg", tune: allowHS256, lie: func(tok *hostile.Token) {
		tok.Header["alg"] = "HS256"
		tok.Key = hostile.NewSecretKey("HS256", "", []byte(strings.Repeat("x", 64)))
	}},
	{name: "I36 an extension that must be understood", lie: header("crit", `["x"]`), check: "crit"},
	{name: "I38 b64", lie: header("b64", `true`), check: "b64"},
	{name: "I05 a key in the header", lie: header("jwk", `{"kty":"EC"}`), check: "embedded key"},
	{name: "an unknown key", lie: header("kid", `"nobody's"`), check: "key"},
	{name: "a broken signature", lie: compact(hostile.BreakSignature), check: "signature"},
	{name: "I08 sub twice", lie: func(tok *hostile.Token) { tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "sub", `"x"`) }, check: "payload"},
	{name: "I07 the key of another issuer", key: "https://evil.example", check: "key issuer"},

	{name: "iss of another", lie: claim("iss", `"https://evil.example"`), check: "iss"},
	{name: "iss missing", lie: claim("iss", ""), check: "iss"},
	{name: "tid of another tenant", lie: and(claim("iss", `"`+issuerOf(contoso)+`"`), claim("tid", `"`+fabrikam+`"`)), check: "tid", tune: ofTenants},
	{name: "a tenant that is not listed", lie: and(claim("iss", `"`+issuerOf(stranger)+`"`), claim("tid", `"`+stranger+`"`)), check: "iss", tune: ofTenants},
	{name: "A02 for another API", lie: claim("aud", `"https://other.example"`), check: "aud"},
	{name: "A02 for several others", lie: claim("aud", `["https://other.example","https://api.example/"]`), check: "aud"},
	{name: "I21 aud missing", lie: claim("aud", ""), check: "aud"},
	{name: "I22 aud in an object", lie: claim("aud", `{"https://api.example":1}`), check: "aud"},
	{name: "I22 aud with a number", lie: claim("aud", `["https://api.example",1]`), check: "aud"},
	{name: "A02 for the client itself", lie: claim("aud", `"client"`), check: "aud"},
	{name: "expired", lie: claim("exp", "1000000000"), check: "exp"},
	{name: "I15 exp missing", lie: claim("exp", ""), check: "exp"},
	{name: "I15 exp a string", lie: claim("exp", `"9999999999"`), check: "exp"},
	{name: "I20 iat missing", lie: claim("iat", ""), check: "iat"},
	{name: "I20 iat in the far future", lie: claim("iat", "9999999999"), check: "iat"},
	{name: "I20 not yet good", lie: claim("nbf", "9999999999"), check: "nbf"},
	{name: "nbf a string", lie: claim("nbf", `"0"`), check: "nbf"},
	{name: "I24 sub missing", lie: claim("sub", ""), check: "sub"},
	{name: "I24 sub empty", lie: claim("sub", `""`), check: "sub"},
	{name: "I24 sub a number", lie: claim("sub", "1"), check: "sub"},
	{name: "client_id missing", lie: claim("client_id", ""), check: "client_id"},
	{name: "client_id an array", lie: claim("client_id", `["web"]`), check: "client_id"},
	{name: "jti missing", lie: claim("jti", ""), check: "jti"},
	{name: "jti a number", lie: claim("jti", "1"), check: "jti"},
	{name: "scope an array", lie: claim("scope", `["read"]`), check: "scope"},
	{name: "scope null", lie: claim("scope", `null`), check: "scope"},
	{name: "auth_time tomorrow", lie: claim("auth_time", "9999999999"), check: "auth_time"},
	{name: "auth_time a string", lie: claim("auth_time", `"now"`), check: "auth_time"},
	{name: "authorization_details a string", lie: claim("authorization_details", `"all"`), check: "authorization_details"},
	{name: "authorization_details without a type", lie: claim("authorization_details", `[{}]`), check: "authorization_details"},

	{name: "cnf a string", lie: claim("cnf", `"jkt"`), check: "cnf"},
	{name: "cnf null", lie: claim("cnf", `null`), check: "cnf"},
	{name: "cnf empty", lie: claim("cnf", `{}`), check: "cnf"},
	{name: "jkt empty", lie: boundTo("jkt", ""), check: "cnf"},
	{name: "jkt a number", lie: claim("cnf", `{"jkt":1}`), check: "cnf"},
	{name: "a binding that nobody here can check", lie: boundTo("kid", "k"), check: "cnf"},
	{name: "and one beside a known one", lie: claim("cnf", `{"jkt":"`+thumb("a")+`","jwk":{}}`), check: "cnf", how: ProvenByDPoP(thumb("a"))},
	{name: "a bound token as a bearer token", lie: boundTo("jkt", thumb("a")), check: "binding"},
	{name: "one bound to a certificate, without it", lie: boundTo("x5t#S256", certificateThumbprint(ours)), check: "binding"},
	{name: "P11 a proof by another key", lie: boundTo("jkt", thumb("a")), check: "binding", how: ProvenByDPoP(thumb("b"))},
	{name: "a proof for a token that is bound to nothing", check: "binding", how: ProvenByDPoP(thumb("a"))},
	{name: "a proof for a token that is bound to a certificate", lie: boundTo("x5t#S256", thumb("a")), check: "binding", how: ProvenByDPoP(thumb("a"))},
	{name: "A04 another certificate", lie: boundTo("x5t#S256", thumb("theirs")), check: "binding", how: ProvenByCertificate(ours)},
	{name: "A04 another certificate on the connection", lie: boundTo("x5t#S256", thumb("theirs")), check: "binding", how: Bearer().Over(ours)},
	{name: "A04 a certificate for a token that is bound to nothing", check: "binding", how: ProvenByCertificate(ours)},
	{name: "a certificate for a token that is bound to a key", lie: boundTo("jkt", certificateThumbprint(ours)), check: "binding", how: ProvenByCertificate(ours)},
	{name: "half of two bindings", lie: claim("cnf", `{"jkt":"`+thumb("a")+`","x5t#S256":"`+thumb("b")+`"}`), check: "binding", how: ProvenByDPoP(thumb("a"))},
}

func ofTenants(cfg *Config) {
	cfg.DiscoveryURL = cfg.Issuer + "/.well-known/openid-configuration"
	cfg.Issuer, cfg.Tenants = template, []string{contoso, fabrikam}
}

func (l accessTokenLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	tune := []func(*Config){}
	if l.tune != nil {
		tune = append(tune, l.tune)
	}
	c := newTestClient(t, p, tune...)
	if c.cfg.Issuer == template {
		p.Metadata = func(m map[string]any) { m["issuer"] = template }
	}
	var lies []func(*hostile.Token)
	if l.lie != nil {
		lies = append(lies, l.lie)
	}
	if l.key != nil {
		lies = append(lies, keyOf(t, p, l.key))
	}
	how := l.how
	if !how.said {
		how = Bearer()
	}
	token, err := c.verifyAccessToken(t.Context(), dropRow(signedChecks, drop), dropRow(accessTokenChecks, drop), rawAccessToken(p, lies...), api, how)
	if (token == nil) != (err != nil) {
		t.Errorf("got %v and %v", token, err)
	}
	return err
}

func TestHostileAccessToken(t *testing.T) {
	for _, l := range accessTokenLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery jwks?")
			err := l.tell(t, "")
			hostile.Hear(err)
			var v *VerificationError
			if !errors.As(err, &v) || v.Check != l.check || v.Document != "access token" {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
}

// TestHostileAccessTokenAudience: whoever forgets it hears of it, and no token is accepted.
func TestHostileAccessTokenAudience(t *testing.T) {
	p := hostile.New(t)
	for name, l := range map[string]struct {
		audience string
		how      Confirmation
	}{"A03 no audience": {"", Bearer()}, "A03 no confirmation": {api, Confirmation{}}} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "")
			token, err := newTestClient(t, p).VerifyAccessToken(t.Context(), rawAccessToken(p), l.audience, l.how)
			hostile.Hear(err)
			if token != nil || err == nil || refusedBy(err) != "" || p.Count("") != 0 {
				t.Errorf("%v, %v after %d requests", token, err, p.Count(""))
			}
		})
	}
}

// TestAccessTokenConfirmation: what is accepted is exactly what was proven.
func TestAccessTokenConfirmation(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	jkt, x5t := thumb("a"), certificateThumbprint(ours)
	plain, dpop, mtls := rawAccessToken(p), rawAccessToken(p, boundTo("jkt", jkt)), rawAccessToken(p, boundTo("x5t#S256", x5t))
	both := rawAccessToken(p, claim("cnf", `{"jkt":"`+jkt+`","x5t#S256":"`+x5t+`"}`))
	for _, l := range []struct {
		name string
		how  Confirmation
		good []string
	}{
		{"nothing", Bearer(), []string{plain}},
		{"a key", ProvenByDPoP(jkt), []string{dpop}},
		{"a certificate", ProvenByCertificate(ours), []string{mtls}},
		{"a certificate, if any", Bearer().Over(ours), []string{plain, mtls}},
		{"no certificate, if any", Bearer().Over(nil), []string{plain}},
		{"a key, over a connection with a certificate", ProvenByDPoP(jkt).Over(ours), []string{dpop, both}},
		{"a certificate, over itself", ProvenByCertificate(ours).Over(&x509.Certificate{Raw: []byte("theirs")}), []string{mtls}},
	} {
		for _, raw := range []string{plain, dpop, mtls, both} {
			token, err := c.VerifyAccessToken(t.Context(), raw, api, l.how)
			if slices.Contains(l.good, raw) != (err == nil) || err != nil && refusedBy(err) != "binding" {
				t.Errorf("%s (%v): %v, %v", l.name, l.how, token, err)
			}
			if err == nil && (token.DPoPThumbprint() != jkt && (raw == dpop || raw == both) || token.CertificateThumbprint() != x5t && (raw == mtls || raw == both)) {
				t.Errorf("%s: %s", l.name, token.Payload())
			}
		}
	}
	before := p.Count("")
	for name, how := range map[string]Confirmation{"zero": {}, "an empty thumbprint": ProvenByDPoP(""), "no certificate": ProvenByCertificate(nil),
		"an empty certificate": ProvenByCertificate(new(x509.Certificate)), "zero over a certificate": Confirmation{}.Over(ours)} {
		for _, raw := range []string{plain, dpop, mtls, both} {
			if token, err := c.VerifyAccessToken(t.Context(), raw, api, how); err != errConfirmation || token != nil {
				t.Errorf("%s: %v, %v", name, token, err)
			}
		}
	}
	if token, err := c.VerifyAccessToken(t.Context(), rawAccessToken(p, claim("aud", `""`)), "", Bearer()); err == nil || token != nil {
		t.Error("an API without a name")
	}
	if p.Count("") != before {
		t.Error("something was asked for a question that makes no sense")
	}
}

// TestAccessToken: what a token says, for a user with a bound token, and for a service.
func TestAccessToken(t *testing.T) {
	p := hostile.New(t)
	p.AccessToken = func(tok *hostile.Token) {
		tok.Claims["aud"], tok.Claims["roles"], tok.Claims["acr"], tok.Claims["amr"] = []any{"https://other.example", api}, []any{"admin"}, "gold", []any{"pwd"}
		tok.Header["typ"] = "application/AT+JWT"
	}
	c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
	tokens, err := logIn(t, c, p, func(r *AuthorizationRequest) {
		r.AuthorizationDetails = []AuthorizationDetail{{Type: "payment", Actions: []string{"read"}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.VerifyAccessToken(t.Context(), tokens.AccessToken.Reveal(), api, ProvenByDPoP(tokens.DPoPThumbprint()))
	if err != nil {
		t.Fatal(err)
	}
	if token.Issuer() != p.Issuer || token.Subject() != p.Subject || token.ClientID() != p.ClientID || len(token.ID()) < 20 || !slices.Equal(token.Audience(), []string{api, "https://other.example"}) ||
		!slices.Equal(token.Scope(), []string{"openid", "offline_access"}) || token.DPoPThumbprint() != tokens.DPoPThumbprint() || token.CertificateThumbprint() != "" ||
		time.Until(token.Expiry()) > time.Hour || time.Since(token.IssuedAt()) > time.Minute || time.Since(token.AuthTime()) > time.Minute || token.ACR() != "gold" ||
		!slices.Equal(token.AMR(), []string{"pwd"}) || len(token.AuthorizationDetails()) != 1 || token.AuthorizationDetails()[0].Type != "payment" {
		t.Errorf("got %s", token.Payload())
	}
	claims, err := Claims[struct {
		Roles []string `json:"roles"`
	}](token)
	if err != nil || !slices.Equal(claims.Roles, []string{"admin"}) {
		t.Errorf("%v, %v", claims, err)
	}
	token.Payload()[0], token.Scope()[0], token.AuthorizationDetails()[0].Type = 'x', "x", "x"
	if token.Payload()[0] != '{' || token.Scope()[0] != "openid" || token.AuthorizationDetails()[0].Type != "payment" {
		t.Error("the caller can change what was verified")
	}
	again, err := c.VerifyIDToken(t.Context(), tokens.AccessToken.Reveal(), "")
	if refusedBy(err) != "typ" {
		t.Errorf("an access token logs in as %v: %v", again, err)
	}
	if _, err := c.VerifyAccessToken(t.Context(), tokens.IDToken.Raw().Reveal(), p.ClientID, Bearer()); refusedBy(err) != "typ" {
		t.Errorf("an ID Token opens the API: %v", err)
	}

	service, err := newTestClient(t, p).Tokens(t.Context(), ClientCredentials{Scope: []string{"read"}})
	if err != nil {
		t.Fatal(err)
	}
	if token, err = c.VerifyAccessToken(t.Context(), service.AccessToken.Reveal(), api, Bearer()); err != nil || token.Subject() != p.ClientID || !token.AuthTime().IsZero() {
		t.Errorf("%v, %v", token, err)
	}

	p.Encrypt = nil
	decrypting := newTestClient(t, p, func(cfg *Config) { cfg.Decrypter = wrapped{} })
	if _, err := decrypting.VerifyAccessToken(t.Context(), wrap(service.AccessToken.Reveal()), api, Bearer()); err != nil {
		t.Errorf("an encrypted one: %v", err)
	}
	if _, err := newTestClient(t, p, func(cfg *Config) { cfg.AccessTokenSigningAlgs = []string{"ES256", "PS256"} }).VerifyAccessToken(t.Context(),
		service.AccessToken.Reveal(), api, Bearer()); err != nil {
		t.Errorf("a list of algorithms: %v", err)
	}
	if _, err := New(Config{Issuer: p.Issuer, ClientID: "c", Auth: None(), AccessTokenSigningAlgs: []string{"none"}}); err == nil || !strings.Contains(err.Error(), "AccessTokenSigningAlgs") {
		t.Errorf("none: %v", err)
	}
}

// TestAccessTokenOfTenant: its issuer is the tenant's.
func TestAccessTokenOfTenant(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	c := newTestClient(t, p, tenants(p))
	token, err := c.VerifyAccessToken(t.Context(), rawAccessToken(p, claim("tid", `"`+contoso+`"`), keyOf(t, p, template)), api, Bearer())
	if err != nil || token.Issuer() != issuerOf(contoso) {
		t.Errorf("%v, %v", token, err)
	}
}

// TestAccessTokenShowsNothing: neither the token nor what its claims hold is printed, and the zero value says nothing.
func TestAccessTokenShowsNothing(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	raw := rawAccessToken(p, claim("email", `"`+hostile.Canary+`"`))
	token, err := c.VerifyAccessToken(t.Context(), raw, api, Bearer())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	type holder struct {
		token   AccessToken
		pointer *AccessToken
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{token, *token, holder{*token, token}} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token)
	b, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, secret := range []string{hostile.Canary, raw, fmt.Sprintf("%x", hostile.Canary), strings.Trim(fmt.Sprint([]byte(hostile.Canary)), "[]")} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s was printed", secret)
		}
	}
	zero := new(AccessToken)
	if zero.Issuer()+zero.Subject()+zero.ClientID()+zero.ID()+zero.ACR()+zero.DPoPThumbprint()+zero.CertificateThumbprint() != "" || len(zero.Scope())+len(zero.Audience())+len(zero.Payload()) != 0 ||
		!zero.Expiry().IsZero() || zero.String() != "no access token" {
		t.Error("the zero value says something")
	}
	if (Confirmation{}).String() != "no confirmation" || Bearer().String() != "nothing" {
		t.Error("what was proven is not said")
	}
}

func BenchmarkVerifyAccessToken(b *testing.B) {
	p := hostile.New(b)
	c, err := New(Config{Issuer: p.Issuer, ClientID: "api", Auth: None(), HTTPClient: p.HTTPClient()})
	if err != nil {
		b.Fatal(err)
	}
	raw := rawAccessToken(p, boundTo("jkt", thumb("a")))
	how := ProvenByDPoP(thumb("a"))
	if _, err := c.VerifyAccessToken(b.Context(), raw, api, how); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.VerifyAccessToken(b.Context(), raw, api, how)
	}
}
