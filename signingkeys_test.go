package openid

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

// published are the key ids that a server sees at jwks_uri.
func published(t *testing.T, k *SigningKeys) (ids []string) {
	t.Helper()
	w := httptest.NewRecorder()
	k.ServeHTTP(w, httptest.NewRequest("GET", "https://app.example/jwks", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "public, max-age=3600" || w.Header().Get("ETag") == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if got := notPublicKeys(w.Body.Bytes()); got != "" {
		t.Fatalf("published %s", got)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		ids = append(ids, key["kid"])
	}
	return ids
}

// TestSigningKeys: a client changes its key. A server that fetches the set once an hour knows every key before it signs, and as long as what it
// signed is good.
func TestSigningKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hour := func(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }
		old, next := newKey(t), newKey(t)
		keys, err := NewSigningKeys([]SigningKey{{Key: next, KeyID: "next", From: hour(24)}, {Key: old, KeyID: "old", Until: hour(48)}})
		if err != nil {
			t.Fatal(err)
		}
		p := hostile.Pipe(t)
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.Auth, cfg.RequestObject = keys.PrivateKeyJWT(), keys.RequestObject(RequestObject{})
		})
		atServer, fetched := published(t, keys), began
		for _, l := range []struct {
			at        time.Time
			key       crypto.Signer
			kid       string
			published []string
		}{
			{hour(0), old, "old", []string{"old", "next"}},
			{hour(24).Add(-time.Second), old, "old", []string{"old", "next"}},
			{hour(24), next, "next", []string{"old", "next"}},
			{hour(48).Add(-time.Second), next, "next", []string{"old", "next"}},
			{hour(48), next, "next", []string{"next"}},
			{hour(9000), next, "next", []string{"next"}},
		} {
			time.Sleep(time.Until(l.at))
			if got := published(t, keys); !slices.Equal(got, l.published) {
				t.Errorf("%v: published %q, want %q", l.at, got, l.published)
			}
			if time.Since(fetched) > keySetAge {
				atServer, fetched = published(t, keys), time.Now()
			}
			if _, err := logIn(t, c, p); err != nil {
				t.Fatal(err)
			}
			requests, objects := p.Requests("token"), p.Requests("request object")
			for what, compact := range map[string]string{"assertion": requests[len(requests)-1].Form.Get("client_assertion"), "request object": string(objects[len(objects)-1].Body)} {
				jws, err := jose.Split(compact)
				if err != nil {
					t.Fatal(err)
				}
				h, err := jose.ParseHeader(jws.Header)
				if err != nil || h.KeyID != l.kid || !verifies(t, l.key, compact) || !slices.Contains(atServer, h.KeyID) {
					t.Errorf("%v: the %s is signed by %q, want %q; the server knows %q", l.at, what, h.KeyID, l.kid, atServer)
				}
			}
		}
	})
}

// TestSigningKeySet: what a server can do with the set, for keys of all kinds.
func TestSigningKeySet(t *testing.T) {
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pq := hostile.NewKey(t, "ML-DSA-44", "").Private.(crypto.Signer)
	encryption := json.RawMessage(`{"keys":[{"kty":"OKP","crv":"X25519","use":"enc","kid":"e1","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}]}`)
	keys, err := NewSigningKeys([]SigningKey{{Key: newKey(t)}, {Key: large, KeyID: `r"1`, Algorithm: "PS256", From: time.Now().Add(time.Hour)}, {Key: pq, KeyID: "q", From: time.Now().Add(2 * time.Hour)}}, encryption)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.ParseSet(keys.JWKS())
	if err != nil || set.Len() != 3 {
		t.Fatalf("%s: %v", keys.JWKS(), err)
	}
	ids := published(t, keys)
	if len(ids) != 4 || len(ids[0]) != thumbprintSize || !slices.Equal(ids[1:], []string{`r"1`, "q", "e1"}) {
		t.Errorf("published %q", ids)
	}
	if text := string(keys.JWKS()); strings.Count(text, `"use":"sig"`) != 3 || strings.Count(text, `"alg"`) != 3 || !strings.Contains(text, `"PS256"`) {
		t.Error(text)
	}
	if m := (ClientMetadata{JWKS: keys.JWKS()}); m.mistakes() != nil {
		t.Error(m.mistakes())
	}
	if !strings.Contains(keys.String(), "3 signing keys") {
		t.Error(keys)
	}
	secret := large.D.String()
	if held := fmt.Sprintf("%v %+v %#v %d %v %+v %#v", *keys, *keys, *keys, *keys, SigningKey{Key: large}, SigningKey{Key: large}, SigningKey{Key: large}); strings.Contains(held, secret) || strings.Contains(held, secret[:40]) {
		t.Error("a private key was printed")
	}
	p := hostile.Pipe(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.Auth = keys.PrivateKeyJWT(Signing{Audience: "https://op.example/t/token"}) })
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	assertion := p.Requests("token")[0].Form.Get("client_assertion")
	if _, claims := decoded(t, assertion); string(claims["aud"]) != `"https://op.example/t/token"` {
		t.Errorf("audience %s", claims["aud"])
	}
}

func TestSigningKeyMistakes(t *testing.T) {
	a, b := newKey(t), newKey(t)
	soon := time.Now().Add(time.Hour)
	for name, l := range map[string]struct {
		keys []SigningKey
		also []json.RawMessage
		says string
	}{
		"none":                      {says: "a key that signs at this time"},
		"no key":                    {keys: []SigningKey{{}}, says: "keys[0]: no key"},
		"an algorithm of others":    {keys: []SigningKey{{Key: a, Algorithm: "RS256"}}, says: "keys[0]"},
		"one id for two":            {keys: []SigningKey{{Key: a, KeyID: "k"}, {Key: b, KeyID: "k", From: soon}}, says: `"k" twice`},
		"one key twice":             {keys: []SigningKey{{Key: a}, {Key: a, From: soon}}, says: "twice"},
		"two at once":               {keys: []SigningKey{{Key: a}, {Key: b}}, says: "one key after the other"},
		"nobody yet":                {keys: []SigningKey{{Key: a, From: soon}}, says: "a key that signs at this time"},
		"nobody any more":           {keys: []SigningKey{{Key: a, Until: time.Now()}}, says: "a key that signs at this time"},
		"no overlap":                {keys: []SigningKey{{Key: a, Until: soon}, {Key: b, From: soon}}, says: "after the next key signs"},
		"a gap":                     {keys: []SigningKey{{Key: a, Until: soon}, {Key: b, From: soon.Add(time.Hour)}}, says: "after the next key signs"},
		"a private key beside them": {keys: []SigningKey{{Key: a}}, also: []json.RawMessage{[]byte(`{"keys":[{"kty":"EC","d":"AA"}]}`)}, says: "also[0]"},
		"no set beside them":        {keys: []SigningKey{{Key: a}}, also: []json.RawMessage{[]byte(`{}`)}, says: "also[0]"},
	} {
		if _, err := NewSigningKeys(l.keys, l.also...); err == nil || !strings.Contains(err.Error(), l.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	keys, err := NewSigningKeys([]SigningKey{{Key: a}})
	if err != nil {
		t.Fatal(err)
	}
	for field, tune := range map[string]func(*Config){
		"Auth":          func(cfg *Config) { cfg.Auth = keys.PrivateKeyJWT(Signing{Algorithm: "ES256"}) },
		"RequestObject": func(cfg *Config) { cfg.RequestObject = keys.RequestObject(RequestObject{Key: b}) },
	} {
		cfg := Config{Issuer: "https://op.example", ClientID: "c", Auth: None()}
		tune(&cfg)
		_, err := New(cfg)
		var mistake *ConfigError
		if !errors.As(err, &mistake) || mistake.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	cfg := Config{Issuer: "https://op.example", ClientID: "c", Auth: None(), RequestObject: keys.RequestObject(RequestObject{InsecureUnsigned: true})}
	if _, err := New(cfg); err == nil {
		t.Error("keys that sign, and objects that are not signed")
	}
}

// TestSigningKeysRunOut: a program that nobody has given a new key says so, and sends nothing.
func TestSigningKeysRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, err := NewSigningKeys([]SigningKey{{Key: newKey(t), Until: time.Now().Add(time.Hour)}})
		if err != nil {
			t.Fatal(err)
		}
		p := hostile.Pipe(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.Auth = keys.PrivateKeyJWT() })
		signed := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = keys.RequestObject(RequestObject{}) })
		if _, err := c.Tokens(t.Context(), ClientCredentials{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := c.Tokens(t.Context(), ClientCredentials{}); !errors.Is(err, errNoSigner) || p.Count("token") != 1 {
			t.Errorf("got %v after %d requests", err, p.Count("token"))
		}
		if _, _, err := signed.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}}); !errors.Is(err, errNoSigner) {
			t.Errorf("a request object: %v", err)
		}
		if ids := published(t, keys); len(ids) != 0 || !strings.Contains(keys.String(), "none of which") {
			t.Errorf("published %q: %v", ids, keys)
		}
	})
}

// TestSigningKeysUnderProfile: a profile looks at all the keys, not only at the one that signs today, and the request objects that it demands are
// signed by the one whose turn it is.
func TestSigningKeysUnderProfile(t *testing.T) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		config := func(next SigningKey) Config {
			next.From = time.Now().Add(24 * time.Hour)
			keys, err := NewSigningKeys([]SigningKey{{Key: newKey(t), KeyID: "old"}, next})
			if err != nil {
				t.Fatal(err)
			}
			return Config{Issuer: "https://op.example/t", ClientID: "client", RedirectURI: "https://app.example/cb", Auth: keys.PrivateKeyJWT(), DPoP: DPoPKey(newKey(t)), Profile: FAPI2MessageSigning()}
		}
		for _, l := range []struct {
			next SigningKey
			says string
		}{
			{SigningKey{Key: long, KeyID: "next", Algorithm: "PS256"}, ""},
			{SigningKey{Key: newKey(t), KeyID: "next"}, ""},
			{SigningKey{Key: long, KeyID: "next"}, "RS256"},
		} {
			cfg := config(l.next)
			p := hostile.Pipe(t)
			cfg.HTTPClient = p.HTTPClient()
			c, err := New(cfg)
			if l.says != "" {
				if err == nil || !strings.Contains(err.Error(), l.says) {
					t.Errorf("%s: %v", l.next.KeyID, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, kid := range []string{"old", "next"} {
				object, err := c.requests.sign(t.Context(), c, nil)
				if err != nil {
					t.Fatal(err)
				}
				if h, _ := decoded(t, object); string(h["kid"]) != `"`+kid+`"` {
					t.Errorf("signed by %s, want %q", h["kid"], kid)
				}
				time.Sleep(24 * time.Hour)
			}
		}
	})
}
