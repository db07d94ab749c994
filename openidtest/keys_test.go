package openidtest_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/openid-client/openid/openidtest"
)

func published(t *testing.T, op *openidtest.Provider) map[string]jose.JSONWebKey {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(get(t, op, "/jwks", "").ok(t).raw, &set); err != nil {
		t.Fatal(err)
	}
	out := map[string]jose.JSONWebKey{}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.Algorithm == "HS256" {
			t.Fatalf("a secret is published: %s %s", k.KeyID, k.Algorithm)
		}
		out[k.KeyID] = k
	}
	return out
}

func TestIDTokenAlg(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	for _, alg := range []string{"", "ES256", "RS256", "PS256", "EdDSA", "HS256"} {
		t.Run(alg, func(t *testing.T) {
			if err := op.AddClient(openidtest.Client{ID: "app" + alg, Secret: secret, RedirectURIs: []string{callback}, IDTokenAlg: alg}); err != nil {
				t.Fatal(err)
			}
			app := newRP(t, op, "app"+alg)
			tokens := app.login(nil)
			head, claims := app.claims(tokens.doc["id_token"])
			if want := map[string]string{"": "ES256"}[alg] + alg; head.Algorithm != want {
				t.Errorf("signed with %s, want %s", head.Algorithm, want)
			}
			if sum := sha512.Sum512([]byte(tokens.doc["access_token"].(string))); alg == "EdDSA" && claims["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:32]) {
				t.Errorf("at_hash is %v", claims["at_hash"])
			}
			app.claims(app.refresh(tokens.doc["refresh_token"]).ok(t).doc["id_token"])
		})
	}
	published(t, op)
}

func TestRotate(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice"})
	app := newRP(t, op, "app")
	rotate := func() {
		t.Helper()
		if err := op.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	old := app.login(nil).doc["id_token"]
	head, _ := app.claims(old)
	rotate()
	app.claims(old) // still verifies
	fresh, _ := app.claims(app.login(nil).doc["id_token"])
	if fresh.KeyID == head.KeyID {
		t.Error("the new token is signed with the old key")
	}
	rotate()
	if _, ok := published(t, op)[head.KeyID]; ok {
		t.Error("the key before the last is still published")
	}

	if err := op.AddClient(openidtest.Client{ID: "rsa", Secret: secret, RedirectURIs: []string{callback}, IDTokenAlg: "PS256"}); err != nil {
		t.Fatal(err)
	}
	app = newRP(t, op, "rsa")
	before, _ := app.claims(app.login(nil).doc["id_token"])
	rotate()
	after, _ := app.claims(app.login(nil).doc["id_token"])
	if keys := published(t, op); before.KeyID == after.KeyID || keys[before.KeyID].Key == nil || keys[after.KeyID].Key == nil {
		t.Errorf("%s, then %s; published: %v", before.KeyID, after.KeyID, keys)
	}
}
