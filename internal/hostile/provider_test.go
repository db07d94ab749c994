package hostile_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

const (
	verifier = "verifier-verifier-verifier-verifier-verifier"
	state    = "state-state-state-state-state"
	nonce    = "nonce-nonce-nonce-nonce-nonce"
)

func authorizationURL(p *hostile.Provider, change ...func(url.Values)) string {
	challenge := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id":             {p.ClientID},
		"redirect_uri":          {p.RedirectURI},
		"response_type":         {"code"},
		"scope":                 {"openid offline_access"},
		"state":                 {state},
		"nonce":                 {nonce},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	for _, f := range change {
		f(q)
	}
	return p.URL("authorization") + "?" + q.Encode()
}

// post sends a token request with client_secret_basic.
func post(t *testing.T, p *hostile.Provider, form url.Values) (int, map[string]any) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL("token"), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret))
	return exchange(t, p, r)
}

func get(t *testing.T, p *hostile.Provider, url, bearer string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return exchange(t, p, r)
}

func exchange(t *testing.T, p *hostile.Provider, r *http.Request) (int, map[string]any) {
	t.Helper()
	answer, err := p.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("%s: %v: %s", r.URL, err, body)
		}
	}
	return answer.StatusCode, m
}

func redeem(t *testing.T, p *hostile.Provider) map[string]any {
	t.Helper()
	callback := p.Authorize(authorizationURL(p))
	status, m := post(t, p, url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.FormValue("code")},
		"redirect_uri": {p.RedirectURI}, "code_verifier": {verifier},
	})
	if status != 200 {
		t.Fatalf("token response: %d %v", status, m)
	}
	return m
}

func claimsOf(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	part := strings.Split(token, ".")
	if len(part) != 3 {
		t.Fatalf("%d parts", len(part))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(part[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// honest walks the whole path by hand.
func honest(t *testing.T, p *hostile.Provider) {
	_, metadata := get(t, p, p.Issuer+"/.well-known/openid-configuration", "")
	if metadata["issuer"] != p.Issuer || metadata["token_endpoint"] != p.URL("token") {
		t.Errorf("metadata: %v", metadata)
	}
	u, _ := url.Parse(p.Issuer)
	if _, m := get(t, p, u.Scheme+"://"+u.Host+"/.well-known/oauth-authorization-server"+u.Path, ""); m["issuer"] != p.Issuer {
		t.Errorf("RFC 8414 metadata: %v", m)
	}

	callback := p.Authorize(authorizationURL(p))
	if got := callback.URL.Query(); got.Get("state") != state || got.Get("iss") != p.Issuer || callback.Method != "GET" {
		t.Errorf("callback: %s %v", callback.Method, got)
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.FormValue("code")},
		"redirect_uri": {p.RedirectURI}, "code_verifier": {verifier},
	}
	status, tokens := post(t, p, form)
	if status != 200 || tokens["token_type"] != "Bearer" || tokens["expires_in"] != 3600.0 || tokens["scope"] != "openid offline_access" {
		t.Fatalf("token response: %d %v", status, tokens)
	}
	if status, m := post(t, p, form); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("the same code again: %d %v", status, m)
	}

	header, claims := claimsOf(t, tokens["id_token"].(string))
	if header["alg"] != "ES256" || header["kid"] != "ES256-1" || header["typ"] != "JWT" {
		t.Errorf("header: %v", header)
	}
	want := map[string]any{
		"iss": p.Issuer, "sub": "alice-sub", "aud": "client", "nonce": nonce,
		"iat": float64(time.Now().Unix()), "exp": float64(time.Now().Add(time.Hour).Unix()),
		"auth_time": float64(time.Now().Unix()),
		"at_hash":   hostile.HalfHash("ES256", tokens["access_token"].(string)),
	}
	for name, value := range want {
		got := claims[name]
		if n, ok := got.(float64); ok && value.(float64)-n < 30 {
			got = value
		}
		if got != value {
			t.Errorf("claim %s is %v, want %v", name, claims[name], value)
		}
	}
	if len(claims) != len(want) {
		t.Errorf("claims: %v", claims)
	}
	_, set := get(t, p, metadata["jwks_uri"].(string), "")
	if keys := set["keys"].([]any); len(keys) != 1 || keys[0].(map[string]any)["kid"] != "ES256-1" {
		t.Errorf("key set: %v", set)
	}

	if status, m := get(t, p, p.URL("userinfo"), tokens["access_token"].(string)); status != 200 || m["sub"] != "alice-sub" {
		t.Errorf("userinfo: %d %v", status, m)
	}
	if status, _ := get(t, p, p.URL("userinfo"), "wrong"); status != 401 {
		t.Errorf("userinfo with a wrong token: %d", status)
	}

	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}
	status, fresh := post(t, p, refresh)
	if status != 200 || fresh["refresh_token"] == tokens["refresh_token"] {
		t.Fatalf("refresh: %d %v", status, fresh)
	}
	if _, claims := claimsOf(t, fresh["id_token"].(string)); claims["sub"] != "alice-sub" || claims["nonce"] != nil {
		t.Errorf("refreshed claims: %v", claims)
	}
	if status, m := post(t, p, refresh); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("the same refresh token again: %d %v", status, m)
	}
	status, service := post(t, p, url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}})
	if status != 200 || service["id_token"] != nil || service["refresh_token"] != nil || service["scope"] != "api" {
		t.Errorf("client credentials: %d %v", status, service)
	}
	if r := p.Requests("token"); len(r) != 5 || r[0].Auth != "client_secret_basic" || r[0].Form.Get("code_verifier") != verifier {
		t.Errorf("recorded token requests: %+v", r)
	}
}

func TestHonest(t *testing.T) { honest(t, hostile.New(t)) }

func TestHonestOverPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := hostile.Pipe(t)
		if p.Issuer != "https://op.example/t" {
			t.Errorf("issuer %s", p.Issuer)
		}
		honest(t, p)
		if d := time.Since(start); d != 0 {
			t.Errorf("%v of the bubble's time went by", d)
		}
	})
}

// TestClientCertificates: who shows one is known by its name, over both listeners; nobody has to.
func TestClientCertificates(t *testing.T) {
	certified := func(t *testing.T, p *hostile.Provider) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the client"}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []*tls.Certificate{{}, {Certificate: [][]byte{der}, PrivateKey: private}} {
			client := hostile.Client(p)
			client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
			answer, err := client.Get(p.URL("mtls/jwks"))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
		if r := p.Requests("jwks"); len(r) != 2 || r[0].Certificate != "" || r[1].Certificate != "the client" || r[1].Path != "/t/mtls/jwks" {
			t.Errorf("recorded %+v", r)
		}
	}
	t.Run("loopback", func(t *testing.T) { certified(t, hostile.New(t)) })
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { certified(t, hostile.Pipe(t)) })
	})
}
