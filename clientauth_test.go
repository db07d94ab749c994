package openid

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

type stamp struct{ err error }

func (s stamp) Authenticate(_ context.Context, r *AuthRequest) error {
	r.Form.Set("client_id", r.ClientID)
	r.Header.Set("X-Stamp", r.Endpoint)
	return s.err
}

func TestClientAuth(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, truth := range []struct {
		name    string
		auth    func(secret Secret) ClientAuth
		methods []string
		want    string
	}{
		{"none", func(Secret) ClientAuth { return None() }, nil, "none"},
		{"secret, nothing said", ClientSecret, nil, "client_secret_basic"},
		{"secret, both", ClientSecret, []string{"client_secret_post", "client_secret_basic"}, "client_secret_basic"},
		{"secret, post only", ClientSecret, []string{"client_secret_post"}, "client_secret_post"},
		{"basic", ClientSecretBasic, []string{"client_secret_post"}, "client_secret_basic"},
		{"post", ClientSecretPost, nil, "client_secret_post"},
		{"secret JWT", func(s Secret) ClientAuth { return ClientSecretJWT(s) }, nil, "client_secret_jwt"},
		{"private key JWT", func(Secret) ClientAuth { return PrivateKeyJWT(key, "k1") }, nil, "private_key_jwt"},
		{"custom", func(Secret) ClientAuth { return stamp{} }, nil, "none"},
	} {
		t.Run(truth.name, func(t *testing.T) {
			p := hostile.New(t)
			p.Metadata = func(m map[string]any) {
				delete(m, "token_endpoint_auth_methods_supported")
				if truth.methods != nil {
					m["token_endpoint_auth_methods_supported"] = truth.methods
				}
			}
			c := newTestClient(t, p, func(cfg *Config) { cfg.Auth = truth.auth(NewSecret(p.ClientSecret)) })
			if _, err := logIn(t, c, p); err != nil {
				t.Fatal(err)
			}
			r := p.Requests("token")
			if len(r) != 1 || !strings.HasPrefix(truth.want, r[0].Auth) && r[0].Auth != truth.want && r[0].Form.Get("client_assertion") == "" {
				t.Errorf("authenticated by %q in %d requests, want %q", r[0].Auth, len(r), truth.want)
			}
			if truth.name == "custom" && r[0].Header.Get("X-Stamp") != p.URL("token") {
				t.Error("the custom authentication was not asked")
			}
		})
	}
}

func TestClientSecretNeedsAMethod(t *testing.T) {
	p := hostile.New(t)
	p.Metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"} }
	_, err := logIn(t, newTestClient(t, p), p)
	if !errors.Is(err, errNoSecretMethod) || p.Count("token") != 0 {
		t.Errorf("got %v after %d requests", err, p.Count("token"))
	}
	failed := errors.New("the HSM is away")
	_, err = logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.Auth = stamp{failed} }), p)
	if !errors.Is(err, failed) || p.Count("token") != 0 {
		t.Errorf("got %v after %d requests", err, p.Count("token"))
	}
}

// TestBasicIsFormEncoded: certification gives out secrets with punctuation.
func TestBasicIsFormEncoded(t *testing.T) {
	r := &AuthRequest{Header: map[string][]string{}, Form: url.Values{}, ClientID: "a:b c"}
	if err := ClientSecretBasic(NewSecret("%+&=ü")).Authenticate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	if err != nil || string(got) != "a%3Ab+c:%25%2B%26%3D%C3%BC" {
		t.Errorf("got %q, %v", got, err)
	}
	if len(r.Form) != 0 {
		t.Errorf("credentials in the body too: %v", r.Form)
	}
}

// TestAssertion: aud is the issuer as one string, the lifetime is short, jti is never used twice.
func TestAssertion(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	auth := ClientSecretJWT(NewSecret(strings.Repeat("s", 32)))
	seen := map[string]bool{}
	for range 2 {
		r := &AuthRequest{Header: map[string][]string{}, Form: url.Values{}, ClientID: `cl"ient`, Audience: "https://op.example/t", Endpoint: "https://op.example/token", Now: now}
		if err := auth.Authenticate(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		part := strings.Split(r.Form.Get("client_assertion"), ".")
		payload, err := base64.RawURLEncoding.DecodeString(part[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Iss, Sub, Aud, Jti string
			Iat, Exp           int64
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Iss != r.ClientID || claims.Sub != r.ClientID || claims.Aud != r.Audience || claims.Iat != now.Unix() || claims.Exp != now.Unix()+60 {
			t.Errorf("got %s", payload)
		}
		if seen[claims.Jti] || len(claims.Jti) < 22 {
			t.Errorf("jti %q", claims.Jti)
		}
		seen[claims.Jti] = true
	}
}

func TestEncodeForm(t *testing.T) {
	form := url.Values{"b": {"1", "&=%+ ü"}, "a b": {""}, "z": nil, "c": {strings.Repeat("/", 100)}}
	if got := encodeForm(form); got != form.Encode() {
		t.Errorf("got %s, want %s", got, form.Encode())
	}
}
