package hostile

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Forgetful is a provider that keeps nothing, whoever logs in, for tests of what
// a client keeps. Its code is what it must know again: who sends a browser back
// gives it the nonce as code. Any request is answered in the transport.
type Forgetful struct{ Key *Key }

// ForgetfulIssuer is the issuer of every Forgetful; its client is "client".
const ForgetfulIssuer = "https://op.example"

// RoundTrip answers as the provider.
func (f Forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": ForgetfulIssuer, "authorization_endpoint": ForgetfulIssuer + "/authorize", "token_endpoint": ForgetfulIssuer + "/token",
			"jwks_uri": ForgetfulIssuer + "/jwks", "end_session_endpoint": ForgetfulIssuer + "/logout", "id_token_signing_alg_values_supported": []string{f.Key.Alg}}
	case "/jwks":
		answer["keys"] = []any{f.Key.PublicJWK()}
	case "/token":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		q, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		now := time.Now()
		tok := NewToken(f.Key, map[string]any{"iss": ForgetfulIssuer, "sub": "alice", "aud": "client", "nonce": q.Get("code"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "id_token": tok.String()}
	}
	text := marshal(answer)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(text)),
		Body: io.NopCloser(bytes.NewReader(text)), Request: r}, nil
}
