package openid

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// A fapiVariant is what the plans of FAPI differ in, under the suite's names; what a plan does not know stays empty.
type fapiVariant struct {
	version  string // 1 or 2
	auth     string // private_key_jwt or mtls
	sender   string // mtls or dpop
	profile  string // plain_fapi or fapi_client_credentials_grant
	client   string // oidc or plain_oauth
	request  string // of FAPI 1: by_value or pushed; of FAPI 2: simple or rar
	method   string // unsigned or signed_non_repudiation
	response string // plain_response or jarm
}

// A refusal's stage says what is not sent any more.
var stages = map[string][]string{
	"discovery": {"pushed_authorization_request", "authorization", "token", "resource", "userinfo"},
	"response":  {"token", "resource", "userinfo"},
	"token":     {"resource", "userinfo"},
}

// under is a module of FAPI in a variant.
func (m fapiModule) under(v fapiVariant, name, stage string) conformance {
	c := conformance{module: name, check: m.check, run: func(t *testing.T) (*hostile.Provider, error) { return m.run(t, v) }}
	if m.check != "" {
		c.never = stages[stage]
	}
	return c
}

// metadataForOAuth: a server without OpenID Connect publishes its metadata by RFC 8414 alone.
func metadataForOAuth(p *hostile.Provider) {
	p.Serve("discovery", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			http.NotFound(w, r)
			return
		}
		p.Honest("discovery")(w, r)
	})
}

func (m fapiModule) run(t *testing.T, v fapiVariant) (*hostile.Provider, error) {
	p := hostile.New(t)
	p.Issuer += "/"
	p.JWKS = p.Decoys
	p.Aliases, p.Alg = true, map[string]string{"private_key_jwt": "PS256", "mtls": "ES256"}[v.auth]
	p.Metadata = func(m map[string]any) { m["tls_client_certificate_bound_access_tokens"] = true }
	ask := AuthorizationRequest{Scope: []string{"openid", "accounts"}}
	if v.client == "plain_oauth" {
		ask.Scope = []string{"accounts"}
		if v.version == "2" {
			metadataForOAuth(p)
		}
	}
	tune := []func(*Config){func(cfg *Config) { v.configure(t, cfg) }}
	if m.tune != nil {
		tune = append(tune, m.tune)
	}
	c := newTestClient(t, p, tune...)
	p.DPoP.Nonce = v.sender == "dpop"
	if m.script != nil {
		m.script(p)
	}
	switch {
	case v.version == "1" && v.response == "plain_response":
		ask.ResponseType, ask.ResponseMode = "code id_token", "fragment"
	case v.response == "jarm":
		ask.ResponseMode = "jwt"
	}
	if m.scope != "" {
		ask.Scope = append(ask.Scope, m.scope)
	}
	if m.begin != nil {
		m.begin(t, v, p, c.cfg)
	}
	if v.request == "rar" {
		ask.AuthorizationDetails = []AuthorizationDetail{{Type: "payment_initiation"}}
	}
	var tokens *Tokens
	var err error
	if v.profile == "fapi_client_credentials_grant" {
		tokens, err = c.Tokens(t.Context(), ClientCredentials{Scope: []string{"accounts"}})
	} else {
		tokens, err = play(t, c, p, ask)
	}
	suiteIsContent(t, p, c)
	v.content(t, p)
	if err != nil {
		return p, err
	}
	if (tokens.IDToken != nil) != (v.client == "oidc") || !slices.Contains(tokens.Scope, "accounts") {
		t.Errorf("got %v", tokens)
	}
	if m.end != nil {
		if tokens, err = m.end(t, v, p, c, tokens); err != nil {
			return p, err
		}
	}
	return p, v.askAccounts(t, p, c, tokens)
}

// accounts is what the protected resource answers.
func (v fapiVariant) accounts(t *testing.T, p *hostile.Provider, c *Client, tokens *Tokens) (*http.Response, error) {
	address := p.URL("resource")
	if v.sender != "dpop" {
		address = p.URL("mtls/resource")
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	res, err := c.Do(r, tokens)
	if err == nil {
		res.Body.Close()
	}
	return res, err
}

// askAccounts is where every module of FAPI ends.
func (v fapiVariant) askAccounts(t *testing.T, p *hostile.Provider, c *Client, tokens *Tokens) error {
	res, err := v.accounts(t, p, c, tokens)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		t.Errorf("the accounts endpoint answers %d", res.StatusCode)
	}
	if v.sender != "dpop" && p.Requests("resource")[0].Certificate != "the client" {
		t.Error("the accounts endpoint saw no certificate")
	}
	return nil
}

// configure is what a program says that is held to the profile.
func (v fapiVariant) configure(t *testing.T, cfg *Config) {
	key := newKey(t)
	object := &RequestObject{Key: key, KeyID: "k1"}
	if v.auth == "private_key_jwt" {
		cfg.Auth = PrivateKeyJWT(key, "k1")
	} else {
		cfg.Auth = TLSClientAuth()
	}
	if v.auth == "mtls" || v.sender == "mtls" {
		cfg.Certificate = newCertificate(t, "the client")
	}
	if v.sender == "dpop" {
		cfg.DPoP = DPoPKey(newKey(t))
	}
	switch {
	case v.version == "1":
		cfg.Profile, cfg.RequestObject, cfg.PushAuthorizationRequests = FAPI1Advanced(), object, v.request == "pushed"
	case v.method == "signed_non_repudiation" && v.response == "jarm":
		cfg.Profile, cfg.RequestObject = FAPI2MessageSigning(), object
	default:
		cfg.Profile = FAPI2Security()
		if v.method == "signed_non_repudiation" {
			cfg.RequestObject = object
		}
	}
}

// content is what the suite demands of requests, beside what it demands always.
func (v fapiVariant) content(t *testing.T, p *hostile.Provider) {
	for _, endpoint := range []string{"token", "pushed_authorization_request"} {
		for _, r := range p.Requests(endpoint) {
			if (v.auth == "mtls" || v.sender == "mtls") && (r.Certificate != "the client" || !strings.HasPrefix(r.Path, "/t/mtls/")) {
				t.Errorf("%s: the certificate of %q at %s", endpoint, r.Certificate, r.Path)
			}
			if r.Form.Has("client_assertion") != (v.auth == "private_key_jwt") || r.Form.Has("client_secret") || v.auth == "mtls" && r.Form.Get("client_id") == "" {
				t.Errorf("%s: authenticated by %s", endpoint, r.Auth)
			}
			if endpoint == "pushed_authorization_request" && (r.Form.Has("request") != (v.version == "1" || v.method == "signed_non_repudiation")) {
				t.Errorf("pushed %v", slices.Sorted(maps.Keys(r.Form)))
			}
		}
	}
	logins := p.Count("authorization")
	if pushed := p.Count("pushed_authorization_request") > 0; logins > 0 && pushed != (v.version == "2" || v.request == "pushed") {
		t.Errorf("pushed: %t", pushed)
	}
}

// fapiTable finds the lies by the ends of their modules' names.
func fapiTable(t *testing.T, lie func(func(*hostile.Token)) func(*hostile.Provider)) map[string]fapiModule {
	table := map[string]fapiModule{}
	for _, list := range [][]fapiModule{happy, idTokenModules(t, "", lie), hashModules, detachedModules[:2], stateModules, issModules, jarmModules, dpopModules} {
		for _, m := range list {
			table[m.name] = m
		}
	}
	table["missing-athash"] = table["invalid-missing-athash"]
	table["no-scope-in-token-endpoint-response"] = table["token-endpoint-response-without-scope-and-expires_in"]
	table["token-endpoint-response-without-expires_in"] = fapiModule{script: func(p *hostile.Provider) { p.TokenResponse = responseMember("expires_in", "") }}
	return table
}

// stageOf says when a lie is found out: those about ID Tokens are where the ID Token comes.
func stageOf(name, idToken string) string {
	switch {
	case name == "discovery-issuer-mismatch":
		return "discovery"
	case strings.Contains(name, "jarm"), strings.Contains(name, "authorization-response"):
		return "response"
	}
	return idToken
}

var (
	fapi1Modules = []string{"happy-path", "discovery-issuer-mismatch", "invalid-nonce", "invalid-missing-nonce", "invalid-iss", "invalid-missing-iss", "invalid-aud", "invalid-missing-aud",
		"invalid-expired-exp", "invalid-missing-exp", "invalid-secondary-aud", "invalid-null-alg", "invalid-alternate-alg", "valid-aud-as-array", "missing-athash", "no-scope-in-token-endpoint-response"}
	fapi1Hybrid  = []string{"encrypted-idtoken", "encrypted-idtoken-usingrsa15", "invalid-shash", "invalid-missing-shash", "invalid-chash", "invalid-signature", "iat-is-week-in-past"}
	fapi1OAuth   = []string{"happy-path", "discovery-issuer-mismatch", "no-scope-in-token-endpoint-response"}
	fapi2IDToken = []string{"invalid-iss", "invalid-aud", "invalid-secondary-aud", "invalid-null-alg", "invalid-alternate-alg", "invalid-expired-exp", "invalid-missing-exp", "invalid-missing-aud",
		"invalid-missing-iss", "invalid-nonce", "invalid-missing-nonce", "valid-aud-as-array"}
	fapi2Any = []string{"happy-path", "discovery-issuer-mismatch", "token-endpoint-response-without-expires_in", "token-type-case-insensitivity",
		"ensure-authorization-response-with-invalid-state-fails", "ensure-authorization-response-with-invalid-missing-state-fails"}
	fapi2Plain = []string{"invalid-authorization-response-iss", "remove-authorization-response-iss"}
	fapi2JARM  = []string{"ensure-jarm-without-iss-fails", "ensure-jarm-without-aud-fails", "ensure-jarm-without-exp-fails", "ensure-jarm-with-invalid-iss-fails",
		"ensure-jarm-with-invalid-aud-fails", "ensure-jarm-with-expired-exp-fails", "ensure-jarm-with-invalid-sig-fails", "ensure-jarm-signature-is-not-none"}
	fapi2DPoP = []string{"happy-path-no-dpop-nonce", "rs-dpop-auth-scheme-case-insensitivity"}
)

const ecosystem = "of national profiles only, whose consents, intents and directories are no part of this library"

func fapi1Plan(t *testing.T) plan {
	p := plan{name: "fapi1-advanced-final-client-test-plan", axes: []string{"client_auth_type", "fapi_auth_request_method", "fapi_response_mode", "fapi_client_type"}}
	for _, module := range []string{"invalid-openbanking-intent-id", "refresh-token", "brazildcr-happypath", "payment-consent-response-valid-aud-as-array"} {
		p.open = append(p.open, openModule{"fapi1-advanced-final-client-test-" + module, ecosystem})
	}
	tables := map[string]map[string]fapiModule{"plain_response": fapiTable(t, front), "jarm": fapiTable(t, inBack)}
	for _, auth := range []string{"private_key_jwt", "mtls"} {
		for _, request := range []string{"by_value", "pushed"} {
			for _, kind := range []struct {
				response, client string
				modules          []string
				count            int
			}{
				{"plain_response", "oidc", slices.Concat(fapi1Modules, fapi1Hybrid), 23},
				{"jarm", "oidc", fapi1Modules, 16},
				{"jarm", "plain_oauth", fapi1OAuth, 3},
			} {
				v := fapiVariant{version: "1", auth: auth, sender: "mtls", profile: "plain_fapi", client: kind.client, request: request, response: kind.response}
				ch := choice{values: []string{auth, request, kind.response, kind.client}, kind: kind.client + ", " + kind.response, count: kind.count}
				for _, name := range kind.modules {
					idToken := "token"
					if kind.response == "plain_response" {
						idToken = "response"
					}
					full := strings.TrimSuffix("fapi1-advanced-final-client-test-"+strings.TrimPrefix(name, "happy-path"), "-")
					ch.cases = append(ch.cases, tables[kind.response][name].under(v, full, stageOf(name, idToken)))
				}
				p.choices = append(p.choices, ch)
			}
		}
	}
	return p
}

// fapi2Choice is one choice of the plans of FAPI 2.0.
func fapi2Choice(table map[string]fapiModule, prefix string, v fapiVariant, values []string) choice {
	modules := slices.Clone(fapi2Any)
	kind, n := v.client, 8
	if v.client == "oidc" {
		modules, n = append(modules, fapi2IDToken...), n+12
	}
	if v.response == "jarm" {
		modules, n = append(modules, fapi2JARM...), n+6
	} else {
		modules = append(modules, fapi2Plain...)
	}
	if v.sender == "dpop" {
		modules, n = append(modules, fapi2DPoP...), n+2
	}
	if v.profile == "fapi_client_credentials_grant" {
		kind, modules, n = v.profile, []string{"happy-path", "discovery-issuer-mismatch"}, 2
		if v.sender == "dpop" {
			modules, n = append(modules, "happy-path-no-dpop-nonce"), 3
		}
	}
	ch := choice{values: values, kind: fmt.Sprintf("%s, %s, %s", kind, v.sender, v.response), count: n}
	for _, name := range modules {
		m := table[name]
		if name == "token-type-case-insensitivity" && v.sender == "mtls" {
			m.script = func(p *hostile.Provider) { p.TokenResponse = func(m map[string]any) { m["token_type"] = "bEARER" } }
		}
		ch.cases = append(ch.cases, m.under(v, prefix+name, stageOf(name, "token")))
	}
	return ch
}

func fapi2Plans(t *testing.T) (list []plan) {
	table := fapiTable(t, inBack)
	axes := []string{"client_auth_type", "sender_constrain", "fapi_profile", "fapi_client_type", "authorization_request_type"}
	for _, of := range []struct{ security, signing, prefix string }{
		{"fapi2-security-profile-final-client-test-plan", "fapi2-message-signing-final-client-test-plan", "fapi2-security-profile-final-client-test-"},
		{"fapi2-security-profile-id2-client-test-plan", "fapi2-message-signing-id1-client-test-plan", "fapi2-security-profile-id2-client-test-"},
	} {
		open := []openModule{{of.prefix + "invalid-openbanking-intent-id", ecosystem}, {of.prefix + "client-refresh-token-test", ecosystem}}
		security := plan{name: of.security, axes: axes, open: open}
		signing := plan{name: of.signing, axes: append(slices.Clone(axes), "fapi_request_method", "fapi_response_mode"), open: open}
		for i, auth := range []string{"private_key_jwt", "mtls"} {
			for j, sender := range []string{"mtls", "dpop"} {
				for _, kind := range [][2]string{{"plain_fapi", "oidc"}, {"plain_fapi", "plain_oauth"}, {"fapi_client_credentials_grant", "plain_oauth"}} {
					v := fapiVariant{version: "2", auth: auth, sender: sender, profile: kind[0], client: kind[1], response: "plain_response"}
					requests := []string{"simple", "rar"}
					if kind[0] != "plain_fapi" {
						requests = requests[:1] // nothing is authorized by anybody
					}
					for _, v.request = range requests {
						security.choices = append(security.choices, fapi2Choice(table, of.prefix, v, []string{auth, sender, kind[0], kind[1], v.request}))
					}
					for k, method := range []string{"unsigned", "signed_non_repudiation"} {
						for l, response := range []string{"plain_response", "jarm"} {
							if kind[0] != "plain_fapi" && (k > 0 || l > 0) {
								continue
							}
							v.method, v.response, v.request = method, response, requests[(i+j+k+l)%len(requests)]
							signing.choices = append(signing.choices, fapi2Choice(table, of.prefix, v, []string{auth, sender, kind[0], kind[1], v.request, method, response}))
						}
					}
				}
			}
		}
		list = append(list, security, signing)
	}
	return list
}

// refreshTwice: the accounts endpoint takes no token that is older than a minute, as it were; each refresh token is good once.
func refreshTwice(t *testing.T, v fapiVariant, p *hostile.Provider, c *Client, tokens *Tokens) (*Tokens, error) {
	left := 2
	p.Serve("resource", func(w http.ResponseWriter, r *http.Request) {
		if left--; left >= 0 {
			w.Header().Set("WWW-Authenticate", map[bool]string{true: "DPoP", false: "Bearer"}[v.sender == "dpop"]+` error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.Honest("resource")(w, r)
	})
	for range 2 {
		res, err := v.accounts(t, p, c, tokens)
		if err != nil || res.StatusCode != http.StatusUnauthorized {
			return nil, fmt.Errorf("the accounts endpoint: %v, %w", res, err)
		}
		before := tokens
		if tokens, err = c.Refresh(t.Context(), tokens); err != nil {
			return nil, err
		}
		if tokens.RefreshToken.Equal(before.RefreshToken) || tokens.AccessToken.Equal(before.AccessToken) {
			t.Error("the tokens are the old ones")
		}
	}
	return tokens, nil
}

// readsItself: a client that has registered itself, at a server that gives another registration access token with each answer.
func readsItself(t *testing.T, v fapiVariant, p *hostile.Provider, cfg Config) {
	p.Registration.Rotate = true
	cfg = Config{Issuer: cfg.Issuer, HTTPClient: cfg.HTTPClient, Certificate: cfg.Certificate}
	m := ClientMetadata{RedirectURIs: []string{p.RedirectURI}, TokenEndpointAuthMethod: "private_key_jwt"}
	if v.auth == "mtls" {
		m.TokenEndpointAuthMethod, m.TLSClientAuthSubjectDN = "tls_client_auth", "CN=the client"
	} else {
		keys, err := json.Marshal(map[string]any{"keys": []any{hostile.NewKey(t, "ES256", "k1").PublicJWK()}})
		if err != nil {
			t.Fatal(err)
		}
		m.JWKS = keys
	}
	made, err := Register(t.Context(), cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if made, err = made.Read(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, r := range p.Requests("client_configuration") {
		seen[r.Header.Get("Authorization")] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d registration access tokens for 2 readings", len(seen))
	}
}

// brazilPlans are those of one ecosystem. Its consents, their signatures and its directory are no part of this library; the modules that they are wrapped
// around are.
func brazilPlans(t *testing.T) (list []plan) {
	table := fapiTable(t, inBack)
	for _, of := range []struct{ name, prefix string }{
		{"fapi2-security-profile-final-brazil-client-test-plan", "fapi2-security-profile-final-client-"},
		{"fapi2-security-profile-id2-brazil-client-test-plan", "fapi2-security-profile-id2-client-"},
	} {
		p := plan{name: of.name, axes: []string{"client_auth_type", "sender_constrain", "fapi_request_method", "fapi_response_mode"}}
		for _, auth := range []string{"private_key_jwt", "mtls"} {
			for _, sender := range []string{"mtls", "dpop"} {
				for _, method := range []string{"unsigned", "signed_non_repudiation"} {
					for _, response := range []string{"plain_response", "jarm"} {
						v := fapiVariant{version: "2", auth: auth, sender: sender, profile: "plain_fapi", client: "oidc", request: "rar", method: method, response: response}
						ch := fapi2Choice(table, of.prefix+"test-", v, []string{auth, sender, method, response})
						ch.cases = append(ch.cases, fapiModule{scope: "offline_access", end: refreshTwice}.under(v, of.prefix+"test-client-refresh-token-test", ""),
							fapiModule{begin: readsItself}.under(v, of.prefix+"brazildcr-happypath-test", ""))
						ch.count += 2
						p.choices = append(p.choices, ch)
					}
				}
			}
		}
		list = append(list, p)
	}
	return list
}

func fapiPlans(t *testing.T) []plan { return append([]plan{fapi1Plan(t)}, fapi2Plans(t)...) }
