package openid

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := New(Config{Issuer: "http://op.example", RedirectURI: "/cb", Keys: []Secret{{}}, ClockTolerance: 24 * time.Hour,
		IDTokenSigningAlgs: []string{"none"}, DiscoveryURL: "ftp://op.example"})
	for _, field := range []string{"Issuer", "RedirectURI", "ClientID", "Auth", "Keys[0]", "ClockTolerance", "IDTokenSigningAlgs", "DiscoveryURL"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+":") {
			t.Errorf("Config.%s is not named in: %v", field, err)
		}
	}
	var mistake *ConfigError
	if !errors.As(err, &mistake) {
		t.Errorf("no *ConfigError in %v", err)
	}
}

// TestHostileConfiguration: what New does not take, whoever wrote it.
func TestHostileConfiguration(t *testing.T) {
	for _, l := range []struct {
		name  string
		lie   func(*Config)
		field string
	}{
		{"D17 an issuer with a query", func(c *Config) { c.Issuer += "?a=b" }, "Issuer"},
		{"D18 an issuer with a fragment", func(c *Config) { c.Issuer += "#" }, "Issuer"},
		{"I19 a tolerance of a day", func(c *Config) { c.ClockTolerance = 24 * time.Hour }, "ClockTolerance"},
	} {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "")
			cfg := Config{Issuer: "https://op.example", ClientID: "c", Auth: None(), RedirectURI: "https://app.example/cb"}
			l.lie(&cfg)
			_, err := New(cfg)
			hostile.Hear(err)
			var mistake *ConfigError
			if !errors.As(err, &mistake) || mistake.Field != l.field {
				t.Errorf("got %v, want a mistake of %s", err, l.field)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Issuer: "https://op.example", ClientID: "c", Auth: None(), RedirectURI: "https://app.example/cb"}
	for _, l := range []struct {
		name  string
		lie   func(*Config)
		field string
	}{
		{"the address of the metadata as issuer", func(c *Config) { c.Issuer += "/.well-known/openid-configuration" }, "Issuer"},
		{"no issuer", func(c *Config) { c.Issuer = "" }, "Issuer"},
		{"a negative tolerance", func(c *Config) { c.ClockTolerance = -1 }, "ClockTolerance"},
		{"a redirect URI without TLS", func(c *Config) { c.RedirectURI = "http://app.example/cb" }, "RedirectURI"},
		{"a redirect URI with a fragment", func(c *Config) { c.RedirectURI += "#x" }, "RedirectURI"},
		{"an empty secret", func(c *Config) { c.Auth = ClientSecret(Secret{}) }, "Auth"},
		{"a short secret for HS256", func(c *Config) { c.Auth = ClientSecretJWT(NewSecret("short")) }, "Auth"},
		{"no key", func(c *Config) { c.Auth = PrivateKeyJWT(nil, "") }, "Auth"},
		{"HTTP to another machine", func(c *Config) { c.Issuer, c.InsecureAllowHTTP = "http://op.example", true }, "Issuer"},
		{"a clock of last year", func(c *Config) { c.ClockSkew = -365 * 24 * time.Hour }, "ClockSkew"},
		{"a key that nobody made random", func(c *Config) { c.Keys = []Secret{NewSecret(string(make([]byte, 32)))} }, "Keys[0]"},
		{"HS256 for ID Tokens without a secret", func(c *Config) { c.IDTokenSigningAlgs = []string{"HS256"} }, "IDTokenSigningAlgs"},
		{"HS512 for UserInfo with a secret for HS256", func(c *Config) {
			c.Auth, c.UserInfoSigningAlgs = ClientSecret(NewSecret(strings.Repeat("s", 32))), []string{"HS512"}
		}, "UserInfoSigningAlgs"},
		{"none for responses", func(c *Config) { c.ResponseSigningAlgs = []string{"none"} }, "ResponseSigningAlgs"},
		{"two sources of metadata", func(c *Config) { c.DiscoveryURL, c.Metadata = "https://x.example", &ServerMetadata{Issuer: c.Issuer} }, "DiscoveryURL"},
	} {
		t.Run(l.name, func(t *testing.T) {
			cfg := good
			l.lie(&cfg)
			_, err := New(cfg)
			var mistake *ConfigError
			if !errors.As(err, &mistake) || mistake.Field != l.field {
				t.Errorf("got %v, want a mistake of %s", err, l.field)
			}
		})
	}
	for _, uri := range []string{"https://app.example/cb", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb", "com.example.app:/cb"} {
		cfg := good
		cfg.RedirectURI = uri
		if _, err := New(cfg); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// TestNewDoesNoIO: an application starts while its provider is down.
func TestNewDoesNoIO(t *testing.T) {
	p := hostile.New(t)
	newTestClient(t, p)
	if n := p.Count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	p := hostile.New(t)
	minute := -time.Minute
	for _, l := range []struct {
		name  string
		r     AuthorizationRequest
		field string
	}{
		{"two scopes in one", AuthorizationRequest{Scope: []string{"openid profile"}}, "Scope"},
		{"a scope with a quote", AuthorizationRequest{Scope: []string{`"`}}, "Scope"},
		{"no response mode of any specification", AuthorizationRequest{ResponseMode: "cookie"}, "ResponseMode"},
		{"no response type of any specification", AuthorizationRequest{ResponseType: "id_token code"}, "ResponseType"},
		{"an access token in front", AuthorizationRequest{ResponseType: "token"}, "ResponseType"},
		{"an ID Token in front without openid", AuthorizationRequest{ResponseType: "id_token"}, "ResponseType"},
		{"an ID Token in a query", AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "id_token", ResponseMode: "query"}, "ResponseType"},
		{"an ID Token in a query, signed once more", AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "code id_token", ResponseMode: "query.jwt"}, "ResponseType"},
		{"a resource that is a name", AuthorizationRequest{Resource: []string{"api"}}, "Resource"},
		{"a resource with a fragment", AuthorizationRequest{Resource: []string{"https://api.example/#"}}, "Resource"},
		{"authorization details without a type", AuthorizationRequest{AuthorizationDetails: []AuthorizationDetail{{Actions: []string{"pay"}}}}, "AuthorizationDetails[0].Type"},
		{"authorization details that say a field twice", AuthorizationRequest{AuthorizationDetails: []AuthorizationDetail{
			{Type: "pay", Extra: map[string]json.RawMessage{"actions": json.RawMessage("[]")}}}}, "AuthorizationDetails[0].Extra"},
		{"authorization details that are no JSON", AuthorizationRequest{AuthorizationDetails: []AuthorizationDetail{
			{Type: "pay", Extra: map[string]json.RawMessage{"amount": json.RawMessage(`1,"type":"all"`)}}}}, "AuthorizationDetails[0].Extra"},
		{"prompt none and login", AuthorizationRequest{Prompt: []string{"none", "login"}}, "Prompt"},
		{"prompt none and a new login", AuthorizationRequest{Prompt: []string{"none"}, MaxAge: new(time.Duration)}, "Prompt"},
		{"two prompts in one", AuthorizationRequest{Prompt: []string{"none login"}}, "Prompt"},
		{"an empty class", AuthorizationRequest{ACRValues: []string{""}}, "ACRValues"},
		{"two languages in one", AuthorizationRequest{UILocales: []string{"de en"}}, "UILocales"},
		{"claims of nobody", AuthorizationRequest{Claims: new(ClaimsRequest)}, "Claims"},
		{"the code verifier from outside", AuthorizationRequest{TokenExtra: url.Values{"code_verifier": {"x"}}}, "TokenExtra"},
		{"a foreign redirect URI without TLS", AuthorizationRequest{RedirectURI: "http://app.example/"}, "RedirectURI"},
		{"a long AppState", AuthorizationRequest{AppState: strings.Repeat("x", maxAppState+1)}, "AppState"},
		{"AppState that is no text", AuthorizationRequest{AppState: "\xff"}, "AppState"},
		{"negative MaxAge", AuthorizationRequest{MaxAge: &minute}, "MaxAge"},
		{"state from outside", AuthorizationRequest{Extra: map[string][]string{"state": {"fixed"}}}, "Extra"},
		{"a secret through the browser", AuthorizationRequest{Extra: url.Values{"client_secret": {"x"}}}, "Extra"},
		{"an assertion through the browser", AuthorizationRequest{Extra: url.Values{"client_assertion": {"x"}}}, "Extra"},
		{"a request object through the back door", AuthorizationRequest{Extra: map[string][]string{"request": {"x"}}}, "Extra"},
	} {
		t.Run(l.name, func(t *testing.T) {
			_, _, err := newTestClient(t, p).Authorize(t.Context(), l.r)
			if err == nil || !strings.Contains(strings.Replace(err.Error(), "AuthorizationRequest: ", "AuthorizationRequest.", 1), "AuthorizationRequest."+l.field) {
				t.Errorf("got %v, want a mistake of %s", err, l.field)
			}
		})
	}
	if n := p.Count(""); n != 0 {
		t.Errorf("%d requests for what could be refused at once", n)
	}
}

func TestAuthorizeKeepsTheEndpointsQuery(t *testing.T) {
	p := hostile.New(t)
	p.Metadata = func(m map[string]any) { m["authorization_endpoint"] = p.URL("authorization") + "?p=policy" }
	rawURL, _, err := newTestClient(t, p).Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, Extra: map[string][]string{"login_hint": {"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if q := p.Authorize(rawURL); q.URL.Query().Get("code") == "" {
		t.Errorf("no code for %s", rawURL)
	}
	if !strings.Contains(rawURL, "p=policy") || !strings.Contains(rawURL, "login_hint=a") {
		t.Errorf("lost parameters: %s", rawURL)
	}
}

func TestInsecureAllowNoPKCE(t *testing.T) {
	p := hostile.New(t)
	p.Metadata = func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} }
	c := newTestClient(t, p, func(cfg *Config) { cfg.InsecureAllowNoPKCE = true })
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rawURL, "code_challenge") {
		t.Error("a challenge was sent to a server that cannot check it")
	}
	_, _ = c.Callback(t.Context(), httpGet("https://app.example/cb?code=c&iss="+url.QueryEscape(p.Issuer)+"&state="+stateOf(t, rawURL)), tx)
	if sent := p.Requests("token"); len(sent) != 1 || sent[0].Form.Has("code_verifier") {
		t.Errorf("%d requests, with a verifier that nobody asked for", len(sent))
	}
}

func stateOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

// TestTrace: what is watched is complete, in order, and shows no secret.
func TestTrace(t *testing.T) {
	p := hostile.New(t)
	var events []Event
	c := newTestClient(t, p, func(cfg *Config) { cfg.Trace = func(_ context.Context, e Event) { events = append(events, e) } })
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UserInfo(t.Context(), tokens); err != nil {
		t.Fatal(err)
	}
	var exchanges, flows []string
	checks := map[string]int{}
	for _, e := range events {
		if e.Err != nil {
			t.Errorf("%s %s: %v", e.Kind, e.Name, e.Err)
		}
		if e.Kind == EventExchange {
			exchanges = append(exchanges, e.Name)
		} else {
			checks[e.Document]++
		}
		if len(flows) == 0 || flows[len(flows)-1] != e.Flow {
			flows = append(flows, e.Flow)
		}
		if all := e.Name + e.Expected + e.Got; strings.Contains(all, hostile.Canary) || strings.Contains(all, tokens.IDToken.Raw().Reveal()) {
			t.Errorf("%s %s shows a secret", e.Kind, e.Name)
		}
	}
	if got := strings.Join(exchanges, " "); got != "discovery token jwks userinfo" {
		t.Errorf("exchanges: %s", got)
	}
	if checks["ID Token"] != len(idTokenChecks) || checks["authorization response"] != len(callbackChecks)+len(responseChecks) || checks["UserInfo"] != 1 {
		t.Errorf("checks: %v", checks)
	}
	if len(flows) != 2 || flows[0] == "" || flows[0] == flows[1] {
		t.Errorf("flows: %q, want one for the login and one for UserInfo", flows)
	}
}

// TestTraceHearsOfTheRefusal: the failed check is the last event, with the error that the caller gets.
func TestTraceHearsOfTheRefusal(t *testing.T) {
	p := hostile.New(t)
	p.IDToken = func(tok *hostile.Token) { tok.Claims["aud"] = "another" }
	var last Event
	_, err := logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.Trace = func(_ context.Context, e Event) { last = e } }), p)
	if err == nil || last.Err != err || last.Name != "aud" || last.Document != "ID Token" {
		t.Errorf("heard last of %+v, the caller got %v", last, err)
	}
}

// TestRedirectsAndCookiesOfTheCallersClientAreIgnored: HTTPClient lends its transport only.
func TestRedirectsAndCookiesOfTheCallersClientAreIgnored(t *testing.T) {
	p := hostile.New(t)
	hc := p.HTTPClient()
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { t.Error("asked about a redirect"); return nil }
	p.Serve("token", hostile.Redirect(p.URL("userinfo")))
	_, err := logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.HTTPClient = hc }), p)
	var e *ExchangeError
	if !errors.As(err, &e) || p.Count("userinfo") != 0 {
		t.Errorf("got %v after %d followed redirects", err, p.Count("userinfo"))
	}
}
