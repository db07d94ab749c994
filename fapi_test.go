package openid

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A fapiModule is one of the certification suite's tests of a relying party beyond a plain code (hybrid and implicit profiles of OpenID
// Connect, FAPI 1.0 Advanced, FAPI 2.0), under the suite's own name. An empty check: all is well, up to the protected resource.
type fapiModule struct {
	name   string
	script func(*hostile.Provider)
	check  string
	tune   func(*Config)

	scope string                                                                              // asked for besides
	begin func(*testing.T, fapiVariant, *hostile.Provider, Config)                            // before the login
	end   func(*testing.T, fapiVariant, *hostile.Provider, *Client, *Tokens) (*Tokens, error) // before the accounts endpoint
}

// idTokenModules are what every profile tells of ID Tokens, wherever they come.
func idTokenModules(t *testing.T, prefix string, lie func(func(*hostile.Token)) func(*hostile.Provider)) []fapiModule {
	changed := func(name string) func(*hostile.Provider) { return lie(hostile.Longer(name)) }
	missing := func(name string) func(*hostile.Provider) { return lie(claim(name, "")) }
	list := []fapiModule{
		{name: "invalid-iss", script: changed("iss"), check: "iss"},
		{name: "invalid-missing-iss", script: missing("iss"), check: "iss"},
		{name: "invalid-aud", script: changed("aud"), check: "aud"},
		{name: "invalid-missing-aud", script: missing("aud"), check: "aud"},
		{name: "invalid-secondary-aud", script: lie(claim("aud", `["client","client1"]`)), check: "aud"},
		{name: "valid-aud-as-array", script: lie(claim("aud", `["client"]`))},
		{name: "invalid-nonce", script: changed("nonce"), check: "nonce"},
		{name: "invalid-missing-nonce", script: missing("nonce"), check: "nonce"},
		{name: "invalid-expired-exp", script: lie(hostile.Expired), check: "exp"},
		{name: "invalid-missing-exp", script: missing("exp"), check: "exp"},
		{name: "invalid-signature", script: lie(compact(hostile.BreakSignature)), check: "signature"},
		{name: "invalid-null-alg", script: lie(hostile.Unsigned), check: "alg"},
		{name: "invalid-alternate-alg", check: "alg", script: func(p *hostile.Provider) {
			// Signed as it should be, by an RSA key that the set publishes without an alg.
			key := hostile.NewKey(t, "RS256", "rsa-none-alt-arg")
			p.JWKS = func(set map[string]any) {
				p.Decoys(set)
				jwk := key.PublicJWK()
				delete(jwk, "alg")
				set["keys"] = append(set["keys"].([]any), jwk)
			}
			lie(hostile.SignedBy(key))(p)
		}},
		{name: "invalid-missing-athash", script: missing("at_hash")},
		{name: "encrypted-idtoken", script: func(p *hostile.Provider) { p.Encrypt = wrap }, tune: func(cfg *Config) { cfg.Decrypter = wrapped{} }},
		{name: "encrypted-idtoken-usingrsa15", script: func(p *hostile.Provider) { p.Encrypt = wrap }, check: "encryption",
			tune: func(cfg *Config) { cfg.Decrypter = wrapped{broken: true} }}, // RSA1_5 itself: package jwe
		{name: "discovery-issuer-mismatch", script: func(p *hostile.Provider) {
			p.Metadata = func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "INVALID" }
		}, check: "issuer"},
		{name: "token-endpoint-response-without-scope-and-expires_in", script: func(p *hostile.Provider) {
			p.TokenResponse = func(m map[string]any) { delete(m, "scope"); delete(m, "expires_in") }
		}},
	}
	for i := range list {
		list[i].name = prefix + list[i].name
	}
	return list
}

func inBack(lie func(*hostile.Token)) func(*hostile.Provider) {
	return func(p *hostile.Provider) { p.IDToken = lie }
}

func inResponse(name string, change func(url.Values)) fapiModule {
	return fapiModule{name: name, script: func(p *hostile.Provider) { p.Callback = change }}
}

func (m fapiModule) refusedBy(check string) fapiModule { m.check = check; return m }

func more(name string) func(url.Values) {
	return func(q url.Values) { q.Set(name, q.Get(name)+"1") }
}

// stateModules and the ones after them are lies about the authorization response itself.
var (
	stateModules = []fapiModule{
		inResponse("ensure-authorization-response-with-invalid-state-fails", more("state")).refusedBy("state"),
		inResponse("ensure-authorization-response-with-invalid-missing-state-fails", dropParam("state")).refusedBy("state"),
	}
	issModules = []fapiModule{
		inResponse("invalid-authorization-response-iss", more("iss")).refusedBy("iss"),
		inResponse("remove-authorization-response-iss", dropParam("iss")).refusedBy("iss"),
	}
	hashModules = []fapiModule{
		{name: "invalid-chash", script: front(claim("c_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "c_hash"},
		{name: "missing-chash", script: front(claim("c_hash", "")), check: "c_hash present"},
		{name: "iat-is-week-in-past", script: front(hostile.WeekOld), check: "age"},
	}
	detachedModules = []fapiModule{
		{name: "invalid-shash", script: front(claim("s_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "s_hash"},
		{name: "invalid-missing-shash", script: front(claim("s_hash", "")), check: "s_hash present"},
		{name: "iat-is-week-in-past, at the token endpoint", script: inBack(hostile.WeekOld), check: "age"},
	}
	frontTokenModules = []fapiModule{
		{name: "invalid-athash", script: front(claim("at_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "at_hash"},
		{name: "missing-athash", script: front(claim("at_hash", "")), check: "at_hash present"},
	}
	jarmModules = []fapiModule{
		{name: "ensure-jarm-without-iss-fails", script: response(claim("iss", "")), check: "iss"},
		{name: "ensure-jarm-without-aud-fails", script: response(claim("aud", "")), check: "aud"},
		{name: "ensure-jarm-without-exp-fails", script: response(claim("exp", "")), check: "exp"},
		{name: "ensure-jarm-with-invalid-iss-fails", script: response(hostile.Longer("iss")), check: "iss"},
		{name: "ensure-jarm-with-invalid-aud-fails", script: response(claim("aud", `"client1"`)), check: "aud"},
		{name: "ensure-jarm-with-expired-exp-fails", script: response(hostile.Expired), check: "exp"},
		{name: "ensure-jarm-with-invalid-sig-fails", script: response(compact(hostile.BreakSignature)), check: "signature"},
		{name: "ensure-jarm-signature-is-not-none", script: response(hostile.Unsigned), check: "alg"},
	}
	dpopModules = []fapiModule{
		{name: "token-type-case-insensitivity", script: func(p *hostile.Provider) { p.TokenResponse = func(m map[string]any) { m["token_type"] = "dPOP" } }},
		{name: "rs-dpop-auth-scheme-case-insensitivity", script: func(p *hostile.Provider) { p.Serve("resource", oddScheme(p.Honest("resource"))) }},
		{name: "happy-path-no-dpop-nonce", script: func(p *hostile.Provider) { p.DPoP.Nonce = false }},
	}
	signedUserInfo = []fapiModule{{name: "oidcc-client-test-userinfo-signed", script: func(p *hostile.Provider) { p.UserInfoJWT = func(*hostile.Token) {} }}}
)

// oddScheme writes a challenge's scheme as the suite does.
func oddScheme(honest http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { honest(oddWriter{w}, r) }
}

type oddWriter struct{ http.ResponseWriter }

func (w oddWriter) WriteHeader(status int) {
	h := w.Header()
	h.Set("WWW-Authenticate", strings.Replace(h.Get("WWW-Authenticate"), "DPoP ", "dPoP ", 1))
	w.ResponseWriter.WriteHeader(status)
}

// hostedModules are those whose request object the provider fetches from the client.
func hostedModules(t *testing.T) []fapiModule {
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var list []fapiModule
	for name, object := range map[string]RequestObject{"rs256": {Key: signer, KeyID: "r1"}, "none": {InsecureUnsigned: true}} {
		var hosted sync.Map
		object.Publish = func(_ context.Context, jwt string) (string, error) {
			address := "https://app.example/request/" + random()
			hosted.Store(address, jwt)
			return address, nil
		}
		list = append(list, fapiModule{name: "oidcc-client-test-request-uri-signed-" + name,
			script: func(p *hostile.Provider) {
				p.FetchRequest = func(address string) string { jwt, _ := hosted.Load(address); s, _ := jwt.(string); return s }
			},
			tune: func(cfg *Config) { cfg.RequestObject = &object }})
	}
	return list
}

// happy is the module whose provider is honest.
var happy = []fapiModule{{name: "happy-path"}}

func TestFAPI(t *testing.T) {
	key := newKey(t)
	assertion := func(cfg *Config) { cfg.Auth = PrivateKeyJWT(key, "k1") }
	certificate := newCertificate(t, "the client")
	mtls := func(cfg *Config) { cfg.Auth, cfg.Certificate = TLSClientAuth(), certificate }
	fapi1 := func(cfg *Config) {
		cfg.Profile, cfg.Certificate, cfg.RequestObject = FAPI1Advanced(), certificate, &RequestObject{Key: key, KeyID: "k1"}
	}
	fapi2 := func(cfg *Config) { cfg.Profile, cfg.DPoP = FAPI2Security(), DPoPKey(key) }
	hosted := func(cfg *Config) { cfg.PushAuthorizationRequests = false }
	for _, profile := range []struct {
		name    string
		alg     string
		ask     AuthorizationRequest
		tune    []func(*Config)
		modules [][]fapiModule
	}{
		{"oidcc hybrid", "ES256", AuthorizationRequest{ResponseType: "code id_token", ResponseMode: "fragment"}, []func(*Config){hosted},
			[][]fapiModule{happy, idTokenModules(t, "front: ", front), idTokenModules(t, "back: ", inBack), hashModules, stateModules, signedUserInfo}},
		{"oidcc hybrid, form_post", "ES256", AuthorizationRequest{ResponseType: "code id_token"}, []func(*Config){hosted}, [][]fapiModule{happy, hashModules, stateModules}},
		{"oidcc hybrid with tokens", "ES256", AuthorizationRequest{ResponseType: "code id_token token"}, []func(*Config){expose},
			[][]fapiModule{happy, hashModules, frontTokenModules}},
		{"oidcc implicit", "ES256", AuthorizationRequest{ResponseType: "id_token", ResponseMode: "fragment"}, []func(*Config){hosted},
			[][]fapiModule{happy, idTokenModules(t, "", front)[:13], stateModules}},
		{"oidcc implicit with tokens", "ES256", AuthorizationRequest{ResponseType: "id_token token"}, []func(*Config){expose}, [][]fapiModule{happy, frontTokenModules}},
		{"oidcc dynamic", "RS256", AuthorizationRequest{}, nil, [][]fapiModule{hostedModules(t)}},
		{"oidcc mtls-endpoint-aliases", "ES256", AuthorizationRequest{}, []func(*Config){mtls}, [][]fapiModule{happy}},
		{"fapi1-advanced-final-client-test, private_key_jwt, by value", "PS256", AuthorizationRequest{ResponseType: "code id_token", ResponseMode: "fragment"},
			[]func(*Config){fapi1, assertion}, [][]fapiModule{happy, idTokenModules(t, "front: ", front), idTokenModules(t, "back: ", inBack), hashModules, detachedModules, stateModules}},
		{"fapi1-advanced-final-client-test, mtls, pushed, jarm", "PS256", AuthorizationRequest{},
			[]func(*Config){fapi1, mtls, push}, [][]fapiModule{happy, idTokenModules(t, "", inBack), detachedModules[2:], jarmModules, stateModules}},
		{"fapi2-security-profile-final-client-test, private_key_jwt, dpop", "PS256", AuthorizationRequest{}, []func(*Config){fapi2, assertion},
			[][]fapiModule{happy, idTokenModules(t, "", inBack), stateModules, issModules, dpopModules}},
		{"fapi2-security-profile-final-client-test, mtls, dpop", "ES256", AuthorizationRequest{}, []func(*Config){fapi2, mtls},
			[][]fapiModule{happy, idTokenModules(t, "", inBack), stateModules, issModules, dpopModules}},
		{"fapi2-message-signing-final-client-test, jarm", "ES256", AuthorizationRequest{},
			[]func(*Config){fapi2, assertion, func(cfg *Config) { cfg.Profile = FAPI2MessageSigning() }},
			[][]fapiModule{happy, idTokenModules(t, "", inBack), stateModules, jarmModules, dpopModules}},
	} {
		for _, m := range slices.Concat(profile.modules...) {
			t.Run(profile.name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				p := hostile.New(t)
				p.Alg, p.Aliases = profile.alg, true
				p.Metadata = func(m map[string]any) { m["tls_client_certificate_bound_access_tokens"] = true }
				tune := slices.Clone(profile.tune)
				if m.tune != nil {
					tune = append(tune, m.tune)
				}
				c := newTestClient(t, p, tune...)
				p.DPoP.Nonce = c.cfg.DPoP.enabled()
				if m.script != nil {
					m.script(p)
				}
				ask := profile.ask
				ask.Scope = []string{"openid"}
				tokens, err := play(t, c, p, ask)
				if got := refusedBy(err); got != m.check || m.check == "" && err != nil {
					t.Fatalf("refused by %q (%v), want %q", got, err, m.check)
				}
				suiteIsContent(t, p, c)
				if err != nil {
					if n := p.Count("userinfo") + p.Count("resource"); n != 0 || tokens != nil {
						t.Errorf("%d requests with a token after a refusal, and %v", n, tokens)
					}
					return
				}
				if tokens.AccessToken.IsEmpty() {
					return // implicit
				}
				if _, err := c.UserInfo(t.Context(), tokens); err != nil {
					t.Error(err)
				}
				r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
				res, err := c.Do(r, tokens)
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("the accounts endpoint: %v, %v", res, err)
				}
				res.Body.Close()
			})
		}
	}
}

// suiteIsContent is what the suite demands of each request, whatever the module.
func suiteIsContent(t *testing.T, p *hostile.Provider, c *Client) {
	t.Helper()
	seen := map[string]bool{}
	fresh := func(what string, claims map[string]json.RawMessage) {
		if jti := string(claims["jti"]); len(jti) < 24 || seen[jti] {
			t.Errorf("%s: jti %s is short or was used before", what, jti)
		} else {
			seen[jti] = true
		}
	}
	for _, r := range p.Requests("") {
		if a := r.Form.Get("client_assertion"); a != "" {
			_, claims := decoded(t, a)
			fresh(r.Endpoint, claims)
			if string(claims["aud"]) != `"`+p.Issuer+`"` || string(claims["iss"]) != `"client"` || string(claims["sub"]) != `"client"` {
				t.Errorf("%s: an assertion of %s", r.Endpoint, claims)
			}
		}
		if r.Endpoint == "authorization" && c.cfg.PushAuthorizationRequests && (len(r.Query) != 2 || !r.Query.Has("client_id") || !r.Query.Has("request_uri")) {
			t.Errorf("the browser carries %v beside the reference", r.Query)
		}
	}
	for _, proof := range p.Proofs() {
		_, claims := decoded(t, proof.Compact)
		fresh("a proof for "+proof.Endpoint, claims)
		resource := proof.Endpoint == "resource" || proof.Endpoint == "userinfo"
		if (claims["ath"] != nil) != resource {
			t.Errorf("ath in a proof for %s: %s", proof.Endpoint, claims["ath"])
		}
	}
	for _, r := range p.Requests("request object") {
		_, claims := decoded(t, string(r.Body))
		fresh("a request object", claims)
		if claims["request"] != nil || claims["request_uri"] != nil || claims["sub"] != nil || (claims["redirect_uri"] == nil) != (claims["response_type"] == nil) || claims["nbf"] == nil {
			t.Errorf("a request object of %s", claims)
		}
	}
}

// TestFAPIErrorResponse: an error comes back as one, in a JWT too, and is believed only when the JWT is good.
func TestFAPIErrorResponse(t *testing.T) {
	p := hostile.New(t)
	p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
	c := newTestClient(t, p)
	var refused *ResponseError
	if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"}); !errors.As(err, &refused) || refused.Code != ErrAccessDenied {
		t.Errorf("got %v", err)
	}
	p.Response = compact(hostile.BreakSignature)
	if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"}); refusedBy(err) != "signature" {
		t.Errorf("an error that nobody signed: %v", err)
	}
}

// TestFAPICIBA: the suite's plan for clients that wait, in both modes and with both ways to authenticate, all of it with [CIBA].FAPI: signed
// requests and bound tokens.
func TestFAPICIBA(t *testing.T) {
	key, certificate := newKey(t), newCertificate(t, "the client")
	list := []fapiModule{
		{name: "test"},
		{name: "no-scope-in-token-endpoint-response", script: func(p *hostile.Provider) { p.TokenResponse = responseMember("scope", "") }},
		{name: "iat-is-week-in-past", script: inBack(hostile.WeekOld), check: "age"},
		{name: "invalid-missing-authreqid", script: func(p *hostile.Provider) { p.Decision.Backchannel = responseMember("auth_req_id", "") }, check: "auth_req_id"},
		{name: "invalid-missing-expiresin", script: func(p *hostile.Provider) { p.Decision.Backchannel = responseMember("expires_in", "") }, check: "expires_in"},
	}
	for _, m := range idTokenModules(t, "", inBack) {
		if !strings.Contains(m.name, "nonce") && !strings.HasPrefix(m.name, "token-endpoint") { // CIBA has no nonce
			list = append(list, m)
		}
	}
	polls := []fapiModule{
		{name: "respects-interval", script: func(p *hostile.Provider) { p.Decision.Interval = 31 }},
		{name: "slow-down", script: func(p *hostile.Provider) { p.Decision.Answers = []string{"authorization_pending", "slow_down", ""} }},
	}
	waits := map[string][]int{"respects-interval": {31}, "slow-down": {5, 5, 10}}
	for auth, tune := range map[string]func(*Config){
		"private_key_jwt": func(cfg *Config) { cfg.Auth, cfg.DPoP = PrivateKeyJWT(key, "k1"), DPoPKey(key) },
		"mtls":            func(cfg *Config) { cfg.Auth, cfg.Certificate = TLSClientAuth(), certificate },
	} {
		for _, mode := range []string{"poll", "ping"} {
			modules := list
			if mode == "poll" {
				modules = append(slices.Clone(list), polls...)
			}
			for _, m := range modules {
				t.Run(auth+"/"+mode+"/fapi-ciba-id1-client-"+m.name, func(t *testing.T) {
					tunes := []func(*Config){tune, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, KeyID: "k1"} }}
					if m.tune != nil {
						tunes = append(tunes, m.tune)
					}
					inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
						p.Aliases = true
						if m.script != nil {
							m.script(p)
						}
						ask, told := waitingFor(p, mode)
						began := time.Now()
						tokens, err := c.Tokens(t.Context(), ask)
						if got := refusedBy(err); got != m.check || m.check == "" && err != nil {
							t.Fatalf("refused by %q (%v), want %q", got, err, m.check)
						}
						suiteIsContent(t, p, c)
						if want, ok := waits[m.name]; ok && !slices.Equal(pauses(p, began), want) {
							t.Errorf("asked after %v s, want %v", pauses(p, began), want)
						}
						if p.Count("backchannel_authentication") > 0 && auth == "mtls" && p.Requests("backchannel_authentication")[0].Certificate == "" {
							t.Error("the request came without the certificate")
						}
						if err != nil {
							if n := p.Count("resource"); n != 0 || tokens != nil {
								t.Errorf("%d requests with a token after a refusal, and %v", n, tokens)
							}
							return
						}
						synctest.Wait() // the notification may still be on its way back
						if mode == "ping" && (told.Load() != http.StatusNoContent || p.Count("token") != 1) {
							t.Errorf("the notification was answered with %d, the token endpoint asked %d times", told.Load(), p.Count("token"))
						}
						r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
						res, err := c.Do(r, tokens)
						if err != nil || res.StatusCode != 200 {
							t.Fatalf("the accounts endpoint: %v, %v", res, err)
						}
						res.Body.Close()
					}, tunes...)
				})
			}
			for name, code := range map[string]Code{"invalid-request": ErrInvalidRequest, "invalid-access-denied": ErrAccessDenied, "invalid-expired-token": ErrExpiredToken} {
				t.Run(auth+"/"+mode+"/fapi-ciba-id1-client-"+name, func(t *testing.T) {
					inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
						want := 3
						p.Decision.Answers = []string{"authorization_pending", "authorization_pending", string(code)}
						if mode == "ping" {
							want, p.Decision.Answers = 1, p.Decision.Answers[2:]
						}
						ask, _ := waitingFor(p, mode)
						if _, err := c.Tokens(t.Context(), ask); !errors.Is(err, code) || p.Count("token") != want {
							t.Errorf("after %d questions: %v", p.Count("token"), err)
						}
					}, tune, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, KeyID: "k1"} })
				})
			}
			for name, code := range map[string]Code{"invalid-unknown-user-id": ErrUnknownUserID, "invalid-expired-login-hint-token": ErrExpiredLoginHintToken,
				"invalid-missing-user-code": ErrMissingUserCode, "invalid-binding-message": ErrInvalidBindingMessage} {
				t.Run(auth+"/"+mode+"/fapi-ciba-id1-client-"+name, func(t *testing.T) {
					inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
						p.Serve("backchannel_authentication", hostile.Error(400, string(code), ""))
						ask, _ := waitingFor(p, mode)
						if _, err := c.Tokens(t.Context(), ask); !errors.Is(err, code) || p.Count("token") != 0 {
							t.Errorf("after %d questions: %v", p.Count("token"), err)
						}
					}, tune, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, KeyID: "k1"} })
				})
			}
		}
	}
}

// waitingFor is the suite's request, and what its notification is answered with.
func waitingFor(p *hostile.Provider, mode string) (CIBA, *atomic.Int32) {
	ask, told := CIBA{LoginHint: "alice", Scope: []string{"openid", "accounts"}, BindingMessage: "W4SCT", FAPI: true}, new(atomic.Int32)
	if mode == "ping" {
		ask.Ping = new(PingEndpoint)
		p.Decision.Notify = func(due hostile.Ping) {
			told.Store(int32(notify(ask.Ping, "Bearer "+due.Token, `{"auth_req_id":"`+due.AuthReqID+`"}`)))
		}
	}
	return ask, told
}

// TestFAPICIBAPingWithInvalidBearerToken: fapi-ciba-id1-client-ping-with-invalid-bearer-token.
func TestFAPICIBAPingWithInvalidBearerToken(t *testing.T) {
	inBubble(t, func(t *testing.T, p *hostile.Provider, c *Client) {
		pings := new(PingEndpoint)
		var wrong atomic.Int32
		p.Decision.Notify = func(due hostile.Ping) {
			wrong.Store(int32(notify(pings, "Bearer "+due.Token+"1", `{"auth_req_id":"`+due.AuthReqID+`"}`)))
		}
		began := time.Now()
		if _, err := c.Tokens(t.Context(), CIBA{LoginHint: "alice", Ping: pings}); err != nil || wrong.Load() != http.StatusUnauthorized {
			t.Errorf("answered with %d; %v", wrong.Load(), err)
		}
		if got := pauses(p, began); !slices.Equal(got, []int{30}) {
			t.Errorf("asked after %v s: the notification was believed", got)
		}
	})
}
