package openid

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// forgetful is a server that keeps nothing: the code carries what it must know again.
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
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": hostile.NewToken(s.key, map[string]any{"iss": forgetfulIssuer,
			"sub": "alice", "aud": "client", "nonce": form.Get("code"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}).String()}
	}
	text, err := json.Marshal(answer)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(text)),
		Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, err
}

// logInAndOut is all that one user does.
func logInAndOut(t *testing.T, c *Client) {
	location, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	back := url.Values{"code": {u.Query().Get("nonce")}, "state": {u.Query().Get("state")}}
	tokens, err := c.Callback(t.Context(), httptest.NewRequest("GET", "https://app.example/cb?"+back.Encode(), nil), tx)
	if err != nil {
		t.Fatal(err)
	}
	location, tx, err = c.LogoutURL(t.Context(), tokens.IDToken, "https://app.example/bye")
	if err != nil {
		t.Fatal(err)
	}
	u, _ = url.Parse(location)
	if err := c.LogoutCallback(t.Context(), httptest.NewRequest("GET", "https://app.example/bye?state="+u.Query().Get("state"), nil), tx); err != nil {
		t.Fatal(err)
	}
}

// TestHostileMemoryIsFlat: what a client keeps does not grow with the users it has seen. One comes every ten seconds, for two days.
func TestHostileMemoryIsFlat(t *testing.T) {
	t.Run("S09 20,000 logins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{Issuer: forgetfulIssuer, ClientID: "client", Auth: None(), RedirectURI: "https://app.example/cb",
				HTTPClient: &http.Client{Transport: forgetful{key: hostile.NewKey(t, "ES256", "k")}}})
			if err != nil {
				t.Fatal(err)
			}
			cycles := func(n int) (heap uint64, running int) {
				for range n {
					logInAndOut(t, c)
					time.Sleep(10 * time.Second)
				}
				runtime.GC() // twice: a sync.Pool gives up its content at the second
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc, goroutines()
			}
			early, few := cycles(5_000)
			late, many := cycles(15_000)
			runtime.KeepAlive(c) // until here, or it would be part of the garbage
			if growth := int64(late) - int64(early); growth > 64<<10 {
				t.Errorf("15,000 cycles left %d bytes", growth)
			}
			if many > few {
				t.Errorf("%d goroutines grew to %d", few, many)
			}
		})
	})
}
