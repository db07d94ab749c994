package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
)

// A login is what one test row varies: how the client proves itself, how its ID Tokens are signed, how the answer comes.
type login struct {
	name         string
	auth         string // none, a client_secret_ method, or private_key_jwt with a key
	key          string // the algorithm of its key
	alg          string // of the ID Token; the provider's default when empty
	responseMode string
}

var logins = []login{
	{name: "public client", auth: "none"},
	{name: "client_secret_basic", auth: "client_secret_basic"},
	{name: "client_secret_post", auth: "client_secret_post"},
	{name: "client_secret_jwt", auth: "client_secret_jwt"},
	{name: "private_key_jwt with RS256", auth: "private_key_jwt", key: "RS256"},
	{name: "private_key_jwt with ES256", auth: "private_key_jwt", key: "ES256"},
	{name: "private_key_jwt with Ed25519", auth: "private_key_jwt", key: "Ed25519"},
	{name: "ID Token under RS256", auth: "client_secret_basic", alg: "RS256"},
	{name: "ID Token under PS256", auth: "client_secret_basic", alg: "PS256"},
	{name: "ID Token under ES256", auth: "client_secret_basic", alg: "ES256"},
	{name: "ID Token under EdDSA", auth: "client_secret_basic", alg: "EdDSA"},
	{name: "ID Token under Ed25519", auth: "client_secret_basic", alg: "Ed25519"},
	{name: "ID Token under HS256", auth: "client_secret_basic", alg: "HS256"},
	{name: "ID Token under HS256, assertion under HS256", auth: "client_secret_jwt", alg: "HS256"},
	{name: "form_post", auth: "client_secret_basic", responseMode: "form_post"},
	{name: "form_post to a public client, EdDSA", auth: "none", alg: "EdDSA", responseMode: "form_post"},
}

func TestLogin(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		for _, l := range logins {
			if !p.ed25519 && (l.key == "Ed25519" || l.alg == "Ed25519") {
				continue
			}
			t.Run(l.name, func(t *testing.T) { l.run(t, p) })
		}
	})
}

func (l login) run(t *testing.T, p *provider) {
	c := l.client(t, p)
	started := time.Now()
	scope := []string{"openid", "profile", "email"}
	tokens, arrived := logIn(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: scope, ResponseMode: l.responseMode, AppState: "/cart"})

	if want := map[string]string{"": http.MethodGet, "form_post": http.MethodPost}[l.responseMode]; arrived.Method != want {
		t.Errorf("the answer came by %s, want %s", arrived.Method, want)
	}
	if tokens.Type != "Bearer" || tokens.AccessToken.IsEmpty() || tokens.AppState != "/cart" {
		t.Errorf("got %v with AppState %q", tokens, tokens.AppState)
	}
	if slices.Sort(tokens.Scope); !slices.Equal(tokens.Scope, []string{"email", "openid", "profile"}) {
		t.Errorf("scope %q", tokens.Scope)
	}
	if life := tokens.Expiry.Sub(started); life < 5*time.Minute || life > time.Hour {
		t.Errorf("the access token lives %v", life)
	}
	id := tokens.IDToken
	if id.Issuer() != p.issuer || id.Subject() != "alice" {
		t.Errorf("the ID Token is about %q at %q", id.Subject(), id.Issuer())
	}
	if alg := algorithm(t, id); l.alg != "" && alg != l.alg {
		t.Errorf("the ID Token is signed with %s, want %s", alg, l.alg)
	}

	info, err := c.UserInfo(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	type profile struct {
		Email         string `json:"email"`
		EmailVerified bool   `json:"email_verified"`
		Username      string `json:"preferred_username"`
	}
	got, err := openid.Claims[profile](info)
	if want := (profile{"alice@example.com", true, "alice"}); err != nil || got != want || info.Subject() != "alice" {
		t.Errorf("UserInfo of %q: %+v, %v; want %+v", info.Subject(), got, err, want)
	}
}

// client registers and makes the client of this login.
func (l login) client(t *testing.T, p *provider) *openid.Client {
	t.Helper()
	r := registration{AuthMethod: l.auth, IDTokenAlg: l.alg}
	var key crypto.Signer
	if l.key != "" {
		key, r.JWKS = newKey(t, l.key)
		r.AuthAlg = l.key
	}
	id, secret := p.register(t, r)
	var auth openid.ClientAuth
	switch s := openid.NewSecret(secret); l.auth {
	case "none":
		auth = openid.None()
	case "client_secret_basic":
		auth = openid.ClientSecretBasic(s)
	case "client_secret_post":
		auth = openid.ClientSecretPost(s)
	case "client_secret_jwt":
		auth = openid.ClientSecretJWT(s)
	case "private_key_jwt":
		auth = openid.PrivateKeyJWT(key, "the-key")
	}
	return p.client(t, id, auth, func(c *openid.Config) {
		if l.alg != "" {
			c.IDTokenSigningAlgs = []string{l.alg}
		}
	})
}

func TestLoginWithSpecialCharacters(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c := p.client(t, specialID, openid.ClientSecretBasic(openid.NewSecret(specialSecret)))
		logIn(t, c, p.userAgent(), openid.AuthorizationRequest{Scope: []string{"openid"}})
	})
}

// logIn drives a login that must succeed.
func logIn(t *testing.T, c *openid.Client, ua *userAgent, r openid.AuthorizationRequest) (*openid.Tokens, *http.Request) {
	t.Helper()
	arrived, tx := authorize(t, c, ua, r)
	tokens, err := c.Callback(t.Context(), arrived, tx)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, arrived
}

// authorize drives a login until the application's own callback.
func authorize(t *testing.T, c *openid.Client, ua *userAgent, r openid.AuthorizationRequest) (*http.Request, openid.Transaction) {
	t.Helper()
	address, tx, err := c.Authorize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := ua.visit(t.Context(), address, redirectURI)
	if err != nil {
		t.Fatal(err)
	}
	return arrived, tx
}

func algorithm(t *testing.T, id *openid.IDToken) string {
	t.Helper()
	head, _, _ := strings.Cut(id.Raw().Reveal(), ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Alg string }
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	return header.Alg
}

// newKey makes a client's key and the JWK Set to register.
func newKey(t *testing.T, alg string) (crypto.Signer, json.RawMessage) {
	t.Helper()
	jwk := map[string]string{"kid": "the-key", "use": "sig", "alg": alg}
	encode := base64.RawURLEncoding.EncodeToString
	var key crypto.Signer
	var err error
	switch alg {
	case "RS256":
		var k *rsa.PrivateKey
		if k, err = rsa.GenerateKey(rand.Reader, 2048); err == nil {
			key, jwk["kty"] = k, "RSA"
			jwk["n"], jwk["e"] = encode(k.N.Bytes()), encode(big.NewInt(int64(k.E)).Bytes())
		}
	case "ES256":
		var k *ecdsa.PrivateKey
		var point []byte
		if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			if point, err = k.PublicKey.Bytes(); err == nil { // 4, x, y
				key, jwk["kty"], jwk["crv"] = k, "EC", "P-256"
				jwk["x"], jwk["y"] = encode(point[1:33]), encode(point[33:])
			}
		}
	case "Ed25519":
		var k ed25519.PrivateKey
		if _, k, err = ed25519.GenerateKey(rand.Reader); err == nil {
			key, jwk["kty"], jwk["crv"] = k, "OKP", "Ed25519"
			jwk["x"] = encode(k.Public().(ed25519.PublicKey))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		t.Fatal(err)
	}
	return key, set
}
