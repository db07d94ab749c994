package hostile_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func TestLies(t *testing.T) {
	p := hostile.New(t, func(p *hostile.Provider) { p.Alg = "RS256" })
	p.Metadata = func(m map[string]any) { m["issuer"] = "https://evil.example" }
	p.JWKS = hostile.Beside(hostile.NewKey(t, "ES256", "other").PublicJWK())
	p.CacheControl = "max-age=60"
	p.TokenResponse = func(m map[string]any) { m["token_type"] = "DPoP" }
	p.UserInfo = func(m map[string]any) { m["sub"] = "mallory" }
	p.Callback = func(q url.Values) { q.Set("iss", "https://evil.example") }
	p.IDToken = func(tok *hostile.Token) {
		tok.Claims["aud"] = []any{"client", 1}
		tok.Header["alg"] = "HS256"
		tok.Key = hostile.NewSecretKey("HS256", "", []byte("secret"))
	}
	p.Serve("revocation", hostile.Status(200, "text/plain", ""))

	if _, m := get(t, p, p.URL("discovery"), ""); m["issuer"] != "https://evil.example" || m["revocation_endpoint"] != p.URL("revocation") {
		t.Errorf("metadata: %v", m)
	}
	if r := p.Authorize(authorizationURL(p)); r.FormValue("iss") != "https://evil.example" {
		t.Errorf("callback: %v", r.URL)
	}
	m := redeem(t, p)
	if m["token_type"] != "DPoP" {
		t.Errorf("token response: %v", m)
	}
	idToken := m["id_token"].(string)
	if header, claims := claimsOf(t, idToken); header["alg"] != "HS256" || header["kid"] != "RS256-1" || fmt.Sprint(claims["aud"]) != "[client 1]" {
		t.Errorf("ID Token: %v %v", header, claims)
	}
	if !verify(t, "HS256", hostile.NewSecretKey("HS256", "", []byte("secret")).PublicJWK(), idToken) {
		t.Error("another key signed")
	}
	if _, m := get(t, p, p.URL("userinfo"), m["access_token"].(string)); m["sub"] != "mallory" {
		t.Errorf("userinfo: %v", m)
	}
	if _, set := get(t, p, p.URL("jwks"), ""); len(set["keys"].([]any)) != 2 || set["keys"].([]any)[0].(map[string]any)["kid"] != "other" {
		t.Errorf("key set: %v", set)
	}
}

func TestRotate(t *testing.T) {
	p := hostile.New(t)
	kids := func() (all []string) {
		_, set := get(t, p, p.URL("jwks"), "")
		for _, k := range set["keys"].([]any) {
			all = append(all, k.(map[string]any)["kid"].(string))
		}
		return all
	}
	old := p.Rotate("fresh")
	if got := fmt.Sprint(kids()); got != "[fresh]" {
		t.Errorf("after the rotation: %s", got)
	}
	p.Publish(old)
	if got := fmt.Sprint(kids()); got != "[fresh ES256-1]" {
		t.Errorf("with the old key: %s", got)
	}
	if header, _ := claimsOf(t, redeem(t, p)["id_token"].(string)); header["kid"] != "fresh" {
		t.Errorf("signed by %v", header["kid"])
	}
}

func TestPoisonKeysAreServed(t *testing.T) {
	p := hostile.New(t)
	for name, jwk := range hostile.PoisonKeys("poison") {
		t.Run(name, func(t *testing.T) {
			p.JWKS = hostile.Beside(jwk)
			if _, set := get(t, p, p.URL("jwks"), ""); len(set["keys"].([]any)) != 2 {
				t.Errorf("key set: %v", set)
			}
		})
	}
}

// failure is a test that records instead of failing.
type failure struct {
	testing.TB
	message string
}

func (f *failure) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	panic(f)
}

func TestAuthorizeRefuses(t *testing.T) {
	f := &failure{TB: t}
	p := hostile.New(f)
	set := func(name string, values ...string) func(url.Values) {
		return func(q url.Values) { q[name] = values }
	}
	tests := []struct {
		name   string
		change func(url.Values)
		reason string
	}{
		{"another client", set("client_id", "x"), "client_id"},
		{"another redirect URI", set("redirect_uri", p.RedirectURI+"/"), "redirect_uri"},
		{"an unknown response type", set("response_type", "token code"), "response_type"},
		{"an unknown response mode", set("response_mode", "cookie"), "response_mode"},
		{"no PKCE", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "code_challenge_method"},
		{"plain PKCE", set("code_challenge_method", "plain"), "code_challenge_method"},
		{"a challenge that is no hash", set("code_challenge", "AAAA"), "code_challenge"},
		{"no state", func(q url.Values) { q.Del("state") }, "state"},
		{"a guessable nonce", set("nonce", "1234"), "nonce"},
		{"state twice", set("state", state, state), "state is sent 2 times"},
		{"an empty prompt", set("prompt", ""), "prompt"},
		{"the secret in the browser", set("client_secret", p.ClientSecret), "client_secret"},
	}
	refused := func(rawURL string) (message string) {
		defer func() { recover() }()
		f.message = ""
		p.Authorize(rawURL)
		return f.message
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(authorizationURL(p, tt.change))
			if !strings.Contains(f.message, tt.reason) {
				t.Errorf("%q does not name %s", f.message, tt.reason)
			}
		})
	}
	for _, rawURL := range []string{p.URL("token") + "?a=b", authorizationURL(p) + "#x", "://"} {
		if refused(rawURL); f.message == "" {
			t.Errorf("accepted %s", rawURL)
		}
	}
}

func TestFormPost(t *testing.T) {
	p := hostile.New(t)
	rawURL := authorizationURL(p, func(q url.Values) { q.Set("response_mode", "form_post") })
	r := p.Authorize(rawURL)
	if err := r.ParseForm(); err != nil || r.Method != "POST" || r.URL.RawQuery != "" || r.PostForm.Get("state") != state {
		t.Errorf("%s %s %v %v", r.Method, r.URL, r.PostForm, err)
	}
	answer, err := p.HTTPClient().Get(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, _ := io.ReadAll(answer.Body)
	for _, want := range []string{`action="https://app.example/cb"`, `name="state" value="` + state + `"`, `name="code" value="canary-code-`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
}

func TestBrowserRedirects(t *testing.T) {
	p := hostile.New(t)
	client := p.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	tests := []struct{ name, url, want string }{
		{"login", authorizationURL(p), "https://app.example/cb?code=canary-code-"},
		{"logout", p.URL("end_session") + "?client_id=client&state=s&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye", "https://app.example/bye?state=s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := client.Get(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got := answer.Header.Get("Location"); answer.StatusCode != 303 || !strings.HasPrefix(got, tt.want) {
				t.Errorf("%d to %q", answer.StatusCode, got)
			}
		})
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	p := hostile.New(t)
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	tests := []struct {
		name   string
		change func(url.Values)
		code   string
	}{
		{"another verifier", set("code_verifier", strings.Repeat("x", 43)), "invalid_grant"},
		{"another redirect URI", set("redirect_uri", "https://app.example/"), "invalid_grant"},
		{"another code", set("code", "x"), "invalid_grant"},
		{"another grant type", set("grant_type", "password"), "unsupported_grant_type"},
		{"two ways of authentication", set("client_secret", p.ClientSecret), "invalid_client"},
		{"a parameter twice", func(q url.Values) { q.Add("code", "x") }, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {p.Authorize(authorizationURL(p)).FormValue("code")},
				"redirect_uri": {p.RedirectURI}, "code_verifier": {verifier},
			}
			tt.change(form)
			if status, m := post(t, p, form); status < 400 || m["error"] != tt.code {
				t.Errorf("%d %v", status, m)
			}
		})
	}
}

func TestClientAuthentication(t *testing.T) {
	p := hostile.New(t)
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	tests := []struct {
		name   string
		form   url.Values
		header func(*http.Request)
		auth   string
		status int
	}{
		{"none", url.Values{"client_id": {"client"}}, nil, "none", 200},
		{"none of another client", url.Values{"client_id": {"x"}}, nil, "none", 401},
		{"post", url.Values{"client_id": {"client"}, "client_secret": {p.ClientSecret}}, nil, "client_secret_post", 200},
		{"post with a wrong secret", url.Values{"client_id": {"client"}, "client_secret": {"x"}}, nil, "client_secret_post", 401},
		{"basic", nil, basic("client", url.QueryEscape(p.ClientSecret)), "client_secret_basic", 200},
		{"basic that is not form-encoded", nil, basic("client", p.ClientSecret), "client_secret_basic", 401},
		{"assertion", url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"a.b.c"}}, nil, "client_assertion", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := url.Values{"grant_type": {"client_credentials"}}
			for name, values := range tt.form {
				form[name] = values
			}
			r, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL("token"), strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if tt.header != nil {
				tt.header(r)
			}
			if status, m := exchange(t, p, r); status != tt.status {
				t.Errorf("%d %v", status, m)
			}
			if all := p.Requests("token"); all[len(all)-1].Auth != tt.auth {
				t.Errorf("recorded as %s", all[len(all)-1].Auth)
			}
		})
	}
}

func TestChangeWhileRequestsAreInFlight(t *testing.T) {
	p := hostile.New(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			p.Change(func() { p.CacheControl = fmt.Sprintf("max-age=%d", i) })
			if _, _, err := fetch(p, 0); err != nil {
				t.Error(err)
			}
			p.Rotate(fmt.Sprint(i))
		})
	}
	wg.Wait()
	if n := p.Count("jwks"); n != 20 {
		t.Errorf("%d fetches", n)
	}
}

func TestTwoIssuers(t *testing.T) {
	a, b := hostile.Pipe(t), hostile.PipeAt(t, "other.example")
	client := hostile.Client(a, b)
	for _, p := range []*hostile.Provider{a, b} {
		answer, err := client.Get(p.URL("jwks"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if p.Count("jwks") != 1 {
			t.Errorf("%s did not see its request", p.Issuer)
		}
	}
}
