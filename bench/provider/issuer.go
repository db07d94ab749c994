package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/openid-client/openid/bench/fixture"
)

// An issuer logs users in and keeps nothing: the code carries what the token endpoint has to know.
type issuer struct {
	url string
	set *fixture.Set
}

// grant is what a code stands for.
type grant struct {
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
	Challenge   string `json:"code_challenge"`
	Nonce       string `json:"nonce"`
}

var errRequest = errors.New("the authorization request has no client, no redirect URI or no S256 challenge")

// Authorize is what the user's browser does at the provider: it takes the address that an application sent it to, and returns the one where it
// comes back with a code. It is no exchange, so that what a browser costs is not counted as a library's.
func Authorize(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	q := u.Query()
	g := grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce")}
	if g.ClientID == "" || g.RedirectURI == "" || g.Challenge == "" || q.Get("code_challenge_method") != "S256" {
		return "", errRequest
	}
	code, err := json.Marshal(g)
	if err != nil {
		return "", err
	}
	back := url.Values{"code": {base64.RawURLEncoding.EncodeToString(code)}, "state": {q.Get("state")}}
	return g.RedirectURI + "?" + back.Encode(), nil
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.serveMetadata(w)
	case "/jwks":
		header["Cache-Control"] = []string{"public, max-age=3600"}
		w.Write(i.set.JWKS)
	case "/code":
		header["Cache-Control"] = []string{"no-store"}
		i.serveCode(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) serveMetadata(w http.ResponseWriter) {
	json.NewEncoder(w).Encode(map[string]any{
		"issuer":                                i.url,
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/code",
		"jwks_uri":                              i.url + "/jwks",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
		"code_challenge_methods_supported":      []string{"S256"},
	})
}

func (i *issuer) serveCode(w http.ResponseWriter, r *http.Request) {
	g, ok := i.redeemed(r)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	claims, hash := fixture.Claims(), sha256.Sum256([]byte(accessToken))
	claims.Issuer, claims.Nonce, claims.AccessTokenHash = i.url, g.Nonce, base64.RawURLEncoding.EncodeToString(hash[:16])
	token, err := i.set.IDToken("ES256", claims)
	if err != nil {
		http.Error(w, "no key", http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"access_token": accessToken, "token_type": "Bearer", "expires_in": 3600, "scope": "openid email", "id_token": token})
}

// redeemed authenticates the client and opens its code.
func (i *issuer) redeemed(r *http.Request) (g grant, ok bool) {
	id, secret, _ := r.BasicAuth()
	code, err := base64.RawURLEncoding.DecodeString(r.PostFormValue("code"))
	if err != nil || json.Unmarshal(code, &g) != nil {
		return g, false
	}
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	return g, r.PostFormValue("grant_type") == "authorization_code" && id == g.ClientID && secret == url.QueryEscape(fixture.ClientSecret) &&
		r.PostFormValue("redirect_uri") == g.RedirectURI && base64.RawURLEncoding.EncodeToString(challenge[:]) == g.Challenge
}
