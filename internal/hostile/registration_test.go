package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func TestRegistrationEndpointRefuses(t *testing.T) {
	p := hostile.New(t)
	ask := func(method, url, contentType, authorization, body string) (int, map[string]any) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", authorization)
		return exchange(t, p, r)
	}
	const good, media = `{"redirect_uris":["https://app.example/cb"]}`, "application/json"
	status, made := ask("POST", p.URL("registration"), media, "", good)
	if status != 201 || made["client_id"] != p.ClientID || made["client_secret"] != p.ClientSecret {
		t.Fatalf("%d %v", status, made)
	}
	at, token := made["registration_client_uri"].(string), "Bearer "+made["registration_access_token"].(string)
	const changed = `{"client_id":"client","redirect_uris":["https://app.example/cb"]}`
	for _, l := range []struct {
		name, method, url, media, authorization, body string
		status                                        int
		code                                          any
	}{
		{"a form", "POST", p.URL("registration"), "application/x-www-form-urlencoded", "", good, 400, "invalid_client_metadata"},
		{"no object", "POST", p.URL("registration"), media, "", `[]`, 400, "invalid_client_metadata"},
		{"GET", "GET", p.URL("registration"), media, "", "", 405, "invalid_request"},
		{"client_id from the client", "POST", p.URL("registration"), media, "", changed, 400, "invalid_client_metadata"},
		{"a token from the client", "POST", p.URL("registration"), media, "", `{"registration_access_token":"x"}`, 400, "invalid_client_metadata"},
		{"no redirect URI", "POST", p.URL("registration"), media, "", `{}`, 400, "invalid_redirect_uri"},
		{"keys twice", "POST", p.URL("registration"), media, "", `{"jwks":{},"jwks_uri":"x"}`, 400, "invalid_client_metadata"},
		{"another token", "GET", at, media, token + "x", "", 401, nil},
		{"another address", "GET", at + "x", media, token, "", 401, nil},
		{"no client_id", "PUT", at, media, token, good, 400, "invalid_client_metadata"},
		{"another secret", "PUT", at, media, token, `{"client_id":"client","client_secret":"x","redirect_uris":["https://app.example/cb"]}`, 400, "invalid_client_metadata"},
		{"what an answer says", "PUT", at, media, token, `{"client_id":"client","client_id_issued_at":1}`, 400, "invalid_client_metadata"},
		{"POST", "POST", at, media, token, changed, 405, "invalid_request"},
		{"a good change", "PUT", at, media, token, changed, 200, nil},
		{"a good end", "DELETE", at, media, token, "", 204, nil},
		{"after the end", "GET", at, media, token, "", 401, nil},
	} {
		if status, m := ask(l.method, l.url, l.media, l.authorization, l.body); status != l.status || m["error"] != l.code {
			t.Errorf("%s: %d %v", l.name, status, m)
		}
	}
}
