package login

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// forgetful is a provider that keeps nothing: the code carries what it must know again.
type forgetful struct{ key *hostile.Key }

const forgetfulIssuer = "https://op.example"

func (s forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": forgetfulIssuer, "authorization_endpoint": forgetfulIssuer + "/authorize", "token_endpoint": forgetfulIssuer + "/token",
			"jwks_uri": forgetfulIssuer + "/jwks", "end_session_endpoint": forgetfulIssuer + "/logout", "id_token_signing_alg_values_supported": []string{s.key.Alg}}
	case "/jwks":
		answer["keys"] = []any{s.key.PublicJWK()}
	case "/token":
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		now := time.Now()
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "id_token": hostile.NewToken(s.key, map[string]any{"iss": forgetfulIssuer,
			"sub": "alice", "aud": "client", "nonce": form.Get("code"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}).String()}
	}
	text, err := json.Marshal(answer)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(text)),
		Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, err
}
