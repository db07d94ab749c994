package openid

import (
	"context"
	"crypto"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// A variant is what the plans of OpenID Connect differ in, under the suite's names.
type variant struct {
	auth, responseType, responseMode, registration, request string
	objectAlg                                               string // of request objects; empty: ES256
}

var variantAxes = []string{"response_type", "response_mode", "client_auth_type", "client_registration", "request_type"}

func (v variant) values() []string {
	return []string{v.responseType, or(v.responseMode, "default"), v.auth, v.registration, v.request}
}

// has says whether the response type brings this: code, id_token or token.
func (v variant) has(what string) bool {
	return slices.Contains(strings.Fields(v.responseType), what)
}

func (v variant) accessToken() bool { return v.has("code") || v.has("token") }
func (v variant) mtls() bool        { return strings.HasSuffix(v.auth, "tls_client_auth") }

var (
	authTypes = []string{"none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	hybrids   = []string{"code id_token", "code token", "code id_token token"}
	implicits = []string{"id_token", "id_token token"}
	allTypes  = slices.Concat([]string{"code"}, implicits, hybrids)
	bothModes = []string{"", "form_post"}
)

// sixWays are the choices of plans that leave registration and the form of requests to whoever runs them.
var sixWays = []variant{
	{auth: "client_secret_basic", registration: "static_client", request: "plain_http_request"},
	{auth: "client_secret_basic", registration: "dynamic_client", request: "request_object"},
	{auth: "client_secret_basic", registration: "static_client", request: "request_uri"},
	{auth: "client_secret_basic", registration: "dynamic_client", request: "plain_http_request"},
	{auth: "client_secret_basic", registration: "static_client", request: "request_object"},
	{auth: "client_secret_basic", registration: "dynamic_client", request: "request_uri"},
}

// everyAuth are the choices of plans that leave the authentication to them as well: each method, with the six ways in turn.
func everyAuth(turn int) (list []variant) {
	for i, auth := range authTypes {
		v := sixWays[(i+turn)%len(sixWays)]
		v.auth = auth
		list = append(list, v)
	}
	return list
}

// The modules of the certification plans, by what the response type brings.
var coreModules = []string{"", "invalid-iss", "missing-sub", "invalid-aud", "missing-iat", "kid-absent-single-jwks", "kid-absent-multiple-jwks", "idtoken-sig-rs256",
	"invalid-sig-rs256", "nonce-invalid", "scope-userinfo-claims"}

func certified(v variant) []string {
	list := slices.Clone(coreModules)
	if v.responseType == "code" {
		list = append(list, "idtoken-sig-none")
	} else {
		list = append(list, "nonce-unless-code-flow")
	}
	if v.accessToken() {
		list = append(list, "userinfo-invalid-sub")
	}
	if v.has("code") {
		list = append(list, "client-secret-basic")
	}
	if v.has("code") && v.has("id_token") {
		list = append(list, "invalid-chash", "missing-chash")
	}
	if v.has("id_token") && v.has("token") {
		list = append(list, "invalid-athash", "missing-athash")
	}
	return list
}

// comprehensive are the modules of the plan that has all of them.
func comprehensive(v variant) []string {
	list := append(certified(v), "discovery-openid-config", "discovery-jwks-uri-keys", "discovery-issuer-mismatch", "signing-key-rotation-just-before-signing",
		"signing-key-rotation", "discovery-webfinger-acct", "discovery-webfinger-url", "missing-aud", "invalid-sig-hs256", "invalid-sig-es256")
	if v.accessToken() {
		list = append(list, "userinfo-bearer-header", "userinfo-bearer-body", "userinfo-signed", "aggregated-claims", "distributed-claims")
	}
	if v.responseMode == "form_post" {
		list = append(list, "form-post-error")
	}
	if v.mtls() && v.has("code") {
		list = append(list, "mtls-endpoint-aliases")
	}
	if v.registration == "dynamic_client" {
		list = append(list, "dynamic-registration")
		if v.request == "request_uri" {
			list = append(list, "request-uri-signed-rs256", "request-uri-signed-none")
		}
	}
	return list
}

// comprehensiveCount: the suite runs 22 to 35 for static clients, by response type and mode.
func comprehensiveCount(v variant) int {
	n := map[string]int{"code": 29, "id_token": 22, "id_token token": 30, "code token": 29, "code id_token": 31, "code id_token token": 33}[v.responseType]
	for _, more := range []bool{v.responseMode == "form_post", v.mtls() && v.has("code"), v.registration == "dynamic_client"} {
		if more {
			n++
		}
	}
	if v.registration == "dynamic_client" && v.request == "request_uri" {
		n += 2
	}
	return n
}

// connectPlan is a plan of modules of OpenID Connect. A mode that is "default or form_post" is each in turn.
func connectPlan(name string, types, modes []string, ways func(turn int) []variant, list func(variant) []string, count func(variant) int) plan {
	p := plan{name: name, axes: variantAxes}
	turn := 0
	for _, rt := range types {
		for _, mode := range modes {
			for i, v := range ways(turn) {
				v.responseType, v.responseMode = rt, mode
				if mode == "default or form_post" {
					v.responseMode = bothModes[(i+turn)%2]
				}
				ch := choice{values: v.values(), kind: rt, count: count(v)}
				for _, short := range list(v) {
					ch.cases = append(ch.cases, connectModule(short).under(v))
				}
				p.choices = append(p.choices, ch)
			}
			turn++
		}
	}
	return p
}

// dynamically are everyAuth's choices for clients that register and host their request objects.
func dynamically(turn int) []variant {
	list := everyAuth(turn)
	for i := range list {
		list[i].registration, list[i].request = "dynamic_client", "request_uri"
	}
	return list
}

func connectPlans() []plan {
	six := func(int) []variant { return sixWays }
	certifiedCount := func(v variant) int {
		return map[string]int{"code": 14, "id_token": 12, "id_token token": 15, "code token": 14, "code id_token": 16, "code id_token token": 18}[v.responseType]
	}
	of := func(count int, names ...string) (func(variant) []string, func(variant) int) {
		return func(variant) []string { return names }, func(variant) int { return count }
	}
	var list []plan
	for _, c := range []struct {
		name  string
		types []string
	}{{"basic", []string{"code"}}, {"implicit", implicits}, {"hybrid", hybrids}} {
		list = append(list,
			connectPlan("oidcc-client-"+c.name+"-certification-test-plan", c.types, []string{""}, six, certified, certifiedCount),
			connectPlan("oidcc-client-formpost-"+c.name+"-certification-test-plan", c.types, []string{"form_post"}, six, certified, certifiedCount))
	}
	config := []string{"discovery-openid-config", "discovery-jwks-uri-keys", "discovery-issuer-mismatch", "idtoken-sig-none",
		"signing-key-rotation-just-before-signing", "signing-key-rotation"}
	six6, configCount := of(6, config...)
	list = append(list, connectPlan("oidcc-client-config-certification-test-plan", []string{"code"}, bothModes, everyAuth, six6, configCount))
	twelve, dynamicCount := of(12, slices.Concat(config, []string{"discovery-webfinger-acct", "discovery-webfinger-url", "dynamic-registration", "request-uri-signed-rs256",
		"request-uri-signed-none", "userinfo-signed"})...)
	list = append(list, connectPlan("oidcc-client-dynamic-certification-test-plan", []string{"code"}, bothModes, dynamically, twelve, dynamicCount))
	list = append(list, connectPlan("oidcc-client-test-plan", allTypes, []string{"default or form_post"}, everyAuth, comprehensive, comprehensiveCount))
	three, refreshCount := of(3, "refresh-token", "refresh-token-invalid-issuer", "refresh-token-invalid-sub")
	list = append(list, connectPlan("oidcc-client-refreshtoken-test-plan", slices.Concat([]string{"code"}, hybrids), bothModes, everyAuth, three, refreshCount))
	one, thirdPartyCount := of(1, "3rd-party-init-login")
	return append(list, connectPlan("oidcc-client-test-3rd-party-init-login-test-plan", allTypes, bothModes, everyAuth, one, thirdPartyCount))
}

// moreModules are those that a code login without more cannot have.
var moreModules = []module{
	{name: "oidcc-client-test-invalid-chash", script: inFront(claim("c_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "c_hash", calls: toLogin},
	{name: "oidcc-client-test-missing-chash", script: inFront(claim("c_hash", "")), check: "c_hash present", calls: toLogin},
	{name: "oidcc-client-test-invalid-athash", script: inFront(claim("at_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "at_hash", calls: toLogin},
	{name: "oidcc-client-test-missing-athash", script: inFront(claim("at_hash", "")), check: "at_hash present", calls: toLogin},

	{name: "oidcc-client-test-discovery-webfinger-acct", find: "acct:alice@%s", calls: "webfinger " + toLogin},
	{name: "oidcc-client-test-discovery-webfinger-url", find: "https://%s/alice", calls: "webfinger " + toLogin},
	{name: "oidcc-client-test-dynamic-registration", calls: toLogin},
	{name: "oidcc-client-test-request-uri-signed-rs256", vary: hosting("RS256"), end: signedRequest("RS256"), calls: toLogin},
	{name: "oidcc-client-test-request-uri-signed-none", vary: hosting("none"), end: signedRequest("none"), calls: toLogin},
	{name: "oidcc-client-test-mtls-endpoint-aliases", end: askUserInfo, calls: toUserInfo},

	{name: "oidcc-client-test-userinfo-bearer-header", calls: toUserInfo, end: func(s *session, tokens *Tokens) error {
		err := askUserInfo(s, tokens)
		if r := s.p.Requests("userinfo")[0]; r.Method != "GET" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			s.t.Errorf("a %s", r.Method)
		}
		return err
	}},
	{name: "oidcc-client-test-userinfo-bearer-body", calls: toUserInfo, tune: func(cfg *Config) { cfg.UserInfoInBody = true }, end: func(s *session, tokens *Tokens) error {
		err := askUserInfo(s, tokens)
		if r := s.p.Requests("userinfo")[0]; r.Method != "POST" || !r.Form.Has("access_token") || r.Header.Get("Authorization") != "" {
			s.t.Errorf("a %s", r.Method)
		}
		return err
	}},
	{name: "oidcc-client-test-userinfo-signed", calls: toUserInfo, tune: func(cfg *Config) { cfg.UserInfoSigningAlgs = []string{"RS256"} },
		register: func(m *ClientMetadata) { m.UserInfoSignedResponseAlg = "RS256" },
		script:   func(_ *testing.T, p *hostile.Provider) { p.Alg, p.UserInfoJWT = "RS256", func(*hostile.Token) {} },
		end: func(s *session, tokens *Tokens) error {
			err := askUserInfo(s, tokens)
			for _, name := range []string{"iss", "aud", "sub"} {
				s.p.UserInfoJWT = hostile.Longer(name)
				if err := askUserInfo(s, tokens); refusedBy(err) != name {
					s.t.Errorf("another %s: %v", name, err)
				}
			}
			s.p.UserInfoJWT = nil // what nobody signed
			if askUserInfo(s, tokens) == nil {
				s.t.Error("unsigned UserInfo was accepted")
			}
			return err
		}},
	{name: "oidcc-client-test-form-post-error", code: ErrLoginRequired, calls: "discovery authorization",
		ask: func(r *AuthorizationRequest) { maxAge(0)(r); r.Extra = url.Values{"prompt": {"none"}} },
		script: func(t *testing.T, p *hostile.Provider) {
			p.Callback = func(q url.Values) {
				if sent := asked(t, p); sent.Get("max_age") != "0" || sent.Get("prompt") != "none" || sent.Get("response_mode") != "form_post" {
					t.Errorf("asked for %v", sent)
				}
				state := q.Get("state")
				clear(q)
				q.Set("state", state)
				q.Set("iss", p.Issuer)
				q.Set("error", "login_required")
			}
		}},
}

func hosting(alg string) func(*variant) {
	return func(v *variant) { v.request, v.objectAlg = "request_uri", alg }
}

func signedRequest(alg string) func(*session, *Tokens) error {
	return func(s *session, _ *Tokens) error {
		if header, _ := decoded(s.t, string(s.p.Requests("request object")[0].Body)); string(header["alg"]) != `"`+alg+`"` {
			s.t.Errorf("header %s", header)
		}
		return nil
	}
}

func inFront(lie func(*hostile.Token)) func(*testing.T, *hostile.Provider) {
	return func(_ *testing.T, p *hostile.Provider) { p.FrontIDToken = lie }
}

// connectModule finds a module by the end of its name.
func connectModule(short string) module {
	name := strings.TrimSuffix("oidcc-client-test-"+short, "-")
	for _, m := range slices.Concat(modules, moreModules, logoutModules, []module{thirdPartyModule}) {
		if m.name == name {
			return m
		}
	}
	panic("no module is called " + name)
}

// atLogin says whether it is the login that fails, not what follows.
func (m module) atLogin() bool { return m.check != "" && m.end == nil }

// under is the module in a variant.
func (m module) under(v variant) conformance {
	c := conformance{module: m.name, check: m.check, code: m.code, run: func(t *testing.T) (*hostile.Provider, error) {
		p, err := m.run(t, v)
		seen := map[string]bool{}
		for _, r := range p.Requests("") {
			seen[r.Endpoint] = true
		}
		delete(seen, "request object") // which came with a request that counts already
		if want := m.endpoints(v); !maps.Equal(seen, want) {
			t.Errorf("the suite sees %v, want %v", slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(want)))
		}
		v.content(t, m, p)
		return p, err
	}}
	if m.check != "" || m.code != "" {
		want := m.endpoints(v)
		for _, endpoint := range []string{"authorization", "token", "userinfo"} {
			if !want[endpoint] && (endpoint != "token" || v.has("code")) && (endpoint != "userinfo" || v.accessToken()) {
				c.never = append(c.never, endpoint)
			}
		}
	}
	return c
}

// endpoints are those that hear of the client: what a code login calls, changed by the variant.
func (m module) endpoints(v variant) map[string]bool {
	set := map[string]bool{}
	for endpoint := range strings.FieldsSeq(m.calls) {
		set[endpoint] = true
	}
	if v.registration == "dynamic_client" && set["authorization"] {
		set["registration"] = true
	}
	if !v.has("code") || m.atLogin() && v.has("id_token") {
		delete(set, "token")
	}
	if !v.accessToken() {
		delete(set, "userinfo")
	}
	return set
}

// content is what the suite demands of the requests of every module.
func (v variant) content(t *testing.T, m module, p *hostile.Provider) {
	if m.vary != nil {
		m.vary(&v)
	}
	for _, r := range p.Requests("token") {
		want := map[string]string{"none": "none", "client_secret_basic": "client_secret_basic", "client_secret_post": "client_secret_post"}[v.auth]
		switch {
		case v.mtls():
			if r.Certificate != "the client" || r.Form.Get("client_id") != p.ClientID || r.Path != "/t/mtls/token" {
				t.Errorf("the certificate of %q, at %s", r.Certificate, r.Path)
			}
		case want == "":
			want = "client_assertion"
			fallthrough
		default:
			if r.Auth != want {
				t.Errorf("authenticated by %s, want %s", r.Auth, want)
			}
		}
	}
	for _, r := range p.Requests("authorization") {
		if r.Query.Has("request") != (v.request == "request_object") || r.Query.Has("request_uri") != (v.request == "request_uri") {
			t.Errorf("requested by %v", slices.Sorted(maps.Keys(r.Query)))
		}
		if v.request != "plain_http_request" && (r.Query.Get("response_type") != v.responseType || !strings.Contains(r.Query.Get("scope"), "openid")) {
			t.Error("the request does not say outside what is asked for (OpenID Connect Core section 6.1)")
		}
	}
	for _, r := range p.Requests("userinfo") {
		if token := r.Header.Get("Authorization") + r.Form.Get("access_token"); r.Query.Has("access_token") || v.has("code") != strings.Contains(token, "-access-") {
			t.Error("UserInfo was asked with another access token than the last one, or by the query")
		}
	}
}

// run plays the module in a variant.
func (m module) run(t *testing.T, v variant) (*hostile.Provider, error) {
	if m.vary != nil {
		m.vary(&v)
	}
	p := hostile.New(t, hostile.Suite)
	p.Aliases = v.mtls()
	if m.find != "" {
		p.Issuer = strings.TrimSuffix(p.Issuer, "/")
	}
	if m.script != nil {
		m.script(t, p)
	}
	if p.FrontIDToken == nil { // a lie is told wherever an ID Token comes
		p.FrontIDToken = p.IDToken
	}
	s, err := v.session(t, p, m)
	if err != nil {
		return p, err
	}
	begin := m.begin
	if begin == nil {
		begin = (*session).logIn
	}
	tokens, err := begin(s)
	if err == nil && m.end != nil {
		err = m.end(s, tokens)
	}
	return p, err
}

// session makes the client of a variant.
func (v variant) session(t *testing.T, p *hostile.Provider, m module) (*session, error) {
	ask := AuthorizationRequest{Scope: []string{"openid", "offline_access"}, ResponseType: v.responseType, ResponseMode: v.responseMode}
	if m.ask != nil {
		m.ask(&ask)
	}
	cfg := Config{Issuer: p.Issuer, RedirectURI: p.RedirectURI, HTTPClient: p.HTTPClient(), Trace: listener, InsecureAllowFrontChannelTokens: v.has("token")}
	if m.find != "" {
		issuer, err := FindIssuer(t.Context(), cfg, strings.ReplaceAll(m.find, "%s", p.Host()), func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		cfg.Issuer = issuer
	}
	key := hostile.NewKey(t, "ES256", "c1")
	var made *Registration
	if v.registration == "dynamic_client" {
		var err error
		if made, err = Register(t.Context(), cfg, v.metadata(p, key, m)); err != nil {
			return nil, err
		}
	}
	if v.mtls() {
		cfg.Certificate = newCertificate(t, "the client")
	}
	if v.auth == "private_key_jwt" {
		cfg.Auth = PrivateKeyJWT(key.Private.(crypto.Signer), key.ID)
	}
	cfg.RequestObject = v.requestObject(p, key)
	if made != nil {
		var err error
		if cfg, err = made.Config(cfg); err != nil {
			return nil, err
		}
	} else if cfg.ClientID = p.ClientID; cfg.Auth == nil {
		cfg.Auth = v.clientAuth(NewSecret(p.ClientSecret))
	}
	if m.tune != nil {
		m.tune(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &session{t, p, c, ask}, nil
}

func (v variant) clientAuth(secret Secret) ClientAuth {
	switch v.auth {
	case "client_secret_basic":
		return ClientSecretBasic(secret)
	case "client_secret_post":
		return ClientSecretPost(secret)
	case "client_secret_jwt":
		return ClientSecretJWT(secret)
	case "tls_client_auth", "self_signed_tls_client_auth":
		return TLSClientAuth()
	}
	return None()
}

// metadata is what the client says of itself when it registers.
func (v variant) metadata(p *hostile.Provider, key *hostile.Key, of module) ClientMetadata {
	keys, err := json.Marshal(map[string]any{"keys": []any{key.PublicJWK()}})
	if err != nil {
		panic(err)
	}
	m := ClientMetadata{RedirectURIs: []string{p.RedirectURI}, ResponseTypes: []string{v.responseType}, ClientName: "Shop", Contacts: []string{"admin@app.example"},
		TokenEndpointAuthMethod: v.auth, JWKS: keys, InitiateLoginURI: initiateURI, PostLogoutRedirectURIs: []string{"https://app.example/bye"},
		FrontchannelLogoutURI: frontchannelURI, FrontchannelLogoutSessionRequired: true, BackchannelLogoutURI: backchannelURI, BackchannelLogoutSessionRequired: true}
	if v.has("code") {
		m.GrantTypes = []string{"authorization_code", "refresh_token"}
	}
	if v.responseType != "code" {
		m.GrantTypes = append(m.GrantTypes, "implicit")
	}
	if v.auth == "tls_client_auth" {
		m.TLSClientAuthSubjectDN = "CN=the client"
	}
	if v.request != "plain_http_request" {
		m.RequestObjectSigningAlg = or(v.objectAlg, "ES256")
	}
	if of.register != nil {
		of.register(&m)
	}
	return m
}

// requestObject is the form that requests have. What is hosted the provider fetches.
func (v variant) requestObject(p *hostile.Provider, key *hostile.Key) RequestEncoding {
	if v.request == "plain_http_request" {
		return nil
	}
	object := &RequestObject{Key: key.Private.(crypto.Signer), KeyID: key.ID}
	switch v.objectAlg {
	case "RS256":
		object.Key = rsaKey()
	case "none":
		object = &RequestObject{InsecureUnsigned: true}
	}
	if v.request == "request_uri" {
		var hosted sync.Map
		object.Publish = func(_ context.Context, jwt string) (string, error) {
			address := "https://app.example/request/" + random()
			hosted.Store(address, jwt)
			return address, nil
		}
		p.FetchRequest = func(address string) string {
			jwt, _ := hosted.Load(address)
			s, _ := jwt.(string)
			return s
		}
	}
	return object
}

// asked are the parameters of the first authorization request, however it was made.
func asked(t *testing.T, p *hostile.Provider) url.Values {
	t.Helper()
	objects := p.Requests("request object")
	if len(objects) == 0 {
		return p.Requests("authorization")[0].Query
	}
	q := url.Values{}
	_, claims := decoded(t, string(objects[0].Body))
	for name, raw := range claims {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		q.Set(name, s)
	}
	return q
}
