package openid

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// play is a login whatever its response mode.
func play(t *testing.T, c *Client, p *hostile.Provider, ask AuthorizationRequest) (tokens *Tokens, err error) {
	t.Helper()
	rawURL, tx, err := c.Authorize(t.Context(), ask)
	defer func() { hostile.Hear(tokens, err) }()
	if err != nil {
		return nil, err
	}
	r := p.Authorize(rawURL)
	if r.URL.Fragment == "" {
		return c.Callback(t.Context(), r, tx)
	}
	values, err := url.ParseQuery(r.URL.Fragment)
	if err != nil {
		t.Fatal(err)
	}
	return c.CallbackValues(t.Context(), "fragment", values, tx)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestFlows plays every response type in every mode that it may have, each plain, pushed, as a request object and as both, with bearer
// tokens and with DPoP under nonces: what a flow says must not depend on how it is said.
func TestFlows(t *testing.T) {
	ways := map[string]func(*Config){
		"plain": func(*Config) {},
		"PAR":   func(cfg *Config) { cfg.PushAuthorizationRequests = true },
		"JAR":   func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t), KeyID: "r1"} },
		"PARJAR": func(cfg *Config) {
			cfg.PushAuthorizationRequests, cfg.RequestObject = true, &RequestObject{Key: newKey(t)}
		},
	}
	for _, rt := range responseTypes {
		for mode, m := range responseModes {
			if rt.inFront() && m.carrier == "query" {
				continue
			}
			for way, tune := range ways {
				for name, bound := range map[string]DPoP{"Bearer": {}, "DPoP": DPoPPerGrant()} {
					if !rt.code && bound.enabled() {
						continue
					}
					t.Run(strings.Join([]string{rt.name, mode, way, name}, "/"), func(t *testing.T) {
						t.Parallel()
						p := hostile.New(t)
						p.DPoP.Nonce = bound.enabled()
						c := newTestClient(t, p, func(cfg *Config) { cfg.InsecureAllowFrontChannelTokens, cfg.DPoP = true, bound }, tune)
						tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid", "offline_access"}, ResponseType: rt.name, ResponseMode: mode, AppState: "a"})
						if err != nil {
							t.Fatal(err)
						}
						if tokens.AppState != "a" || (tokens.IDToken != nil) != (rt.idToken || rt.code) || tokens.AccessToken.IsEmpty() != (!rt.code && !rt.token) {
							t.Errorf("got %v", tokens)
						}
						if (tokens.DPoPThumbprint() != "") != bound.enabled() {
							t.Errorf("bound to %q", tokens.DPoPThumbprint())
						}
						if !tokens.AccessToken.IsEmpty() && tokens.IDToken != nil {
							if _, err := c.UserInfo(t.Context(), tokens); err != nil {
								t.Error(err)
							}
						}
						if rt.code {
							again, err := c.Refresh(t.Context(), tokens)
							if err != nil || again.DPoPThumbprint() != tokens.DPoPThumbprint() {
								t.Errorf("refresh: %v, %v", again, err)
							}
						}
					})
				}
			}
		}
	}
}

// wrapped is a stand-in for encryption: five parts, of which the middle one is the plaintext.
type wrapped struct{ broken bool }

func (w wrapped) Decrypt(_ context.Context, compact string) ([]byte, error) {
	plain, ok := strings.CutPrefix(compact, "jwe..")
	if w.broken || !ok {
		return nil, errors.New("the padding is wrong, says an oracle about " + hostile.Canary)
	}
	return []byte(strings.ReplaceAll(strings.TrimSuffix(plain, ".."), "~", ".")), nil
}

func wrap(jws string) string { return "jwe.." + strings.ReplaceAll(jws, ".", "~") + ".." }

// TestEncryptedDocuments: ID Tokens of both channels, authorization responses and UserInfo.
func TestEncryptedDocuments(t *testing.T) {
	for _, ask := range []AuthorizationRequest{{}, {ResponseType: "code id_token"}, {ResponseMode: "jwt"}, {ResponseType: "code id_token", ResponseMode: "form_post.jwt"}} {
		ask.Scope = []string{"openid"}
		p := hostile.New(t)
		p.Encrypt = wrap
		p.UserInfoJWT = func(*hostile.Token) {}
		c := newTestClient(t, p, func(cfg *Config) { cfg.Decrypter = wrapped{} })
		tokens, err := play(t, c, p, ask)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UserInfo(t.Context(), tokens); err != nil {
			t.Error(err)
		}
		if raw := tokens.IDToken.Raw().Reveal(); encrypted(raw) {
			t.Error("Raw is what nobody else can read")
		}
		for name, decrypter := range map[string]Decrypter{"nothing to decrypt with": nil, "the wrong key": wrapped{broken: true}} {
			c := newTestClient(t, p, func(cfg *Config) { cfg.Decrypter = decrypter })
			_, err := play(t, c, p, ask)
			if refusedBy(err) != "encryption" || strings.Contains(err.Error(), hostile.Canary) || strings.Contains(err.Error(), "padding") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestHostileEncryptedNothingSigned: who knows the public key can encrypt; only a signature says who did. Whatever lies inside, in each document.
func TestHostileEncryptedNothingSigned(t *testing.T) {
	for document, script := range map[string]struct {
		tune     func(*hostile.Provider)
		ask      AuthorizationRequest
		check    string // where a callback cannot even find its login
		requests string
	}{
		"ID Token":               {func(*hostile.Provider) {}, AuthorizationRequest{}, "compact", "discovery token jwks?"},
		"front-channel ID Token": {func(*hostile.Provider) {}, AuthorizationRequest{ResponseType: "code id_token"}, "compact", "discovery jwks?"},
		"authorization response": {func(*hostile.Provider) {}, AuthorizationRequest{ResponseMode: "jwt"}, "response", "discovery jwks?"},
		"UserInfo": {func(p *hostile.Provider) { p.UserInfoJWT = func(*hostile.Token) {} }, AuthorizationRequest{}, "compact",
			"discovery token jwks userinfo"},
		"introspection response": {func(p *hostile.Provider) { p.IntrospectionJWT = func(*hostile.Token) {} }, AuthorizationRequest{}, "compact",
			"discovery token jwks introspection"},
	} {
		for name, row := range map[string]struct {
			inside func(jws string) string
			check  string // empty: that of the document
		}{
			"I51 bare claims": {func(string) string { return `{"sub":"alice-sub"}` }, ""},
			"I51 nothing":     {func(string) string { return "" }, ""},
			"I51 another JWE": {wrap, ""},
			"I51 two parts":   {hostile.DropPart, ""},
			"I51 an unsigned token": {func(jws string) string {
				part := strings.Split(jws, ".")
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + part[1] + "."
			}, "alg"},
			"I51 a signature that was cut off": {hostile.DropSignature, "signature"},
		} {
			t.Run(name+"/"+document, func(t *testing.T) {
				hostile.Watch(t, script.requests)
				p := hostile.New(t)
				script.tune(p)
				inside := row.inside
				p.Encrypt = func(jws string) string { return wrap(inside(jws)) }
				if document == "UserInfo" || document == "introspection response" { // what comes before it is as it should be
					login := p.Encrypt
					p.Encrypt = nil
					p.TokenResponse = func(map[string]any) { p.Encrypt = login }
				}
				c := newTestClient(t, p, func(cfg *Config) { cfg.Decrypter = wrapped{} })
				ask := script.ask
				ask.Scope = []string{"openid"}
				tokens, err := play(t, c, p, ask)
				switch {
				case document == "UserInfo" && err == nil:
					_, err = c.UserInfo(t.Context(), tokens)
				case document == "introspection response" && err == nil:
					_, err = c.Introspect(t.Context(), tokens.AccessToken)
				}
				hostile.Hear(err)
				check := row.check
				if check == "" {
					check = script.check
				}
				var v *VerificationError
				if !errors.As(err, &v) || v.Check != check || v.Document != document {
					t.Errorf("refused by %v, want %s: %s", err, document, check)
				}
			})
		}
	}
}

// TestRequestParameters: every field of the request arrives, in the form that its specification gives it.
func TestRequestParameters(t *testing.T) {
	age := 90 * time.Minute
	ask := AuthorizationRequest{
		Scope:    []string{"openid"},
		Resource: []string{"https://api.example/a", "https://api.example/b"},
		AuthorizationDetails: []AuthorizationDetail{{Type: "payment_initiation", Actions: []string{"initiate"}, Locations: []string{"https://pay.example"},
			DataTypes: []string{}, Identifier: "i", Extra: map[string]json.RawMessage{"amount": json.RawMessage(`{"currency":"EUR"}`)}}},
		Claims: &ClaimsRequest{IDToken: map[string]ClaimRequest{"acr": {Essential: true, Values: []string{"a", "b"}}, "email": {}},
			UserInfo: map[string]ClaimRequest{"sub": {Values: []string{"alice"}}}},
		Prompt: []string{"login", "consent"}, ACRValues: []string{"gold", "silver"}, LoginHint: "alice@op.example", UILocales: []string{"de", "en"},
		Display: "popup", MaxAge: &age, Extra: url.Values{"vendor": {"x y"}},
	}
	want := map[string]string{
		"authorization_details": `[{"type":"payment_initiation","locations":["https://pay.example"],"actions":["initiate"],"datatypes":[],"identifier":"i","amount":{"currency":"EUR"}}]`,
		"claims":                `{"id_token":{"acr":{"essential":true,"values":["a","b"]},"email":null},"userinfo":{"sub":{"value":"alice"}}}`,
		"prompt":                "login consent", "acr_values": "gold silver", "login_hint": "alice@op.example", "ui_locales": "de en",
		"display": "popup", "max_age": "5400", "vendor": "x y", "response_type": "code", "scope": "openid",
	}
	p := hostile.New(t)
	rawURL, _, err := newTestClient(t, p).Authorize(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(rawURL)
	for name, value := range want {
		if got := u.Query().Get(name); got != value {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
	if got := u.Query()["resource"]; !slices.Equal(got, ask.Resource) {
		t.Errorf("resource is %q", got)
	}

	// The same as claims of a request object, where some are no strings.
	c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t), KeyID: "r1"} })
	if _, err := play(t, c, p, ask); err != nil {
		t.Fatal(err)
	}
	object := string(p.Requests("request object")[0].Body)
	_, claims := decoded(t, object)
	for name, value := range want {
		kind := "text"
		if name == "claims" || name == "authorization_details" || name == "max_age" {
			kind = "json"
		}
		var text string
		if got := claims[name]; kind == "json" && string(got) != value || kind == "text" && (json.Unmarshal(got, &text) != nil || text != value) {
			t.Errorf("the request object's %s is %s, want %s", name, got, value)
		}
	}
	if got := string(claims["resource"]); got != `["https://api.example/a","https://api.example/b"]` {
		t.Errorf("the request object's resource is %s", got)
	}
}

// TestGrantedDetails: what the server granted is what the tokens say, also after they were kept and refreshed.
func TestGrantedDetails(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	details := []AuthorizationDetail{{Type: "account", Identifier: "DE02", Privileges: []string{"read"}, Extra: map[string]json.RawMessage{"n": json.RawMessage("1")}}}
	tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid", "offline_access"}, AuthorizationDetails: details})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := tokens.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var loaded Tokens
	if err := loaded.UnmarshalBinary(kept); err != nil {
		t.Fatal(err)
	}
	again, err := c.Refresh(t.Context(), &loaded)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*Tokens{tokens, &loaded, again} {
		if len(got.AuthorizationDetails) != 1 || string(appendDetails(nil, got.AuthorizationDetails)) != string(appendDetails(nil, details)) {
			t.Errorf("granted %+v", got.AuthorizationDetails)
		}
	}
}

// TestKeptKey: tokens that were kept bring their key along, to another process and to a client that has moved on to another key.
func TestKeptKey(t *testing.T) {
	p := hostile.New(t)
	p.DPoP.Nonce = true
	old, current := newKey(t), newKey(t)
	for name, dpop := range map[string][2]DPoP{
		"a key per grant":           {DPoPPerGrant(), DPoPPerGrant()},
		"an old key of the client":  {DPoPKey(old), DPoPKey(current, old)},
		"a key per grant, until it": {DPoPPerGrant(), DPoPKey(current)},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, err := logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.DPoP = dpop[0] }), p)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := tokens.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var loaded Tokens
			if err := loaded.UnmarshalBinary(kept); err != nil {
				t.Fatal(err)
			}
			c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = dpop[1] })
			again, err := c.Refresh(t.Context(), &loaded)
			if err != nil || again.DPoPThumbprint() != tokens.DPoPThumbprint() || again.Type != "DPoP" {
				t.Fatalf("%v, %v", again, err)
			}
			if _, err := c.UserInfo(t.Context(), again); err != nil {
				t.Error(err)
			}
		})
	}
	tokens, err := logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPKey(old) }), p)
	if err != nil {
		t.Fatal(err)
	}
	before := p.Count("")
	for _, c := range []*Client{newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPKey(current) }), newTestClient(t, p)} {
		if _, err := c.Refresh(t.Context(), tokens); refusedBy(err) != "DPoP key" {
			t.Errorf("a key that nobody has: %v", err)
		}
	}
	if p.Count("") != before {
		t.Error("something was sent without the key")
	}
}

// TestHostileDPoPDowngrade: RFC 9449 §5.
func TestHostileDPoPDowngrade(t *testing.T) {
	t.Run("P12 a bearer token where a bound one was asked for", func(t *testing.T) {
		hostile.Watch(t, "discovery token token jwks")
		p := hostile.New(t)
		p.TokenResponse = func(m map[string]any) { m["token_type"] = "Bearer" }
		c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
		if _, err := logIn(t, c, p); refusedBy(err) != "token_type" {
			t.Error(err)
		}
		p.TokenResponse = func(m map[string]any) { m["token_type"] = "dPoP" }
		if _, err := logIn(t, c, p); err != nil {
			t.Error(err)
		}
	})
}

// TestHostileNonceRetries: one retry and no more, with an assertion and a proof of its own, and the code is not burnt.
func TestHostileNonceRetries(t *testing.T) {
	for name, row := range map[string]struct {
		dpop     hostile.DPoP
		requests int
		code     Code
	}{
		"body":                          {hostile.DPoP{Nonce: true}, 2, ""},
		"challenge":                     {hostile.DPoP{Nonce: true, InHeader: true}, 2, ""},
		"P14 a server that never stops": {hostile.DPoP{Endless: true}, 2, ErrUseDPoPNonce},
		"P15 no nonce to go on with":    {hostile.DPoP{Forgetful: true}, 1, ErrUseDPoPNonce},
		"P15 no nonce, and in a header": {hostile.DPoP{Forgetful: true, InHeader: true}, 1, ErrUseDPoPNonce},
		"a server that wants nothing":   {hostile.DPoP{}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "discovery token token?")
			p := hostile.New(t)
			p.DPoP = row.dpop
			c := newTestClient(t, p, func(cfg *Config) {
				cfg.DPoP = DPoPKey(newKey(t))
				cfg.Auth = PrivateKeyJWT(newKey(t), "k")
			})
			_, err := c.Tokens(t.Context(), ClientCredentials{})
			hostile.Hear(err)
			if row.code == "" && err != nil || row.code != "" && !errors.Is(err, row.code) {
				t.Fatalf("got %v, want %q", err, row.code)
			}
			requests := p.Requests("token")
			if len(requests) != row.requests {
				t.Fatalf("%d requests, want %d", len(requests), row.requests)
			}
			if len(requests) == 2 && (requests[0].Form.Get("client_assertion") == requests[1].Form.Get("client_assertion") || p.Proofs()[0].Compact == p.Proofs()[1].Compact) {
				t.Error("the same assertion or proof twice")
			}
		})
	}
}

// TestMutualTLS: the aliases are used, where a certificate is of use, and only there.
func TestMutualTLS(t *testing.T) {
	p := hostile.New(t)
	p.Aliases = true
	certificate := newCertificate(t, "the client")
	c := newTestClient(t, p, func(cfg *Config) {
		cfg.Auth, cfg.Certificate, cfg.PushAuthorizationRequests = TLSClientAuth(), certificate, true
	})
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UserInfo(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	for name, alias := range map[string]bool{"token": true, "userinfo": true, "pushed_authorization_request": true, "jwks": false, "discovery": false, "authorization": false} {
		r := p.Requests(name)
		if len(r) != 1 || strings.HasPrefix(r[0].Path, "/t/mtls/") != alias {
			t.Errorf("%s: %d requests, to %+v", name, len(r), r)
		}
		if alias && (r[0].Certificate != "the client" || r[0].Form != nil && r[0].Form.Get("client_id") != "client") {
			t.Errorf("%s came from %q", name, r[0].Certificate)
		}
	}
	plain := newTestClient(t, p)
	if _, err := logIn(t, plain, p); err != nil || p.Requests("token")[1].Path != "/t/token" {
		t.Errorf("without a certificate: %v", err)
	}
}

func newCertificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// TestContradictions: New names both sides.
func TestContradictions(t *testing.T) {
	p := hostile.New(t)
	key := newKey(t)
	publish := func(context.Context, string) (string, error) { return "", nil }
	for name, row := range map[string]struct {
		tune func(*Config)
		says []string
	}{
		"TLS without a certificate":   {func(cfg *Config) { cfg.Auth = TLSClientAuth() }, []string{"Certificate", "TLSClientAuth"}},
		"a certificate without a key": {func(cfg *Config) { cfg.Certificate = &tls.Certificate{} }, []string{"Certificate", "private key"}},
		"a transport that takes no certificate": {func(cfg *Config) {
			cfg.Certificate, cfg.HTTPClient = newCertificate(t, "c"), &http.Client{Transport: http.NewFileTransport(http.Dir("."))}
		}, []string{"Certificate", "HTTPClient"}},
		"a request object of nobody":          {func(cfg *Config) { cfg.RequestObject = new(RequestObject) }, []string{"RequestObject", "Key"}},
		"a request object signed and not":     {func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, InsecureUnsigned: true} }, []string{"Key", "InsecureUnsigned"}},
		"a request object named and unsigned": {func(cfg *Config) { cfg.RequestObject = &RequestObject{KeyID: "k", InsecureUnsigned: true} }, []string{"KeyID", "InsecureUnsigned"}},
		"a request object with an algorithm and unsigned": {func(cfg *Config) {
			cfg.RequestObject = &RequestObject{Signing: Signing{Algorithm: "ES256"}, InsecureUnsigned: true}
		}, []string{"Signing.Algorithm", "InsecureUnsigned"}},
		"a request object encrypted and unsigned": {func(cfg *Config) {
			cfg.RequestObject = &RequestObject{Encrypter: sealing{}, InsecureUnsigned: true}
		}, []string{"Encrypter", "InsecureUnsigned"}},
		"an Encrypter that cannot":    {func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, Encrypter: incapable{}} }, []string{"RequestObject", "Encrypter", "no such algorithm"}},
		"a Decrypter that cannot":     {func(cfg *Config) { cfg.Decrypter = incapable{} }, []string{"Decrypter", "no such algorithm"}},
		"a nil request object":        {func(cfg *Config) { cfg.RequestObject = (*RequestObject)(nil) }, []string{"RequestObject", "nil"}},
		"an audience of a proof":      {func(cfg *Config) { cfg.DPoP = DPoPKey(key).With(Signing{Audience: "https://op.example"}) }, []string{"DPoP", "Audience"}},
		"an audience of fresh proofs": {func(cfg *Config) { cfg.DPoP = DPoPPerGrant().With(Signing{Audience: "https://op.example"}) }, []string{"DPoP", "Audience"}},
		"HS256 by a private key":      {func(cfg *Config) { cfg.Auth = PrivateKeyJWT(key, "", Signing{Algorithm: "HS256"}) }, []string{"Auth", "HS256"}},
		"ES256 by a secret": {func(cfg *Config) {
			cfg.Auth = ClientSecretJWT(NewSecret(strings.Repeat("x", 64)), Signing{Algorithm: "ES256"})
		}, []string{"Auth", "ES256"}},
		"HS256 in proofs":             {func(cfg *Config) { cfg.DPoP = DPoPKey(key).With(Signing{Algorithm: "HS256"}) }, []string{"DPoP", "HS256"}},
		"an algorithm of another key": {func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, Signing: Signing{Algorithm: "PS256"}} }, []string{"RequestObject", "PS256"}},
		"an address and a push": {func(cfg *Config) {
			cfg.RequestObject, cfg.PushAuthorizationRequests = &RequestObject{Key: key, Publish: publish}, true
		}, []string{"Publish", "PushAuthorizationRequests"}},
		"DPoP without a key":                 {func(cfg *Config) { cfg.DPoP = DPoPKey(nil) }, []string{"DPoP"}},
		"an algorithm that no fresh key has": {func(cfg *Config) { cfg.DPoP = DPoPPerGrant().With(Signing{Algorithm: "RS256"}) }, []string{"DPoPPerGrant", "RS256"}},
		"HS512 with a short secret": {func(cfg *Config) {
			cfg.Auth = ClientSecretJWT(NewSecret(strings.Repeat("x", 32)), Signing{Algorithm: "HS512"})
		}, []string{"Auth", "HS512"}},
		"two ways of signing":   {func(cfg *Config) { cfg.Auth = PrivateKeyJWT(key, "", Signing{}, Signing{}) }, []string{"Auth", "one Signing"}},
		"a file without a name": {func(cfg *Config) { cfg.Auth = AssertionFile("") }, []string{"Auth", "path"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Issuer: p.Issuer, ClientID: p.ClientID, Auth: None(), RedirectURI: p.RedirectURI}
			row.tune(&cfg)
			_, err := New(cfg)
			for _, word := range row.says {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not named in: %v", word, err)
				}
			}
		})
	}
}

// incapable is what a jwe.Keys or jwe.Encrypt of something impossible is.
type incapable struct{}

var errIncapable = errors.New("no such algorithm")

func (incapable) Err() error                                              { return errIncapable }
func (incapable) Decrypt(context.Context, string) ([]byte, error)         { return nil, errIncapable }
func (incapable) Encrypt(context.Context, []byte, []byte) (string, error) { return "", errIncapable }

// TestContradictoryRequests: Authorize names both sides, and nothing was sent by then.
func TestContradictoryRequests(t *testing.T) {
	p := hostile.New(t)
	openID := []string{"openid"}
	hint, err := logIn(t, newTestClient(t, p), p)
	if err != nil {
		t.Fatal(err)
	}
	before := p.Count("")
	for name, row := range map[string]struct {
		tune func(*Config)
		ask  AuthorizationRequest
		says []string
	}{
		"a token in front, not allowed":    {nil, AuthorizationRequest{ResponseType: "code token"}, []string{`"code token"`, "InsecureAllowFrontChannelTokens"}},
		"an ID Token in a query":           {nil, AuthorizationRequest{Scope: openID, ResponseType: "code id_token", ResponseMode: "query"}, []string{`ResponseType "code id_token"`, `ResponseMode "query"`}},
		"an ID Token in a signed query":    {nil, AuthorizationRequest{Scope: openID, ResponseType: "id_token", ResponseMode: "query.jwt"}, []string{`ResponseType "id_token"`, `ResponseMode "query.jwt"`}},
		"an ID Token of nobody":            {nil, AuthorizationRequest{ResponseType: "code id_token"}, []string{"ResponseType", "Scope openid"}},
		"no response in a JWT":             {nil, AuthorizationRequest{ResponseType: "none", ResponseMode: "jwt"}, []string{"ResponseType", `"none"`}},
		"a bound token from the browser":   {both(expose, bind), AuthorizationRequest{ResponseType: "token"}, []string{`ResponseType "token"`, "Config.DPoP"}},
		"a detached signature of a code":   {detach, AuthorizationRequest{Scope: openID}, []string{`ResponseType "code"`, "DetachedSignature"}},
		"a detached signature of a token":  {both(expose, detach), AuthorizationRequest{ResponseType: "token"}, []string{`ResponseType "token"`, "DetachedSignature"}},
		"parameters for no token request":  {nil, AuthorizationRequest{Scope: openID, ResponseType: "id_token", TokenExtra: url.Values{"a": {"b"}}}, []string{`ResponseType "id_token"`, "TokenExtra"}},
		"claims of UserInfo, and no token": {nil, AuthorizationRequest{Scope: openID, ResponseType: "id_token", Claims: &ClaimsRequest{UserInfo: map[string]ClaimRequest{"email": {}}}}, []string{`ResponseType "id_token"`, "Claims.UserInfo"}},
		"claims without openid":            {nil, AuthorizationRequest{Claims: new(ClaimsRequest)}, []string{"Claims", "Scope openid"}},
		"no page and a new login":          {nil, AuthorizationRequest{Prompt: []string{"none"}, MaxAge: new(time.Duration)}, []string{"Prompt", "MaxAge", `"none"`}},
		"no page and a page":               {nil, AuthorizationRequest{Prompt: []string{"login", "none"}}, []string{"Prompt", "login none"}},
		"login_hint twice":                 {nil, AuthorizationRequest{LoginHint: "a", Extra: url.Values{"login_hint": {"b"}}}, []string{"LoginHint", "Extra"}},
		"prompt twice":                     {nil, AuthorizationRequest{Prompt: []string{"login"}, Extra: url.Values{"prompt": {"none"}}}, []string{"Prompt", "Extra"}},
		"acr_values twice":                 {nil, AuthorizationRequest{ACRValues: []string{"a"}, Extra: url.Values{"acr_values": {"b"}}}, []string{"ACRValues", "Extra"}},
		"ui_locales twice":                 {nil, AuthorizationRequest{UILocales: []string{"de"}, Extra: url.Values{"ui_locales": {"en"}}}, []string{"UILocales", "Extra"}},
		"display twice":                    {nil, AuthorizationRequest{Display: "page", Extra: url.Values{"display": {"wap"}}}, []string{"Display", "Extra"}},
		"resource twice":                   {nil, AuthorizationRequest{Resource: []string{"https://a.example"}, Extra: url.Values{"resource": {"https://b.example"}}}, []string{"Resource", "Extra"}},
		"id_token_hint twice":              {nil, AuthorizationRequest{IDTokenHint: hint.IDToken, Extra: url.Values{"id_token_hint": {"x"}}}, []string{"IDTokenHint", "Extra"}},
		"claims twice":                     {nil, AuthorizationRequest{Scope: openID, Claims: new(ClaimsRequest), Extra: url.Values{"claims": {"{}"}}}, []string{"Claims", "Extra"}},
		"authorization_details twice": {nil, AuthorizationRequest{AuthorizationDetails: []AuthorizationDetail{{Type: "a"}}, Extra: url.Values{"authorization_details": {"[]"}}},
			[]string{"AuthorizationDetails", "Extra"}},
	} {
		t.Run(name, func(t *testing.T) {
			tune := row.tune
			if tune == nil {
				tune = func(*Config) {}
			}
			_, _, err := newTestClient(t, p, tune).Authorize(t.Context(), row.ask)
			for _, word := range row.says {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not named in: %v", word, err)
				}
			}
		})
	}
	for _, name := range ownParameters {
		if _, _, err := newTestClient(t, p).Authorize(t.Context(), AuthorizationRequest{Extra: url.Values{name: {"x"}}}); err == nil || !strings.Contains(err.Error(), "Extra: "+name) {
			t.Errorf("%s is taken from outside: %v", name, err)
		}
	}
	for _, name := range ownTokenParameters {
		if _, _, err := newTestClient(t, p).Authorize(t.Context(), AuthorizationRequest{TokenExtra: url.Values{name: {"x"}}}); err == nil || !strings.Contains(err.Error(), "TokenExtra: "+name) {
			t.Errorf("%s is taken from outside: %v", name, err)
		}
	}
	jar := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t)} })
	for _, name := range requestObjectClaims {
		if _, _, err := jar.Authorize(t.Context(), AuthorizationRequest{Extra: url.Values{name: {"x"}}}); err == nil || !strings.Contains(err.Error(), "Config.RequestObject") {
			t.Errorf("the claim %s is taken from outside: %v", name, err)
		}
	}
	if n := p.Count("") - before; n != 0 {
		t.Errorf("%d requests for what could be refused at once", n)
	}
}

func bind(cfg *Config) { cfg.DPoP = DPoPPerGrant() }

func both(one, two func(*Config)) func(*Config) {
	return func(cfg *Config) { one(cfg); two(cfg) }
}

// decoded splits a JWS without judging it.
func decoded(t *testing.T, compact string) (header, claims map[string]json.RawMessage) {
	t.Helper()
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, into := range []*map[string]json.RawMessage{&header, &claims} {
		raw, err := base64Text(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	return header, claims
}

func base64Text(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// TestHostileNothingRandomIsUsedTwice: two requests share no state, nonce, challenge, and no transaction; what they ask is otherwise the same.
func TestHostileNothingRandomIsUsedTwice(t *testing.T) {
	t.Run("C18 two requests", func(t *testing.T) {
		hostile.Watch(t, "discovery")
		p := hostile.New(t)
		c := newTestClient(t, p)
		seen := map[string]bool{}
		for range 2 {
			rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
			hostile.Hear(rawURL, err)
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(rawURL)
			for _, v := range []string{u.Query().Get("state"), u.Query().Get("nonce"), u.Query().Get("code_challenge"), string(tx)} {
				if len(v) < 43 || seen[v] {
					t.Errorf("%q is short or was used before", v)
				}
				seen[v] = true
			}
		}
	})
}

// TestExtraParameters: those of the authorization request travel with the browser, those of the token request do not, and a zero is a value.
func TestExtraParameters(t *testing.T) {
	p := hostile.New(t)
	ask := AuthorizationRequest{Scope: []string{"openid"}, MaxAge: new(time.Duration), Extra: url.Values{"vendor": {"a b"}},
		TokenExtra: url.Values{"resource": {"https://api.example/a", "https://api.example/b"}, "vendor": {"ä&="}}}
	if _, err := play(t, newTestClient(t, p), p, ask); err != nil {
		t.Fatal(err)
	}
	asked, redeemed := p.Requests("authorization")[0].Query, p.Requests("token")[0].Form
	if asked.Get("vendor") != "a b" || asked.Get("max_age") != "0" || asked.Has("resource") {
		t.Errorf("asked %v", asked)
	}
	if redeemed.Get("vendor") != "ä&=" || !slices.Equal(redeemed["resource"], ask.TokenExtra["resource"]) {
		t.Errorf("redeemed with %v", redeemed)
	}
	c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t)} })
	if _, err := play(t, c, p, ask); err != nil {
		t.Fatal(err)
	}
	if _, claims := decoded(t, string(p.Requests("request object")[0].Body)); string(claims["max_age"]) != "0" {
		t.Errorf("the request object has max_age %s", claims["max_age"])
	}
}

// TestAlgorithmPolicy: what the caller names counts, then what the server lists, then RS256; for each kind of document alike.
func TestAlgorithmPolicy(t *testing.T) {
	type policy struct {
		member string // of the metadata
		name   func(*Config, []string)
		script func(*hostile.Provider, func(*hostile.Token))
		ask    string // response mode
		end    func(*testing.T, *Client, *Tokens) error
	}
	for document, row := range map[string]policy{
		"ID Token": {"id_token_signing_alg_values_supported", func(cfg *Config, l []string) { cfg.IDTokenSigningAlgs = l },
			func(p *hostile.Provider, lie func(*hostile.Token)) { p.IDToken = lie }, "", nil},
		"authorization response": {"authorization_signing_alg_values_supported", func(cfg *Config, l []string) { cfg.ResponseSigningAlgs = l },
			func(p *hostile.Provider, lie func(*hostile.Token)) { p.Response = lie }, "jwt", nil},
		"UserInfo": {"userinfo_signing_alg_values_supported", func(cfg *Config, l []string) { cfg.UserInfoSigningAlgs = l },
			func(p *hostile.Provider, lie func(*hostile.Token)) { p.UserInfoJWT = lie }, "", func(t *testing.T, c *Client, tokens *Tokens) error {
				_, err := c.UserInfo(t.Context(), tokens)
				return err
			}},
		"introspection response": {"introspection_signing_alg_values_supported", func(cfg *Config, l []string) { cfg.IntrospectionSigningAlgs = l },
			func(p *hostile.Provider, lie func(*hostile.Token)) { p.IntrospectionJWT = lie }, "", func(t *testing.T, c *Client, tokens *Tokens) error {
				_, err := c.Introspect(t.Context(), tokens.AccessToken)
				return err
			}},
	} {
		for _, l := range []struct {
			name          string
			listed, named []string
			signedWith    string
			good          bool
		}{
			{"listed", []string{"PS256", "ES256"}, nil, "ES256", true},
			{"not listed", []string{"PS256"}, nil, "ES256", false},
			{"named", []string{"PS256"}, []string{"ES256"}, "ES256", true},
			{"listed, another named", []string{"ES256"}, []string{"PS256"}, "ES256", false},
			{"nothing said, the default", nil, nil, "RS256", true},
			{"nothing said, not the default", nil, nil, "ES256", false},
			{"none listed", []string{"none", "RS256"}, nil, "none", false},
			{"a secret's listed", []string{"HS256", "RS256"}, nil, "HS256", false},
			{"a secret's named", []string{"RS256"}, []string{"HS256"}, "HS256", true},
		} {
			t.Run(document+"/"+l.name, func(t *testing.T) {
				t.Parallel()
				p := hostile.New(t)
				p.Metadata = func(m map[string]any) {
					if m[row.member] = l.listed; l.listed == nil {
						delete(m, row.member)
					}
				}
				row.script(p, func(tok *hostile.Token) {
					if l.signedWith == "none" {
						hostile.Unsigned(tok)
					}
				})
				if l.signedWith != "none" {
					p.Alg = l.signedWith
				}
				c := newTestClient(t, p, func(cfg *Config) {
					cfg.IDTokenSigningAlgs = []string{"ES256", "RS256", "HS256"} // whatever the provider signs with
					if document == "ID Token" {
						cfg.IDTokenSigningAlgs = nil
					}
					row.name(cfg, l.named)
				})
				tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: row.ask})
				if row.end != nil {
					if err != nil {
						t.Fatal(err)
					}
					err = row.end(t, c, tokens)
				}
				var v *VerificationError
				switch {
				case l.good && err != nil:
					t.Error(err)
				case !l.good && (!errors.As(err, &v) || v.Check != "alg" || v.Document != document):
					t.Errorf("refused by %v, want %s: alg", err, document)
				}
			})
		}
	}
}
